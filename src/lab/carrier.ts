import { Agent, type NewRequest } from '../engine/agent/agent.js';
import type { InviteServer } from '../engine/agent/invite-server.js';
import type { RequestServer } from '../engine/agent/request-server.js';
import type { TimerTable } from '../engine/timers.js';
import { header, withoutHeader, type Header } from '../sip/headers.js';
import { parseNameAddr, printNameAddr } from '../sip/name-addr.js';
import { parseUri } from '../sip/uri.js';
import { CarrierCall } from './carrier-call.js';
import { FaultFilter, type Fault } from './faults.js';
import { callKey, carried, q850 } from './headers.js';
import type { CarrierPlan, NumberPlan, TrunkPlan } from './plan.js';
import { RecentEvents, type CallCounts, type CarrierState, type TrunkState } from './state.js';
import { LAB_TIMERS } from './timers.js';

const NO_CHANNEL = q850(34, 'No circuit/channel available');
const UNALLOCATED = q850(1, 'Unallocated (unassigned) number');
const ALLOWED: Header = { name: 'Allow', value: 'INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE' };
/** What names the caller, or the call: a mobile network carries none of it. */
const BESIDE_THE_VOICE = ['P-Asserted-Identity', 'Remote-Party-ID', 'Privacy', 'Call-Info', 'Geolocation'];

/** Open calls are looked after so often: the gateway may have been killed, and have forgotten them. */
const AUDIT_EVERY_MS = 30_000;

/** A swallowed INVITE stays silent for longer than any caller waits. */
const SILENT_MS = 3_600_000;

/** How a carrier is opened. */
export interface CarrierOptions {
  /** By trunk, for those that are not clear. */
  readonly faults?: Readonly<Record<string, Fault>>;
  readonly timers?: TimerTable;
}

/** A simulated carrier: a back-to-back user agent for each trunk, and a core that reaches the answering points. */
export class Carrier {
  readonly #plan: CarrierPlan;
  readonly #recent = new RecentEvents();
  readonly #core: Agent;
  readonly #trunks: readonly CarrierTrunk[];
  readonly #auditor: NodeJS.Timeout;

  private constructor(plan: CarrierPlan, core: Agent, timers: TimerTable) {
    this.#plan = plan;
    this.#core = core;
    this.#trunks = plan.trunks.map((trunk) => new CarrierTrunk(trunk, core, timers, this.#recent));
    this.#auditor = setInterval(() => {
      this.#trunks.forEach((trunk) => {
        trunk.audit();
      });
    }, AUDIT_EVERY_MS);
  }

  /**
   * Opens the carrier.
   *
   * @throws with `code` EADDRINUSE, `address` and `port` when another program has one of the addresses.
   */
  static async open(plan: CarrierPlan, options: CarrierOptions = {}): Promise<Carrier> {
    const { faults = {}, timers = LAB_TIMERS } = options;
    let carrier: Carrier | undefined;
    const filter = new FaultFilter(() => (carrier?.isGone === true ? 'blackhole' : 'clear'));
    const core = await openCore(plan, filter, timers);
    carrier = new Carrier(plan, core, timers);
    for (const trunk of carrier.#trunks) {
      await trunk.setFault(faults[trunk.id] ?? 'clear');
    }
    return carrier;
  }

  /** Whether a black hole is on every trunk: then its core is gone too. */
  get isGone(): boolean {
    return this.#trunks.every(({ fault }) => fault === 'blackhole');
  }

  /** Sets a fault on one trunk, or on all. */
  async setFault(fault: Fault, trunk?: string): Promise<void> {
    for (const each of this.#trunks.filter(({ id }) => trunk === undefined || id === trunk)) {
      await each.setFault(fault);
    }
  }

  state(): CarrierState {
    const trunks = this.#trunks.map((trunk) => trunk.state());
    const stats = [this.#core, ...this.#trunks.flatMap(({ agent }) => agent ?? [])].map((agent) => agent.stats());
    const sum = (of: (trunk: TrunkState) => number): number => trunks.reduce((total, trunk) => total + of(trunk), 0);
    const faults = [...new Set(trunks.map(({ fault }) => fault))];
    return {
      id: this.#plan.id,
      name: this.#plan.name,
      fault: faults.length === 1 ? (faults[0] ?? 'clear') : 'partial',
      invites: sum(({ invites }) => invites),
      rung: sum(({ rung }) => rung),
      answered: sum(({ answered }) => answered),
      failed: sum(({ failed }) => failed),
      cancelled: sum(({ cancelled }) => cancelled),
      open: {
        legs: this.#trunks.reduce((total, trunk) => total + trunk.openLegs, 0),
        transactions: stats.reduce((total, each) => total + transactionsOf(each), 0),
        dialogs: stats.reduce((total, each) => total + each.dialogs, 0),
      },
      trunks,
      recent: this.#recent.list(),
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#auditor);
    await Promise.all([this.#core.close(), ...this.#trunks.map(async (trunk) => trunk.close())]);
  }
}

/** Transactions of calls: those of probes are always there. */
export function transactionsOf(stats: ReturnType<Agent['stats']>): number {
  return stats.inviteClients + stats.inviteServers + stats.otherClients + stats.otherServers - stats.probes;
}

/** 200 to OPTIONS outside a dialog, and 405 to all else. */
export function answerOutsideDialogs(request: RequestServer): void {
  request.respond(request.incoming.message.method === 'OPTIONS' ? 200 : 405, [ALLOWED]);
}

async function openCore(plan: CarrierPlan, filter: FaultFilter, timers: TimerTable): Promise<Agent> {
  const address = plan.trunks[0]?.address ?? '127.0.0.1';
  return Agent.open(
    { contacts: [{ address, port: 0 }], filter, timers },
    {
      invite: (call) => {
        call.reject(403);
      },
      request: answerOutsideDialogs,
    },
  );
}

/** One trunk of a carrier. */
class CarrierTrunk {
  readonly id: string;
  readonly #plan: TrunkPlan;
  readonly #core: Agent;
  readonly #timers: TimerTable;
  readonly #recent: RecentEvents;
  readonly #filter = new FaultFilter(() => this.#fault);
  readonly #counts: CallCounts = { invites: 0, rung: 0, answered: 0, failed: 0, cancelled: 0 };
  readonly #calls = new Set<CarrierCall>();
  readonly #swallowed = new Set<InviteServer>();
  #options = 0;
  #fault: Fault = 'clear';
  #agent: Agent | undefined;

  constructor(plan: TrunkPlan, core: Agent, timers: TimerTable, recent: RecentEvents) {
    this.id = plan.id;
    this.#plan = plan;
    this.#core = core;
    this.#timers = { ...timers, silentApplication: SILENT_MS };
    this.#recent = recent;
  }

  get fault(): Fault {
    return this.#fault;
  }

  get agent(): Agent | undefined {
    return this.#agent;
  }

  get openLegs(): number {
    return this.#calls.size + this.#swallowed.size;
  }

  state(): TrunkState {
    const { id, address, port, channels } = this.#plan;
    return {
      id,
      address: `${address}:${port}`,
      fault: this.#fault,
      channels,
      channelsInUse: this.#calls.size,
      ...this.#counts,
      options: this.#options,
      dropped: { ...this.#filter.dropped },
    };
  }

  async setFault(fault: Fault): Promise<void> {
    const before = this.#fault;
    this.#fault = fault;
    if (fault === 'refuse') {
      await this.close();
    } else {
      this.#agent ??= await this.#open();
    }
    if (before === 'blackhole' && fault !== 'blackhole') {
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
    const agent = this.#agent;
    this.#agent = undefined;
    for (const call of this.#calls) {
      call.drop();
    }
    this.#swallowed.clear();
    await agent?.close();
  }

  async #open(): Promise<Agent> {
    const { address, port, transport } = this.#plan;
    return Agent.open(
      { contacts: [{ address, port, transport }], filter: this.#filter, timers: this.#timers },
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
    const number = this.#plan.numbers.find((each) => each.number === dialled);
    this.#counts.invites += 1;
    this.#note('invite', call, dialled);
    if (this.#fault === 'lie') {
      this.#swallow(call, dialled);
    } else if (this.#fault === 'reject') {
      this.#reject(call, dialled, 503, []);
    } else if (this.#calls.size >= this.#plan.channels) {
      this.#reject(call, dialled, 503, [NO_CHANNEL]);
    } else if (number === undefined) {
      this.#reject(call, dialled, 404, [UNALLOCATED]);
    } else {
      this.#connect(call, number);
    }
  }

  #swallow(call: InviteServer, dialled: string): void {
    this.#swallowed.add(call);
    call.attach({
      cancelled: () => {
        this.#swallowed.delete(call);
        this.#counts.cancelled += 1;
        this.#note('cancelled', call, dialled);
      },
    });
  }

  #reject(call: InviteServer, dialled: string, status: number, headers: readonly Header[]): void {
    call.reject(status, headers);
    this.#counts.failed += 1;
    this.#note('failed', call, dialled, status);
  }

  #connect(server: InviteServer, { number, point }: NumberPlan): void {
    const { incoming } = server;
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
    const call = new CarrierCall(server, this.#core, request, {
      rung: () => {
        count('rung');
      },
      answered: () => {
        count('answered');
      },
      failed: (status) => {
        count('failed', status);
      },
      cancelled: () => {
        count('cancelled');
      },
      over: () => {
        this.#calls.delete(call);
        this.#note('over', server, number);
      },
    });
    this.#calls.add(call);
  }

  /** The caller without its tag; on a mobile network the SIM stands in its place. */
  #headersInside(headers: readonly Header[]): readonly Header[] {
    if (this.#plan.hidesCaller) {
      const from = `<sip:${this.id}@${this.#plan.address};user=phone>`;
      return [{ name: 'From', value: from }, ...withoutHeader(carried(headers), ...BESIDE_THE_VOICE)];
    }
    const caller = parseNameAddr(header(headers, 'From') ?? '');
    const uri = caller?.uri ?? 'sip:anonymous@anonymous.invalid';
    const from = printNameAddr({ display: caller?.display, uri, params: new Map() });
    return [{ name: 'From', value: from }, ...carried(headers)];
  }

  #note(what: string, call: InviteServer, number: string, status?: number): void {
    const callId = callKey(call.incoming.message.headers);
    this.#recent.add({ what, callId, number, trunk: this.id, ...(status === undefined ? {} : { status }) });
  }
}

/** The dialled number: the user part of a SIP URI. */
function userOf(text: string): string {
  const uri = parseUri(text);
  return uri.scheme === 'sip' || uri.scheme === 'sips' ? (uri.user ?? '') : text;
}
