import { Agent } from '../engine/agent/agent.js';
import type { TimerTable } from '../engine/timers.js';
import { answerOutsideDialogs, transactionsOf } from './agents.js';
import type { AnsweringPoint } from './answering-point.js';
import { CarrierTrunk } from './carrier-trunk.js';
import type { FaultOrder } from './fault-places.js';
import { FaultFilter } from './fault-filter.js';
import { CLEAR, parseFault, type Fault } from './faults.js';
import type { CarrierPlan } from './plan.js';
import { RecentEvents, type CarrierState, type TrunkState } from './state.js';
import { LAB_TIMERS } from './timers.js';

/** Open calls are looked after so often: the gateway may have been killed, and have forgotten them. */
const AUDIT_EVERY_MS = 30_000;
const GONE = parseFault('blackhole');

/** How a carrier is opened. */
export interface CarrierOptions {
  /** What was wrong before, in order: a carrier that is started again has its faults again. */
  readonly faults?: readonly FaultOrder[];
  readonly timers?: TimerTable;
  /** What chance is thrown with; the same seed gives the same luck. */
  readonly seed?: number;
  /** Opens somebody who takes calls that go wrong, on an address. */
  readonly bystander?: (address: string) => Promise<AnsweringPoint>;
}

/** A simulated carrier: a back-to-back user agent for each trunk, and a core that reaches the answering points. */
export class Carrier {
  readonly #plan: CarrierPlan;
  readonly #recent = new RecentEvents();
  readonly #core: Agent;
  readonly #trunks: readonly CarrierTrunk[];
  readonly #auditor: NodeJS.Timeout;

  private constructor(plan: CarrierPlan, core: Agent, options: CarrierOptions) {
    const { timers = LAB_TIMERS, seed = 1, bystander } = options;
    this.#plan = plan;
    this.#core = core;
    this.#trunks = plan.trunks.map(
      (trunk) => new CarrierTrunk(trunk, { core, timers, seed, recent: this.#recent, bystander }),
    );
    this.#auditor = setInterval(() => {
      this.#trunks.forEach((trunk) => {
        trunk.audit();
      });
    }, AUDIT_EVERY_MS);
  }

  /**
   * Opens the carrier.
   *
   * @throws with `code` EADDRINUSE, `address` and `port` when another program has one of the addresses.
   */
  static async open(plan: CarrierPlan, options: CarrierOptions = {}): Promise<Carrier> {
    const { faults = [], timers = LAB_TIMERS } = options;
    let carrier: Carrier | undefined;
    const fault = (): Fault => (carrier?.isGone === true ? GONE : CLEAR);
    const core = await openCore(plan, new FaultFilter({ differs: false, whole: fault, ofNumber: fault }), timers);
    carrier = new Carrier(plan, core, options);
    for (const trunk of carrier.#trunks) {
      const own = faults.filter((order) => order.trunk === trunk.id);
      for (const order of own.length > 0 ? own : [{ trunk: trunk.id, fault: CLEAR }]) {
        await trunk.set(order);
      }
    }
    return carrier;
  }

  /** Whether a black hole is on every trunk: then its core is gone too. */
  get isGone(): boolean {
    return this.#trunks.every(({ isGone }) => isGone);
  }

  /** Sets faults, one after the other. */
  async setFaults(orders: readonly FaultOrder[]): Promise<void> {
    for (const order of orders) {
      await this.#trunks.find(({ id }) => id === order.trunk)?.set(order);
    }
  }

  state(): CarrierState {
    const trunks = this.#trunks.map((trunk) => trunk.state());
    const stats = [this.#core, ...this.#trunks.flatMap(({ agent }) => agent ?? [])].map((agent) => agent.stats());
    const sum = (of: (trunk: TrunkState) => number): number => trunks.reduce((total, trunk) => total + of(trunk), 0);
    const faults = [...new Set(trunks.map(({ fault }) => fault))];
    return {
      id: this.#plan.id,
      name: this.#plan.name,
      fault: faults.length === 1 ? (faults[0] ?? 'clear') : 'partial',
      invites: sum(({ invites }) => invites),
      rung: sum(({ rung }) => rung),
      answered: sum(({ answered }) => answered),
      failed: sum(({ failed }) => failed),
      cancelled: sum(({ cancelled }) => cancelled),
      open: {
        legs: this.#trunks.reduce((total, trunk) => total + trunk.openLegs, 0),
        transactions: stats.reduce((total, each) => total + transactionsOf(each), 0),
        dialogs: stats.reduce((total, each) => total + each.dialogs, 0),
      },
      trunks,
      recent: this.#recent.list(),
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#auditor);
    await Promise.all([this.#core.close(), ...this.#trunks.map(async (trunk) => trunk.close())]);
  }
}

async function openCore(plan: CarrierPlan, filter: FaultFilter, timers: TimerTable): Promise<Agent> {
  const address = plan.trunks[0]?.address ?? '127.0.0.1';
  return Agent.open(
    { contacts: [{ address, port: 0 }], filter, timers },
    {
      invite: (call) => {
        call.reject(403);
      },
      request: answerOutsideDialogs,
    },
  );
}
