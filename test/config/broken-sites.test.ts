import { execFile } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { formatProblem, loadConfig } from '../../src/config/load.js';

/** A whole site, as large as a real one. */
const FOLDER = 'test/config/whole';
const SITE = 'example.yaml';
const DIAL_PLAN = 'example/dialplan.yaml';
const INVENTORY = 'example/inventory.yaml';

/** One slip of an engineer in the whole site, and what it is told. */
interface Slip {
  readonly name: string;
  readonly file: string;
  readonly from: string | RegExp;
  readonly to: string;
  readonly told: readonly string[];
}

const SLIPS: readonly Slip[] = [
  {
    name: 'a word that is nearly right',
    file: SITE,
    from: 'engine: embedded',
    to: 'engine: embeded',
    told: [
      'example.yaml:6:11: sip.engine: "embeded" is wrong, expected embedded or drachtio (did you mean "embedded"?)',
    ],
  },
  {
    name: 'a route over a trunk that is not there',
    file: DIAL_PLAN,
    from: 'trunk: second-e1, number: 112',
    to: 'trunk: second-el, number: 112',
    told: [
      'example/dialplan.yaml:31:60: routes[2].trunk: unknown trunk "second-el", expected one of kpn-sip, kpn-e1, second-e1, mobile-lte (did you mean "second-e1"?)',
    ],
  },
  {
    name: 'a service that nothing carries',
    file: DIAL_PLAN,
    from: 'destinations:\n',
    to: '  0900-1844: { class: priority, national: [0900-1844] }\ndestinations:\n',
    told: [
      'example/dialplan.yaml:17:3: services.0900-1844: the service has no route over a trunk that is enabled, expected at least one',
      'example/dialplan.yaml:42:3: plans.without-kpn: the plan has, for the service 0900-1844, no route over a trunk that is enabled, expected at least one',
    ],
  },
  {
    name: 'a route with nothing to dial',
    file: DIAL_PLAN,
    from: 'trunk: kpn-sip, number: 0900-8844, tier',
    to: 'trunk: kpn-sip, tier',
    told: ['example/dialplan.yaml:35:5: routes[6]: nothing to dial, expected number, or addresses at its destination'],
  },
  {
    name: 'two trunks at one address',
    file: INVENTORY,
    from: 'address: 192.0.2.12:5060',
    to: 'address: 192.0.2.11:5060',
    told: [
      'example/inventory.yaml:68:14: trunks.second-e1.address: 192.0.2.11:5060;transport=udp is the address of trunk kpn-e1 too, expected an address of its own',
    ],
  },
  {
    name: 'a mobile trunk that dials 112',
    file: DIAL_PLAN,
    from: 'trunk: mobile-lte, tier: 3 }',
    to: 'trunk: mobile-lte, number: 112, tier: 3 }',
    told: [
      'example/dialplan.yaml:32:80: routes[3].number: "112" on the mobile trunk mobile-lte would land in the national chain again, expected a PSAP\'s own number',
    ],
  },
  {
    name: 'a mobile trunk that dials the emergency URN',
    file: DIAL_PLAN,
    from: 'trunk: mobile-lte, tier: 3 }',
    to: 'trunk: mobile-lte, number: urn:service:sos, tier: 3 }',
    told: [
      'example/dialplan.yaml:32:80: routes[3].number: "urn:service:sos" on the mobile trunk mobile-lte would land in the national chain again, expected a PSAP\'s own number',
    ],
  },
  {
    name: 'both services, with all their routes, over one carrier',
    file: INVENTORY,
    from: /carrier: (?:second|mobile)$/gm,
    to: 'carrier: kpn',
    told: [
      'example/dialplan.yaml:14:3: services.0900-8844: all routes of 112 and of 0900-8844 lead over the carrier kpn, expected another carrier for one of them',
      'example/dialplan.yaml:41:3: plans.without-kpn: all routes of 112 and of 0900-8844 in the plan without-kpn lead over the carrier kpn, expected another carrier for one of them',
    ],
  },
  {
    name: 'a laboratory gateway in a real site',
    file: INVENTORY,
    from: 'family: dinstar-uc2000',
    to: 'family: simulated',
    told: [
      'example/inventory.yaml:28:23: gateways.lte-east.family: a simulated gateway could answer a real 112 call, expected a real one, or lab: true in the site file of a lab',
    ],
  },
  {
    name: 'a destination that is to take over and is not there',
    file: DIAL_PLAN,
    from: 'takeOver: [control-room-east]',
    to: 'takeOver: [control-room-esat]',
    told: [
      'example/dialplan.yaml:22:16: destinations.control-room-west.takeOver[0]: unknown destination "control-room-esat", expected one of control-room-west, control-room-east, police-centre (did you mean "control-room-east"?)',
    ],
  },
  {
    name: 'more channels reserved than there are',
    file: INVENTORY,
    from: 'channels: 60\n    reserved: 10',
    to: 'channels: 60\n    reserved: 100',
    told: ['example/inventory.yaml:62:15: trunks.kpn-e1.reserved: 100 reserved of 60 channels, expected at most 59'],
  },
  {
    name: 'a plan that leaves a service out',
    file: DIAL_PLAN,
    from: /^ {6}- \{ service: 0900-8844.*\n/gm,
    to: '',
    told: [
      'example/dialplan.yaml:41:3: plans.without-kpn: the plan has, for the service 0900-8844, no route over a trunk that is enabled, expected at least one',
    ],
  },
  {
    name: 'a risk group that is lost with itself',
    file: INVENTORY,
    from: 'duct-west: Duct into the building along the west side',
    to: 'duct-west: { name: Duct, riskGroups: [fibre-west] }',
    told: [
      'example/inventory.yaml:6:3: riskGroups.duct-west: risk groups in a loop: duct-west -> fibre-west -> duct-west, expected a chain that ends',
    ],
  },
  {
    name: 'a SIP server elsewhere without a secret',
    file: SITE,
    from: 'control: { host: 127.0.0.1,',
    to: 'control: { host: 192.0.2.7,',
    told: ['example.yaml:10:12: sip.control: no secret for 192.0.2.7, expected secretFile or NOODROUTE_ENGINE_SECRET'],
  },
];

/** The problems of the whole site with some slips in it, with paths as they are seen from its folder. */
function toldOf(slips: readonly Slip[]): readonly string[] {
  const result = loadConfig(SITE, {
    env: {},
    modeOf: () => undefined,
    readFile: (path) =>
      slips.filter(({ file }) => file === path).reduce(slipped, readFileSync(join(FOLDER, path), 'utf8')),
  });
  return result.ok ? [] : result.problems.map(formatProblem);
}

function slipped(text: string, { name, from, to }: Slip): string {
  const changed = text.replace(from, to);
  if (changed === text) {
    throw new Error(`${name}: the site has no ${from}`);
  }
  return changed;
}

for (const slip of SLIPS) {
  t.test(`a whole site with ${slip.name}`, (t) => {
    t.same(toldOf([slip]), slip.told);
    t.end();
  });
}

t.test('every slip is told at once, with exit status 1', async (t) => {
  const folder = t.testdir();
  cpSync(FOLDER, folder, { recursive: true });
  const together = [SLIPS[0], SLIPS[1], SLIPS[4], SLIPS[5]].filter((slip) => slip !== undefined);
  for (const slip of together) {
    const path = join(folder, slip.file);
    writeFileSync(path, slipped(readFileSync(path, 'utf8'), slip));
  }
  const main = join(process.cwd(), 'build/src/main.js');
  const run = promisify(execFile)(process.execPath, [main, 'check', SITE], { cwd: folder, timeout: 20_000 });
  const { code, stderr } = await run.then(
    () => ({ code: 0, stderr: '' }),
    (error: { code: number; stderr: string }) => error,
  );
  t.equal(code, 1);
  const expected = together.flatMap(({ told }) => told).toSorted();
  t.same(stderr.trim().split('\n').slice(0, -1).toSorted(), expected);
  t.match(stderr, 'example.yaml: 4 errors\n');
});
