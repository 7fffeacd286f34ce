import type { AttemptReport, CallReport } from '../domain/call-report.js';
import type { HealthChange } from '../domain/health.js';
import type { CallResult } from './caller.js';
import type { LabState } from './state.js';

/** One line for a call: who called what, who answered over which trunk, and why the other trunks did not. */
export function callLine(report: CallReport, answeredBy: string | undefined): string {
  const { service, caller, attempts } = report;
  const tries = attempts.map((attempt) => attemptText(attempt, attempts.length === 1)).filter((text) => text !== '');
  const detail = tries.length === 0 ? '' : ` [${tries.join('; ')}]`;
  return `call ${service} from ${caller}: ${outcomeText(report, answeredBy)}${detail}`;
}

/** One line for each change of health; changes that differ in the service alone share a line. */
export function changeLines(changes: readonly HealthChange[]): readonly string[] {
  const services = new Map<string, string[]>();
  for (const change of changes) {
    const of = change.of === 'carrier' ? `carrier ${change.carrier}` : `trunk ${change.trunk}`;
    const text = `${of} ${change.from} -> ${change.to}: ${change.cause}`;
    services.set(text, [...(services.get(text) ?? []), change.service]);
  }
  return [...services].map(([text, names]) => `${text} (${names.join(', ')})`);
}

function outcomeText(report: CallReport, answeredBy: string | undefined): string {
  const { outcome, ringingAfterMs, answeredAfterMs, attempts } = report;
  const rang = ringingAfterMs === undefined ? '' : `, rang after ${whole(ringingAfterMs)}`;
  if (outcome !== 'answered') {
    const tries = attempts.length === 0 ? 'no trunk was tried' : `${attempts.length} tried`;
    return `${outcome === 'cancelled' ? 'the caller hung up before an answer' : 'NOT ANSWERED'}, ${tries}${rang}`;
  }
  const trunk = report.answeredBy?.trunk ?? 'an unknown trunk';
  const after = answeredAfterMs === undefined ? '' : ` after ${whole(answeredAfterMs)}`;
  return `answered by ${answeredBy ?? 'an unknown answering point'} over ${trunk}${after}${rang}`;
}

/** Such as `kpn-a at 0 ms: no response (given up after 612 ms)`. */
function attemptText(attempt: AttemptReport, isOnlyOne: boolean): string {
  const { trunk, startedAfterMs, endedAfterMs, outcome, status, reason, role } = attempt;
  if (outcome === 'answered' && isOnlyOne) {
    return '';
  }
  const start = `${trunk} at ${whole(startedAfterMs)}${role === 'normal' ? '' : ` (${role})`}`;
  if (outcome === 'answered') {
    return `${start}: answered`;
  }
  const code = status === undefined ? '' : `${status} `;
  const end = endedAfterMs === undefined ? outcome : `${outcome} at ${whole(endedAfterMs)}`;
  return `${start}: ${code}${reason} (${end})`;
}

function whole(milliseconds: number): string {
  return `${Math.round(milliseconds)} ms`;
}

/** One line for a call that was placed here. */
export function resultLine(service: string, result: CallResult): string {
  const { number, answered, ringingAfterMs, answeredAfterMs, failure, failedAfterMs, rtp, endedBy } = result;
  const rang = ringingAfterMs === undefined ? '' : `rang after ${whole(ringingAfterMs)}, `;
  if (!answered) {
    return `call ${number} to ${service}: ${rang}NOT ANSWERED: ${failure} after ${whole(failedAfterMs ?? 0)}`;
  }
  const end = endedBy === 'far end' ? ', ended by the far end' : '';
  const media = `${rtp.received} RTP packets heard, ${rtp.sent} sent`;
  return `call ${number} to ${service}: ${rang}answered after ${whole(answeredAfterMs ?? 0)}, ${media}${end}`;
}

/** The state of the lab as a table. */
export function stateLines(state: LabState): readonly string[] {
  const rows = [
    ['trunk', 'fault', 'in use', 'invites', 'rung', 'answered', 'failed', 'cancelled', 'options'],
    ...state.carriers.flatMap(({ trunks }) =>
      trunks.map((trunk) => [
        trunk.id,
        trunk.fault,
        `${trunk.channelsInUse}/${trunk.channels}`,
        ...[trunk.invites, trunk.rung, trunk.answered, trunk.failed, trunk.cancelled, trunk.options].map(String),
      ]),
    ),
  ];
  const points = [
    ['answering point', 'open', 'rings', 'answers', 'connected', 'phantom rings', 'abandoned', 'RTP sent', 'RTP heard'],
    ...state.psaps.map(({ id, openCalls, rings, answers, connected, phantomRings, abandoned, rtp }) => [
      id,
      ...[openCalls, rings, answers, connected, phantomRings, abandoned, rtp.sent, rtp.received].map(String),
    ]),
  ];
  return [`gateway ${state.sip.join(', ')}, ${state.admin}`, ...table(rows), ...table(points)];
}

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
