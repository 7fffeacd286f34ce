import { deepStrictEqual, strictEqual } from 'node:assert';
import * as fc from 'fast-check';
import t from 'tap';
import { newTag, responseTo, type InviteHandle, type ServerHandle } from '../../../src/engine/transaction/layer.js';
import { bench, hearing, ownRequest, peerAt, theirRequest, theirResponse, type Bench } from './fakes.js';

const NOTHING = { inviteClients: 0, inviteServers: 0, otherClients: 0, otherServers: 0, probes: 0 };
const anyStatus = fc.constantFrom(100, 180, 183, 200, 202, 302, 404, 486, 487, 503, 603);
const anyMethod = fc.constantFrom('INVITE', 'ACK', 'CANCEL', 'BYE', 'OPTIONS', 'INFO', 'PRACK', 'x-y');
const anyBytes = fc.oneof(
  fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 400 }),
  fc.constantFrom('\r\n\r\n', 'SIP/2.0 200 OK', 'INVITE sip:a@b SIP/2.0\r\nVia: \r\n\r\n'),
);

/** A sound message with some of its characters replaced, left out or doubled. */
const anyMutation = fc.tuple(
  anyMethod,
  fc.array(
    fc.tuple(fc.nat({ max: 400 }), fc.constantFrom('', '\r\n', ';', ',', '"', '<', '\0', '\xff', ' ', '9999999999')),
    {
      minLength: 1,
      maxLength: 6,
    },
  ),
);

function mutated(text: string, places: readonly (readonly [number, string])[]): string {
  let result = text;
  for (const [at, put] of places) {
    result = result.slice(0, at) + put + result.slice(at + (put.length % 2));
  }
  return result;
}

function faults(b: Bench): readonly string[] {
  return [...b.layer.discarded.keys()].filter((kind) => kind.startsWith('fault'));
}

t.test('random bytes never throw and never start anything', async () => {
  const b = bench();
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      b.layer.received(bytes, peerAt(), b.transport);
      deepStrictEqual(faults(b), []);
    }),
    { numRuns: 1_000 },
  );
  b.clock.advance(200_000);
  deepStrictEqual(b.layer.counts(), NOTHING);
});

t.test('mutated messages never throw; whatever they start ends', async () => {
  fc.assert(
    fc.property(fc.array(anyMutation, { minLength: 1, maxLength: 8 }), (messages) => {
      const b = bench();
      const user = hearing();
      const { text } = b.layer.sendInvite(ownRequest('INVITE'), peerAt(), b.transport, user);
      for (const [method, places] of messages) {
        b.layer.received(mutated(theirRequest(method), places), peerAt(), b.transport);
        b.layer.received(mutated(theirResponse(text, 200), places), peerAt(), b.transport);
      }
      deepStrictEqual(faults(b), []);
      finish(b);
    }),
    { numRuns: 300 },
  );
});

/** Everything that the layer above and the peers can do, at any moment. */
const anyStep = fc.record({
  pause: fc.constantFrom(0, 0, 0, 100, 500, 5_000, 32_000),
  what: fc.nat({ max: 7 }),
  which: fc.nat({ max: 5 }),
  status: anyStatus,
  method: anyMethod,
});
type Step = typeof anyStep extends fc.Arbitrary<infer S> ? S : never;

function answer(handle: ServerHandle | undefined, status: number): void {
  handle?.respond(responseTo(handle.incoming, { status, reason: 'Because', headers: [], body: '', toTag: newTag() }));
}

function take(b: Bench, handles: InviteHandle[], { what, which, status, method }: Step): void {
  const handle = handles[which % Math.max(1, handles.length)];
  const sent = b.transport.sent[which]?.text ?? '';
  const steps = [
    () => handles.push(b.layer.sendInvite(ownRequest('INVITE'), peerAt(), b.transport, hearing())),
    () => b.layer.sendRequest(ownRequest('OPTIONS'), peerAt(), b.transport, hearing(), true),
    () => {
      if (sent !== '' && !sent.startsWith('SIP')) {
        b.layer.received(theirResponse(sent, status), peerAt(), b.transport);
      }
    },
    () => {
      b.layer.received(theirRequest(method, { branch: `z9hG4bK${which % 3}` }), peerAt(), b.transport);
    },
    () => {
      answer(b.invites[which] ?? b.requests[which] ?? b.cancels[which]?.handle, status);
    },
    () => {
      b.layer.refused(peerAt());
    },
    () => {
      handle?.cancel([]);
      b.invites[which]?.acknowledged();
    },
    () => {
      handle?.stopResending();
    },
  ];
  steps[what]?.();
}

/** The layer above does its duty: every INVITE is answered or cancelled in the end. */
function finish(b: Bench, handles: readonly InviteHandle[] = []): void {
  for (const invite of b.invites) {
    answer(invite, 500);
  }
  for (const handle of handles) {
    handle.cancel([]);
  }
  b.clock.advance(200_000);
  deepStrictEqual(b.layer.counts(), NOTHING);
  strictEqual(b.clock.waiting, 0);
}

t.test('any sequence of what users and peers do ends with nothing open and no timer', async () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 60 }), fc.constantFrom('udp', 'tcp'), (steps, protocol) => {
      const b = bench(protocol);
      const handles: InviteHandle[] = [];
      for (const step of steps) {
        b.clock.advance(step.pause);
        take(b, handles, step);
      }
      deepStrictEqual(faults(b), []);
      finish(b, handles);
    }),
    { numRuns: 300 },
  );
});
