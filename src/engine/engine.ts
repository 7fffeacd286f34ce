import { Agent, type AgentStats, type Contact } from './agent/agent.js';
import { ControlServer, type ControlOptions } from './control/control-server.js';
import { Switchboard } from './control/switchboard.js';

/** What the engine is started with. */
export interface EngineOptions {
  readonly contacts: readonly Contact[];
  readonly control: { readonly host: string; readonly port: number };
  /** What applications must show. Never to be logged. */
  readonly secret: string;
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
export async function startEngine({ contacts, control, secret }: EngineOptions): Promise<Engine> {
  const switchboard = new Switchboard();
  const agent = await Agent.open({ contacts }, switchboard);
  switchboard.attach(agent);
  const options: ControlOptions = { ...control, secret };
  const server = await ControlServer.open(agent, switchboard, options).catch(async (error: unknown) => {
    await agent.close();
    throw error;
  });
  return {
    stats: () => ({ ...agent.stats(), ...switchboard.stats() }),
    close: async () => {
      await server.close();
      await agent.close();
    },
  };
}
