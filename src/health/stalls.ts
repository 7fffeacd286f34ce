import type { Evidence } from '../domain/health.js';
import type { CarrierId, ServiceId, TrunkId } from '../domain/ids.js';
import { between, type Instant, ms } from '../domain/time.js';
import { SlowShare } from './slow-share.js';

/** A carrier is in doubt by so many calls less than it is gone by, but not by one alone. */
const fewerToDoubt = 1;
/** They wait together: what was last seen to stall longer ago says nothing of now. Longer than from slow to late. */
const remembered = ms(5_000);
/** More calls in a row say no more. */
const mostCalls = 64;

/** A call that got no further than 100 Trying for longer than usual. */
interface StalledCall {
  readonly trunk: TrunkId;
  readonly startedAt: Instant;
  /** Whether it is past its progress deadline too. */
  isLate: boolean;
  /** When it was slow, or late. */
  seenAt: Instant;
}

/** The calls of one service over one carrier that stalled since the last one that got through. */
interface Row {
  readonly calls: StalledCall[];
  /** When the call left that left last of those that got through. */
  throughFrom: Instant | undefined;
  /** The same over another carrier. */
  elsewhereFrom: Instant | undefined;
}

/** All services of a carrier. */
interface Watched {
  readonly rows: ReadonlyMap<ServiceId, Row>;
  readonly share: SlowShare;
}

/** What stalled calls say of a carrier for a service. */
export interface Stall {
  readonly finding: 'doubt' | 'gone';
  readonly calls: number;
  /** When the last of the calls left. */
  readonly from: Instant;
}

type AttemptEvidence = Evidence & { readonly type: 'attempt' };

/**
 * Watches over calls that get 100 Trying and then nothing, on all trunks of a carrier together. One is late by its own
 * deadline; those that wait with it are slow by then. A call that left later and got through ends the row: one slow
 * answering point is no outage, nor is a lost 180.
 */
export class StallWatch {
  readonly #carriers = new Map<CarrierId, Watched>();

  constructor(pairs: Iterable<{ readonly carrier: CarrierId; readonly service: ServiceId }>) {
    const services = new Map<CarrierId, Map<ServiceId, Row>>();
    for (const { carrier, service } of pairs) {
      const rows = services.get(carrier) ?? new Map<ServiceId, Row>();
      services.set(carrier, rows.set(service, { calls: [], throughFrom: undefined, elsewhereFrom: undefined }));
    }
    for (const [carrier, rows] of services) {
      this.#carriers.set(carrier, { rows, share: new SlowShare() });
    }
  }

  /**
   * An attempt over a trunk of the carrier progressed, was answered, is slow, or is late by its deadline.
   *
   * @returns whether there may be anything new to judge.
   */
  see(carrier: CarrierId, trunk: TrunkId, evidence: AttemptEvidence, now: Instant): boolean {
    const { outcome, service } = evidence;
    const startedAt = evidence.startedAt ?? now;
    if (outcome.kind === 'progressed' || outcome.kind === 'answered') {
      return this.#gotThrough(carrier, service, startedAt);
    }
    const isSlow = outcome.kind === 'slow';
    const watched = this.#carriers.get(carrier);
    const row = watched?.rows.get(service);
    if (watched === undefined || row === undefined || (!isSlow && !isLate(evidence))) {
      return false;
    }
    if (row.throughFrom === undefined || row.throughFrom <= startedAt) {
      stalled(row, { trunk, startedAt, isLate: !isSlow, seenAt: now });
    } else if (isSlow) {
      watched.share.wasSlow();
    }
    return true;
  }

  /** How many calls over a carrier that stall in a row do not come by chance. */
  callsInARow(carrier: CarrierId): number {
    return this.#carriers.get(carrier)?.share.callsInARow ?? 1;
  }

  /**
   * What the calls over a carrier that stall say for a service. Calls of other services count where none of them gets
   * through either: a core that is dead is dead for all.
   *
   * @param inService how many trunks of it are in service for this service.
   * @returns `gone` only where a call that left later got through over another carrier, so that it is not the answering
   *   point that is slow. Then one late call is enough for doubt, where it is known that they are rare.
   */
  judge(carrier: CarrierId, service: ServiceId, now: Instant, inService: number): Stall | undefined {
    const watched = this.#carriers.get(carrier);
    const row = watched?.rows.get(service);
    if (watched === undefined || row === undefined || row.calls.length === 0) {
      return undefined;
    }
    const all = [...watched.rows.values()].flatMap(({ calls }) => recent(calls, now));
    const own = recent(row.calls, now);
    const [first] = own;
    const enough = watched.share.callsInARow;
    const isLate = all.some((call) => call.isLate);
    const isOfAll = new Set(all.map(({ trunk }) => trunk)).size >= Math.min(2, inService);
    if (first === undefined || !isLate) {
      return undefined;
    }
    const calls = all.length;
    const from = own.reduce((last, call) => later(last, call.startedAt), first.startedAt);
    const isHeardElsewhere = row.elsewhereFrom !== undefined && row.elsewhereFrom > first.startedAt;
    if (isOfAll && calls >= enough && isHeardElsewhere) {
      return { finding: 'gone', calls, from };
    }
    const isDoubtful = (isOfAll && calls >= enough - fewerToDoubt) || (isHeardElsewhere && watched.share.isRare);
    return isDoubtful ? { finding: 'doubt', calls, from } : undefined;
  }

  #gotThrough(carrier: CarrierId, service: ServiceId, startedAt: Instant): boolean {
    let isWitness = false;
    for (const [each, { rows, share }] of this.#carriers) {
      const row = rows.get(service);
      if (row !== undefined && each === carrier) {
        share.gotThrough();
        endRow(row, startedAt, share);
      } else if (row !== undefined) {
        row.elsewhereFrom = later(row.elsewhereFrom, startedAt);
        isWitness ||= row.calls.length > 0;
      }
    }
    return isWitness;
  }
}

function stalled({ calls }: Row, call: StalledCall): void {
  const known = calls.find(({ trunk, startedAt }) => trunk === call.trunk && startedAt === call.startedAt);
  if (known !== undefined) {
    known.isLate ||= call.isLate;
    known.seenAt = call.seenAt;
    return;
  }
  keepOnly(calls, (each) => isRecent(each, call.seenAt));
  if (calls.length < mostCalls) {
    calls.push(call);
  }
}

/** A call that left then got through: those that left before it were slow, and nothing more. */
function endRow(row: Row, startedAt: Instant, share: SlowShare): void {
  row.throughFrom = later(row.throughFrom, startedAt);
  const before = row.calls.length;
  keepOnly(row.calls, (call) => call.startedAt > startedAt);
  for (let ended = row.calls.length; ended < before; ended += 1) {
    share.wasSlow();
  }
}

function isLate({ outcome }: AttemptEvidence): boolean {
  return outcome.kind === 'failed' && outcome.verdict.kind === 'stalled' && outcome.verdict.weight === 'strong';
}

function isRecent({ seenAt }: StalledCall, now: Instant): boolean {
  return between(seenAt, now) < remembered;
}

function recent(calls: readonly StalledCall[], now: Instant): readonly StalledCall[] {
  return calls.filter((call) => isRecent(call, now));
}

function later(known: Instant | undefined, at: Instant): Instant {
  return known === undefined || known < at ? at : known;
}

function keepOnly(calls: StalledCall[], isKept: (call: StalledCall) => boolean): void {
  if (calls.length > 0) {
    const kept = calls.filter(isKept);
    calls.splice(0, calls.length, ...kept);
  }
}
