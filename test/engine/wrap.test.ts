import t from 'tap';
import { Agent, type AgentEvents } from '../../src/engine/agent/agent.js';
import type { AgentDialog } from '../../src/engine/agent/dialog.js';
import type { DialogEvents } from '../../src/engine/agent/dialog-events.js';
import type { InviteClient } from '../../src/engine/agent/invite-client.js';
import type { InviteServer } from '../../src/engine/agent/invite-server.js';
import type { RequestServer } from '../../src/engine/agent/request-server.js';
import { isBefore, LAST_CSEQ, LAST_RSEQ, nextCseq, nextRseq } from '../../src/engine/agent/numbering.js';
import { header } from '../../src/sip/headers.js';
import { SDP } from '../support/raw-caller.js';
import { timersOf } from './rig.js';

// Every counter of the engine starts just below its end, on both sides, and each of a hundred calls passes it.
const [CALLER, CALLEE] = ['127.44.90.1', '127.44.90.2'];
const CALLS = 100;
const TYPE = { name: 'Content-Type', value: 'application/sdp' };
const RELIABLE = [{ name: 'Require', value: '100rel' }];

/** How far from the end a call begins: the end is passed at another message each time. */
let before = 0;
const NEAR_THE_END = { cseq: () => LAST_CSEQ - (before % 8), rseq: () => LAST_RSEQ - (before % 4) };
const nothing = (): void => undefined;

async function openAgent(address: string, events: Partial<AgentEvents> = {}): Promise<Agent> {
  return Agent.open(
    { contacts: [{ address, port: 5060 }], timers: timersOf(100), first: NEAR_THE_END },
    { invite: nothing, request: nothing, ...events },
  );
}

/** Requests of the peer in a dialog get 200; their CSeq numbers are kept. */
function answering(numbers: number[], ended: () => void = nothing): DialogEvents {
  return {
    acknowledged: nothing,
    ended,
    request: (request: RequestServer) => {
      numbers.push(request.incoming.cseq.number);
      request.respond(200, request.incoming.message.method === 'INVITE' ? [TYPE] : [], '');
    },
  };
}

/** The final status of a request in the dialog. A 2xx to a re-INVITE is acknowledged. */
async function ask(dialog: AgentDialog, method: string): Promise<number> {
  return new Promise((resolve) => {
    dialog.request(method, method === 'INVITE' ? [TYPE] : [], method === 'INVITE' ? SDP : '', {
      failed: () => {
        resolve(0);
      },
      response: ({ message }) => {
        if (message.status >= 200) {
          dialog.acknowledge();
          resolve(message.status);
        }
      },
    });
  });
}

interface Placed {
  readonly dialog: AgentDialog;
  readonly rseqs: readonly number[];
}

/** Calls, acknowledges each reliable provisional, and takes the answer. */
async function place(caller: Agent, numbers: number[]): Promise<Placed | undefined> {
  const rseqs: number[] = [];
  return new Promise((resolve) => {
    const headers = [{ name: 'Supported', value: '100rel' }, TYPE];
    const client: InviteClient = caller.invite(
      { method: 'INVITE', uri: `sip:112@${CALLEE}`, headers, body: SDP },
      undefined,
      {
        provisional: ({ message }) => {
          if (header(message.headers, 'RSeq') !== undefined) {
            rseqs.push(Number(header(message.headers, 'RSeq')));
            client.prack([], '', { response: nothing, failed: nothing });
          }
        },
        answered: (_response, dialog) => {
          dialog.acknowledge();
          resolve({ dialog, rseqs });
        },
        failed: () => {
          resolve(undefined);
        },
        dialog: answering(numbers),
      },
    );
  });
}

t.test('a hundred calls pass the end of every number, at each of their messages', async (t) => {
  const atCallee: number[] = [];
  const atCaller: number[] = [];
  let answered: (dialog: AgentDialog) => void = nothing;
  let over: () => void = nothing;
  const ring = (call: InviteServer): void => {
    let acknowledged = 0;
    call.attach({
      cancelled: nothing,
      requested: (request) => {
        atCallee.push(request.incoming.cseq.number);
        request.respond(200);
        acknowledged += 1;
        if (acknowledged === 4) {
          const events = answering(atCallee, () => {
            over();
          });
          const dialog = call.accept([TYPE], SDP, { ...events, acknowledged: () => dialog && answered(dialog) });
        }
      },
    });
    for (const status of [180, 183, 183, 183]) {
      call.provisional(status, RELIABLE, '');
    }
  };
  const caller = await openAgent(CALLER);
  const callee = await openAgent(CALLEE, { invite: ring });
  t.teardown(async () => Promise.all([caller.close(), callee.close()]));

  let good = 0;
  for (before = 0; before < CALLS; before += 1) {
    atCallee.length = 0;
    atCaller.length = 0;
    const taken = new Promise<AgentDialog>((resolve) => {
      answered = resolve;
    });
    const ended = new Promise<void>((resolve) => {
      over = resolve;
    });
    const { cseq, rseq } = NEAR_THE_END;
    const [first, firstRseq] = [cseq(), rseq()];
    const placed = await place(caller, atCaller);
    if (placed === undefined) {
      break;
    }
    const far = await taken;
    const statuses = [];
    for (const [side, method] of [
      [placed.dialog, 'INVITE'],
      [far, 'INVITE'],
      [far, 'INFO'],
      [placed.dialog, 'INFO'],
      [far, 'INVITE'],
      [placed.dialog, 'INVITE'],
      [far, 'INFO'],
      [placed.dialog, 'BYE'],
    ] as const) {
      statuses.push(await ask(side, method));
    }
    await ended;
    const isGood =
      String(statuses) === String(Array(8).fill(200)) &&
      String(placed.rseqs) === String(counted(firstRseq, nextRseq, 4)) &&
      String(atCallee) === String(counted(nextCseq(first), nextCseq, 8)) &&
      String(atCaller) === String(counted(first, nextCseq, 4));
    good += Number(isGood);
    if (!isGood) {
      t.comment(
        `call ${before}: ${String(statuses)}; RSeq ${String(placed.rseqs)}; CSeq ${String(atCallee)}; ${String(atCaller)}`,
      );
    }
  }
  t.equal(
    good,
    CALLS,
    'each call is answered, changed from both sides and ended, and no number is left out or used twice',
  );
  t.same([caller.stats().dialogs, callee.stats().dialogs], [0, 0], 'and no dialog is left');
});

function counted(first: number, next: (number: number) => number, count: number): readonly number[] {
  const numbers = [first];
  while (numbers.length < count) {
    numbers.push(next(numbers.at(-1) ?? 0));
  }
  return numbers;
}

t.test('no number leaves its range', async (t) => {
  t.same([nextCseq(1), nextCseq(2 ** 31 - 2), nextCseq(2 ** 31 - 1)], [2, 2 ** 31 - 1, 1], 'CSeq: RFC 3261 8.1.1.5');
  t.same([nextRseq(1), nextRseq(2 ** 32 - 2), nextRseq(2 ** 32 - 1)], [2, 2 ** 32 - 1, 1], 'RSeq: RFC 3262 7.1');
});

t.test('a number that is a little lower is late; one that falls by more than half has begun again', async (t) => {
  t.ok(isBefore(41, 42));
  t.notOk(isBefore(42, 42));
  t.notOk(isBefore(43, 42));
  t.notOk(isBefore(1, 2 ** 31 - 1), 'after the end at 2^31');
  t.notOk(isBefore(0, 2 ** 32 - 1), 'and at 2^32, which some take');
  t.ok(isBefore(2 ** 31 - 1, 1), 'one from before the end is late after it');
});
