import { setTimeout as sleep } from 'node:timers/promises';
import { Agent } from '../engine/agent/agent.js';
import type { AgentDialog } from '../engine/agent/dialog.js';
import type { DialogEvents } from '../engine/agent/dialog-events.js';
import type { InviteClient } from '../engine/agent/invite-client.js';
import { realClock } from '../engine/clock.js';
import type { IncomingResponse } from '../engine/transaction/incoming.js';
import { answerOutsideDialogs } from './agents.js';
import { MediaSession, SDP_TYPE, sdpOf } from './media.js';
import type { LabAddress, SipPlan } from './plan.js';
import { Pacer, RtpStream } from './rtp.js';
import type { Speech } from './speech.js';
import type { RtpCounts } from './state.js';

const HOME = '127.0.0.1';
/** A caller gives up after so long without an answer. */
const PATIENCE_MS = 90_000;
/** Time for the last BYE to be answered before the sockets close. */
const FAREWELL_MS = 200;

/** How calls are placed. */
export interface CallerOptions {
  readonly gateway: SipPlan;
  /** What is dialled: `112`, `0900-8844`, or a whole URI such as `urn:service:sos`. */
  readonly service: string;
  readonly caller: string;
  readonly count: number;
  /** Calls per second. */
  readonly rate: number;
  /** How long an answered call lasts, in milliseconds. */
  readonly holdMs: number;
  readonly speech: Speech;
}

/** What became of a call, as its caller saw it. Milliseconds since the INVITE. */
export interface CallResult {
  readonly number: number;
  readonly answered: boolean;
  readonly ringingAfterMs?: number;
  readonly answeredAfterMs?: number;
  /** The final failure, or what stands for it. */
  readonly failure?: string;
  readonly failedAfterMs?: number;
  readonly rtp: RtpCounts;
  readonly endedBy?: 'caller' | 'far end';
}

/** Places calls from a free port of this machine, and tells of each when it is over. */
export async function placeCalls(
  options: CallerOptions,
  over: (result: CallResult) => void,
): Promise<readonly CallResult[]> {
  const agent = await Agent.open(
    { contacts: [{ address: HOME, port: 0, transport: options.gateway.transport }] },
    {
      invite: (call) => {
        call.reject(486);
      },
      request: answerOutsideDialogs,
    },
  );
  const pacer = new Pacer(realClock);
  try {
    const calls = Array.from({ length: options.count }, async (_, index) => {
      await sleep((index * 1_000) / options.rate);
      const stream = await RtpStream.open(HOME, options.speech, pacer);
      const result = await new OutgoingCall(agent, stream, options).run(index + 1);
      over(result);
      return result;
    });
    return await Promise.all(calls);
  } finally {
    await sleep(FAREWELL_MS);
    await agent.close();
  }
}

/** The Request-URI for what is dialled: separators are left out of a number. */
export function dialledUri(service: string, { address, port }: LabAddress): string {
  if (/^(sips?|tel|urn):/i.test(service)) {
    return service;
  }
  const user = /^[+\d\s().-]+$/.test(service) ? service.replace(/[^+\d]/g, '') : service;
  return `sip:${user}@${address}${port === 5060 ? '' : `:${port}`}`;
}

type Ending = Pick<CallResult, 'answered' | 'failure' | 'failedAfterMs' | 'endedBy'>;

class OutgoingCall {
  readonly #stream: RtpStream;
  readonly #session: MediaSession;
  readonly #options: CallerOptions;
  readonly #startedAt = performance.now();
  readonly #client: InviteClient;
  readonly #ended: Promise<Ending>;
  #end: (ending: Ending) => void = () => undefined;
  #ringingAfterMs: number | undefined;
  #answeredAfterMs: number | undefined;
  #timer: NodeJS.Timeout;

  constructor(agent: Agent, stream: RtpStream, options: CallerOptions) {
    this.#stream = stream;
    this.#session = new MediaSession(stream);
    this.#options = options;
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    const { gateway, service, caller } = options;
    const request = {
      method: 'INVITE',
      uri: dialledUri(service, gateway),
      headers: [{ name: 'From', value: `<sip:${caller}@${HOME}>` }, SDP_TYPE],
      body: this.#session.offer(),
    };
    this.#client = agent.invite(request, `sip:${gateway.address}:${gateway.port};transport=${gateway.transport}`, {
      provisional: ({ message }) => {
        this.#ringingAfterMs ??= message.status === 100 ? undefined : this.#now();
      },
      answered: (response, dialog) => {
        this.#answered(response, dialog);
      },
      failed: (ending) => {
        this.#fail('response' in ending ? textOf(ending.response) : ending.cause);
      },
      dialog: this.#dialogEvents(),
    });
    this.#timer = setTimeout(() => {
      this.#client.cancel();
      this.#fail(`no answer within ${PATIENCE_MS / 1_000} s`);
    }, PATIENCE_MS);
  }

  async run(number: number): Promise<CallResult> {
    const ending = await this.#ended;
    clearTimeout(this.#timer);
    this.#stream.close();
    return {
      number,
      ...ending,
      ...(this.#ringingAfterMs === undefined ? {} : { ringingAfterMs: this.#ringingAfterMs }),
      ...(this.#answeredAfterMs === undefined ? {} : { answeredAfterMs: this.#answeredAfterMs }),
      rtp: this.#stream.counts,
    };
  }

  #answered({ message }: IncomingResponse, dialog: AgentDialog): void {
    this.#answeredAfterMs = this.#now();
    dialog.acknowledge();
    const answer = sdpOf(message.headers, message.body);
    if (answer !== undefined) {
      this.#session.accept(answer);
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      dialog.bye();
      this.#end({ answered: true, endedBy: 'caller' });
    }, this.#options.holdMs);
  }

  #dialogEvents(): DialogEvents {
    return {
      acknowledged: ({ message }) => {
        const answer = sdpOf(message.headers, message.body);
        if (answer !== undefined) {
          this.#session.accept(answer);
        }
      },
      request: (request) => {
        this.#session.serve(request);
      },
      ended: () => {
        this.#end({ answered: true, endedBy: 'far end' });
      },
    };
  }

  #fail(failure: string): void {
    this.#end({ answered: false, failure, failedAfterMs: this.#now() });
  }

  #now(): number {
    return Math.round((performance.now() - this.#startedAt) * 10) / 10;
  }
}

function textOf({ message }: IncomingResponse): string {
  return `${message.status} ${message.reason}`;
}
