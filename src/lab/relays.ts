import type { RelayOrder, RelayCounts, RelayPlan } from './relay.js';
import type { LabAddress, TrunkPlan } from './plan.js';
import type { Order, Reply, StartOrder } from './messages.js';
import type { Supervised } from './supervised.js';
import { give } from './orders.js';

interface Placed {
  readonly plan: RelayPlan;
  readonly order: RelayOrder;
}

/** The relay process of a carrier, as the lab sees it: started with the first trunk that needs it, and kept from then on. */
export class CarrierRelay {
  readonly #placed = new Map<string, Placed>();
  readonly #make: (start: () => StartOrder) => Supervised;
  readonly #seed: number;
  #process: Supervised | undefined;

  constructor(seed: number, make: (start: () => StartOrder) => Supervised) {
    this.#seed = seed;
    this.#make = make;
  }

  /** Where the relay takes a trunk's datagrams; undefined where the trunk has none. */
  addressOf(trunk: string): LabAddress | undefined {
    const plan = this.#placed.get(trunk)?.plan;
    return plan === undefined ? undefined : { address: plan.address, port: plan.inner };
  }

  /** Puts the relay in front of a trunk, where it is not yet, and says how datagrams fare from now on. */
  async set({ id, address, port }: TrunkPlan, order: RelayOrder): Promise<void> {
    const known = this.#placed.get(id);
    if (this.#process === undefined) {
      this.#process = this.#make(() => ({ role: 'relay', seed: this.#seed, ports: [...this.#placed.values()] }));
      await this.#process.start();
    }
    const plan = known?.plan ?? { trunk: id, address, port, inner: 0 };
    const reply = await this.#give({ type: 'relay', plan, order });
    const inner = reply?.type === 'relayed' ? reply.inner : plan.inner;
    this.#placed.set(id, { plan: { ...plan, inner }, order });
  }

  async counts(): Promise<Readonly<Record<string, RelayCounts>>> {
    const reply = await this.#give({ type: 'state' }).catch(() => undefined);
    return reply?.type === 'relay' ? reply.counts : {};
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }

  async #give(order: Order): Promise<Reply | undefined> {
    const child = this.#process?.child;
    return child === undefined ? undefined : give(child, order);
  }
}
