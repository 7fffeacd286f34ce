import {
  SipServerError,
  type CalleeEvents,
  type CalleeLeg,
  type CallerEvents,
  type Dialog,
  type DialogResponse,
  type IncomingCall,
  type IncomingRequest,
  type InDialogRequest,
  type InviteRequest,
  type OutgoingResponse,
  type ProbeAnswer,
  type ReceivedRequest,
  type ReceivedResponse,
  type SipServer,
  type Source,
} from '../../src/ports/sip-server.js';
import { parseMessage, type Header } from '../../src/sip/message.js';

export const OFFER =
  'v=0\r\no=a 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n';
export const ANSWER = OFFER.replace('4000', '5000');

/** A dialog whose far end the test plays. */
export class FakeDialog implements Dialog {
  readonly requests: {
    method: string;
    headers: readonly Header[];
    body: string;
    answer: (response: ReceivedResponse) => void;
  }[] = [];
  readonly acknowledged: (string | undefined)[] = [];
  /** The reasons of the BYE; undefined while none was sent. */
  released: readonly string[] | undefined;
  /** Called when the gateway sends BYE. */
  onRelease: () => void = () => undefined;

  async request(method: string, headers: readonly Header[], body: string): Promise<DialogResponse> {
    return new Promise((resolve) => {
      this.requests.push({
        method,
        headers,
        body,
        answer: (response) => {
          resolve({ ...response, acknowledge: (answer) => this.acknowledged.push(answer) });
        },
      });
    });
  }

  release(reasons: readonly string[]): void {
    if (this.released === undefined) {
      this.released = reasons;
      this.onRelease();
    }
  }
}

/** An INVITE that the gateway sent, and the trunk that the test plays. */
export class FakeCallee implements CalleeLeg {
  readonly dialog = new FakeDialog();
  /** The reasons of the CANCEL; undefined while none was sent. */
  cancelled: readonly string[] | undefined;
  readonly acknowledgements: (string | undefined)[] = [];
  /** Called when the gateway sends CANCEL. */
  onCancel: () => void = () => undefined;
  readonly request: InviteRequest;
  readonly events: CalleeEvents;

  constructor(request: InviteRequest, events: CalleeEvents) {
    this.request = request;
    this.events = events;
  }

  cancel(reasons: readonly string[]): void {
    if (this.cancelled === undefined) {
      this.cancelled = reasons;
      this.onCancel();
    }
  }

  acknowledge(body?: string): void {
    this.acknowledgements.push(body);
  }

  provisional(status: number, headers: readonly Header[] = []): void {
    this.events.progressed({ status, reason: '', headers, body: '' });
  }

  answer(body = ANSWER): void {
    const headers = [{ name: 'Content-Type', value: 'application/sdp' }];
    this.events.answered({ status: 200, reason: 'OK', headers, body }, this.dialog);
  }

  fail(status: number, headers: readonly Header[] = []): void {
    this.events.failed({ origin: 'peer', response: { status, reason: '', headers, body: '' } });
    this.events.over();
  }
}

/** A request as the SIP server hands it on: what could be understood of it. */
function readRequest(bytes: string): ReceivedRequest {
  const result = parseMessage(bytes);
  const message = result.ok ? result.message : result.partial;
  if (message?.kind !== 'request') {
    throw new Error('the test needs a request');
  }
  return message;
}

/** A caller that the test plays. */
export class FakeCaller implements IncomingCall {
  readonly source: Source = { address: '127.0.0.9', port: 5060, transport: 'udp' };
  readonly request: ReceivedRequest;
  readonly dialog = new FakeDialog();
  readonly heard: OutgoingResponse[] = [];
  events: CallerEvents | undefined;
  /** Whether the gateway left it without any answer. */
  ignored = false;
  /** Set to make our 200 impossible to send. */
  gone = false;
  /** Set to have our 200 lost with the SIP server, once. */
  lostWithServer = false;

  constructor(uri: string, headers: readonly Header[] = [], body = OFFER) {
    this.request = {
      method: 'INVITE',
      uri,
      headers: [{ name: 'From', value: '<sip:0612345678@example.nl>;tag=x' }, ...headers],
      body,
    };
  }

  /** A caller whose INVITE is read from these bytes. */
  static from(bytes: string, source: Partial<Source> = {}): FakeCaller {
    const caller = new FakeCaller('');
    return Object.assign(caller, { request: readRequest(bytes), source: { ...caller.source, ...source } });
  }

  attach(events: CallerEvents): void {
    this.events = events;
  }

  progress(response: OutgoingResponse): void {
    this.heard.push(response);
  }

  reject(response: OutgoingResponse): void {
    this.heard.push(response);
  }

  ignore(): void {
    this.ignored = true;
  }

  async answer(response: OutgoingResponse): Promise<Dialog> {
    if (this.gone) {
      throw new Error('the caller is gone');
    }
    if (this.lostWithServer) {
      this.lostWithServer = false;
      throw new SipServerError('disconnected', 'the SIP server is gone');
    }
    this.heard.push(response);
    return this.dialog;
  }

  statuses(): readonly number[] {
    return this.heard.map(({ status }) => status);
  }
}

/** A request inside a dialog, and what was answered. */
export function inDialog(
  method: string,
  body = '',
  headers: readonly Header[] = [],
): InDialogRequest & { answers: OutgoingResponse[]; acknowledged?: (body: string) => void } {
  const asked: InDialogRequest & { answers: OutgoingResponse[]; acknowledged?: (body: string) => void } = {
    request: { method, uri: 'sip:x@y', headers, body },
    answers: [],
    respond: (response, acknowledged) => {
      asked.answers.push(response);
      if (acknowledged !== undefined) {
        asked.acknowledged = acknowledged;
      }
    },
  };
  return asked;
}

/** A SIP server without a network: the test plays the callers and the trunks. */
export class FakeSipServer implements SipServer {
  connected = true;
  reportsTrying = true;
  readonly callees: FakeCallee[] = [];
  /** Called for each INVITE that goes out. */
  onCallee: (callee: FakeCallee) => void = () => undefined;
  #inviteHandler: (call: IncomingCall) => void = () => undefined;
  #requestHandler: (request: IncomingRequest) => void = () => undefined;
  readonly #connectedHandlers: (() => void)[] = [];

  onInvite(handler: (call: IncomingCall) => void): void {
    this.#inviteHandler = handler;
  }

  onRequest(handler: (request: IncomingRequest) => void): void {
    this.#requestHandler = handler;
  }

  onConnected(handler: () => void): void {
    this.#connectedHandlers.push(handler);
  }

  /** The control connection is there, or gone. */
  connect(connected: boolean): void {
    this.connected = connected;
    for (const handler of connected ? this.#connectedHandlers : []) {
      handler();
    }
  }

  invite(request: InviteRequest, events: CalleeEvents): CalleeLeg {
    const callee = new FakeCallee(request, events);
    this.callees.push(callee);
    this.onCallee(callee);
    return callee;
  }

  async probe(): Promise<ProbeAnswer> {
    return { kind: 'silent' };
  }

  /** A call comes in. */
  incoming(caller: FakeCaller): void {
    this.#inviteHandler(caller);
  }

  /** A request outside any dialog comes in. */
  received(request: IncomingRequest): void {
    this.#requestHandler(request);
  }

  /** The nth INVITE that went out, from 0. */
  callee(index: number): FakeCallee {
    const callee = this.callees[index];
    if (callee === undefined) {
      throw new Error(`only ${this.callees.length} INVITEs went out`);
    }
    return callee;
  }
}
