import { Agent, type NewRequest } from '../engine/agent/agent.js';
import type { InviteServer } from '../engine/agent/invite-server.js';
import { realClock } from '../engine/clock.js';
import type { TimerTable } from '../engine/timers.js';
import { header, withoutHeader, type Header } from '../sip/headers.js';
import { parseNameAddr, printNameAddr } from '../sip/name-addr.js';
import { parseUri } from '../sip/uri.js';
import { ActiveFaults } from './active-faults.js';
import { answerOutsideDialogs } from './agents.js';
import type { AnsweringPoint } from './answering-point.js';
import { CarrierCall } from './carrier-call.js';
import type { FaultOrder } from './fault-places.js';
import { FaultFilter } from './fault-filter.js';
import { behaviourOf, type Behaviour, type Fault } from './faults.js';
import { callKey, carried, failureReason, q850 } from './headers.js';
import type { LabAddress, MobileTraits, NumberPlan, TrunkPlan } from './plan.js';
import { diceOf, type Dice } from './random.js';
import { RelayableUdp } from './relayable-udp.js';
import { ResettingListener } from './resetting-listener.js';
import type { CallCounts, RecentEvents, TrunkState } from './state.js';
import { SwallowedCall, type Show } from './swallowed-call.js';

const NO_CHANNEL = q850(34, 'No circuit/channel available');
const UNALLOCATED = q850(1, 'Unallocated (unassigned) number');
/** What names the caller, or the call: a mobile network carries none of it. */
const BESIDE_THE_VOICE = ['P-Asserted-Identity', 'Remote-Party-ID', 'Privacy', 'Call-Info', 'Geolocation'];
/** A swallowed INVITE stays silent for longer than any caller waits. */
const SILENT_MS = 3_600_000;
const HALF = 0.5;
/** User busy, and temporary failure. */
const REFUSALS = { busy: { status: 486, cause: 17 }, half: { status: 500, cause: 41 } } as const;
const SHOWN: readonly (readonly [Behaviour['kind'], Show])[] = [
  ['lie', 'nothing'],
  ['ringing', 'ringing'],
  ['tone', 'tone'],
];

/** What the trunks of a carrier share. */
export interface TrunkTools {
  /** The user agent towards the answering points. */
  readonly core: Agent;
  readonly timers: TimerTable;
  readonly recent: RecentEvents;
  readonly seed: number;
  readonly bystander: ((address: string) => Promise<AnsweringPoint>) | undefined;
}

/** One trunk of a carrier. */
export class CarrierTrunk {
  readonly id: string;
  readonly #plan: TrunkPlan;
  readonly #tools: TrunkTools;
  readonly #timers: TimerTable;
  readonly #faults: ActiveFaults;
  readonly #filter: FaultFilter;
  readonly #dice: Dice;
  readonly #counts: CallCounts = { invites: 0, rung: 0, answered: 0, failed: 0, cancelled: 0 };
  readonly #calls = new Set<CarrierCall>();
  readonly #swallowed = new Set<SwallowedCall>();
  /** Calls of a mobile trunk that are on their way to the far end. */
  readonly #dialling = new Set<SwallowedCall>();
  /** Channels whose call is over, and that are not free yet. */
  #releasing = 0;
  #options = 0;
  #agent: Agent | undefined;
  #transport: RelayableUdp | undefined;
  #resetting: ResettingListener | undefined;
  #relay: LabAddress | undefined;
  #bystander: AnsweringPoint | undefined;

  constructor(plan: TrunkPlan, tools: TrunkTools) {
    this.id = plan.id;
    this.#plan = plan;
    this.#tools = tools;
    this.#timers = { ...tools.timers, silentApplication: SILENT_MS };
    this.#faults = new ActiveFaults(realClock, (number) => numberOf(plan, number)?.service);
    this.#filter = new FaultFilter(this.#faults);
    this.#dice = diceOf(tools.seed, plan.id);
  }

  /** Whether a black hole is on the whole trunk now. */
  get isGone(): boolean {
    return behaviourOf(this.#faults.whole(), 'blackhole') !== undefined;
  }

  get agent(): Agent | undefined {
    return this.#agent;
  }

  get openLegs(): number {
    return this.#calls.size + this.#swallowed.size + this.#dialling.size;
  }

  state(): TrunkState {
    const { id, address, port, channels } = this.#plan;
    return {
      id,
      address: `${address}:${port}`,
      fault: this.#faults.text(),
      channels,
      channelsInUse: this.#channelsInUse,
      ...this.#counts,
      options: this.#options,
      dropped: { ...this.#filter.dropped },
    };
  }

  /** Sets what is wrong, with the trunk or with one service on it. */
  async set({ fault, service, relay }: FaultOrder): Promise<void> {
    const wasGone = this.isGone;
    this.#relay = relay ?? this.#relay;
    this.#faults.set(fault, service);
    await this.#openOrClose(fault);
    if (behaviourOf(fault, 'wrong') !== undefined) {
      this.#bystander ??= await this.#tools.bystander?.(this.#plan.address);
    }
    if (wasGone && !this.isGone) {
      this.audit();
    }
  }

  /** Ends the calls that the outside has forgotten. */
  audit(): void {
    for (const call of this.#calls) {
      call.audit();
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#hangUp(), this.#resetting?.close(), this.#bystander?.close()]);
  }

  async #openOrClose(fault: Fault): Promise<void> {
    const isReset = behaviourOf(fault, 'reset') !== undefined;
    if (isReset || behaviourOf(fault, 'refuse') !== undefined) {
      await this.#hangUp();
    }
    if (!isReset) {
      await this.#resetting?.close();
      this.#resetting = undefined;
    }
    if (isReset) {
      this.#resetting ??= await ResettingListener.open(this.#plan);
    } else if (behaviourOf(fault, 'refuse') === undefined) {
      this.#agent ??= await this.#open();
      await (this.#relay === undefined ? undefined : this.#transport?.relayThrough(this.#relay));
    }
  }

  async #hangUp(): Promise<void> {
    const agent = this.#agent;
    this.#agent = undefined;
    this.#transport = undefined;
    for (const call of [...this.#calls, ...this.#swallowed, ...this.#dialling]) {
      call.drop();
    }
    this.#swallowed.clear();
    this.#dialling.clear();
    await agent?.close();
  }

  async #open(): Promise<Agent> {
    const { address, port, transport } = this.#plan;
    return Agent.open(
      {
        contacts: [{ address, port, transport }],
        filter: this.#filter,
        timers: this.#timers,
        openUdp: async (options, events) => {
          this.#transport = await RelayableUdp.open(options, events, this.#relay);
          return this.#transport;
        },
      },
      {
        invite: (call) => {
          this.#invited(call);
        },
        request: (request) => {
          this.#options += request.incoming.message.method === 'OPTIONS' ? 1 : 0;
          answerOutsideDialogs(request);
        },
      },
    );
  }

  #invited(call: InviteServer): void {
    const dialled = userOf(call.incoming.message.uri);
    this.#counts.invites += 1;
    this.#note('invite', call, dialled);
    const fault = this.#faults.ofNumber(dialled);
    const refusal = this.#refusal(fault);
    const show = SHOWN.find(([kind]) => behaviourOf(fault, kind) !== undefined)?.[1];
    if (refusal !== undefined) {
      this.#reject(call, dialled, refusal.status, refusal.headers);
    } else if (show !== undefined) {
      this.#swallow(call, dialled, show);
    } else {
      this.#route(call, dialled, fault);
    }
  }

  #route(call: InviteServer, dialled: string, fault: Fault): void {
    const number = numberOf(this.#plan, dialled);
    if (this.#channelsInUse >= this.#plan.channels) {
      this.#reject(call, dialled, 503, [NO_CHANNEL]);
    } else if (number === undefined) {
      this.#reject(call, dialled, 404, [UNALLOCATED]);
    } else if (this.#plan.mobile === undefined) {
      this.#connect(call, number, fault);
    } else {
      this.#dialMobile(call, number, fault, this.#plan.mobile);
    }
  }

  /** A mobile gateway pretends progress while it dials; the far end rings later. */
  #dialMobile(server: InviteServer, number: NumberPlan, fault: Fault, { fakeProgress, setUpMs }: MobileTraits): void {
    const end = (what: 'cancelled' | 'failed', status?: number): void => {
      this.#dialling.delete(call);
      this.#releaseLater();
      this.#counts[what] += 1;
      this.#note(what, server, number.number, status);
    };
    const call = new SwallowedCall(server, fakeProgress ? 'ringing-tone' : 'nothing', this.#plan.address, {
      cancelled: () => {
        end('cancelled');
      },
      failed: (status) => {
        end('failed', status);
      },
    });
    this.#dialling.add(call);
    realClock.setTimer(setUpMs, () => {
      if (this.#dialling.delete(call)) {
        call.drop();
        this.#connect(server, number, fault);
      }
    });
  }

  /** A mobile channel stays busy for a while when its call is over. */
  #releaseLater(): void {
    const releaseMs = this.#plan.mobile?.releaseMs ?? 0;
    if (releaseMs > 0) {
      this.#releasing += 1;
      realClock.setTimer(releaseMs, () => {
        this.#releasing -= 1;
      });
    }
  }

  get #channelsInUse(): number {
    return this.#calls.size + this.#dialling.size + this.#releasing;
  }

  #refusal(fault: Fault): { readonly status: number; readonly headers: readonly Header[] } | undefined {
    const refusal = behaviourOf(fault, 'reject', 'busy', 'half');
    if (refusal === undefined || (refusal.kind !== 'reject' && this.#dice() < HALF)) {
      return undefined;
    }
    const { status, cause } = refusal.kind === 'reject' ? refusal : REFUSALS[refusal.kind];
    const reason = cause === undefined ? undefined : failureReason(cause);
    return { status, headers: reason === undefined ? [] : [reason] };
  }

  #swallow(server: InviteServer, dialled: string, show: Show): void {
    const call = new SwallowedCall(server, show, this.#plan.address, {
      cancelled: () => {
        this.#swallowed.delete(call);
        this.#counts.cancelled += 1;
        this.#note('cancelled', server, dialled);
      },
      failed: (status) => {
        this.#swallowed.delete(call);
        this.#counts.failed += 1;
        this.#note('failed', server, dialled, status);
      },
    });
    this.#swallowed.add(call);
  }

  #reject(call: InviteServer, dialled: string, status: number, headers: readonly Header[]): void {
    call.reject(status, headers);
    this.#counts.failed += 1;
    this.#note('failed', call, dialled, status);
  }

  #connect(server: InviteServer, { number, point: right }: NumberPlan, fault: Fault): void {
    const { incoming } = server;
    const point = (behaviourOf(fault, 'wrong') === undefined ? undefined : this.#bystander) ?? right;
    const uri = `sip:${number}@${point.address}:${point.port};user=phone`;
    const request: NewRequest = {
      method: 'INVITE',
      uri,
      headers: this.#headersInside(incoming.message.headers),
      body: incoming.message.body,
    };
    const count = (what: keyof CallCounts, status?: number): void => {
      this.#counts[what] += 1;
      this.#note(what, server, number, status);
    };
    const call = new CarrierCall(server, this.#tools.core, request, {
      rung: () => {
        count('rung');
      },
      answered: () => {
        count('answered');
        dropLater(call, behaviourOf(fault, 'drop')?.afterMs);
      },
      failed: (status) => {
        count('failed', status);
      },
      cancelled: () => {
        count('cancelled');
      },
      over: () => {
        this.#calls.delete(call);
        this.#releaseLater();
        this.#note('over', server, number);
      },
    });
    this.#calls.add(call);
  }

  /** The caller without its tag; on a mobile network the SIM stands in its place. */
  #headersInside(headers: readonly Header[]): readonly Header[] {
    if (this.#plan.hidesCaller) {
      const from = `<sip:${this.#plan.simNumber ?? this.id}@${this.#plan.address};user=phone>`;
      return [{ name: 'From', value: from }, ...withoutHeader(carried(headers), ...BESIDE_THE_VOICE)];
    }
    const caller = parseNameAddr(header(headers, 'From') ?? '');
    const uri = caller?.uri ?? 'sip:anonymous@anonymous.invalid';
    const from = printNameAddr({ display: caller?.display, uri, params: new Map() });
    return [{ name: 'From', value: from }, ...carried(headers)];
  }

  #note(what: string, call: InviteServer, number: string, status?: number): void {
    const callId = callKey(call.incoming.message.headers);
    this.#tools.recent.add({ what, callId, number, trunk: this.id, ...(status === undefined ? {} : { status }) });
  }
}

/** The dialled number: the user part of a SIP URI. */
function userOf(text: string): string {
  const uri = parseUri(text);
  return uri.scheme === 'sip' || uri.scheme === 'sips' ? (uri.user ?? '') : text;
}

function numberOf({ numbers }: TrunkPlan, dialled: string): NumberPlan | undefined {
  return numbers.find(({ number }) => number === dialled);
}

function dropLater(call: CarrierCall, afterMs: number | undefined): void {
  if (afterMs !== undefined) {
    realClock.setTimer(afterMs, () => {
      call.hangUp();
    });
  }
}
