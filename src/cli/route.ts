import { Command } from 'commander';
import type { PlanExplanation, RouteExplanation } from '../routing/explain.js';
import { askAdmin, httpUrl, ADMIN_URL } from './admin-client.js';
import { explained } from './conventions.js';

interface RouteOptions {
  readonly without: readonly string[];
  readonly admin: string;
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
    .option('--admin <url>', 'HTTP interface of the gateway', httpUrl, ADMIN_URL)
    .option('--json', 'print one JSON object instead of text')
    .action(async (service: string, options: RouteOptions) => {
      await route(service, options);
    });
  return explained(command, {
    examples: [
      ['noodroute route 112', 'the plan of this moment'],
      ['noodroute route 112 --without kpn', 'the plan if KPN were gone'],
    ],
    fails: 'there is no such service or name, or no gateway answers',
  });
}

async function route(service: string, { without, admin, json }: RouteOptions): Promise<void> {
  const query = new URLSearchParams({ service });
  for (const name of without) {
    query.append('without', name);
  }
  const answer = await askAdmin(`${admin}/route?${query.toString()}`);
  if (!answer.ok) {
    process.stderr.write(`${answer.error}\n`);
    process.exitCode = 1;
    return;
  }
  const plan = answer.value as PlanExplanation;
  process.stdout.write(json === true ? `${JSON.stringify(plan)}\n` : `${planLines(plan).join('\n')}\n`);
}

function planLines({ service, isPanic, routes }: PlanExplanation): readonly string[] {
  const head = `service ${service}${isPanic ? ': nothing healthy is left, so everything is tried' : ''}`;
  const width = Math.max(0, ...routes.map(({ trunk }) => trunk.length));
  return [head, ...routes.map((each) => routeLine(each, width))];
}

function routeLine({ place, trunk, number, why, lateAfter }: RouteExplanation, width: number): string {
  const late = lateAfter === undefined ? '' : `; late after ${lateText(lateAfter)}`;
  return `  ${String(place ?? '-').padStart(2)}  ${trunk.padEnd(width)}  dials ${number}: ${why.join('; ')}${late}`;
}

function lateText({ silenceMs, progressMs }: NonNullable<RouteExplanation['lateAfter']>): string {
  const silence = silenceMs === undefined ? '' : `${Math.round(silenceMs)} ms of silence or `;
  return `${silence}${Math.round(progressMs)} ms without ringing`;
}
