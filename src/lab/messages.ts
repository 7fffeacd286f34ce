import type { Fault } from './faults.js';
import type { CarrierPlan, PointPlan } from './plan.js';
import type { CarrierState, PointState } from './state.js';

/** What a process of the lab is told when it starts. */
export type StartOrder =
  | { readonly role: 'carrier'; readonly plan: CarrierPlan; readonly faults: Readonly<Record<string, Fault>> }
  | { readonly role: 'psap'; readonly points: readonly PointPlan[]; readonly speech: string };

/** What the lab asks of one of its processes. */
export type Order =
  | { readonly type: 'start'; readonly start: StartOrder }
  | { readonly type: 'fault'; readonly fault: Fault; readonly trunk?: string }
  | { readonly type: 'state' };

/** What a process of the lab answers to an order. */
export type Reply =
  | { readonly type: 'done' }
  | { readonly type: 'failed'; readonly why: string }
  | { readonly type: 'carrier'; readonly state: CarrierState }
  | { readonly type: 'psap'; readonly state: readonly PointState[] };

/** From the lab to its process. */
export interface OrderMessage {
  readonly id: number;
  readonly order: Order;
}

/** From a process to the lab: the reply to an order, or news of its own. */
export type ProcessMessage =
  | { readonly id: number; readonly reply: Reply }
  | { readonly answered: { readonly point: string; readonly callId: string } };
