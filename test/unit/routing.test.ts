import * as fc from 'fast-check';
import t from 'tap';
import type { PlannedAttempt } from '../../src/domain/attempt.js';
import type { AttemptOutcome, CarrierState, Evidence, HealthView, TrunkState } from '../../src/domain/health.js';
import {
  type CarrierId,
  id,
  type RiskGroupId,
  type RouteId,
  type ServiceId,
  type TrunkId,
} from '../../src/domain/ids.js';
import type { Network, Route, Trunk, TrunkKind } from '../../src/domain/network.js';
import { type Instant, instant, ms } from '../../src/domain/time.js';
import { type Ending, judge } from '../../src/failure/verdict.js';
import { HealthBook } from '../../src/health/book.js';
import type { RoundTrip } from '../../src/health/round-trip.js';
import {
  canaryDeadlines,
  coldDeadlines,
  progressRange,
  silenceRange,
  withoutTrying,
} from '../../src/routing/deadlines.js';
import { buildPlans, isPanic, plan, type PlanOptions } from '../../src/routing/planner.js';
import { inForce } from '../support/network.js';

const service = id<ServiceId>('112');

interface Line {
  readonly name: string;
  readonly carrier: string;
  readonly tier: number;
  readonly kind?: TrunkKind;
  readonly groups?: readonly string[];
  readonly enabled?: boolean;
  readonly state?: TrunkState;
}

/** KPN twice, a second carrier twice, a mobile gateway: as in the lab. */
const lab: readonly Line[] = [
  { name: 'kpn-a', carrier: 'kpn', tier: 1, groups: ['kpn-core', 'kpn-a-box'] },
  { name: 'kpn-b', carrier: 'kpn', tier: 1, groups: ['kpn-core', 'kpn-b-box'] },
  { name: 'second-a', carrier: 'second', tier: 2, groups: ['second-core'] },
  { name: 'second-b', carrier: 'second', tier: 2, groups: ['second-core'] },
  { name: 'mobile-a', carrier: 'mobile', tier: 3, kind: 'mobile', groups: ['mobile-core'] },
];

function trunkOf({ name, carrier, kind = 'sip', groups = [], enabled = true }: Line): Trunk {
  return {
    id: id<TrunkId>(name),
    carrier: id<CarrierId>(carrier),
    kind,
    address: { host: '127.0.0.1', port: 5060, transport: 'udp' },
    channels: 10,
    riskGroups: new Set(groups.map((group) => id<RiskGroupId>(group))),
    trusted183: false,
    trusted180: kind !== 'mobile',
    probeInterval: ms(1_000),
    enabled,
  };
}

function routeOf({ name, tier }: Line, index: number): Route {
  return {
    id: id<RouteId>(`${name} ${index}`),
    service,
    destination: id('psap'),
    trunk: id<TrunkId>(name),
    number: '112',
    tier,
  };
}

function networkOf(lines: readonly Line[]): Network {
  const trunks = lines.map(trunkOf);
  return {
    services: new Map([[service, { id: service, class: 'emergency' }]]),
    destinations: new Map(),
    carriers: new Map(trunks.map(({ carrier }) => [carrier, { id: carrier, name: carrier }])),
    trunks: new Map(trunks.map((each) => [each.id, each])),
    ...inForce(lines.map(routeOf)),
    ingresses: [],
  };
}

function viewOf(lines: readonly Line[], carriers: Readonly<Record<string, CarrierState>> = {}): HealthView {
  const states = new Map(lines.map(({ name, state }) => [name, state ?? 'up'] as const));
  return { trunk: (trunk) => states.get(trunk) ?? 'unproven', carrier: (carrier) => carriers[carrier] ?? 'present' };
}

/** The lab with some trunks in another state. */
function labWith(states: Readonly<Record<string, TrunkState>>): readonly Line[] {
  return lab.map((line) => ({ ...line, state: states[line.name] ?? 'up' }));
}

function planOf(
  lines: readonly Line[],
  options: Partial<PlanOptions> = {},
  carriers: Readonly<Record<string, CarrierState>> = {},
): readonly PlannedAttempt[] {
  return plan(buildPlans(networkOf(lines), viewOf(lines, carriers)), service, { turn: 0, ...options });
}

function names(attempts: readonly PlannedAttempt[]): readonly string[] {
  return attempts.map(({ trunk, role }) => (role === 'normal' ? trunk.id : `${trunk.id} ${role}`));
}

function only(...allowed: readonly string[]): (trunk: TrunkId) => boolean {
  return (trunk) => allowed.includes(trunk);
}

t.test('the order of a plan', (t) => {
  t.same(
    names(planOf(lab)),
    ['kpn-a', 'second-a', 'kpn-b', 'second-b', 'mobile-a'],
    'the second attempt is independent',
  );
  t.same(names(planOf(lab, { turn: 1 })), ['kpn-b', 'second-b', 'kpn-a', 'second-a', 'mobile-a'], 'equals take turns');
  t.same(names(planOf(labWith({ 'kpn-a': 'unproven' }))), ['kpn-b', 'second-a', 'kpn-a', 'second-b', 'mobile-a']);
  t.same(names(planOf(labWith({ 'kpn-a': 'unproven' }), { turn: 1 }))[0], 'kpn-b', 'proven first at every turn');
  t.same(names(planOf(labWith({ 'kpn-a': 'suspect', 'kpn-b': 'suspect' }))), [
    'second-a',
    'mobile-a',
    'second-b',
    'kpn-a',
    'kpn-b',
  ]);
  t.same(names(planOf(labWith({ 'kpn-a': 'down' }))), ['kpn-b', 'second-a', 'second-b', 'mobile-a']);
  t.same(
    names(planOf(labWith({ 'kpn-a': 'recovering' }))),
    ['kpn-b', 'second-a', 'second-b', 'mobile-a', 'kpn-a panic'],
    'what is on its way back is the last resort',
  );
  t.same(
    names(planOf(lab, {}, { kpn: 'absent' })),
    ['second-a', 'mobile-a', 'second-b'],
    'P4 an absent carrier is skipped',
  );
  t.same(names(planOf(lab, {}, { kpn: 'doubted', second: 'returning' })).length, 5);
  const reseller: Line = { name: 'reseller', carrier: 'other', tier: 0, groups: ['kpn-core'] };
  t.same(names(planOf([reseller, ...lab], {}, { kpn: 'absent' }))[0], 'second-a', 'and who needs its core with it');
  t.same(
    names(planOf(lab.map((line) => ({ ...line, enabled: line.name !== 'kpn-a' }))))[0],
    'kpn-b',
    'a trunk put aside',
  );
  t.same(planOf([]), []);
  t.same(plan(buildPlans(networkOf(lab), viewOf(lab)), id<ServiceId>('999'), { turn: 0 }), []);
  const [first, , , , last] = planOf(lab);
  t.same(first?.deadlines, { miss: 150, silence: 600, progress: 2_500, slow: 1_250, ask: 600 });
  t.same(last?.deadlines, { miss: 150, silence: 600, progress: 8_000, slow: 4_000, ask: 600 });
  t.end();
});

t.test('P17 the first two share no fate', (t) => {
  const shared: readonly Line[] = [
    { name: 'a', carrier: 'x', tier: 1, groups: ['fibre', 'ups'] },
    { name: 'b', carrier: 'y', tier: 1, groups: ['fibre'] },
    { name: 'c', carrier: 'z', tier: 2, groups: ['ups'] },
  ];
  t.same(names(planOf(shared)), ['b', 'c', 'a'], 'the first gives way when nothing is independent of it');
  t.same(names(planOf(shared.slice(0, 2))), ['a', 'b'], 'no pair: the order stays');
  const bare: readonly Line[] = [
    { name: 'a', carrier: 'x', tier: 1 },
    { name: 'b', carrier: 'x', tier: 1 },
    { name: 'c', carrier: 'y', tier: 2 },
  ];
  t.same(names(planOf(bare)), ['a', 'c', 'b'], 'an inventory without risk groups');
  t.same(names(planOf(bare.slice(0, 2))), ['a', 'b']);
  t.end();
});

t.test('P17 a number that is hosted in a network is lost with it, over whichever trunk it is dialled', (t) => {
  const lines: readonly Line[] = [
    { name: 'a', carrier: 'x', tier: 1, groups: ['x-core'] },
    { name: 'b', carrier: 'y', tier: 1, groups: ['y-core'] },
    { name: 'c', carrier: 'z', tier: 2, groups: ['z-core'] },
  ];
  const own = networkOf(lines);
  const hosted: Network = {
    ...own,
    routes: own.routes.map((route) =>
      route.trunk === 'b' ? { ...route, riskGroups: new Set([id<RiskGroupId>('x-core')]) } : route,
    ),
  };
  const at = (carriers: Readonly<Record<string, CarrierState>> = {}) =>
    names(plan(buildPlans(hosted, viewOf(lines, carriers)), service, { turn: 0 }));
  t.same(at(), ['a', 'c', 'b'], 'the number over b would be lost with the carrier of a');
  t.same(at({ x: 'absent' }), ['c'], 'and it is');
  t.end();
});

t.test('canaries', (t) => {
  const returning = labWith({ 'kpn-b': 'recovering', 'second-a': 'down' });
  const [canary, ...rest] = planOf(returning, { canaryAllowed: only('kpn-b') });
  t.match(canary, { role: 'canary', trunk: { id: 'kpn-b' }, deadlines: { miss: 150, silence: 300, progress: 800 } });
  t.same(names(rest), ['second-b', 'kpn-a', 'mobile-a'], 'followed by an independent trunk');
  t.same(names(planOf(returning, { canaryAllowed: () => false })), ['kpn-a', 'second-b', 'mobile-a', 'kpn-b panic']);
  const two = labWith({ 'kpn-a': 'recovering', 'second-a': 'recovering' });
  t.same(
    names(planOf(two, { canaryAllowed: () => true })),
    ['kpn-a canary', 'second-b', 'kpn-b', 'mobile-a', 'second-a panic'],
    'one a call',
  );
  const doubted = labWith({ 'kpn-a': 'suspect', 'kpn-b': 'suspect' });
  t.same(
    names(planOf(doubted, { canaryAllowed: only('kpn-b') })),
    ['kpn-b canary', 'second-a', 'second-b', 'mobile-a', 'kpn-a'],
    'a suspect trunk gets its chance once, not twice in a plan',
  );
  t.same(names(planOf(lab, { canaryAllowed: () => true })), names(planOf(lab)), 'a healthy trunk is no canary');
  const mobile = labWith({ 'mobile-a': 'recovering' });
  t.same(
    names(planOf(mobile, { canaryAllowed: () => true })),
    ['kpn-a', 'second-a', 'kpn-b', 'second-b', 'mobile-a canary'],
    'a mobile trunk is too slow to be tried first',
  );
  t.end();
});

t.test('P9 the panic route', (t) => {
  const all: TrunkState = 'down';
  const dead = lab.map((line) => ({ ...line, state: all }));
  const panic = ['kpn-a panic', 'second-a panic', 'kpn-b panic', 'second-b panic', 'mobile-a panic'];
  t.same(names(planOf(dead)), panic, 'everything is tried');
  t.ok(isPanic(buildPlans(networkOf(dead), viewOf(dead)), service));
  t.notOk(isPanic(buildPlans(networkOf(lab), viewOf(lab)), service));
  t.same(names(planOf(lab, {}, { kpn: 'absent', second: 'absent', mobile: 'absent' })), panic, 'carriers too');
  const one = labWith({ 'kpn-a': all, 'kpn-b': all, 'second-a': all, 'second-b': 'recovering', 'mobile-a': all });
  t.same(names(planOf(one)).slice(0, 2), ['second-b panic', 'kpn-a panic'], 'what is on its way back comes first');
  const aside = dead.map((line) => ({ ...line, enabled: line.name !== 'kpn-a' }));
  t.notOk(names(planOf(aside)).includes('kpn-a panic'), 'but not what the operator put aside');
  t.equal(planOf(dead.map((line) => ({ ...line, enabled: false }))).length, 5, 'unless that is all there is');
  t.end();
});

t.test('trunks without room go last', (t) => {
  const hasRoom = ({ id: trunk }: Trunk): boolean => trunk !== 'kpn-a';
  t.same(names(planOf(lab, { hasRoom })), ['second-a', 'kpn-b', 'second-b', 'mobile-a', 'kpn-a']);
  const returning = labWith({ 'kpn-a': 'recovering' });
  t.same(
    names(planOf(returning, { hasRoom, canaryAllowed: only('kpn-a') })),
    names(planOf(returning, { canaryAllowed: () => false })),
    'a full trunk is no canary',
  );
  t.equal(planOf(lab, { hasRoom: () => false }).length, 5, 'our own count never refuses a call');
  t.end();
});

t.test('deadlines stay in their range', (t) => {
  for (const kind of ['sip', 'e1', 'mobile'] as const) {
    const { floor, cold, ceiling } = progressRange[kind];
    t.ok(floor < cold && cold < ceiling);
    t.same(coldDeadlines(kind), { miss: 150, silence: silenceRange.cold, progress: cold, slow: cold / 2, ask: 600 });
    t.ok(canaryDeadlines(kind).progress <= cold);
  }
  t.end();
});

t.test('deadlines where 100 Trying does not reach us', (t) => {
  const usual = coldDeadlines('sip');
  const ringsAfter = (time: number, samples = 5, spread = 0): RoundTrip => ({
    smoothed: ms(time),
    deviation: ms(spread),
    samples,
  });
  const doubt = 500;
  const only = { silence: undefined, progress: 2_500, slow: 1_250, doubt };
  t.same(withoutTrying(usual, undefined), only, 'nothing learned: the progress deadline alone');
  t.same(withoutTrying(usual, ringsAfter(200, 4)), only, 'too little learned');
  t.same(withoutTrying(usual, ringsAfter(1_000)), only, 'a trunk that rings slowly');
  t.same(
    withoutTrying(usual, ringsAfter(200)),
    { silence: 1_200, progress: 2_500, slow: 1_250, doubt },
    'after the first resend',
  );
  t.same(withoutTrying(usual, ringsAfter(900, 50, 100)).silence, 1_300, 'as learned');
  t.same(withoutTrying(usual, ringsAfter(900, 50, 400)).silence, silenceRange.ceiling);
  const canary = withoutTrying(canaryDeadlines('sip'), ringsAfter(200));
  t.same(canary, { silence: undefined, progress: 800, doubt }, 'a canary is late before that');
  t.end();
});

const anyLine: fc.Arbitrary<Omit<Line, 'name'>> = fc.record({
  carrier: fc.constantFrom('kpn', 'second', 'mobile'),
  tier: fc.integer({ min: 1, max: 3 }),
  kind: fc.constantFrom<TrunkKind>('sip', 'sip', 'e1', 'mobile'),
  groups: fc.uniqueArray(fc.constantFrom('kpn-core', 'fibre', 'ups', 'mast', 'site'), { maxLength: 3 }),
  enabled: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  state: fc.constantFrom<TrunkState>('unproven', 'up', 'up', 'suspect', 'down', 'recovering'),
});
const anyNetwork = fc
  .array(anyLine, { minLength: 1, maxLength: 8 })
  .map((lines) => lines.map((line, index): Line => ({ ...line, name: `trunk-${index}` })));
const anyCarriers = fc.record({
  kpn: fc.constantFrom<CarrierState>('present', 'doubted', 'absent', 'returning'),
  second: fc.constantFrom<CarrierState>('present', 'present', 'absent'),
});
const anyCase = fc.tuple(
  anyNetwork,
  anyCarriers,
  fc.nat({ max: 1_000 }),
  fc.constantFrom('none', 'trunk-0', 'trunk-1'),
);

function always(holds: (lines: readonly Line[], attempts: readonly PlannedAttempt[]) => boolean): void {
  fc.assert(
    fc.property(anyCase, ([lines, carriers, turn, canary]) =>
      holds(lines, planOf(lines, { turn, canaryAllowed: only(canary) }, carriers)),
    ),
    { numRuns: 500 },
  );
}

function stateOf(lines: readonly Line[], { trunk }: PlannedAttempt): TrunkState | undefined {
  return lines.find(({ name }) => name === trunk.id)?.state;
}

function independent(a: Trunk, b: Trunk): boolean {
  return [...a.riskGroups].every((group) => !b.riskGroups.has(group));
}

t.test('whatever the state of the world', (t) => {
  always((_, attempts) => attempts.length > 0);
  t.pass('a plan is never empty');
  always((_, attempts) => new Set(attempts.map(({ route }) => route.id)).size === attempts.length);
  t.pass('no route comes twice');
  always((lines, attempts) => {
    const inPanic = attempts.every(({ role }) => role === 'panic');
    return inPanic || attempts.every((each) => stateOf(lines, each) !== 'down');
  });
  t.pass('a trunk that is down is tried in a panic only');
  always((lines, attempts) =>
    attempts.every((each) => {
      const state = stateOf(lines, each);
      return each.role !== 'canary' ? each.role === 'panic' || state !== 'recovering' : state !== 'up';
    }),
  );
  t.pass('a returning trunk takes canaries only');
  always((_, [first, second, ...rest]) => {
    if (first === undefined || second === undefined || independent(first.trunk, second.trunk)) {
      return true;
    }
    const isPanic = first.role === 'panic';
    return rest.every(({ trunk, role }) => !independent(first.trunk, trunk) || (role === 'panic' && !isPanic));
  });
  t.pass('the second attempt is independent of the first if any is');
  always((lines, attempts) => {
    const normal = attempts.filter(({ role }) => role === 'normal').slice(2);
    const ranks = normal.map((each) => (stateOf(lines, each) === 'suspect' ? 100 : 0) + each.route.tier);
    return ranks.every((rank, index) => index === 0 || rank >= (ranks[index - 1] ?? 0));
  });
  t.pass('behind the first two: healthy before suspect, then by tier');
  t.end();
});

t.test('the first two are independent if any healthy one has a partner', (t) => {
  fc.assert(
    fc.property(anyNetwork, fc.nat({ max: 100 }), (lines, turn) => {
      const all = planOf(lines, { turn });
      const isPanic = all.every(({ role }) => role === 'panic');
      const attempts = all.filter(({ role }) => isPanic || role !== 'panic');
      const [first, second] = attempts;
      const isHealthy = (each: PlannedAttempt): boolean => stateOf(lines, each) !== 'suspect' || each.role === 'panic';
      const heads = attempts.some(isHealthy) ? attempts.filter(isHealthy) : attempts;
      const pair = heads.some((a) => attempts.some((b) => a !== b && independent(a.trunk, b.trunk)));
      return !pair || (first !== undefined && second !== undefined && independent(first.trunk, second.trunk));
    }),
    { numRuns: 1_000 },
  );
  t.pass('1,000 networks');
  t.end();
});

t.test('the same world gives the same plan, and turns share the load', (t) => {
  const plans = buildPlans(networkOf(lab), viewOf(lab));
  t.equal(plan(plans, service, { turn: 7 }), plan(plans, service, { turn: 7 }), 'made once, not per call');
  t.same(planOf(lab, { turn: 7 }), planOf(lab, { turn: 7 }));
  const firsts = Array.from({ length: 100 }, (_, turn) => plan(plans, service, { turn })[0]?.trunk.id);
  t.equal(firsts.filter((name) => name === 'kpn-a').length, 50);
  t.end();
});

type Fault = 'none' | 'lie' | 'reject' | 'blackhole';

/** One call a second and one probe per trunk and second; KPN has a fault between two moments. */
class Replay {
  readonly #network = networkOf(lab);
  readonly book = new HealthBook(this.#network, instant(0));
  #turn = 0;

  run(from: number, to: number, fault: Fault): readonly PlannedAttempt[] {
    const firsts: PlannedAttempt[] = [];
    for (let second = from; second < to; second += 1) {
      const now = instant(second * 1_000);
      for (const { id: trunk, carrier } of this.#network.trunks.values()) {
        const lost = fault === 'blackhole' && carrier === 'kpn';
        const outcome = lost ? { kind: 'silent' } : { kind: 'answered', status: 200, roundTrip: ms(1) };
        this.book.record(trunk, { type: 'probe', outcome } as Evidence, now);
      }
      this.book.tick(now);
      firsts.push(...this.#call(now, fault));
    }
    return firsts;
  }

  /** Tries until something answers. Gives the first attempt. */
  #call(now: Instant, fault: Fault): readonly PlannedAttempt[] {
    const canaryAllowed = (trunk: TrunkId): boolean => this.book.admitsCanary(trunk, service, now);
    const plans = buildPlans(this.#network, this.book.view());
    const shareAllowed = (trunk: TrunkId): boolean => this.book.takesShare(trunk, service);
    const attempts = plan(plans, service, { turn: (this.#turn += 1), canaryAllowed, shareAllowed });
    for (const { trunk, role } of attempts) {
      if (role === 'canary') {
        this.book.canaryStarted(trunk.id, service, now);
      }
      const outcome = outcomeOf(trunk.carrier === 'kpn' ? fault : 'none');
      this.book.record(trunk.id, { type: 'attempt', service, outcome }, now);
      if (outcome.kind === 'answered') {
        break;
      }
    }
    return attempts.slice(0, 1);
  }
}

function outcomeOf(fault: Fault): AttemptOutcome {
  switch (fault) {
    case 'none':
      return { kind: 'answered' };
    case 'lie':
      return { kind: 'failed', verdict: judge({ service: 'emergency', origin: 'deadline', which: 'progress' }) };
    case 'blackhole':
      return { kind: 'failed', verdict: judge({ service: 'emergency', origin: 'deadline', which: 'silence' }) };
    case 'reject':
      return { kind: 'failed', verdict: judge(rejection) };
  }
}

const rejection: Ending = {
  service: 'emergency',
  origin: 'peer',
  status: 503,
  reasons: [],
  sawProgress: false,
  plain: false,
  ownNumber: false,
};

t.test('P4, R2: a carrier that fails calls gets canaries only, and comes back when it works', (t) => {
  for (const fault of ['lie', 'reject', 'blackhole'] as const) {
    const replay = new Replay();
    t.ok(
      replay.run(0, 20, 'none').every(({ trunk }) => trunk.carrier === 'kpn'),
      'KPN while it works',
    );
    const hit = replay.run(20, 24, fault).filter(({ trunk }) => trunk.carrier === 'kpn');
    t.ok(hit.length <= 2, `${fault}: ${hit.length} calls met the dead carrier`);
    const later = replay.run(24, 624, fault).filter(({ trunk }) => trunk.carrier === 'kpn');
    t.ok(
      later.every(({ role }) => role === 'canary'),
      `${fault}: ${later.length} canaries in ten minutes`,
    );
    t.ok(later.length <= 20);
    const soon = replay
      .run(624, 1_300, 'none')
      .filter(({ trunk, role }) => trunk.carrier === 'kpn' && role === 'normal');
    t.ok(soon.length > 0 && soon.length < 300, `${soon.length} calls of its share, in the first minutes`);
    const back = replay.run(1_300, 2_900, 'none').slice(-10);
    t.ok(
      back.every(({ trunk, role }) => trunk.carrier === 'kpn' && role === 'normal'),
      'KPN again',
    );
  }
  t.end();
});

t.test('a decision costs under 5 microseconds', (t) => {
  const doubted = labWith({ 'kpn-a': 'recovering' });
  const plans = buildPlans(networkOf(doubted), viewOf(doubted));
  const decisions = 200_000;
  const options: readonly PlanOptions[] = [
    { turn: 0, canaryAllowed: only('kpn-a'), hasRoom: () => true },
    { turn: 1, canaryAllowed: () => false, hasRoom: () => true },
  ];
  const began = performance.now();
  let attempts = 0;
  for (let turn = 0; turn < decisions; turn += 1) {
    attempts += plan(plans, service, options[turn % 2] ?? { turn }).length;
  }
  const microseconds = ((performance.now() - began) * 1_000) / decisions;
  t.ok(microseconds < 5, `${microseconds.toFixed(2)} microseconds, ${attempts} attempts`);
  t.end();
});
