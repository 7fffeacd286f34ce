import { Command } from 'commander';
import { ADMIN_URL, askAdmin, httpUrl } from './admin-client.js';
import { explained } from './conventions.js';

/** `noodroute reload`: a running gateway reads its files again. */
export function reloadCommand(): Command {
  const command = new Command('reload')
    .description('Let a running gateway read its files again. Calls go on; files that are wrong change nothing.')
    .option('--admin <url>', 'HTTP interface of the gateway', httpUrl, ADMIN_URL)
    .option('--json', 'print one JSON object instead of text')
    .action(async (options: { readonly admin: string; readonly json?: true }) => {
      await reload(options.admin, options.json === true);
    });
  return explained(command, {
    examples: [
      ['noodroute check site.yaml && noodroute reload', 'the gateway on this machine works by the changed files'],
    ],
    fails: 'the files are wrong, and the old ones stay in force, or no gateway answers',
  });
}

interface Answer {
  readonly version?: string;
  readonly needsRestart?: readonly string[];
  readonly problems?: readonly string[];
}

async function reload(admin: string, asJson: boolean): Promise<void> {
  const answer = await askAdmin(`${admin}/reload`, 'POST');
  const said: Answer = answer.value ?? {};
  process.exitCode = answer.ok ? 0 : 1;
  if (asJson) {
    process.stdout.write(`${JSON.stringify(answer.value ?? answer)}\n`);
  } else if (answer.ok) {
    process.stdout.write(`${done(said)}\n`);
  } else {
    process.stderr.write(`${[...(said.problems ?? [answer.error]), 'nothing was changed'].join('\n')}\n`);
  }
}

function done({ version = '', needsRestart = [] }: Answer): string {
  const later = needsRestart.length === 0 ? '' : `; changes of ${needsRestart.join(', ')} wait for a restart`;
  return `configuration ${version.slice(0, 12)} is in force${later}`;
}
