import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, type AgentStats, type Contact } from './agent/agent.js';
import { realClock } from './clock.js';
import { ControlServer, type ControlOptions } from './control/control-server.js';
import { OutboundApps, type RequestHandler } from './control/outbound.js';
import { Switchboard } from './control/switchboard.js';
import { LoadGauge } from './load-gauge.js';
import { messageLog, SILENT, type EngineLog } from './log.js';
import type { NameSource } from './location/names.js';
import { STANDARD_TIMERS, type TimerTable } from './timers.js';
import type { TlsIdentity } from './transport/tls-identity.js';

interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** What the engine is started with. */
export interface EngineOptions {
  readonly contacts: readonly Contact[];
  /** What contacts over TLS show, and whom they believe; see `TlsIdentity`. */
  readonly identity?: TlsIdentity;
  /** Who turns names into addresses; the machine's name servers where not given. */
  readonly names?: NameSource;
  /** Where applications connect; with `tls` over TLS too, with what `identity` shows. */
  readonly control: HostPort & { readonly tls?: HostPort };
  /** Applications that are called for each new request, and not asked for by others. */
  readonly handlers?: readonly RequestHandler[];
  /** What applications must show. Never to be logged. */
  readonly secret: string;
  /** Nobody hears of anything where it is not given. */
  readonly log?: EngineLog;
  /** Whether every message is logged too. */
  readonly logMessages?: boolean;
  /** The standard ones where not given. */
  readonly timers?: TimerTable;
  /** Milliseconds until an INVITE gets its 100 Trying; at once where not given. See `AgentOptions`. */
  readonly tryingAfter?: number;
  /** Milliseconds after the start in which an application may still hand over what a server that died had. See `AgentOptions`. */
  readonly adoptsFor?: number;
  /** Takes the messages of calls that break a rule and can be understood. Strict where not given, as RFC 4475 asks. */
  readonly forgiving?: boolean;
}

/** A running engine. */
export interface Engine {
  /** What is open: transactions, dialogs, and what applications have. */
  stats(): AgentStats & ReturnType<Switchboard['stats']>;
  /** Refuses new requests with 503, and resolves when applications have answered those that came before, or soon. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

/** Applications that are asked to stop too may take so long with what they have. */
const DRAIN_MS = 1_000;
const LOOK_MS = 20;
const OVERLOADED = 'the SIP engine is behind with its work: new requests are answered 503 until it has caught up';

/**
 * Starts the embedded SIP server: SIP on the contacts, drachtio's wire protocol on the control address.
 *
 * @throws with `code`, `address` and `port` when an address cannot be bound.
 */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const { handlers = [], timers = STANDARD_TIMERS, log = SILENT, logMessages = false } = options;
  const switchboard = new Switchboard(realClock, timers);
  const gauge = new LoadGauge(realClock, (isOverloaded) => {
    log.warn({}, isOverloaded ? OVERLOADED : 'new requests are taken again');
  });
  let draining = false;
  const isOverloaded = (): boolean => draining || gauge.isOverloaded;
  const closeAgent = async (agent?: Agent): Promise<void> => {
    gauge.close();
    await agent?.close();
  };
  const agent = await Agent.open(
    { ...options, ...(logMessages ? { filter: messageLog(log) } : {}), clock: realClock, timers, isOverloaded },
    switchboard,
  ).catch(failAfter(closeAgent));
  switchboard.attach(agent);
  const server = await ControlServer.open(agent, switchboard, controlOptions(options, log)).catch(
    failAfter(async () => closeAgent(agent)),
  );
  if (handlers.length > 0) {
    switchboard.callOut(new OutboundApps(handlers, (socket) => server.adopt(socket)));
  }
  return {
    stats: () => ({ ...agent.stats(), ...switchboard.stats() }),
    drain: async () => {
      draining = true;
      for (let waited = 0; waited < DRAIN_MS && switchboard.stats().asked > 0; waited += LOOK_MS) {
        await sleep(LOOK_MS);
      }
    },
    close: async () => {
      switchboard.close();
      await server.close();
      await closeAgent(agent);
    },
  };
}

function controlOptions({ control, identity, secret }: EngineOptions, log: EngineLog): ControlOptions {
  const { host, port, tls } = control;
  return { host, port, secret, log, ...(tls && identity ? { tls: { ...tls, identity } } : {}) };
}

/** Cleans up, and fails with the same error. */
function failAfter(cleanUp: () => Promise<void>): (error: unknown) => Promise<never> {
  return async (error) => {
    await cleanUp();
    throw error;
  };
}
