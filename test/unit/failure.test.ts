import * as fc from 'fast-check';
import t from 'tap';
import { type CarrierId, id } from '../../src/domain/ids.js';
import type { ServiceClass } from '../../src/domain/network.js';
import type { FailureKind, NextStep, Verdict, Weight } from '../../src/domain/verdict.js';
import { type FailedAttempt, finalForCaller } from '../../src/failure/final.js';
import { ms } from '../../src/domain/time.js';
import { type GatewayProfile, judge, type PeerEnding } from '../../src/failure/verdict.js';
import type { Reason } from '../../src/sip/reason.js';

function q850(cause: number, location?: string): Reason {
  return { protocol: 'Q.850', cause, text: undefined, location };
}

function answer(service: ServiceClass, status: number, more: Partial<PeerEnding> = {}): Verdict {
  return judge({
    service,
    origin: 'peer',
    status,
    reasons: [],
    sawProgress: false,
    plain: false,
    ownNumber: false,
    ...more,
  });
}

type Line = readonly [
  what: string,
  status: number,
  kind: FailureKind,
  weight: Weight,
  next: NextStep,
  more?: Partial<PeerEnding>,
];

const e1: GatewayProfile = { kind: 'e1' };
const sim: GatewayProfile = { kind: 'mobile' };
const believed: GatewayProfile = { kind: 'sip', trustedBusy: true };
const slowToRelease: GatewayProfile = { kind: 'e1', releaseDelay: ms(2_000) };
const justReleased = { gateway: slowToRelease, sinceRelease: ms(100) };
const rang = { sawProgress: true };
const plain = { plain: true };
const own = { ownNumber: true };

function cause(value: number, location?: string): Partial<PeerEnding> {
  return { reasons: [q850(value, location)] };
}

/** The emergency column. */
const emergency: readonly Line[] = [
  ['redirect is not followed', 300, 'rejected', 'weak', 'next'],
  ['redirect is not followed', 302, 'rejected', 'weak', 'next'],
  ['alternative service', 380, 'rejected', 'weak', 'next'],
  ['nobody listed it', 400, 'rejected', 'medium', 'next'],
  ['credentials', 401, 'config', 'weak', 'next'],
  ['credit', 402, 'config', 'weak', 'next'],
  ['credentials', 407, 'config', 'weak', 'next'],
  ['credentials that were shown', 401, 'config', 'weak', 'next', { known: true }],
  ['credentials say more than cause 21', 407, 'config', 'weak', 'next', cause(21)],
  ['screened', 403, 'rejected', 'weak', 'same-own-number'],
  ['screened twice', 403, 'rejected', 'weak', 'next', own],
  ['screened, plain before', 403, 'rejected', 'weak', 'same-own-number', plain],
  ['screened by cause', 500, 'rejected', 'weak', 'same-own-number', cause(21)],
  ['number form', 404, 'number', 'weak', 'same-second-form'],
  ['number form, second form before', 404, 'number', 'weak', 'next', { secondForm: true }],
  ['number form, plain before', 404, 'number', 'weak', 'same-second-form', plain],
  ['number form', 410, 'number', 'weak', 'same-second-form'],
  ['number form', 484, 'number', 'weak', 'same-second-form'],
  ['number form', 604, 'number', 'weak', 'same-second-form'],
  ['number form by cause', 500, 'number', 'weak', 'same-second-form', cause(1)],
  ['number form by cause', 480, 'number', 'weak', 'same-second-form', cause(28)],
  ['no route in the network', 404, 'rejected', 'medium', 'next', cause(3)],
  ['no transit network', 404, 'rejected', 'medium', 'next', cause(2)],
  ['too rich', 405, 'ours', 'none', 'same-plain'],
  ['too rich', 406, 'ours', 'none', 'same-plain'],
  ['too rich', 413, 'ours', 'none', 'same-plain'],
  ['too rich', 414, 'ours', 'none', 'same-plain'],
  ['too rich', 415, 'ours', 'none', 'same-plain'],
  ['too rich', 416, 'ours', 'none', 'same-plain'],
  ['too rich', 420, 'ours', 'none', 'same-plain'],
  ['too rich', 421, 'ours', 'none', 'same-plain'],
  ['priority not known', 417, 'ours', 'none', 'same-plain'],
  ['signature out of reach', 436, 'ours', 'none', 'same-plain'],
  ['signature not trusted', 437, 'ours', 'none', 'same-plain'],
  ['signature does not fit', 438, 'ours', 'none', 'same-plain'],
  ['location not liked', 424, 'ours', 'none', 'same-plain'],
  ['too rich', 488, 'ours', 'none', 'same-plain'],
  ['too rich', 493, 'ours', 'none', 'same-plain'],
  ['too rich', 513, 'ours', 'none', 'same-plain'],
  ['too rich', 606, 'ours', 'none', 'same-plain'],
  ['too rich, plain before', 488, 'ours', 'none', 'next', plain],
  ['too rich, own number before', 488, 'ours', 'none', 'same-plain', own],
  ['too rich by cause', 500, 'ours', 'none', 'same-plain', cause(88)],
  ['too rich by cause, plain before', 503, 'ours', 'none', 'next', { ...plain, ...cause(65) }],
  ['interval', 422, 'ours', 'none', 'same-min-se', { minSe: 1_800 }],
  ['interval, plain before', 422, 'ours', 'none', 'same-min-se', { ...plain, minSe: 1_800 }],
  ['interval, shown before', 422, 'ours', 'none', 'next', { minSe: 1_800, minSeShown: true }],
  ['interval of which nothing is said', 422, 'ours', 'none', 'next'],
  ['absent before ringing', 408, 'rejected', 'strong', 'next'],
  ['absent before ringing', 480, 'rejected', 'strong', 'next'],
  ['absent after ringing', 408, 'rejected', 'medium', 'next', rang],
  ['absent after ringing', 480, 'rejected', 'medium', 'next', rang],
  ['absent by cause', 480, 'rejected', 'strong', 'next', cause(20)],
  ['absent by cause, rang', 480, 'rejected', 'medium', 'next', { ...rang, ...cause(18) }],
  ['not answered, rang', 480, 'callee', 'none', 'next', { ...rang, ...cause(19) }],
  ['not answered, never rang', 480, 'rejected', 'strong', 'next', cause(19)],
  ['temporary failure under 480', 480, 'rejected', 'strong', 'next', cause(41)],
  ['network out of order under 480', 480, 'rejected', 'strong', 'next', cause(38)],
  ['loop', 482, 'loop', 'strong', 'next'],
  ['too many hops', 483, 'loop', 'strong', 'next'],
  ['loop by cause', 500, 'loop', 'strong', 'next', cause(25)],
  ['busy', 486, 'callee', 'none', 'next'],
  ['busy everywhere', 600, 'callee', 'none', 'next'],
  ['busy by cause', 603, 'callee', 'none', 'next', cause(17)],
  ['busy, the user says', 486, 'callee', 'none', 'next', cause(17, 'U')],
  ['busy, a small u', 486, 'callee', 'none', 'next', cause(17, 'u')],
  ['busy, the network says', 486, 'rejected', 'medium', 'next', cause(17, 'TN')],
  ['busy, the far network says', 486, 'rejected', 'medium', 'next', cause(17, 'RLN')],
  ['busy, an unknown place says', 486, 'callee', 'none', 'next', cause(17, 'BI')],
  ['no channel behind busy', 486, 'full', 'none', 'next', cause(34)],
  ['nobody cancelled', 487, 'rejected', 'weak', 'next'],
  ['glare', 491, 'ours', 'none', 'next'],
  ['server', 500, 'rejected', 'medium', 'next'],
  ['server, vague cause', 500, 'rejected', 'medium', 'next', cause(31)],
  ['server, cause of another kind', 500, 'rejected', 'medium', 'next', cause(127)],
  ['server', 501, 'rejected', 'medium', 'next'],
  ['upstream', 502, 'rejected', 'medium', 'next'],
  ['upstream, destination out of order', 502, 'rejected', 'strong', 'next', cause(27)],
  ['upstream', 504, 'rejected', 'medium', 'next'],
  ['upstream, timer', 504, 'rejected', 'medium', 'next', cause(102)],
  ['server', 505, 'rejected', 'medium', 'next'],
  ['precondition', 580, 'rejected', 'medium', 'next'],
  ['unavailable', 503, 'rejected', 'strong', 'next'],
  ['unavailable after ringing', 503, 'rejected', 'strong', 'next', rang],
  ['full by cause 34', 503, 'full', 'none', 'next', cause(34)],
  ['full by cause 42', 503, 'full', 'none', 'next', cause(42)],
  ['congested, behind our E1', 503, 'full', 'none', 'next', { ...cause(42), gateway: e1 }],
  ['registered and congested', 503, 'rejected', 'medium', 'next', { ...cause(42), gateway: sim }],
  ['full, on a mobile gateway', 503, 'full', 'none', 'next', { ...cause(34), gateway: sim }],
  ['bare, just after a call', 503, 'full', 'none', 'next', { gateway: slowToRelease, sinceRelease: ms(1_900) }],
  ['bare, long after a call', 503, 'rejected', 'strong', 'next', { gateway: slowToRelease, sinceRelease: ms(2_100) }],
  ['bare, after no call', 503, 'rejected', 'strong', 'next', { gateway: slowToRelease }],
  ['a cause, just after', 503, 'rejected', 'strong', 'next', { ...justReleased, ...cause(38) }],
  ['no delay known', 503, 'rejected', 'strong', 'next', { gateway: e1, sinceRelease: ms(10) }],
  ['another status just after', 500, 'rejected', 'medium', 'next', justReleased],
  ['busy, believed', 486, 'callee', 'none', 'next', { ...cause(17, 'U'), gateway: believed }],
  ['channel glare', 503, 'full', 'none', 'next', cause(44)],
  ['full by cause 47', 503, 'full', 'none', 'next', cause(47)],
  ['declined', 603, 'rejected', 'weak', 'next'],
  ['FreeSWITCH sends 21 as 603', 603, 'rejected', 'weak', 'next', cause(21)],
  ['declined by the far end', 603, 'callee', 'none', 'next', cause(21, 'U')],
  ['unwanted', 607, 'rejected', 'weak', 'next'],
  ['rejected by analytics', 608, 'rejected', 'weak', 'next'],
  ['nobody listed it', 599, 'rejected', 'medium', 'next'],
  ['nobody listed it', 699, 'rejected', 'medium', 'next'],
  ['nobody listed it', 428, 'rejected', 'medium', 'next'],
];

/** Where a priority call differs. */
const priority: readonly Line[] = [
  ['busy, perhaps', 486, 'callee', 'none', 'next'],
  ['busy, the far end itself says', 486, 'callee', 'none', 'end', { ...cause(17, 'U'), gateway: believed }],
  ['busy, its exchange says', 486, 'callee', 'none', 'end', { ...cause(17, 'RPN'), gateway: believed }],
  ['busy, says a trunk that nobody accepted', 486, 'callee', 'none', 'next', cause(17, 'U')],
  ['busy, from nowhere', 486, 'callee', 'none', 'next', { ...cause(17), gateway: believed }],
  ['busy, the network says', 486, 'rejected', 'medium', 'next', cause(17, 'TN')],
  ['declined by the far end', 603, 'callee', 'none', 'end', { ...cause(21, 'U'), gateway: believed }],
  ['declined, not believed', 603, 'callee', 'none', 'next', cause(21, 'U')],
  ['declined', 603, 'rejected', 'weak', 'next'],
  ['too many hops may be the caller', 483, 'loop', 'medium', 'next'],
  ['number form', 404, 'number', 'weak', 'same-second-form'],
  ['screened', 403, 'rejected', 'weak', 'same-own-number'],
  ['unavailable', 503, 'rejected', 'strong', 'next'],
];

t.test('a final response', (t) => {
  const columns = [
    ['emergency', emergency],
    ['priority', priority],
  ] as const;
  for (const [service, lines] of columns) {
    for (const [what, status, kind, weight, next, more] of lines) {
      const verdict = answer(service, status, more);
      const told = { kind: verdict.kind, weight: verdict.weight, next: verdict.next };
      t.same(told, { kind, weight, next }, `${service} ${status} ${JSON.stringify(more ?? {})}: ${what}`);
      t.equal(verdict.status, status);
    }
  }
  t.ok(emergency.length + priority.length >= 100, `${emergency.length + priority.length} rows`);
  t.end();
});

t.test('the Reason that says most is read', (t) => {
  const sip: Reason = { protocol: 'SIP', cause: 486, text: 'Busy', location: undefined };
  const mute: Reason = { protocol: 'Q.850', cause: undefined, text: 'what', location: 'TN' };
  t.equal(answer('emergency', 480, { reasons: [sip, mute, q850(41)] }).cause, 41);
  t.equal(answer('emergency', 480, { reasons: [q850(16), q850(17)] }).cause, 17, 'a vague cause is passed over');
  t.equal(answer('emergency', 480, { reasons: [sip] }).kind, 'rejected', 'a SIP reason is not a Q.850 cause');
  t.match(answer('emergency', 486, cause(17, 'TN')), { cause: 17, location: 'TN', reason: /486, cause 17 at TN/ });
  t.equal(answer('emergency', 480, { reasons: [{ ...q850(17), protocol: 'q.850' }] }).kind, 'callee');
  t.end();
});

t.test('what has to be mended is named, and what the trunk asked for is kept', (t) => {
  const complaints = [
    [401, 'credentials'],
    [403, 'caller number'],
    [404, 'number form'],
    [488, 'rich messages'],
    [482, 'loop'],
    [302, 'redirect'],
    [607, 'reputation'],
    [608, 'reputation'],
    [603, undefined],
    [503, undefined],
    [486, undefined],
  ] as const;
  for (const [status, complaint] of complaints) {
    t.equal(answer('emergency', status).complaint, complaint, String(status));
  }
  t.equal(answer('priority', 503, { retryAfter: 30 }).retryAfter, 30_000, 'milliseconds');
  t.equal(answer('emergency', 503, { retryAfter: 30 }).retryAfter, undefined, 'an emergency call is not told to wait');
  t.equal(answer('priority', 486, { retryAfter: 30 }).retryAfter, undefined);
  t.equal(answer('emergency', 422, { minSe: 1_800 }).minSe, 1_800);
  t.equal(answer('emergency', 486, { ...cause(17, 'U'), gateway: believed }).isSure, true);
  t.equal(answer('emergency', 486, cause(17, 'U')).isSure, undefined, 'on any other trunk a second carrier must agree');
  t.equal(answer('emergency', 503).fault, 'carrier');
  t.equal(answer('emergency', 502).fault, 'carrier', 'upstream of the trunk');
  t.end();
});

t.test('failures without a response', (t) => {
  const service = 'emergency';
  t.match(judge({ service, origin: 'deadline', which: 'silence' }), { kind: 'silent', weight: 'strong', next: 'next' });
  t.match(judge({ service, origin: 'deadline', which: 'progress' }), { kind: 'stalled', weight: 'strong' });
  const local = { service, origin: 'local', sawProvisional: false } as const;
  t.match(judge({ ...local, cause: 'timeout' }), { kind: 'silent', weight: 'strong', next: 'next' });
  t.match(judge({ ...local, cause: 'timeout', sawProvisional: true }), { kind: 'stalled', next: 'next' });
  const large = { transport: 'udp', bytes: 1_301 } as const;
  const innocent = { kind: 'silent', fault: 'unknown', weight: 'none' };
  t.match(judge({ service, origin: 'deadline', which: 'silence', sent: large }), innocent, 'a fragment may be lost');
  t.match(judge({ ...local, cause: 'timeout', sent: large }), innocent);
  for (const sent of [
    { ...large, bytes: 1_300 },
    { ...large, transport: 'tcp' },
    { ...large, transport: 'tls' },
  ] as const) {
    t.match(judge({ service, origin: 'deadline', which: 'silence', sent }), { kind: 'silent', weight: 'strong' });
  }
  t.match(judge({ service, origin: 'deadline', which: 'progress', sent: large }), {
    kind: 'stalled',
    weight: 'strong',
  });
  t.match(judge({ service, origin: 'deadline', which: 'unheard' }), { kind: 'stalled', fault: 'unknown' });
  t.match(judge({ ...local, cause: 'too-large' }), { kind: 'ours', weight: 'none', next: 'same-plain' });
  t.match(judge({ origin: 'came-back' }), { kind: 'loop', weight: 'strong', next: 'next', complaint: 'loop' });
  t.match(judge({ ...local, cause: 'refused' }), { kind: 'refused', weight: 'strong', next: 'next' });
  t.match(judge({ ...local, cause: 'unresolvable' }), { kind: 'ours', weight: 'none', next: 'next' });
  t.match(judge({ ...local, cause: 'unsendable' }), { kind: 'ours', weight: 'none', next: 'next' });
  t.match(judge({ ...local, cause: 'server-gone' }), { kind: 'ours', fault: 'ours', weight: 'none', next: 'again' });
  t.match(judge({ origin: 'cancelled-by-us' }), { kind: 'cancelled', fault: 'none', weight: 'none', next: 'end' });
  t.end();
});

const anyReason = fc.record({
  protocol: fc.constantFrom('Q.850', 'SIP', 'q.850', ''),
  cause: fc.option(fc.integer({ min: -1, max: 700 }), { nil: undefined }),
  text: fc.option(fc.string(), { nil: undefined }),
  location: fc.option(fc.constantFrom('U', 'LN', 'TN', 'RLN', 'RPN', 'BI', ''), { nil: undefined }),
});
const anyMore = fc.record({
  reasons: fc.array(anyReason, { maxLength: 4 }),
  sawProgress: fc.boolean(),
  plain: fc.boolean(),
  ownNumber: fc.boolean(),
});

t.test('P3 on an emergency call no response ends the search', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: -1, max: 1_000 }), anyMore, (status, more) => {
      const { next } = answer('emergency', status, more);
      const fresh =
        (next === 'same-plain' && !more.plain) ||
        (next === 'same-own-number' && !more.ownNumber) ||
        next === 'same-second-form';
      return next === 'next' || fresh;
    }),
    { numRuns: 2_000 },
  );
  t.pass('2,000 responses');
  t.end();
});

function failed(carrier: string, status: number, more: Partial<PeerEnding> = {}): FailedAttempt {
  return { carrier: id<CarrierId>(carrier), verdict: answer('priority', status, more) };
}

t.test('what the side of the caller is told', (t) => {
  const unavailable = { status: 503, retryAfter: undefined };
  t.match(finalForCaller('emergency', []), unavailable);
  t.match(finalForCaller('emergency', [failed('kpn', 486), failed('second', 486)]), {
    ...unavailable,
    cause: undefined,
  });
  t.match(finalForCaller('emergency', [failed('kpn', 404), failed('second', 404)]), unavailable);
  t.match(finalForCaller('emergency', [failed('kpn', 500, cause(38)), failed('second', 486, cause(17, 'U'))]), {
    ...unavailable,
    cause: 38,
  });
  t.match(finalForCaller('emergency', [failed('kpn', 503, cause(34)), failed('second', 503, cause(27))]), {
    cause: 27,
  });

  t.match(finalForCaller('priority', []), { status: 503, retryAfter: 10 });
  t.match(finalForCaller('priority', [failed('kpn', 486), failed('second', 503)]), {
    status: 486,
    retryAfter: undefined,
  });
  t.equal(finalForCaller('priority', [failed('kpn', 486, cause(17, 'TN'))]).status, 503, 'busy, says a network');
  t.equal(finalForCaller('priority', [failed('kpn', 404)]).status, 503, 'one carrier says so');
  t.equal(finalForCaller('priority', [failed('kpn', 404), failed('kpn', 404)]).status, 503, 'the same carrier twice');
  t.equal(finalForCaller('priority', [failed('kpn', 404), failed('second', 404)]).status, 404);
  t.equal(finalForCaller('priority', [failed('kpn', 603, cause(21, 'U'))]).status, 603);
  t.equal(finalForCaller('priority', [failed('kpn', 603)]).status, 503);
  t.equal(
    finalForCaller('priority', [failed('second', 503), failed('kpn', 403)]).status,
    403,
    'relayed after the last',
  );
  t.equal(finalForCaller('priority', [failed('kpn', 403), failed('second', 503)]).status, 503);
  t.end();
});

t.test('an emergency caller never gets 404, 486, 603 or Retry-After', (t) => {
  const anyFailure = fc.tuple(fc.constantFrom('kpn', 'second'), fc.integer({ min: 300, max: 699 }), anyMore);
  fc.assert(
    fc.property(fc.array(anyFailure, { maxLength: 5 }), (failures) => {
      const final = finalForCaller(
        'emergency',
        failures.map(([carrier, status, more]) => failed(carrier, status, more)),
      );
      const stops = [1, 17, 21, 22, 28].includes(final.cause ?? 0);
      return final.status === 503 && final.retryAfter === undefined && !stops;
    }),
  );
  t.pass('100 calls');
  t.end();
});
