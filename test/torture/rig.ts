import { startEngine, type Engine } from '../../src/engine/engine.js';
import { connected, newSrf, SECRET, timersOf, type Req, type Res, type Srf } from '../engine/rig.js';
import { startRawPeer, valueOf, type RawPeer } from '../support/raw-peer.js';
import { until } from '../support/until.js';
import type { Outcome } from './cases.js';
import { tortureMessage } from './notation.js';

/** Where the messages of the RFCs want their answers, by their Via. */
const PORTS = [5060, 5050, 5070, 6050, 19_823] as const;
const BY_APPLICATION = 'X-Answered-By: application';

/** A running engine with an application, and a peer that sends it torture messages. */
export class TortureRig {
  readonly #host: string;
  readonly #peerAddress: string;
  readonly #engine: Engine;
  readonly #srf: Srf;
  readonly #peers: readonly RawPeer[];

  private constructor(host: string, peerAddress: string, engine: Engine, srf: Srf, peers: readonly RawPeer[]) {
    this.#host = host;
    this.#peerAddress = peerAddress;
    this.#engine = engine;
    this.#srf = srf;
    this.#peers = peers;
  }

  /** Starts all of it on two loopback addresses. The application answers every request, INVITE with 486, all others with 200. */
  static async start(host: string, peerAddress: string, forgiving: boolean): Promise<TortureRig> {
    const engine = await startEngine({
      contacts: [{ address: host, port: 5060 }],
      control: { host, port: 9022 },
      secret: SECRET,
      timers: timersOf(40),
      forgiving,
    });
    const srf = newSrf();
    for (const method of ['invite', 'options', 'message', 'register'] as const) {
      srf[method]((req, res) => {
        res.send(req.method === 'INVITE' ? 486 : 200, { headers: { 'X-Answered-By': 'application' } });
      });
    }
    await connected(srf, host);
    const peers = await Promise.all(PORTS.map(async (port) => startRawPeer(peerAddress, port)));
    return new TortureRig(host, peerAddress, engine, srf, peers);
  }

  /** Sends the message, and tells what became of it. */
  async outcomeOf(name: string): Promise<Outcome> {
    const message = tortureMessage(name);
    return message.startsWith('SIP/') ? this.#asResponse(message) : this.#asRequest(name, message);
  }

  async stop(): Promise<void> {
    this.#srf.disconnect();
    for (const peer of this.#peers) {
      peer.close();
    }
    await this.#engine.close();
  }

  /** Several messages share a branch, and would be taken for copies of one: where there is one it is made unique. */
  async #asRequest(name: string, message: string): Promise<Outcome> {
    const [peer] = this.#peers;
    const before = new Set(this.#received());
    peer?.send(message.replace(/z9hG4bK(?=.)/, `z9hG4bK${name}`), 5060, this.#host);
    const finals = (): readonly string[] =>
      this.#received().filter((text) => !before.has(text) && !text.startsWith('SIP/2.0 100'));
    await until(() => finals().length > 0, 3_000);
    const [answer] = finals();
    this.#acknowledge(message, answer);
    if (answer === undefined) {
      return 'dropped';
    }
    return answer.includes(BY_APPLICATION) ? 'to the application' : (answer.slice(8, 11) as Outcome);
  }

  /** An engine takes responses to its own requests alone: the message becomes one, in all that is not its peculiarity. */
  async #asResponse(message: string): Promise<Outcome> {
    const [peer] = this.#peers;
    // The peer answers every OPTIONS by itself.
    const method = message.includes(' INVITE') ? 'INVITE' : 'MESSAGE';
    const statuses: number[] = [];
    const sent = await this.#srf.request(`sip:torture@${this.#peerAddress}`, { method });
    sent.on('response', (response: Res, acknowledge: () => void) => {
      statuses.push(response.status);
      acknowledge();
    });
    const request = (): string => this.#received().findLast((text) => text.startsWith(`${method} `)) ?? '';
    await until(() => valueOf(request(), 'Call-ID') === idOf(sent), 3_000);
    peer?.send(asResponseTo(request(), message), 5060, this.#host);
    // What comes behind a message that is dropped shows that it was.
    peer?.respond(request(), '486 Busy Here');
    const status = Number(message.slice(8, 11));
    await until(() => statuses.includes(status) || statuses.includes(486), 3_000);
    return statuses.includes(status) ? 'to the application' : 'dropped';
  }

  #acknowledge(message: string, answer: string | undefined): void {
    if (message.startsWith('INVITE ') && answer !== undefined) {
      const lines = ['Via', 'From', 'To', 'Call-ID'].map((name) => `${name}: ${valueOf(answer, name)}`);
      const number = Number.parseInt(valueOf(answer, 'CSeq'), 10);
      const ack = ['ACK sip:user@example.com SIP/2.0', ...lines, `CSeq: ${number} ACK`, 'Content-Length: 0', '', ''];
      this.#peers[0]?.send(ack.join('\r\n'), 5060, this.#host);
    }
  }

  #received(): readonly string[] {
    return this.#peers.flatMap(({ received }) => received);
  }
}

function idOf(request: Req): string {
  return request.get('Call-ID');
}

/** The response with the Via, From, To and Call-ID of a request. Its CSeq number stays where it is the fault. */
function asResponseTo(request: string, message: string): string {
  const tag = /^To:.*;tag=([^;\r]+)/m.exec(message)?.[1];
  const isFaulty = valueOf(message, 'CSeq').length > 20;
  return message
    .replace(/^Via:.*$/m, `Via: ${valueOf(request, 'Via')}`)
    .replace(/^From:.*$/m, `From: ${valueOf(request, 'From')}`)
    .replace(/^To:.*$/m, `To: ${valueOf(request, 'To')}${tag === undefined ? '' : `;tag=${tag}`}`)
    .replace(/^Call-ID:.*$/m, `Call-ID: ${valueOf(request, 'Call-ID')}`)
    .replace(/^CSeq:.*$/m, isFaulty ? 'CSeq: 9292394834772304023312 MESSAGE' : `CSeq: ${valueOf(request, 'CSeq')}`);
}
