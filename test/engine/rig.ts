import { createRequire } from 'node:module';
import type { EventEmitter } from 'node:events';
import type { Server } from 'node:net';
import { startEngine, type Engine, type EngineOptions } from '../../src/engine/engine.js';
import type { TimerTable } from '../../src/engine/timers.js';
import { until } from '../support/until.js';

export const SECRET = 'cymru';

/** The durations of RFC 3261, so short that a test can wait for the longest. */
const SHORT: TimerTable = timersOf(40);

/** The durations that follow from a T1, in the proportions of the RFC. */
export function timersOf(t1: number): TimerTable {
  const [t2, t4, t1x64] = [t1 * 8, t1 * 10, t1 * 64];
  return { t1, t2, t4, t1x64, timerD: t1x64, silentApplication: t1 * 75, parked: t1 * 25, second: t1 / 4 };
}

/** An engine on one loopback address: SIP on port 5060 over UDP and TCP, control on port 9022. */
export async function startRig(
  host: string,
  timers: TimerTable = SHORT,
  more: Partial<EngineOptions> = {},
): Promise<Engine> {
  return startEngine({
    contacts: [
      { address: host, port: 5060 },
      { address: host, port: 5060, transport: 'tcp' },
    ],
    control: { host, port: 9022 },
    secret: SECRET,
    timers,
    forgiving: true,
    ...more,
  });
}

/** Whether nothing is open any more: no transaction, no dialog, nothing that an application owes or has. */
export async function isIdle(engine: Engine, within = 8_000): Promise<boolean> {
  await until(() => open(engine) === '', within);
  return open(engine) === '';
}

/** What is still open, for the message of an assertion. */
export function open(engine: Engine): string {
  const { apps: _apps, ...counts } = engine.stats();
  return Object.entries(counts)
    .flatMap(([name, count]) => (typeof count === 'number' && count !== 0 ? [`${name} ${count}`] : []))
    .join(', ');
}

/** A header name to its value. */
export type Headers = Record<string, string>;

/** The parts of drachtio-srf's request, response and dialog that the tests use. */
export interface Req extends EventEmitter {
  readonly method: string;
  readonly uri: string;
  readonly body: string;
  readonly raw: string;
  readonly receivedOn: string;
  readonly source_address: string;
  readonly stackTxnId: string;
  readonly stackDialogId: string;
  readonly headers: Headers;
  get(name: string): string;
  has(name: string): boolean;
  getParsedHeader(name: string): { readonly params: Headers };
  cancel(options: { headers: Headers }, callback?: (error: unknown, sent?: Req) => void): void;
}

export interface Res extends EventEmitter {
  readonly status: number;
  readonly source_address: string;
  readonly source_port: number;
  readonly stackDialogId: string;
  readonly headers: Headers;
  readonly body: string;
  get(name: string): string;
  has(name: string): boolean;
  send(
    status: number,
    options?: { headers?: Headers; body?: string },
    callback?: (error: unknown, sent?: Req) => void,
    acknowledged?: (request: Req) => void,
  ): void;
}

export interface Dialog extends EventEmitter {
  readonly id: string;
  readonly connected: boolean;
  readonly sip: { readonly callId: string; readonly localTag: string; readonly remoteTag: string };
  readonly local: { sdp: string };
  readonly remote: { sdp: string };
  destroy(options?: { headers?: Headers }): Promise<Req>;
  request(options: { method: string; headers?: Headers; body?: string; auth?: Credentials }): Promise<Res>;
  modify(sdp: string): Promise<string>;
}

export interface CallOptions {
  localSdp?: string;
  headers?: Headers;
  proxy?: string;
  noAck?: boolean;
  callingNumber?: string;
  followRedirects?: boolean;
  keepUriOnRedirect?: boolean;
  auth?: Credentials;
}

/** What drachtio-srf answers a challenge with. */
interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface Progress {
  cbRequest?: (error: unknown, request: Req) => void;
  cbProvisional?: (response: Res) => void;
}

interface RequestOptions {
  method: string;
  headers?: Headers;
  body?: string;
  proxy?: string;
  stackDialogId?: string;
  auth?: Credentials;
}

type Handler = (req: Req, res: Res) => void;

/** The part of drachtio-srf that the tests use. */
export interface Srf extends EventEmitter {
  connect(options: {
    host: string;
    port: number;
    secret: string;
    enablePing?: boolean;
    pingInterval?: number;
    reconnect?: { retryMaxDelay: number };
    tls?: { ca: string };
  }): void;
  disconnect(): void;
  listen(options: { host: string; port: number; secret: string }): Server;
  endSession(req: Req): void;
  invite(handler: Handler): void;
  options(handler: Handler): void;
  message(handler: Handler): void;
  register(handler: Handler): void;
  use(handler: (req: Req, res: Res, next: () => void) => void): void;
  request(uri: string, options: RequestOptions): Promise<Req>;
  request(uri: string, options: RequestOptions, callback: (error: unknown, sent: Req) => void): void;
  createUAS(req: Req, res: Res, options: CallOptions): Promise<Dialog>;
  createUAC(uri: string, options: CallOptions, progress?: Progress): Promise<Dialog>;
  createB2BUA(
    req: Req,
    res: Res,
    uri: string,
    options: CallOptions & { proxyResponseHeaders?: readonly string[] },
  ): Promise<{ uas: Dialog; uac: Dialog }>;
}

/** What createUAC gives with `noAck`, where the INVITE had no offer. */
export interface Offered {
  readonly sdp: string;
  ack(answer: string): Promise<Dialog>;
}

interface SipFailure {
  readonly status: number;
  readonly code?: string;
  readonly message: string;
  readonly res?: Res;
}

const load = createRequire(import.meta.url);

/** The client as it comes from the registry: nothing in this process may replace a part of it. */
export function newSrf(): Srf {
  const Client = load('drachtio-srf') as new () => Srf;
  const srf = new Client();
  srf.on('error', () => undefined);
  return srf;
}

/** Connects a client, and waits until it is authenticated and its routes are known. */
export async function connected(srf: Srf, host: string): Promise<Srf> {
  const up = new Promise<void>((resolve, reject) => {
    srf.once('connect', (error: unknown) => {
      if (error instanceof Error) {
        reject(error);
      } else {
        resolve();
      }
    });
  });
  srf.connect({ host, port: 9022, secret: SECRET, reconnect: { retryMaxDelay: 200 } });
  await up;
  return srf;
}

/** How a promise of the client failed; `undefined` where it did not. */
export async function failureOf(promise: Promise<unknown>): Promise<SipFailure | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return error as SipFailure;
  }
}

/** The first argument of an event. */
export async function nextEvent<T>(emitter: EventEmitter, name: string): Promise<T> {
  return new Promise((resolve) => {
    emitter.once(name, (first: T) => {
      resolve(first);
    });
  });
}

/** A session description, told apart by its session id. */
export function sdp(id: number): string {
  return [
    'v=0',
    `o=- ${id} 1 IN IP4 127.5.0.1`,
    's=-',
    'c=IN IP4 127.5.0.1',
    't=0 0',
    'm=audio 4000 RTP/AVP 8',
    'a=sendrecv',
    '',
  ].join('\r\n');
}
