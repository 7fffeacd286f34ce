import t from 'tap';
import type { CallCommand, CallEvent, CallState, NoPath } from '../../src/calls/call.js';
import { newCall, transition } from '../../src/calls/transition.js';
import type { PlannedAttempt } from '../../src/domain/attempt.js';
import { id, type AttemptId, type ServiceId } from '../../src/domain/ids.js';
import type { ServiceClass } from '../../src/domain/network.js';
import { instant, ms } from '../../src/domain/time.js';
import type { Verdict } from '../../src/domain/verdict.js';
import { smallNetwork } from '../support/network.js';

const DEPTH = 8;
const NOW = instant(0);
const NAMES = ['a1', 'a2'] as const;
type Name = (typeof NAMES)[number];

const busy: Verdict = { fault: 'callee', kind: 'callee', weight: 'none', next: 'next', reason: '486' };

/** The far end of an attempt, our leg to it, and what is on its way between the two. */
interface Far {
  readonly end: 'none' | 'invited' | 'ringing' | 'answered' | 'confirmed' | 'over';
  readonly leg: 'open' | 'given-up' | 'answered' | 'over';
  readonly toUs: readonly string[];
  readonly toFar: readonly string[];
}

/** Everything that there is. */
interface World {
  readonly call: CallState;
  readonly far: Readonly<Record<Name, Far>>;
  /** `answering`: our 200 is on its way. */
  readonly caller: 'waiting' | 'answering' | 'answered' | 'told' | 'gone';
  readonly answers: number;
}

const nobody: Far = { end: 'none', leg: 'open', toUs: [], toFar: [] };

function plan(): readonly PlannedAttempt[] {
  const network = smallNetwork([
    { id: 'kpn-a', carrier: 'kpn' },
    { id: 'second-a', carrier: 'second' },
  ]);
  return network.routes.flatMap((route) => {
    const trunk = network.trunks.get(route.trunk);
    const deadlines = { silence: ms(600), progress: ms(2_500) };
    return trunk === undefined || route.service !== id<ServiceId>('112')
      ? []
      : [{ route, trunk, role: 'normal' as const, deadlines }];
  });
}

const PLAN = plan();

function set(world: World, name: Name, change: Partial<Far>): World {
  return { ...world, far: { ...world.far, [name]: { ...world.far[name], ...change } } };
}

function send(world: World, name: Name, ...messages: readonly string[]): World {
  return set(world, name, { toFar: [...world.far[name].toFar, ...messages] });
}

function feed(world: World, event: CallEvent): World {
  const next = NAMES[world.call.attempts.length];
  const { call, commands } = transition(world.call, event, NOW, {
    attemptId: () => id<AttemptId>(next ?? 'none'),
    room: () => 'free',
    hasSeat: () => true,
    mayHedge: () => true,
    canSend: () => true,
    // Two attempts are enough here: a call that is held waits for ever.
    plan: () => [],
  });
  return commands.reduce(carryOut, { ...world, call });
}

function carryOut(world: World, command: CallCommand): World {
  switch (command.do) {
    case 'start-attempt':
      return set(world, command.attempt.id as string as Name, { end: 'invited' });
    case 'give-up': {
      const name = command.attempt as string as Name;
      return world.far[name].leg === 'open' ? send(set(world, name, { leg: 'given-up' }), name, 'CANCEL') : world;
    }
    case 'release-callee':
      return send(world, command.attempt as string as Name, 'ACK', 'BYE');
    case 'answer-caller':
      return send(
        { ...world, caller: 'answering', answers: world.answers + 1 },
        command.attempt as string as Name,
        'ACK',
      );
    case 'reject-caller':
      return { ...world, caller: 'told' };
    case 'release-caller':
      return { ...world, caller: 'gone' };
    case 'ring-caller':
    case 'watch-ringing':
    case 'reoffer-caller':
    case 'arm-proof':
    case 'arm-last-chance':
    case 'arm-retry':
    case 'report-evidence':
    case 'finish':
      return world;
  }
}

/** What a message from the far end does: to the call, or, where the attempt was given up, to the leg alone (see the port). */
function received(world: World, name: Name): World {
  const far = world.far[name];
  const [message = '', ...toUs] = far.toUs;
  const rest = set(world, name, { toUs });
  const attempt = id<AttemptId>(name);
  switch (message) {
    case '180':
      return far.leg === 'open' ? feed(rest, { type: 'responded', attempt, status: 180, trusted: true }) : rest;
    case '200':
      return far.leg === 'open'
        ? feed(set(rest, name, { leg: 'answered' }), { type: 'answered', attempt })
        : send(set(rest, name, { leg: 'over' }), name, 'ACK', 'BYE');
    default: {
      const over = set(rest, name, { leg: 'over' });
      return far.leg === 'open'
        ? feed(over, { type: 'failed', attempt, verdict: busy, status: Number(message) })
        : over;
    }
  }
}

/** RFC 3261 9.2: a CANCEL that comes after the 200 changes nothing. */
function arrives(world: World, name: Name): World {
  const far = world.far[name];
  const [message, ...toFar] = far.toFar;
  const rest = set(world, name, { toFar });
  const isPending = far.end === 'invited' || far.end === 'ringing';
  if (message === 'CANCEL') {
    return isPending ? set(rest, name, { end: 'over', toUs: [...far.toUs, '487'] }) : rest;
  }
  if (message === 'ACK') {
    return far.end === 'answered' ? set(rest, name, { end: 'confirmed' }) : rest;
  }
  return set(rest, name, { end: 'over' });
}

/** Everything that may happen next. */
function choices(world: World): readonly (() => World)[] {
  const next: (() => World)[] = [];
  for (const name of NAMES) {
    const far = world.far[name];
    const says = (end: Far['end'], message: string): void => {
      next.push(() => set(world, name, { end, toUs: [...far.toUs, message] }));
    };
    if (far.end === 'invited') {
      says('ringing', '180');
    }
    if (far.end === 'invited' || far.end === 'ringing') {
      says('answered', '200');
      says('over', '486');
    }
    if (far.toUs.length > 0) {
      next.push(() => received(world, name));
    }
    if (far.toFar.length > 0) {
      next.push(() => arrives(world, name));
    }
    const attempt = world.call.attempts.find((each) => each.id === name);
    if (attempt?.state.phase === 'silent' && attempt.state.late === undefined) {
      next.push(() => feed(world, { type: 'deadline', attempt: attempt.id, which: 'silence' }));
    }
  }
  switch (world.caller) {
    case 'waiting':
      next.push(() => feed({ ...world, caller: 'gone' }, { type: 'caller-cancelled' }));
      break;
    case 'answering':
      next.push(() => callerAnswered(world));
      next.push(() => feed({ ...world, caller: 'gone' }, { type: 'caller-unreachable' }));
      break;
    case 'answered':
      next.push(() => feed({ ...world, caller: 'gone' }, { type: 'caller-ended' }));
      break;
    case 'told':
    case 'gone':
      break;
  }
  return next;
}

function callerAnswered(world: World): World {
  return feed({ ...world, caller: 'answered' }, { type: 'caller-answered' });
}

/** Lets everything arrive that is on its way. */
function drained(world: World): World {
  for (const name of NAMES) {
    if (world.far[name].toUs.length > 0) {
      return drained(received(world, name));
    }
    if (world.far[name].toFar.length > 0) {
      return drained(arrives(world, name));
    }
  }
  return world.caller === 'answering' ? drained(callerAnswered(world)) : world;
}

const isUp = ({ end }: Far): boolean => end === 'answered' || end === 'confirmed';

function check(world: World): void {
  const quiet = drained(world);
  const up = NAMES.filter((name) => isUp(quiet.far[name]));
  const { phase } = quiet.call;
  const winner = phase.phase === 'connected' ? [phase.winner as string] : [];
  if (quiet.answers > 1 || JSON.stringify(up) !== JSON.stringify(winner)) {
    throw new Error(`answered legs ${up.join()}, winner ${winner.join()}, answers to the caller ${quiet.answers}`);
  }
  if (up.some((name) => quiet.far[name].end !== 'confirmed')) {
    throw new Error('an answer was not acknowledged');
  }
  const end: CallEvent = quiet.caller === 'answered' ? { type: 'caller-ended' } : { type: 'caller-cancelled' };
  const after = drained(feed({ ...quiet, caller: 'gone' }, end));
  const left = NAMES.filter((name) => after.far[name].end !== 'none' && after.far[name].end !== 'over');
  if (left.length > 0 || after.call.phase.phase !== 'ended') {
    throw new Error(`the caller is gone, and ${left.join()} is left`);
  }
}

/** @returns how many interleavings of at most `depth` more events there are. Each world is looked at once. */
function explore(world: World, depth: number, seen: Map<string, number>): number {
  const key = `${depth} ${JSON.stringify(world)}`;
  const known = seen.get(key);
  if (known !== undefined) {
    return known;
  }
  check(world);
  const count = depth === 0 ? 1 : choices(world).reduce((sum, act) => sum + explore(act(), depth - 1, seen), 1);
  seen.set(key, count);
  return count;
}

t.test('P12 every race of two attempts, their answers, their CANCELs and the caller: one winner, no leg left', (t) => {
  for (const [serviceClass, noPath] of [
    ['emergency', 'tell'],
    ['emergency', 'hold'],
    ['priority', 'tell'],
  ] as const satisfies readonly (readonly [ServiceClass, NoPath])[]) {
    const fresh: World = {
      call: newCall(serviceClass, PLAN, NOW, noPath),
      far: { a1: nobody, a2: nobody },
      caller: 'waiting',
      answers: 0,
    };
    const seen = new Map<string, number>();
    const count = explore(feed(fresh, { type: 'started' }), DEPTH, seen);
    t.comment(`${serviceClass}, ${noPath}: ${count} interleavings of up to ${DEPTH} events, ${seen.size} worlds`);
    t.ok(count > 100_000, 'all of them were looked at');
  }
  t.end();
});
