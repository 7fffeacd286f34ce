import { randomBytes } from 'node:crypto';
import { valueOf, type RawPeer } from '../support/raw-peer.js';
import { until } from '../support/until.js';

/** What a request of a test says beside what every request says. */
export interface Extra {
  readonly headers?: readonly string[];
  readonly body?: string;
}

let numbers = 0;

function fresh(): string {
  numbers += 1;
  return `${numbers}-${randomBytes(4).toString('hex')}`;
}

/** A call that the test makes byte by byte from a raw peer, as the caller or, after `callee()`, as the called side. */
export class RawCall {
  readonly callId: string;
  readonly localTag: string;
  branch = '';
  /** The To value of the requests; with the tag of the other side once that is known. */
  remote: string;
  local: string;
  target: string;
  cseq = 1;
  /** The last INVITE, as it was sent. */
  inviteText = '';
  readonly #peer: RawPeer;
  readonly #address: string;
  readonly #engine: string;

  constructor(peer: RawPeer, address: string, engine: string, user = '112') {
    this.#peer = peer;
    this.#address = address;
    this.#engine = engine;
    this.callId = `call-${fresh()}@${address}`;
    this.localTag = `lt${fresh()}`;
    this.local = `"Caller" <sip:0612@${address}>;tag=${this.localTag}`;
    this.remote = `<sip:${user}@${engine}>`;
    this.target = `sip:${user}@${engine}`;
  }

  /** The same dialog seen from the side that was called: it sends requests to the one that invited it. */
  static callee(peer: RawPeer, address: string, engine: string, invite: string, toTag = 'raw'): RawCall {
    const call = new RawCall(peer, address, engine);
    const target = /<([^>]+)>/.exec(valueOf(invite, 'Contact'))?.[1] ?? '';
    return Object.assign(call, {
      callId: valueOf(invite, 'Call-ID'),
      local: `${valueOf(invite, 'To')};tag=${toTag}`,
      remote: valueOf(invite, 'From'),
      target,
    });
  }

  /** Sends INVITE, as a new transaction. */
  invite(extra: Extra = {}): string {
    this.branch = `z9hG4bK${fresh()}`;
    this.inviteText = this.#send('INVITE', this.cseq, this.branch, extra);
    return this.inviteText;
  }

  /** Sends CANCEL for the last INVITE. */
  cancel(extra: Extra = {}): string {
    return this.#send('CANCEL', this.cseq, this.branch, extra, this.remote.replace(/;tag=.*/, ''));
  }

  /** Sends the ACK of a 2xx. */
  ack(extra: Extra = {}): string {
    return this.#send('ACK', this.cseq, `z9hG4bK${fresh()}`, extra);
  }

  /** Sends the ACK of a failure: in the transaction of the INVITE. */
  ackFailure(): string {
    return this.#send('ACK', this.cseq, this.branch, {});
  }

  /** Sends any other request in the dialog, or outside of it as long as no tag is known. */
  request(method: string, extra: Extra = {}): string {
    this.cseq += 1;
    if (method === 'INVITE') {
      return this.invite(extra);
    }
    return this.#send(method, this.cseq, `z9hG4bK${fresh()}`, extra);
  }

  /** Waits for a response with this status to a request of this call, and learns tag and target from it. */
  async response(status: number, method = 'INVITE', within = 5_000): Promise<string> {
    await until(() => this.responses(status, method).length > 0, within);
    const text = this.responses(status, method).at(-1) ?? '';
    if (status > 100 && method === 'INVITE' && text !== '') {
      this.remote = valueOf(text, 'To');
      const contact = /<([^>]+)>/.exec(valueOf(text, 'Contact'))?.[1];
      this.target = contact ?? this.target;
    }
    return text;
  }

  /** Every copy of a response that arrived. */
  responses(status: number, method = 'INVITE'): readonly string[] {
    return this.#peer.received.filter(
      (text) =>
        text.startsWith(`SIP/2.0 ${status} `) &&
        valueOf(text, 'Call-ID') === this.callId &&
        valueOf(text, 'CSeq') === `${this.cseq} ${method}`,
    );
  }

  /** The requests of the other side in this call. */
  requests(method: string): readonly string[] {
    return this.#peer.requests(method).filter((text) => valueOf(text, 'Call-ID') === this.callId);
  }

  async requested(method: string, within = 5_000): Promise<string> {
    await until(() => this.requests(method).length > 0, within);
    return this.requests(method)[0] ?? '';
  }

  /** Sends a text again, as it was. */
  again(text: string): void {
    this.#peer.send(text, 5060, this.#engine);
  }

  #send(method: string, cseq: number, branch: string, { headers = [], body = '' }: Extra, to = this.remote): string {
    const names = headers.map((line) => line.split(':')[0]?.toLowerCase());
    const own = [
      `Via: SIP/2.0/UDP ${this.#address}:5060;rport;branch=${branch}`,
      'Max-Forwards: 70',
      `From: ${this.local}`,
      `To: ${to}`,
      `Call-ID: ${this.callId}`,
      `CSeq: ${cseq} ${method}`,
      `Contact: <sip:caller@${this.#address}:5060>`,
    ].filter((line) => !names.includes(line.split(':')[0]?.toLowerCase()));
    const type = body === '' || names.includes('content-type') ? [] : ['Content-Type: application/sdp'];
    const text = [
      `${method} ${this.target} SIP/2.0`,
      ...own,
      ...headers,
      ...type,
      `Content-Length: ${body.length}`,
      '',
      body,
    ].join('\r\n');
    this.#peer.send(text, 5060, this.#engine);
    return text;
  }
}

/** The tag in the first header of that name. */
export function tagIn(message: string, name: string): string {
  return /;tag=([^;\s]+)/.exec(valueOf(message, name))?.[1] ?? '';
}
