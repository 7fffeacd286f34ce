import { existsSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import type { HealthView } from '../domain/health.js';
import { id, type ServiceId } from '../domain/ids.js';
import type { PlanExplanation } from '../routing/explain.js';
import { askAdmin, httpUrl, ADMIN_URL, type AdminAnswer } from './admin-client.js';
import { explained } from './conventions.js';
import { planLines } from './route-text.js';

interface RouteOptions {
  readonly without: readonly string[];
  readonly admin: string;
  readonly atTime?: Date;
  readonly site?: string;
  readonly journal?: string;
  readonly json?: true;
}

/** `noodroute route SERVICE`: what the next call would try, and why. */
export function routeCommand(): Command {
  const command = new Command('route')
    .description(
      'Show what the next call of a service would try, in which order, and why each route stands where it stands.',
    )
    .argument('<service>', 'service of the dial plan, such as 112')
    .option('--without <name...>', 'as if these carriers, trunks or risk groups were gone', [])
    .option('--at-time <time>', 'as it was then, such as 2026-06-24T15:30:00Z; needs --site', time)
    .option('--site <file>', 'do not ask a gateway: take the routes of this site file, and what its journal says')
    .option('--journal <directory>', 'folder of the journal, where the site file names another')
    .option('--admin <url>', 'HTTP interface of the gateway', httpUrl, ADMIN_URL)
    .option('--json', 'print one JSON object instead of text')
    .action(async (service: string, options: RouteOptions) => {
      await route(service, options);
    });
  return explained(command, {
    examples: [
      ['noodroute route 112', 'the plan of this moment'],
      ['noodroute route 112 --without kpn', 'the plan if KPN were gone'],
      ['noodroute route 112 --site site.yaml --at-time 2026-06-24T15:30:00Z', 'the plan as it was then'],
    ],
    fails: 'there is no such service or name, or no gateway answers',
  });
}

async function route(service: string, options: RouteOptions): Promise<void> {
  const answer =
    options.site === undefined ? await asked(service, options) : await past(service, options.site, options);
  if (!answer.ok) {
    process.stderr.write(`${answer.error}\n`);
    process.exitCode = 1;
    return;
  }
  const plan = answer.value as PlanExplanation;
  process.stdout.write(options.json === true ? `${JSON.stringify(plan)}\n` : `${planLines(plan).join('\n')}\n`);
}

async function asked(service: string, { without, admin, atTime }: RouteOptions): Promise<AdminAnswer> {
  if (atTime !== undefined) {
    return { ok: false, error: 'a gateway knows the present only: name the site file as well (--site)' };
  }
  const query = new URLSearchParams({ service });
  for (const name of without) {
    query.append('without', name);
  }
  return askAdmin(`${admin}/route?${query.toString()}`);
}

/** From the routes of a site file, and the judgements in its journal up to a moment. */
async function past(service: string, site: string, { without, atTime, journal }: RouteOptions): Promise<AdminAnswer> {
  const { loadConfig, formatProblem } = await import('../config/load.js');
  const { explainPlan, unknownNames } = await import('../routing/explain.js');
  const loaded = loadConfig(site);
  if (!loaded.ok) {
    return { ok: false, error: loaded.problems.map(formatProblem).join('\n') };
  }
  const { network, journal: own } = loaded.config;
  const [unknown] = unknownNames(network, without);
  const known = [...network.services.keys()];
  if (unknown !== undefined || !known.some((each) => each === service)) {
    const error = unknown === undefined ? `there is no service ${service}, only ${known.join(', ')}` : noName(unknown);
    return { ok: false, error };
  }
  const health = await healthAt(journal ?? own.directory, atTime);
  return { ok: true, value: explainPlan(network, health, id<ServiceId>(service), { without }) };
}

function noName(name: string): string {
  return `${name} is no carrier, trunk or risk group of this site`;
}

/** Without a journal nothing is known yet. */
async function healthAt(directory: string, time: Date | undefined): Promise<HealthView> {
  const { entryIn, linesOf } = await import('../adapters/journal/reader.js');
  const { PastHealth } = await import('../routing/past-health.js');
  const health = new PastHealth();
  if (existsSync(directory)) {
    for await (const line of linesOf(directory)) {
      const entry = line.whole ? entryIn(line) : undefined;
      if (entry?.type === 'health' && (time === undefined || new Date(entry.at) <= time)) {
        health.apply(entry.change, entry.at);
      }
    }
  }
  return health.snapshot();
}

function time(text: string): Date {
  const moment = new Date(text);
  if (Number.isNaN(moment.getTime())) {
    throw new InvalidArgumentError('expected a time such as 2026-06-24T15:30:00Z');
  }
  return moment;
}
