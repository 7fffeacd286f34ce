import { Command } from 'commander';
import type { LoadResult } from '../config/load.js';
import type { ServiceSummary, Summary } from '../config/summary.js';
import { explained } from './conventions.js';

/** `noodroute check FILE`: everything that is wrong with a site file, or what it amounts to. */
export function checkCommand(): Command {
  const command = new Command('check')
    .description('Check a site file with its dial plan and inventory, and say what it amounts to.')
    .argument('<file>', 'site file')
    .option('--json', 'print one JSON object instead of text')
    .action(async (file: string, options: { readonly json?: boolean }) => {
      await check(file, options.json === true);
    });
  return explained(command, {
    examples: [
      ['noodroute check site.yaml', 'all errors at once, with file:line:column'],
      ['noodroute check --json site.yaml', 'for programs'],
    ],
    fails: 'something in the files is wrong',
  });
}

/** The loader is fetched only here, so that other commands start without its libraries. */
async function check(file: string, asJson: boolean): Promise<void> {
  const { loadConfig, formatProblem } = await import('../config/load.js');
  const { summarise } = await import('../config/summary.js');
  const result = loadConfig(file);
  process.exitCode = result.ok ? 0 : 1;
  if (asJson) {
    process.stdout.write(`${JSON.stringify(result.ok ? report(result, summarise(result.config)) : result)}\n`);
    return;
  }
  if (!result.ok) {
    process.stderr.write(`${result.problems.map(formatProblem).join('\n')}\n`);
    process.stderr.write(`${file}: ${count(result.problems.length, 'error')}\n`);
    return;
  }
  process.stderr.write(result.warnings.map((warning) => `warning: ${formatProblem(warning)}\n`).join(''));
  process.stdout.write(`${summaryLines(file, summarise(result.config), result.warnings.length).join('\n')}\n`);
}

/** The configuration itself stays out: it holds a secret. */
function report({ ok, warnings }: LoadResult & { readonly ok: true }, summary: Summary): unknown {
  return { ok, warnings, summary };
}

function summaryLines(file: string, summary: Summary, warnings: number): readonly string[] {
  const { carriers, trunks, services } = summary;
  const names = carriers.map(({ name, channels }) => `${name} (${count(channels, 'channel')})`);
  return [
    `${file}: good, ${count(warnings, 'warning')}${summary.lab ? '; a lab file: its carriers are simulated' : ''}`,
    `site ${summary.site}, ${count(trunks.length, 'trunk')} over ${count(carriers.length, 'carrier')}: ${names.join(', ')}`,
    ...services.flatMap(serviceLines),
  ];
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

function fateLine({ singlePoints, hasIndependentPair }: Omit<ServiceSummary, 'id' | 'class' | 'routes'>): string {
  if (singlePoints.length > 0) {
    return singlePoints.join(', ');
  }
  return hasIndependentPair ? 'none' : 'none for all routes, but each two of them share something';
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
