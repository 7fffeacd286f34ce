import type { FaultOrder } from './fault-places.js';
import type { CarrierPlan, PointPlan } from './plan.js';
import type { RelayCounts, RelayOrder, RelayPlan } from './relay.js';
import type { CarrierState, PointState } from './state.js';

/** What a process of the lab is told when it starts. */
export type StartOrder =
  | {
      readonly role: 'carrier';
      readonly plan: CarrierPlan;
      readonly faults: readonly FaultOrder[];
      readonly seed: number;
      readonly speech: string;
    }
  | {
      readonly role: 'psap';
      readonly points: readonly PointPlan[];
      /** Milliseconds. */
      readonly answersAfter?: number;
      readonly speech: string;
    }
  | {
      readonly role: 'relay';
      readonly seed: number;
      readonly ports: readonly { readonly plan: RelayPlan; readonly order: RelayOrder }[];
    };

/** What the lab asks of one of its processes. */
export type Order =
  | { readonly type: 'start'; readonly start: StartOrder }
  | { readonly type: 'faults'; readonly faults: readonly FaultOrder[] }
  | { readonly type: 'relay'; readonly plan: RelayPlan; readonly order: RelayOrder }
  | { readonly type: 'state' };

/** What a process of the lab answers to an order. */
export type Reply =
  | { readonly type: 'done' }
  | { readonly type: 'failed'; readonly why: string }
  | { readonly type: 'carrier'; readonly state: CarrierState }
  | { readonly type: 'psap'; readonly state: readonly PointState[] }
  | { readonly type: 'relayed'; readonly inner: number }
  | { readonly type: 'relay'; readonly counts: Readonly<Record<string, RelayCounts>> };

/** From the lab to its process. */
export interface OrderMessage {
  readonly id: number;
  readonly order: Order;
}

/** From a process to the lab: the reply to an order, or news of its own. */
export type ProcessMessage =
  | { readonly id: number; readonly reply: Reply }
  | { readonly answered: { readonly point: string; readonly callId: string } }
  | { readonly connected: { readonly point: string; readonly callId: string } }
  | { readonly over: { readonly callId: string; readonly talkedMs: number } };
