import type { NaptrRecord, SrvRecord } from './names.js';

/**
 * RFC 2782: the lowest priority first; within one, by chance, in proportion to the weights. Whatever weighs nothing comes
 * last in most cases, and never first when something else weighs.
 *
 * @param random from 0 up to, not including, 1.
 */
export function orderServers(records: readonly SrvRecord[], random: () => number): readonly SrvRecord[] {
  const left = records.toSorted((a, b) => a.priority - b.priority || a.weight - b.weight);
  const ordered: SrvRecord[] = [];
  for (let first = left[0]; first !== undefined; first = left[0]) {
    const { priority } = first;
    const group = left.filter((each) => each.priority === priority);
    const chosen = draw(group, random);
    ordered.push(chosen ?? first);
    left.splice(left.indexOf(chosen ?? first), 1);
  }
  return ordered;
}

function draw(group: readonly SrvRecord[], random: () => number): SrvRecord | undefined {
  const total = group.reduce((sum, { weight }) => sum + weight, 0);
  const mark = random() * total;
  let passed = 0;
  return group.find(({ weight }) => {
    passed += weight;
    return passed > mark;
  });
}

/** RFC 3403 4.1: order first, then preference. */
export function orderWays(records: readonly NaptrRecord[]): readonly NaptrRecord[] {
  return records.toSorted((a, b) => a.order - b.order || a.preference - b.preference);
}
