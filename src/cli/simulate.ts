import { Command, InvalidArgumentError, Option } from 'commander';
import type { Scenario, SimulationReport, Spread } from '../simulator/simulate.js';
import { explained } from './conventions.js';

interface SimulateOptions {
  readonly hours: number;
  readonly rate: number;
  readonly loss: number;
  readonly bursts: number;
  readonly outage: number;
  readonly kind: Scenario['outageKind'];
  readonly seed: number;
  readonly json?: true;
}

/** After so long a run says how far it is. */
const PATIENCE_MS = 2_000;
const MOST_HOURS = 10_000;
const MOST_CALLS_PER_SECOND = 100;
const MOST_IN_AN_HOUR = 60;

/** `noodroute simulate`: hours of calls, loss and outages in seconds, over the gateway's own machines. */
export function simulateCommand(): Command {
  const kinds = ['silent', 'lie', 'reject'];
  const command = new Command('simulate')
    .description(
      'Play hours of calls, packet loss and outages over the real judgement and routing, on a virtual clock.',
    )
    .option('--hours <n>', 'simulated hours', number(0.05, MOST_HOURS), 1)
    .option('--rate <n>', 'calls per second (Poisson)', number(0, MOST_CALLS_PER_SECOND), 5)
    .option('--loss <percent>', 'datagrams lost each way, such as 5%', percent, 0)
    .option(
      '--bursts <n>',
      'bursts of 2 s in an hour in which the primary carrier hears nothing',
      number(0, MOST_IN_AN_HOUR),
      0,
    )
    .option(
      '--outage <n>',
      'outages in an hour of the primary carrier, a minute each',
      number(0, MOST_IN_AN_HOUR / 2),
      6,
    )
    .addOption(new Option('--kind <kind>', 'what an outage is like').choices(kinds).default('silent'))
    .option('--seed <n>', 'the same seed gives the same run', number(0, 2 ** 32 - 1), 1)
    .option('--json', 'print one JSON object instead of text')
    .action(async (options: SimulateOptions) => {
      await simulate(options);
    });
  return explained(command, {
    examples: [
      ['noodroute simulate', 'an hour at 5 calls/s with six outages'],
      ['noodroute simulate --hours 1000 --rate 0.01 --loss 5% --outage 0', 'does loss alone take a carrier for gone?'],
      ['noodroute simulate --kind lie', 'a carrier that answers OPTIONS and 100, then nothing'],
    ],
    fails: 'a carrier was taken for gone though it was not, or an outage was not noticed',
  });
}

async function simulate({ outage, kind, json, ...rest }: SimulateOptions): Promise<void> {
  const { play } = await import('../simulator/simulate.js');
  const progress = progressOn(process.stderr);
  const report = play({ ...rest, outages: outage, outageKind: kind }, progress.show);
  progress.end();
  process.exitCode = report.falselyGone > 0 || report.undetected > 0 ? 1 : 0;
  process.stdout.write(json === true ? `${JSON.stringify(report)}\n` : `${lines(report).join('\n')}\n`);
}

/** Nothing at first; once it takes long, one line that is written over on a terminal, and one per tenth elsewhere. */
function progressOn(stream: NodeJS.WriteStream) {
  const started = Date.now();
  let shown = 0;
  return {
    show: (done: number): void => {
      const step = stream.isTTY ? 0.01 : 0.1;
      if (Date.now() - started > PATIENCE_MS && done - shown >= step) {
        shown = done;
        stream.write(
          stream.isTTY ? `\rsimulating: ${Math.floor(done * 100)} %` : `simulating: ${Math.floor(done * 100)} %\n`,
        );
      }
    },
    end: (): void => {
      if (shown > 0 && stream.isTTY) {
        stream.write('\r\u001b[K');
      }
    },
  };
}

function lines(report: SimulationReport): readonly string[] {
  const { hours, calls, lost, doubled, phantoms, outages, undetected, falselyGone } = report;
  const share = calls === 0 ? '' : ` (${((100 * phantoms) / calls).toFixed(2)} % of calls)`;
  return [
    `simulated            ${hours} h, ${calls} calls`,
    `ringing after        ${spread(report.ringing)}`,
    `  in 30 s of outages ${spread(report.ringingInOutages)}`,
    `outages              ${outages}, undetected ${undetected}`,
    `detection            ${spread(report.detection)}`,
    `  after a request    ${spread(report.detectionAfterRequest)}`,
    `falsely gone         ${falselyGone}`,
    `lost                 ${lost}`,
    `doubled              ${doubled}`,
    `phantom rings        ${phantoms}${share}`,
  ];
}

function spread(measured: Spread | undefined): string {
  if (measured === undefined) {
    return 'nothing to measure';
  }
  const { p50, p99, max } = measured;
  return `median ${Math.round(p50)} ms, p99 ${Math.round(p99)} ms, most ${Math.round(max)} ms`;
}

function number(from: number, to: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!(value >= from && value <= to)) {
      throw new InvalidArgumentError(`expected a number from ${from} to ${to}.`);
    }
    return value;
  };
}

function percent(text: string): number {
  const [, digits] = /^(\d{1,2}(?:\.\d{1,4})?)\s*%$/.exec(text) ?? [];
  if (digits === undefined) {
    throw new InvalidArgumentError('expected a percentage under 100, such as 5%.');
  }
  return Number(digits) / 100;
}
