import { createHash } from 'node:crypto';
import { chains } from './checks/chains.js';
import { cautions } from './checks/cautions.js';
import { coverage, independence } from './checks/coverage.js';
import { dialling } from './checks/dialling.js';
import { doubles } from './checks/doubles.js';
import { barring, lines } from './checks/lines.js';
import { labOnly, listening } from './checks/listening.js';
import { plans, takingOver } from './checks/plans.js';
import { references } from './checks/references.js';
import type { Config, SipSettings, TlsFiles } from './config.js';
import { dialPlanFileSchema } from './dial-plan-file.js';
import type { Check, Draft } from './draft.js';
import { filesAround, readText, type ConfigIo, type Files } from './files.js';
import { deepFreeze } from './freeze.js';
import { inventoryFileSchema } from './inventory-file.js';
import { buildInventory } from './hardware.js';
import { buildNetwork } from './network.js';
import { numberingPlan } from './numbering.js';
import { sortProblems, type Problem } from './problem.js';
import { checkSchema, type Checked } from './schema.js';
import { openSecrets, readSecrets, type Secrets } from './secrets.js';
import { readableFiles } from './checks/named-files.js';
import { Secret } from './secret.js';
import { siteFileSchema, type SiteFile } from './site-file.js';
import { parseYaml, unusable, type YamlFile } from './yaml-file.js';

export { formatProblem, type Problem } from './problem.js';

/** A configuration that can be run, or everything that is wrong with it. */
export type LoadResult =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Rules about single entries: they hold even while others do not keep to the schema. */
const ENTRY_CHECKS: readonly Check[] = [references, doubles, dialling, lines, barring, chains, plans];
/** Rules about the whole: they would only confuse while entries are missing. */
const WHOLE_CHECKS: readonly Check[] = [coverage, takingOver, listening, labOnly];
const WARNINGS: readonly Check[] = [independence, cautions];

/**
 * Loads a site file with its dial plan and its inventory.
 *
 * @param path of the site file. The paths in it are relative to it, and problems name files in the same way.
 * @returns a Config frozen to the last value, or all problems by file and line. Never throws.
 */
export function loadConfig(path: string, io: ConfigIo = {}): LoadResult {
  const files = filesAround(path, io);
  const sources = readSources(path, files, io);
  const site = checkSchema(sources.site, siteFileSchema);
  const dialPlan = checkSchema(sources.dialPlan, dialPlanFileSchema);
  const inventory = checkSchema(sources.inventory, inventoryFileSchema);
  const own = [...sources.problems, ...site.problems, ...dialPlan.problems, ...inventory.problems];
  const draft = draftOf(sources, site, dialPlan, inventory);
  const problems = draft === undefined ? own : [...own, ...run(ENTRY_CHECKS, draft)];
  if (draft === undefined || problems.length > 0) {
    return { ok: false, problems: sortProblems(problems) };
  }
  return finish(draft, files);
}

interface Sources {
  readonly site: YamlFile;
  readonly dialPlan: YamlFile;
  readonly inventory: YamlFile;
  readonly problems: readonly Problem[];
}

function readSources(path: string, files: Files, io: ConfigIo): Sources {
  const read = readText(path, io.readFile);
  const site = read.ok ? parseYaml(path, read.text) : unusable(path, read.message);
  const dialPlan = readNamed(site, 'dialplan', files);
  const inventory = readNamed(site, 'inventory', files);
  const problems = [site, dialPlan, inventory].flatMap((file) => file.problems);
  return { site, dialPlan, inventory, problems };
}

/** Reads the file that a key of the site file names. */
function readNamed(site: YamlFile, key: string, files: Files): YamlFile {
  const value = site.value;
  const path: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    return { ...unusable('', ''), problems: [] };
  }
  const read = files.read(path);
  return read.ok
    ? parseYaml(read.file, read.text)
    : { ...unusable(read.file, ''), problems: [site.problem([key], read.message)] };
}

function draftOf(
  sources: Sources,
  site: Checked<Draft['site']['value']>,
  dialPlan: Checked<Draft['dialPlan']['value']>,
  inventory: Checked<Draft['inventory']['value']>,
): Draft | undefined {
  if (site.value === undefined || dialPlan.value === undefined || inventory.value === undefined) {
    return undefined;
  }
  return {
    site: { source: sources.site, value: site.value },
    dialPlan: { source: sources.dialPlan, value: dialPlan.value },
    inventory: { source: sources.inventory, value: inventory.value },
  };
}

function run(checks: readonly Check[], draft: Draft): readonly Problem[] {
  return checks.flatMap((check) => check(draft));
}

function finish(draft: Draft, files: Files): LoadResult {
  const secrets = readSecrets(draft, files);
  const problems = [...run(WHOLE_CHECKS, draft), ...readableFiles(draft, files), ...secrets.problems];
  if (problems.length > 0) {
    return { ok: false, problems: sortProblems(problems) };
  }
  const warnings = sortProblems([...run(WARNINGS, draft), ...openSecrets(draft, files)]);
  return { ok: true, config: build(draft, files, secrets), warnings };
}

/** Where the journal is written when the site file does not say so: in the working directory. */
const JOURNAL_DIRECTORY = 'var/journal';

function build(draft: Draft, files: Files, secrets: Secrets): Config {
  const { site, dialPlan, inventory } = draft;
  const { admin, journal, log, lab } = site.value;
  return deepFreeze({
    site: site.value.site,
    network: buildNetwork(draft),
    inventory: buildInventory(inventory.value),
    credentials: secrets.credentials,
    numbering: numberingPlan(dialPlan.value),
    sip: sipSettings(site.value, files, secrets),
    admin,
    journal: { directory: journal.directory === undefined ? JOURNAL_DIRECTORY : files.resolve(journal.directory) },
    log,
    lab,
    source: versionOf([draft.site.source, dialPlan.source, draft.inventory.source]),
  });
}

/** The same files give the same version. A secret is in none of them. */
function versionOf(sources: readonly YamlFile[]): Config['source'] {
  const files = sources.map(({ file, sha256 }) => ({ file, sha256: sha256 ?? '' }));
  const version = createHash('sha256').update(files.map(({ sha256 }) => sha256).join(' '));
  return { version: version.digest('hex'), files };
}

function sipSettings({ sip }: SiteFile, files: Files, { control: secret, servers }: Secrets): SipSettings {
  const { engine, contacts, tls } = sip;
  const control = { host: sip.control.host, port: sip.control.port };
  const first = { ...control, secret: new Secret(secret) };
  return { engine, contacts, control, secret, servers: [first, ...servers], tls: tls && tlsFiles(tls, files) };
}

function tlsFiles(
  { certificateFile, keyFile, caFile, callerCaFile }: NonNullable<SiteFile['sip']['tls']>,
  files: Files,
): TlsFiles {
  return {
    certificateFile: files.resolve(certificateFile),
    keyFile: files.resolve(keyFile),
    caFile: caFile === undefined ? undefined : files.resolve(caFile),
    callerCaFile: callerCaFile === undefined ? undefined : files.resolve(callerCaFile),
  };
}
