import { Command } from 'commander';
import type { LoadResult } from '../config/load.js';
import type { PlanSummary, ServiceSummary, Summary } from '../config/summary.js';
import type { Loss, Resilience } from '../routing/resilience.js';
import { explained } from './conventions.js';

/** `noodroute check FILE`: everything that is wrong with a site file, or what it amounts to. */
export function checkCommand(): Command {
  const command = new Command('check')
    .description('Check a site file with its dial plan and inventory, and say what it amounts to.')
    .argument('<file>', 'site file')
    .option('--json', 'print one JSON object instead of text')
    .option('--pairs', 'print also what each loss, and each two losses together, would leave of a service')
    .action(async (file: string, options: { readonly json?: boolean; readonly pairs?: boolean }) => {
      await check(file, options.json === true, options.pairs === true);
    });
  return explained(command, {
    examples: [
      ['noodroute check site.yaml', 'all errors at once, with file:line:column'],
      ['noodroute check --json site.yaml', 'for programs'],
      ['noodroute check --pairs site.yaml', 'what is left when two things are lost at once'],
    ],
    fails: 'something in the files is wrong',
  });
}

/** The loader is fetched only here, so that other commands start without its libraries. */
async function check(file: string, asJson: boolean, pairs: boolean): Promise<void> {
  const { loadConfig, formatProblem } = await import('../config/load.js');
  const { summarise } = await import('../config/summary.js');
  const result = loadConfig(file);
  process.exitCode = result.ok ? 0 : 1;
  if (asJson) {
    process.stdout.write(`${JSON.stringify(result.ok ? report(result, summarise(result.config), pairs) : result)}\n`);
    return;
  }
  if (!result.ok) {
    process.stderr.write(`${result.problems.map(formatProblem).join('\n')}\n`);
    process.stderr.write(`${file}: ${count(result.problems.length, 'error')}\n`);
    return;
  }
  process.stderr.write(result.warnings.map((warning) => `warning: ${formatProblem(warning)}\n`).join(''));
  process.stdout.write(`${summaryLines(file, summarise(result.config), result.warnings.length, pairs).join('\n')}\n`);
}

/** The configuration itself stays out: it holds a secret. */
function report({ ok, warnings }: LoadResult & { readonly ok: true }, summary: Summary, pairs: boolean): unknown {
  const services = summary.services.map(({ resilience, ...service }) => (pairs ? { ...service, resilience } : service));
  return { ok, warnings, summary: { ...summary, services } };
}

function summaryLines(file: string, summary: Summary, warnings: number, pairs: boolean): readonly string[] {
  const { carriers, trunks, services } = summary;
  const names = carriers.map(({ name, channels }) => `${name} (${count(channels, 'channel')})`);
  return [
    `${file}: good, ${count(warnings, 'warning')}${summary.lab ? '; a lab file: its carriers are simulated' : ''}`,
    `site ${summary.site}, ${count(trunks.length, 'trunk')} over ${count(carriers.length, 'carrier')}: ${names.join(', ')}`,
    ...planLines(summary.plans),
    ...services.flatMap((service) => [...serviceLines(service), ...(pairs ? resilienceLines(service.resilience) : [])]),
  ];
}

function planLines(plans: readonly PlanSummary[]): readonly string[] {
  return plans.length === 1
    ? []
    : plans.map(({ id, name, inForce, next, routes }) => {
        const later = next.length === 0 ? '' : `; then ${next.join(', ')}`;
        return `plan ${id}${name === id ? '' : ` (${name})`}: ${count(routes, 'route')}${inForce ? ', in force at start' : ''}${later}`;
      });
}

/** Every loss that costs channels, and every two that together cost more, the worst first. */
function resilienceLines({ channels, alone, pairs }: Resilience): readonly string[] {
  return [
    `  lost alone, of ${count(channels, 'channel')}:`,
    ...alone.map((loss) =>
      lossLine(
        loss,
        loss.lost.map((same) => same.join(' = ')),
      ),
    ),
    pairs.length === 0 ? '  lost together: nothing costs more than it does alone' : '  lost together:',
    ...pairs.map((loss) =>
      lossLine(
        loss,
        loss.lost.flatMap(([first]) => first ?? []),
      ),
    ),
  ];
}

function lossLine({ channelsLeft }: Loss, lost: readonly string[]): string {
  const left = channelsLeft === 0 ? 'nothing left' : `${count(channelsLeft, 'channel')} left`;
  return `    ${left.padEnd(18)}  ${lost.join(' + ')}`;
}

function serviceLines({ id, class: serviceClass, routes, ...fate }: ServiceSummary): readonly string[] {
  const width = Math.max(...routes.map(({ trunk }) => trunk.length));
  return [
    `service ${id} (${serviceClass})`,
    ...routes.map(({ tier, trunk, number, destination, enabled }) => {
      const off = enabled ? '' : ' (trunk is not enabled)';
      return `  tier ${tier}  ${trunk.padEnd(width)}  dials ${number} for ${destination}${off}`;
    }),
    `  single points of failure: ${fateLine(fate)}`,
  ];
}

function fateLine({
  singlePoints,
  hasIndependentPair,
}: Pick<ServiceSummary, 'singlePoints' | 'hasIndependentPair'>): string {
  if (singlePoints.length > 0) {
    return singlePoints.join(', ');
  }
  return hasIndependentPair ? 'none' : 'none for all routes, but each two of them share something';
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
