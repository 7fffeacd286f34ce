import { IPV6_TORTURE, TORTURE, type Outcome, type TortureCase } from './cases.js';
import { TortureRig } from './rig.js';

/** What became of a message in an engine alone, and in one that forgives what belongs to a call. */
export interface Row {
  readonly of: TortureCase;
  readonly strict: Outcome;
  readonly forgiving: Outcome;
}

/** Sends every message to two running engines. @param net the second number of the loopback addresses. */
export async function runTorture(net: number): Promise<readonly Row[]> {
  const strict = await TortureRig.start(`127.${net}.1.1`, `127.${net}.1.2`, false);
  const forgiving = await TortureRig.start(`127.${net}.2.1`, `127.${net}.2.2`, true);
  const rows: Row[] = [];
  for (const each of [...TORTURE, ...IPV6_TORTURE]) {
    rows.push({
      of: each,
      strict: await strict.outcomeOf(each.name),
      forgiving: await forgiving.outcomeOf(each.name),
    });
  }
  await strict.stop();
  await forgiving.stop();
  return rows;
}

/** The page `docs/torture.md`. */
export function tortureDocument(rows: readonly Row[]): string {
  const ipv6 = new Set(IPV6_TORTURE);
  return [
    HEAD,
    ...section(
      'RFC 4475',
      rows.filter(({ of }) => !ipv6.has(of)),
    ),
    ...section(
      'RFC 5118 (IPv6)',
      rows.filter(({ of }) => ipv6.has(of)),
    ),
  ].join('\n');
}

const HEAD = `# The torture messages

<!-- Written by \`npm run docs:torture\`; a test sees to it that it is current. -->

Every message of RFC 4475 and RFC 5118, sent to a running engine over UDP. "Expected" is what the RFC asks for; where it leaves a
choice, what both columns of results show is one of the choices. "To the application" means that the engine took it, and that
what the application answered came back; a response is shown as the answer to a request of the engine.

\`noodroute engine\` is strict. \`noodroute run\` starts it with \`--forgiving\`: what belongs to a call and can be understood is then
taken in spite of its fault, since an emergency call must not end over a grammar rule. Those results are in the last column.
`;

function section(title: string, rows: readonly Row[]): readonly string[] {
  return [
    `## ${title}`,
    '',
    '| message | | expected | found by the parser | got | forgiving |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows.map(
      ({ of, strict, forgiving }) =>
        `| ${of.section} ${of.name} | ${of.about} | ${of.demands} | ${of.fault ?? 'sound'} | ${strict} | ${forgiving === strict ? 'the same' : forgiving} |`,
    ),
    '',
  ];
}
