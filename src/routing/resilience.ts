import type { RiskGroupId, ServiceId, TrunkId } from '../domain/ids.js';
import type { Network, Trunk } from '../domain/network.js';

/** A line, as far as its fate goes. */
export interface FatedLine {
  readonly trunk: TrunkId | undefined;
  readonly channels: number;
  /** All that it is lost with by itself, through every chain. */
  readonly riskGroups: ReadonlySet<RiskGroupId>;
}

/** What one event, or two at once, leave of a service. */
export interface Loss {
  /** What is lost. Things whose loss has the same effect stand together: losing any of them is losing all of them. */
  readonly lost: readonly (readonly string[])[];
  /** Calls at once that the service can still have, over all of its trunks. 0: it is gone. */
  readonly channelsLeft: number;
}

/** How much of a service is left, whatever is lost. */
export interface Resilience {
  /** Calls at once with nothing lost. */
  readonly channels: number;
  /** Each thing that can be lost alone, the worst first. */
  readonly alone: readonly Loss[];
  /** Each two that together cost more than either, and of which neither ends the service alone; the worst first. */
  readonly pairs: readonly Loss[];
}

/** A part of a service's capacity that is there or not: a trunk, or a line of it. */
interface Part {
  readonly trunk: Trunk;
  readonly channels: number;
  /** One set per route over it: it carries the service while nothing of one of them is lost. */
  readonly needs: readonly ReadonlySet<string>[];
}

/**
 * Looks for everything whose loss costs a service channels: risk groups, through every chain, and single trunks. Routes
 * over trunks that are not enabled do not count. Pure; to be called for people, not per call: it looks at every pair.
 */
export function resilienceOf(network: Network, service: ServiceId, lines: Iterable<FatedLine> = []): Resilience {
  const parts = partsOf(network, service, [...lines]);
  const events = eventsOf(parts);
  const alone = events.map((event) => lossOf([event], parts));
  const ending = new Set(events.filter((_, index) => alone[index]?.channelsLeft === 0));
  const pairs = events.flatMap((first, index) =>
    events.slice(index + 1).flatMap((second) => {
      const both = lossOf([first, second], parts);
      const [a, b] = [lossOf([first], parts), lossOf([second], parts)];
      const costsMore = both.channelsLeft < Math.min(a.channelsLeft, b.channelsLeft);
      return costsMore && !ending.has(first) && !ending.has(second) ? [both] : [];
    }),
  );
  return { channels: capacity(parts, new Set()), alone: worstFirst(alone), pairs: worstFirst(pairs) };
}

function worstFirst(losses: readonly Loss[]): readonly Loss[] {
  return losses.toSorted((a, b) => a.channelsLeft - b.channelsLeft);
}

function partsOf(network: Network, service: ServiceId, lines: readonly FatedLine[]): readonly Part[] {
  const routes = network.routes.filter((route) => route.service === service);
  return [...new Set(routes.map(({ trunk }) => trunk))].flatMap((id) => {
    const trunk = network.trunks.get(id);
    if (trunk?.enabled !== true) {
      return [];
    }
    const own = lines.filter((line) => line.trunk === id);
    const hosts = routes.filter((route) => route.trunk === id).map((route) => [...(route.riskGroups ?? [])]);
    const part = (channels: number, more: Iterable<string>): Part => {
      const needs = hosts.map((host) => new Set<string>([`trunk:${id}`, ...trunk.riskGroups, ...host, ...more]));
      return { trunk, channels, needs };
    };
    return own.length === 0 ? [part(trunk.channels, [])] : own.map((line) => part(line.channels, line.riskGroups));
  });
}

/** Everything that can be lost. Two things that cost the same routes and lines are one event. */
function eventsOf(parts: readonly Part[]): readonly (readonly string[])[] {
  const names = [...new Set(parts.flatMap(({ needs }) => needs.flatMap((each) => [...each])))].sort();
  const events = new Map<string, string[]>();
  for (const name of names) {
    const effect = parts.map(({ needs }) => needs.map((each) => (each.has(name) ? '1' : '0')).join('')).join(' ');
    events.set(effect, [...(events.get(effect) ?? []), name]);
  }
  return [...events.values()];
}

function lossOf(events: readonly (readonly string[])[], parts: readonly Part[]): Loss {
  const gone = new Set(events.flatMap(([name]) => (name === undefined ? [] : [name])));
  return { lost: events, channelsLeft: capacity(parts, gone) };
}

/** The lines of a trunk add up, to no more than its channels. */
function capacity(parts: readonly Part[], gone: ReadonlySet<string>): number {
  const left = new Map<Trunk, number>();
  for (const { trunk, channels, needs } of parts) {
    const isThere = needs.some((each) => ![...gone].some((name) => each.has(name)));
    left.set(trunk, (left.get(trunk) ?? 0) + (isThere ? channels : 0));
  }
  return [...left].reduce((sum, [trunk, channels]) => sum + Math.min(channels, trunk.channels), 0);
}
