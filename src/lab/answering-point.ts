import { messageOf } from '../domain/errors.js';
import { Agent } from '../engine/agent/agent.js';
import type { AgentDialog } from '../engine/agent/dialog.js';
import type { DialogEvents } from '../engine/agent/dialog-events.js';
import type { InviteServer } from '../engine/agent/invite-server.js';
import { realClock, type EngineClock, type EngineTimer } from '../engine/clock.js';
import type { TimerTable } from '../engine/timers.js';
import type { IncomingRequest } from '../engine/transaction/incoming.js';
import { header, type Header } from '../sip/headers.js';
import { parseNameAddr } from '../sip/name-addr.js';
import { parseReasons } from '../sip/reason.js';
import { parseUri } from '../sip/uri.js';
import { answerOutsideDialogs, transactionsOf } from './agents.js';
import { callKey } from './headers.js';
import { MediaSession, SDP_TYPE, sdpOf } from './media.js';
import type { PointPlan } from './plan.js';
import { RtpStream, type Pacer } from './rtp.js';
import type { Speech } from './speech.js';
import { RecentEvents, type PointState, type RtpCounts } from './state.js';
import { LAB_TIMERS } from './timers.js';

/** An open call is looked after so often: its carrier may have forgotten it. */
const AUDIT_EVERY_MS = 10_000;

/** What an answering point needs for its calls. */
export interface PointTools {
  /** How long it rings, in milliseconds; 200 where not given. */
  readonly answersAfter?: number;
  readonly speech: Speech;
  readonly pacer: Pacer;
  readonly clock?: EngineClock;
  readonly timers?: TimerTable;
  /** Told of each answer: the key of the call. */
  answered(callId: string): void;
  /** Told of each answer that was acknowledged. */
  connected?(callId: string): void;
  /** Told when a leg is over that was connected, with how long it was, in milliseconds. */
  over?(callId: string, talkedMs: number): void;
}

/** A simulated answering point: rings, answers, speaks and listens until the other side hangs up. */
export class AnsweringPoint {
  readonly #plan: PointPlan;
  readonly #tools: PointTools;
  readonly #clock: EngineClock;
  readonly #recent = new RecentEvents();
  readonly #calls = new Set<AnsweringCall>();
  readonly #counts = { rings: 0, answers: 0, connected: 0, phantomRings: 0, abandoned: 0 };
  readonly #pastRtp = { sent: 0, received: 0, receivedBytes: 0 };
  #agent: Agent | undefined;

  private constructor(plan: PointPlan, tools: PointTools) {
    this.#plan = plan;
    this.#tools = tools;
    this.#clock = tools.clock ?? realClock;
  }

  /**
   * Opens the answering point.
   *
   * @throws with `code` EADDRINUSE, `address` and `port` when another program has its address.
   */
  static async open(plan: PointPlan, tools: PointTools): Promise<AnsweringPoint> {
    const point = new AnsweringPoint(plan, tools);
    const { address, port } = plan;
    point.#agent = await Agent.open(
      { contacts: [{ address, port }], timers: tools.timers ?? LAB_TIMERS },
      {
        invite: (call) => {
          point.#invited(call);
        },
        request: answerOutsideDialogs,
      },
    );
    return point;
  }

  get address(): string {
    return this.#plan.address;
  }

  /** The port in use, also where any free one was asked for. */
  get port(): number {
    return this.#agent?.transports[0]?.port ?? this.#plan.port;
  }

  state(): PointState {
    const { id, name, address, port } = this.#plan;
    const stats = this.#agent?.stats();
    return {
      id,
      name,
      address: `${address}:${port}`,
      ...this.#counts,
      openCalls: this.#calls.size,
      open: {
        legs: this.#calls.size,
        transactions: stats === undefined ? 0 : transactionsOf(stats),
        dialogs: stats?.dialogs ?? 0,
      },
      rtp: [...this.#calls].map(({ rtp }) => rtp).reduce(sumOf, this.#pastRtp),
      recent: this.#recent.list(),
    };
  }

  async close(): Promise<void> {
    for (const call of this.#calls) {
      call.forget();
    }
    await this.#agent?.close();
  }

  #invited(server: InviteServer): void {
    const { headers, uri } = server.incoming.message;
    const callId = callKey(headers);
    const asked = parseUri(uri);
    const number = asked.scheme === 'sip' ? (asked.user ?? '') : uri;
    const caller = callerIn(headers);
    let connectedAt: number | undefined;
    const note = (what: string): void => {
      this.#recent.add({ what, callId, number, caller });
    };
    const { address } = this.#plan;
    const call = new AnsweringCall(
      server,
      { ...this.#tools, clock: this.#clock, address },
      {
        rang: () => {
          this.#counts.rings += 1;
          note('rings');
        },
        answered: () => {
          this.#counts.answers += 1;
          note('answered');
          this.#tools.answered(callId);
        },
        connected: () => {
          this.#counts.connected += 1;
          note('connected');
          this.#tools.connected?.(callId);
          connectedAt = this.#clock.now();
        },
        cancelled: (elsewhere) => {
          this.#counts[elsewhere ? 'phantomRings' : 'abandoned'] += 1;
          note(elsewhere ? 'phantom ring' : 'abandoned');
        },
        over: (why) => {
          this.#calls.delete(call);
          const { sent, received, receivedBytes } = sumOf(this.#pastRtp, call.rtp);
          Object.assign(this.#pastRtp, { sent, received, receivedBytes });
          note(`over: ${why}`);
          if (connectedAt !== undefined) {
            this.#tools.over?.(callId, this.#clock.now() - connectedAt);
          }
        },
      },
    );
    this.#calls.add(call);
    call.ring();
  }
}

interface AnsweringCallEvents {
  rang(): void;
  answered(): void;
  /** The first ACK of the answer came. */
  connected(): void;
  /** @param elsewhere whether another answering point, or another leg, has the call. */
  cancelled(elsewhere: boolean): void;
  over(why: string): void;
}

interface CallTools extends PointTools {
  readonly clock: EngineClock;
  readonly address: string;
}

/** One call at an answering point. */
class AnsweringCall {
  readonly #server: InviteServer;
  readonly #tools: CallTools;
  readonly #events: AnsweringCallEvents;
  #timer: EngineTimer | undefined;
  #stream: RtpStream | undefined;
  #dialog: AgentDialog | undefined;
  #connected = false;
  #over = false;

  constructor(server: InviteServer, tools: CallTools, events: AnsweringCallEvents) {
    this.#server = server;
    this.#tools = tools;
    this.#events = events;
    server.attach({
      cancelled: (cancel) => {
        this.#cancelled(cancel);
      },
    });
  }

  get rtp(): RtpCounts {
    return this.#stream?.counts ?? { sent: 0, received: 0, receivedBytes: 0 };
  }

  /** Rings, and answers in the end. */
  ring(): void {
    const { address, answersAfter = 200, speech, pacer, clock } = this.#tools;
    const rangAt = clock.now();
    this.#server.provisional(180, [], '');
    this.#events.rang();
    RtpStream.open(address, speech, pacer).then(
      (stream) => {
        this.#stream = stream;
        const opening = clock.now() - rangAt;
        this.#timer = clock.setTimer(Math.max(0, answersAfter - opening), () => {
          this.#answer(stream);
        });
        if (this.#over) {
          this.#release();
        }
      },
      (error: unknown) => {
        this.#server.reject(500);
        this.#end(messageOf(error));
      },
    );
  }

  /** Ends without a word to the other side. */
  forget(): void {
    this.#end('forgotten');
  }

  #answer(stream: RtpStream): void {
    const session = new MediaSession(stream);
    const { headers, body } = this.#server.incoming.message;
    const offer = sdpOf(headers, body);
    const description = offer === undefined ? session.offer() : session.answer(offer);
    if (description === undefined) {
      this.#server.reject(488);
      return this.#end('no audio that can be spoken here');
    }
    this.#dialog = this.#server.accept([SDP_TYPE], description, this.#dialogEvents(session));
    if (this.#dialog === undefined) {
      return this.#end('cancelled');
    }
    this.#events.answered();
    this.#auditLater();
  }

  #dialogEvents(session: MediaSession): DialogEvents {
    return {
      acknowledged: ({ message }) => {
        if (!this.#connected) {
          this.#connected = true;
          this.#events.connected();
        }
        const answer = sdpOf(message.headers, message.body);
        if (answer !== undefined) {
          session.accept(answer);
        }
      },
      request: (request) => {
        session.serve(request);
      },
      ended: (cause) => {
        this.#end(cause);
      },
    };
  }

  #cancelled(cancel: IncomingRequest): void {
    const elsewhere = parseReasons(cancel.message.headers).some(
      ({ protocol, cause }) => protocol === 'SIP' && cause === 200,
    );
    if (!this.#over) {
      this.#events.cancelled(elsewhere);
      this.#end('cancelled');
    }
  }

  /** A carrier that was killed knows nothing of its calls any more: they end here too. */
  #auditLater(): void {
    this.#timer = this.#tools.clock.setTimer(AUDIT_EVERY_MS, () => {
      this.#dialog?.request('OPTIONS', [], '', {
        response: ({ message }) => {
          this.#audited(message.status === 481);
        },
        failed: (cause) => {
          this.#audited(cause === 'refused');
        },
      });
    });
  }

  #audited(isUnknown: boolean): void {
    if (this.#over) {
      return;
    }
    if (isUnknown) {
      this.#dialog?.bye();
      return this.#end('the carrier knows nothing of it');
    }
    this.#auditLater();
  }

  #end(why: string): void {
    if (!this.#over) {
      this.#over = true;
      this.#release();
      this.#events.over(why);
    }
  }

  #release(): void {
    this.#timer?.cancel();
    this.#stream?.close();
  }
}

function sumOf(a: RtpCounts, b: RtpCounts): RtpCounts {
  return {
    sent: a.sent + b.sent,
    received: a.received + b.received,
    receivedBytes: a.receivedBytes + b.receivedBytes,
  };
}

/** The user part of From, or the whole URI. */
function callerIn(headers: readonly Header[]): string {
  const uri = parseNameAddr(header(headers, 'From') ?? '')?.uri ?? 'anonymous';
  const parsed = parseUri(uri);
  return parsed.scheme === 'sip' ? (parsed.user ?? uri) : uri;
}
