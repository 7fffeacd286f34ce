import { Agent, type AgentStats, type Contact } from './agent/agent.js';
import { realClock } from './clock.js';
import { ControlServer } from './control/control-server.js';
import { Switchboard } from './control/switchboard.js';
import { STANDARD_TIMERS, type TimerTable } from './timers.js';

/** What the engine is started with. */
export interface EngineOptions {
  readonly contacts: readonly Contact[];
  readonly control: { readonly host: string; readonly port: number };
  /** What applications must show. Never to be logged. */
  readonly secret: string;
  /** The standard ones where not given. */
  readonly timers?: TimerTable;
  /** Milliseconds until an INVITE gets its 100 Trying; at once where not given. See `AgentOptions`. */
  readonly tryingAfter?: number;
}

/** A running engine. */
export interface Engine {
  /** What is open: transactions, dialogs, and what applications have. */
  stats(): AgentStats & ReturnType<Switchboard['stats']>;
  close(): Promise<void>;
}

/**
 * Starts the embedded SIP server: SIP on the contacts, drachtio's wire protocol on the control address.
 *
 * @throws with `code`, `address` and `port` when an address cannot be bound.
 */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const { contacts, control, secret, timers = STANDARD_TIMERS, tryingAfter = 0 } = options;
  const switchboard = new Switchboard(realClock, timers);
  const agent = await Agent.open({ contacts, clock: realClock, timers, tryingAfter }, switchboard);
  switchboard.attach(agent);
  const server = await ControlServer.open(agent, switchboard, { ...control, secret }).catch(async (error: unknown) => {
    await agent.close();
    throw error;
  });
  return {
    stats: () => ({ ...agent.stats(), ...switchboard.stats() }),
    close: async () => {
      switchboard.close();
      await server.close();
      await agent.close();
    },
  };
}
