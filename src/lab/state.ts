import type { RelayCounts } from './relay.js';

/** What became of the calls that a carrier saw on a trunk. */
export interface CallCounts {
  /** INVITEs that began a call; a resend is not counted again. */
  invites: number;
  rung: number;
  answered: number;
  /** Calls that got a final failure, those for want of a channel included. */
  failed: number;
  /** Calls that were cancelled before the answer. */
  cancelled: number;
}

/** What is open in a simulated user agent. */
export interface OpenCounts {
  /** Calls that have not ended, those that are swallowed included. */
  readonly legs: number;
  /** Transactions other than those of OPTIONS probes. */
  readonly transactions: number;
  readonly dialogs: number;
}

/** Something that happened to a call. */
export interface RecentEvent {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly what: string;
  /** The NENA call identifier where the INVITE had one, else the Call-ID. */
  readonly callId: string;
  readonly number: string;
  /** Who calls, as an answering point sees it. */
  readonly caller?: string;
  readonly trunk?: string;
  readonly status?: number;
}

/** A trunk as its carrier sees it. */
export interface TrunkState extends Readonly<CallCounts> {
  readonly id: string;
  readonly address: string;
  /** In words, such as `blackhole` or `clear, 112: lie`. */
  readonly fault: string;
  readonly channels: number;
  readonly channelsInUse: number;
  readonly options: number;
  /** Datagrams that a black hole swallowed. */
  readonly dropped: { readonly incoming: number; readonly outgoing: number };
}

/** A simulated carrier. Counts are since its process started. */
export interface CarrierState extends Readonly<CallCounts> {
  readonly id: string;
  readonly name: string;
  /** In words; `partial`: its trunks have different faults. */
  readonly fault: string;
  readonly open: OpenCounts;
  readonly trunks: readonly TrunkState[];
  /** Oldest first. */
  readonly recent: readonly RecentEvent[];
}

/** A simulated answering point. Counts are since its process started. */
export interface PointState {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly rings: number;
  /** Calls that it took: 200 was sent. */
  readonly answers: number;
  /** Answers that reached the carrier: their ACK came back. */
  readonly connected: number;
  /** Rang, and was cancelled because the call was answered elsewhere. */
  readonly phantomRings: number;
  /** Rang, and was cancelled because the caller hung up. */
  readonly abandoned: number;
  readonly openCalls: number;
  readonly open: OpenCounts;
  /** Packets, and bytes with their RTP headers. */
  readonly rtp: RtpCounts;
  readonly recent: readonly RecentEvent[];
}

/** Media that was sent and heard. */
export interface RtpCounts {
  readonly sent: number;
  readonly received: number;
  readonly receivedBytes: number;
}

/** A process of the lab, as its parent sees it. */
export interface ProcessState {
  readonly pid: number | undefined;
  readonly running: boolean;
  readonly restarts: number;
}

/** The whole lab. */
export interface LabState {
  /** Where calls are taken: `sip:127.0.0.1:5060;transport=udp`. */
  readonly sip: readonly string[];
  readonly admin: string;
  readonly gateway: ProcessState;
  readonly carriers: readonly (CarrierState & { readonly process: ProcessState })[];
  /** By trunk, where datagrams went through a relay. */
  readonly relays: Readonly<Record<string, Readonly<RelayCounts>>>;
  readonly psaps: readonly (PointState & { readonly process: ProcessState })[];
}

/** A list of the latest events. */
export class RecentEvents {
  readonly #size: number;
  #events: RecentEvent[] = [];

  constructor(size = 100) {
    this.#size = size;
  }

  add(event: Omit<RecentEvent, 'at'>): void {
    this.#events.push({ at: new Date().toISOString(), ...event });
    if (this.#events.length > 2 * this.#size) {
      this.#events = this.list().slice();
    }
  }

  /** Oldest first. */
  list(): RecentEvent[] {
    return this.#events.slice(-this.#size);
  }
}
