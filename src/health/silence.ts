import type { CarrierId, RiskGroupId, TrunkId } from '../domain/ids.js';
import type { Network, Trunk } from '../domain/network.js';
import { between, type Instant } from '../domain/time.js';

/** Trunks that can be lost together: those of a carrier, or those that declare the same risk group. */
export interface SharedFate {
  readonly name: string;
  readonly trunks: readonly Trunk[];
  /** Whether it is a carrier with all its trunks. */
  readonly isCarrier: boolean;
}

/** Datagrams without a reply, one after the other, over all trunks of one fate. */
interface Row {
  readonly fate: SharedFate;
  misses: number;
  since: Instant | undefined;
  readonly missing: Set<TrunkId>;
}

/** When a trunk was last heard, and the rows that it is part of. */
interface Heard {
  readonly trunk: Trunk;
  readonly rows: readonly Row[];
  heardAt: Instant | undefined;
  /** Since when nothing came back from it. */
  silentSince: Instant | undefined;
}

/** What a trunk is to be asked, beside the usual: many quick probes, or one, so that somebody may be heard. */
export interface Asked {
  readonly quickSince: Instant | undefined;
  readonly onceSince: Instant | undefined;
}

/**
 * From the first miss, which is 150 ms or more after its datagram: many trunks miss many at once where the network pauses for
 * a moment, or where replies begin to be late.
 */
const leastSilence = 350;
/** A lone miss may be a lost packet: the neighbours are asked from the second on. */
const missesToAskOthers = 2;

/**
 * Watches over silence on several trunks together. Every reply of any trunk ends the row of what it shares; a row of
 * `missesToFall` in which every member is missing, and that lasts, says that all of it is gone, not one trunk.
 */
export class SilenceWatch {
  readonly #rows: readonly Row[];
  readonly #trunks: ReadonlyMap<TrunkId, Heard>;
  readonly #missesToFall: number;

  constructor(network: Network, missesToFall: number) {
    this.#rows = fates(network).map((fate) => ({ fate, misses: 0, since: undefined, missing: new Set() }));
    this.#trunks = new Map(
      [...network.trunks.values()].map((trunk) => {
        const rows = this.#rows.filter(({ fate }) => fate.trunks.includes(trunk));
        return [trunk.id, { trunk, rows, heardAt: undefined, silentSince: undefined }];
      }),
    );
    this.#missesToFall = missesToFall;
  }

  /** Something came back from a trunk then. A row that began later goes on. */
  heard(trunk: TrunkId, at: Instant): void {
    const entry = this.#trunks.get(trunk);
    if (entry === undefined || (entry.heardAt !== undefined && entry.heardAt > at)) {
      return;
    }
    entry.heardAt = at;
    if (entry.silentSince !== undefined && entry.silentSince <= at) {
      entry.silentSince = undefined;
    }
    entry.rows.filter(({ since }) => since !== undefined && since <= at).forEach(endRow);
  }

  /** Begins anew: what was missed so far counts against nobody. */
  forget(): void {
    for (const row of this.#rows) {
      endRow(row);
    }
    for (const entry of this.#trunks.values()) {
      entry.silentSince = undefined;
    }
  }

  /** A datagram to a trunk got no reply in time. Gives what has fallen silent as a whole by now. */
  missed(trunk: TrunkId, now: Instant, isDown: (trunk: TrunkId) => boolean): readonly SharedFate[] {
    const entry = this.#trunks.get(trunk);
    if (entry === undefined) {
      return [];
    }
    entry.silentSince ??= now;
    for (const row of entry.rows) {
      row.misses += 1;
      row.since ??= now;
      row.missing.add(trunk);
    }
    return entry.rows.filter((row) => this.#hasFallen(row, now, isDown)).map(({ fate }) => fate);
  }

  /**
   * Whether the silence of these trunks is their own: another was heard since it began. Where nobody else could be heard it
   * is taken for theirs, but not where they are of several carriers: then it is more likely ours.
   */
  isWitnessed(silent: readonly Trunk[], isDown: (trunk: TrunkId) => boolean): boolean {
    const ids = new Set(silent.map(({ id }) => id));
    const since = earliest(silent.map(({ id }) => this.#trunks.get(id)?.silentSince));
    const others = [...this.#trunks.values()].filter(({ trunk }) => !ids.has(trunk.id) && mayAnswer(trunk, isDown));
    if (others.length === 0) {
      return new Set(silent.map(({ carrier }) => carrier)).size <= 1;
    }
    return since === undefined || others.some(({ heardAt }) => heardAt !== undefined && heardAt >= since);
  }

  /** What to ask of a trunk because of others: its carrier's other trunks quickly, everybody else once as a witness. */
  asked(trunk: TrunkId): Asked {
    const open = this.#rows.filter(({ misses }) => misses >= missesToAskOthers);
    const isNear = ({ fate }: Row): boolean => fate.isCarrier && fate.trunks.some(({ id }) => id === trunk);
    return {
      quickSince: earliest(open.filter(isNear).map(({ since }) => since)),
      onceSince: earliest(open.map(({ since }) => since)),
    };
  }

  #hasFallen({ fate, misses, missing, since }: Row, now: Instant, isDown: (trunk: TrunkId) => boolean): boolean {
    return (
      misses >= this.#missesToFall &&
      since !== undefined &&
      between(since, now) >= leastSilence &&
      fate.trunks.every((trunk) => missing.has(trunk.id) || !mayAnswer(trunk, isDown))
    );
  }
}

function endRow(row: Row): void {
  row.misses = 0;
  row.since = undefined;
  row.missing.clear();
}

/** Probes that are further apart come too late to tell a lost packet from a dead trunk. */
const slowestThatTell = 5_000;

/** Whether probes of a trunk can tell within a second or two whether it is there. */
export function probesTell({ probeInterval }: Pick<Trunk, 'probeInterval'>): boolean {
  return probeInterval > 0 && probeInterval <= slowestThatTell;
}

/** Whether a trunk can be expected to answer: it is probed, and not known to be gone. */
function mayAnswer(trunk: Trunk, isDown: (trunk: TrunkId) => boolean): boolean {
  return trunk.enabled && probesTell(trunk) && !isDown(trunk.id);
}

function earliest(moments: readonly (Instant | undefined)[]): Instant | undefined {
  let first: Instant | undefined;
  for (const at of moments) {
    first = at !== undefined && (first === undefined || at < first) ? at : first;
  }
  return first;
}

/** Every carrier, and every risk group of two trunks or more. */
function fates(network: Network): readonly SharedFate[] {
  const trunks = [...network.trunks.values()];
  const carriers = new Set<CarrierId>(trunks.map(({ carrier }) => carrier));
  const groups = new Set<RiskGroupId>(trunks.flatMap(({ riskGroups }) => [...riskGroups]));
  const ofCarrier = [...carriers].map((name) => ({
    name,
    trunks: trunks.filter(({ carrier }) => carrier === name),
    isCarrier: true,
  }));
  const ofGroup = [...groups]
    .map((name) => ({ name, trunks: trunks.filter(({ riskGroups }) => riskGroups.has(name)), isCarrier: false }))
    .filter((group) => group.trunks.length > 1);
  return [...ofCarrier, ...ofGroup];
}
