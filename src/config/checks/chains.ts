import type { Check } from '../draft.js';
import { chainsOf, coreOf, type Chains } from '../risk-groups.js';
import type { ConfigPath } from '../problem.js';

/** What is lost with something cannot be what that is lost with. */
export const chains: Check = ({ inventory: { source, value } }) => {
  const all = chainsOf(value);
  const seen = new Set<string>();
  return [...all.keys()].flatMap((start) => {
    const loop = seen.has(start) ? undefined : loopFrom(start, all);
    loop?.forEach((group) => seen.add(group));
    const message = `risk groups in a loop: ${loop?.join(' -> ')}, expected a chain that ends`;
    return loop === undefined
      ? []
      : [source.problem(placeInFile(start, Object.keys(value.carriers)), message, undefined, 'key')];
  });
};

/** The shortest way from a group back to itself. */
function loopFrom(start: string, chains: Chains): readonly string[] | undefined {
  const ways: (readonly string[])[] = [[start]];
  const reached = new Set<string>();
  // The list grows while it is walked.
  for (const way of ways) {
    for (const next of chains.get(way.at(-1) ?? start) ?? []) {
      if (next === start) {
        return [...way, next];
      }
      if (!reached.has(next)) {
        reached.add(next);
        ways.push([...way, next]);
      }
    }
  }
  return undefined;
}

/** Where a group stands in the inventory. */
function placeInFile(group: string, carriers: readonly string[]): ConfigPath {
  const [, table, name] = /^(gateway|site):(.*)$/.exec(group) ?? [];
  if (table !== undefined && name !== undefined) {
    return [`${table}s`, name, 'riskGroups'];
  }
  const carrier = carriers.find((each) => coreOf(each) === group);
  return carrier === undefined ? ['riskGroups', group] : ['carriers', carrier, 'riskGroups'];
}
