import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Agent } from '../../src/engine/agent/agent.js';
import type { AgentDialog } from '../../src/engine/agent/dialog.js';
import { realClock } from '../../src/engine/clock.js';
import { STANDARD_TIMERS } from '../../src/engine/timers.js';
import { AnsweringPoint } from '../../src/lab/answering-point.js';
import { placeCalls } from '../../src/lab/caller.js';
import { Carrier } from '../../src/lab/carrier.js';
import { labState, setLabFault } from '../../src/lab/client.js';
import { parseFault } from '../../src/lab/faults.js';
import { Pacer, RtpStream } from '../../src/lab/rtp.js';
import { loadSpeech } from '../../src/lab/speech.js';
import type { LabState } from '../../src/lab/state.js';
import { MediaSession, SDP_TYPE, sdpOf } from '../../src/lab/media.js';
import { header, type Header } from '../../src/sip/headers.js';
import { until } from '../support/until.js';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const speech = loadSpeech('config/lab/speech.wav');
const pacer = new Pacer(realClock);

/** Timers of a network that is ten times as fast, so that nothing lingers for 32 s. */
const FAST = { ...STANDARD_TIMERS, t1: 50, t2: 400, t4: 300, t1x64: 2_000, timerD: 2_000 };

const CARRIER = '127.7.120.1';
const MOBILE = '127.7.120.2';
const CALLER = '127.7.101.1';
const ALIEN = { name: 'Call-Info', value: '<urn:emergency:uid:callid:key:x>;purpose=emergency-CallId' };

/** One carrier with an ordinary trunk of one channel and a mobile one, and one answering point behind it. */
async function startCarrier() {
  const point = { id: 'meldkamer', name: '112 control room', address: '127.7.150.1', port: 5060 };
  const trunk = {
    port: 5060,
    transport: 'udp' as const,
    channels: 1,
    numbers: [{ number: '112', service: '112', point }],
  };
  const trunks = [
    { ...trunk, id: 'fixed', address: CARRIER, hidesCaller: false },
    { ...trunk, id: 'sim', address: MOBILE, hidesCaller: true },
  ];
  const psap = await AnsweringPoint.open(point, { speech, pacer, timers: FAST, answered: () => undefined });
  const carrier = await Carrier.open({ id: 'kpn', name: 'KPN', trunks }, { timers: FAST });
  const nobody = { invite: () => undefined, request: () => undefined };
  const caller = await Agent.open({ contacts: [{ address: CALLER, port: 0 }], timers: FAST }, nobody);
  const close = async () => {
    await Promise.all([caller.close(), carrier.close(), psap.close()]);
  };
  return { psap, carrier, caller, close };
}

/** A call from a phone of the test, and what it heard. */
function dial(agent: Agent, to: string, body: string, number = '112') {
  const heard: { statuses: number[]; headers: readonly Header[]; body: string; dialog?: AgentDialog } = {
    statuses: [],
    headers: [],
    body: '',
  };
  const headers = [{ name: 'From', value: '<sip:0612345678@phone>' }, ALIEN, ...(body === '' ? [] : [SDP_TYPE])];
  const ignore = { acknowledged: () => undefined, request: () => undefined, ended: () => undefined };
  const client = agent.invite({ method: 'INVITE', uri: `sip:${number}@${to}`, headers, body }, undefined, {
    provisional: ({ message }) => {
      // With a T1 of 50 ms the INVITE is soon sent again, and its last response comes again.
      if (message.status !== heard.statuses.at(-1)) {
        heard.statuses.push(message.status);
      }
    },
    answered: ({ message }, dialog) => {
      heard.statuses.push(message.status);
      Object.assign(heard, { headers: message.headers, body: message.body, dialog });
    },
    failed: (ending) => {
      heard.statuses.push('response' in ending ? ending.response.message.status : 0);
      Object.assign(heard, { headers: 'response' in ending ? ending.response.message.headers : [] });
    },
    dialog: ignore,
  });
  const final = async () => until(() => heard.statuses.some((status) => status >= 200 || status === 0), 3_000);
  return { client, heard, final };
}

t.test('a carrier and an answering point by themselves', async (t) => {
  const { psap, carrier, caller, close } = await startCarrier();
  t.teardown(close);
  const stream = await RtpStream.open(CALLER, speech, pacer);
  const media = new MediaSession(stream);

  await t.test('a call without an offer gets one, and its ACK brings the answer: speech both ways', async (t) => {
    const { heard, final } = dial(caller, CARRIER, '');
    await final();
    t.same(heard.statuses, [100, 180, 200]);
    const offer = sdpOf(heard.headers, heard.body);
    t.ok(offer);
    heard.dialog?.acknowledge([SDP_TYPE], offer === undefined ? '' : media.answer(offer));
    await until(() => stream.counts.received > 10 && psap.state().rtp.received > 10, 2_000);
    t.ok(stream.counts.received > 10, `${stream.counts.received} packets heard`);
    t.ok(psap.state().rtp.received > 10, `${psap.state().rtp.received} packets heard there`);

    const second = dial(caller, CARRIER, media.offer());
    await second.final();
    t.same(second.heard.statuses, [100, 503], 'the only channel is taken');
    t.match(header(second.heard.headers, 'Reason'), /Q\.850;cause=34/);

    heard.dialog?.bye();
    await until(() => psap.state().openCalls + carrier.state().open.legs === 0, 1_000);
    t.match(carrier.state(), { answered: 1, failed: 1, open: { legs: 0, dialogs: 0 } });
    t.match(psap.state(), { answers: 1, openCalls: 0, open: { dialogs: 0 } });
    const { sent } = psap.state().rtp;
    await new Promise((resolve) => setTimeout(resolve, 100));
    t.equal(psap.state().rtp.sent, sent, 'the speech stops with the call');
  });
  stream.close();

  await t.test('a number that nobody has, and a codec that nobody speaks', async (t) => {
    const unknown = dial(caller, CARRIER, media.offer(), '110');
    await unknown.final();
    t.equal(unknown.heard.statuses.at(-1), 404);
    t.match(header(unknown.heard.headers, 'Reason'), /Q\.850;cause=1;/);
    const alien = dial(caller, CARRIER, media.offer().replaceAll(/AVP 8 0/g, 'AVP 96'));
    await alien.final();
    t.equal(alien.heard.statuses.at(-1), 488);
  });

  await t.test(
    'a cancelled ring is a phantom when the call was answered elsewhere, else it was abandoned',
    async (t) => {
      for (const reason of [[{ name: 'Reason', value: 'SIP;cause=200;text="Call completed elsewhere"' }], []]) {
        const { client, heard, final } = dial(caller, CARRIER, media.offer());
        await until(() => heard.statuses.includes(180), 1_000);
        client.cancel(reason);
        await final();
        t.same(heard.statuses, [100, 180, 487]);
      }
      await until(() => psap.state().abandoned === 1, 1_000);
      t.match(psap.state(), { phantomRings: 1, abandoned: 1, openCalls: 0 });
    },
  );

  await t.test('a mobile trunk carries the voice alone', async (t) => {
    const { heard, final } = dial(caller, MOBILE, media.offer());
    await final();
    heard.dialog?.acknowledge();
    heard.dialog?.bye();
    t.not(psap.state().recent.findLast(({ what }) => what === 'answered')?.callId, 'key');
    t.equal(psap.state().recent.find(({ what }) => what === 'answered')?.callId, 'key', 'a fixed one carries it');
  });

  await t.test('a carrier that lies answers OPTIONS and CANCEL, and swallows calls', async (t) => {
    await carrier.setFaults([{ trunk: 'fixed', fault: parseFault('lie') }]);
    t.equal(carrier.state().fault, 'partial');
    const { client, heard, final } = dial(caller, CARRIER, media.offer());
    await new Promise((resolve) => setTimeout(resolve, 500));
    t.same(heard.statuses, [100]);
    t.equal(carrier.state().open.legs, 1);
    client.cancel();
    await final();
    t.same(heard.statuses, [100, 487]);
    t.equal(carrier.state().open.legs, 0);
    await carrier.setFaults([{ trunk: 'fixed', fault: parseFault('clear') }]);
  });

  await t.test('no transaction and no dialog is left', async (t) => {
    const open = () => {
      const { inviteClients, inviteServers, otherClients, otherServers, dialogs } = caller.stats();
      const transactions = inviteClients + inviteServers + otherClients + otherServers;
      return [carrier.state().open, psap.state().open, { legs: 0, transactions, dialogs }];
    };
    await until(() => open().every(({ transactions, dialogs }) => transactions + dialogs === 0), 5_000);
    const nothing = { legs: 0, transactions: 0, dialogs: 0 };
    t.match(open(), [nothing, nothing, nothing]);
  });
});

const HOST = '127.7.0.1';
const CONTROL = { address: HOST, port: 8081 };

/** For each fault a service of its own over a carrier of its own, and one carrier that takes over for all of them. */
const WORLD = [
  { fault: 'blackhole', service: '112', number: '112' },
  { fault: 'refuse', service: '0900-8844', number: '09008844' },
  { fault: 'reject', service: '0900-0001', number: '09000001' },
  { fault: 'lie', service: '0900-0002', number: '09000002' },
  { fault: 'slow', service: '0900-0003', number: '09000003' },
] as const;

function writeSite(): { readonly file: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'noodroute-lab-'));
  const write = (name: string, lines: readonly string[]): void => {
    writeFileSync(join(folder, name), `${lines.join('\n')}\n`);
  };
  write('lab.yaml', [
    'lab: true',
    'site: lab',
    'dialplan: dialplan.yaml',
    'inventory: inventory.yaml',
    `sip: { contacts: [sip:${HOST}:5070;transport=udp, sip:${HOST}:5070;transport=tcp], control: { host: ${HOST}, port: 9122 } }`,
    `admin: { address: ${HOST}, port: 8180 }`,
    'journal: { directory: journal }',
  ]);
  write('dialplan.yaml', [
    "numbering: { countryCode: 31, internationalPrefix: '00', nationalPrefix: 0 }",
    'services:',
    ...WORLD.map(({ service, number }) =>
      service === '112'
        ? '  112: { class: emergency, short: [112] }'
        : `  ${service}: { class: priority, national: [${number}] }`,
    ),
    'destinations: { meldkamer: { name: 112 control room }, politie: { name: Police service centre } }',
    'routes:',
    ...WORLD.flatMap(({ fault, service, number }) =>
      [`${fault}-a`, 'backup-a'].map(
        (trunk, index) =>
          `  - { service: ${service}, destination: ${service === '112' ? 'meldkamer' : 'politie'}, trunk: ${trunk}, ` +
          `number: ${number}, tier: ${index + 1} }`,
      ),
    ),
  ]);
  const carriers = [...WORLD.map(({ fault }) => fault), 'backup'];
  write('inventory.yaml', [
    'carriers:',
    ...carriers.map((id) => `  ${id}: { name: Carrier ${id} }`),
    'sites: { lab: { name: This machine } }',
    'trunks:',
    ...carriers.map(
      (id, index) =>
        `  ${id}-a: { carrier: ${id}, kind: sip, address: 127.7.${20 + index}.1:5061${id === 'reject' ? ';transport=tcp' : ''}, channels: 9 }`,
    ),
    'ingresses: { local: { sources: [127.0.0.0/8] } }',
  ]);
  return {
    file: join(folder, 'lab.yaml'),
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Runs a noodroute command to its end. */
async function noodroute(...args: readonly string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err] = [child.stdout, child.stderr].map((stream) => {
    const chunks: string[] = [];
    stream.on('data', (data: Buffer) => chunks.push(data.toString('utf8')));
    return chunks;
  });
  const tooLong = setTimeout(() => child.kill('SIGTERM'), 15_000);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearTimeout(tooLong);
  return { code, out: out?.join('') ?? '', err: err?.join('') ?? '' };
}

function startLab(file: string) {
  const lines: string[] = [];
  const child: ChildProcess = spawn(
    process.execPath,
    [MAIN, 'lab', '--config', file, '--control', `${CONTROL.address}:${CONTROL.port}`],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null) {
      createInterface({ input: stream }).on('line', (line) => lines.push(line));
    }
  }
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  process.once('exit', () => child.kill('SIGTERM'));
  return { child, lines, ended };
}

/** One call to each of the services, at the same time. */
async function callAll(services: readonly string[]): Promise<readonly boolean[]> {
  const results = await Promise.all(
    services.map(async (service) =>
      placeCalls(
        {
          gateway: { address: HOST, port: 5070, transport: 'udp' },
          service,
          caller: '0201234567',
          count: 1,
          rate: 1,
          holdMs: 100,
          speech,
        },
        () => undefined,
      ),
    ),
  );
  return results.flat().map(({ answered }) => answered);
}

function answeredBy(state: LabState): Readonly<Record<string, number>> {
  return Object.fromEntries(state.carriers.map(({ id, answered }) => [id, answered]));
}

t.test('the lab as it is started by npm start, on other addresses', async (t) => {
  const site = writeSite();
  const startedAt = Date.now();
  const { child, lines, ended } = startLab(site.file);
  t.teardown(async () => {
    child.kill('SIGTERM');
    await ended;
    site.remove();
  });
  await until(() => lines.includes('noodroute ready') || child.exitCode !== null, 20_000);
  t.ok(lines.includes('noodroute ready'), lines.join('\n'));
  t.comment(`ready after ${Date.now() - startedAt} ms`);
  const control = ['--control', `${CONTROL.address}:${CONTROL.port}`];
  const all = WORLD.map(({ service }) => service);

  await t.test('a call is answered over the first carrier, with speech both ways', async (t) => {
    const { code, out } = await noodroute('lab', 'call', '112', '--hold', '600', '--json', ...control);
    t.equal(code, 0);
    const result = JSON.parse(out) as { rtp: { sent: number; received: number } };
    t.match(result, { service: '112', answered: true, endedBy: 'caller' });
    t.ok(result.rtp.received >= 15, `${result.rtp.received} RTP packets heard in 600 ms`);
    const state = await labState(CONTROL);
    t.match(answeredBy(state), { blackhole: 1, backup: 0 });
    t.match(state.psaps, [
      { id: 'meldkamer', rings: 1, answers: 1, phantomRings: 0 },
      { id: 'politie', rings: 0 },
    ]);
    t.ok((state.psaps[0]?.rtp.received ?? 0) >= 15, `${state.psaps[0]?.rtp.received} RTP packets heard there`);
    await until(() => lines.some((line) => line.includes('call 112 from')), 1_000);
    t.match(
      lines.find((line) => line.includes('call 112 from')),
      /call 112 from 0612345678: answered by meldkamer \(112 control room\) over blackhole-a after \d+ ms/,
    );
  });

  await t.test('a number that no service has is not answered', async (t) => {
    const { code, out } = await noodroute('lab', 'call', '110', ...control);
    t.equal(code, 1);
    t.match(out, /NOT ANSWERED: 404/);
  });

  await t.test('each fault moves the next call to the other carrier', async (t) => {
    await callAll(all);
    const before = answeredBy(await labState(CONTROL));
    await Promise.all(WORLD.map(async ({ fault }) => setLabFault(CONTROL, fault, fault)));
    t.match(
      (await labState(CONTROL)).carriers.map(({ id, fault }) => `${id} ${fault}`),
      [...WORLD.map(({ fault }) => `${fault} ${fault}`), 'backup clear'],
    );
    t.same(await callAll(all), [true, true, true, true, true]);
    const after = answeredBy(await labState(CONTROL));
    for (const { fault } of WORLD.filter((each) => each.fault !== 'slow')) {
      t.equal(after[fault], before[fault], `${fault}: no call was answered there`);
    }
    t.equal((after['backup'] ?? 0) - (before['backup'] ?? 0), WORLD.length, 'all were answered on the other carrier');
    t.ok(
      lines.some((line) => /^[\d:]+ trunk refuse-a .* -> down/.test(line)),
      'changes of health are printed',
    );
  });

  await t.test('clear brings each carrier back', async (t) => {
    const { code } = await noodroute('lab', 'fault', 'blackhole', 'clear', ...control);
    t.equal(code, 0);
    await Promise.all(WORLD.map(async ({ fault }) => setLabFault(CONTROL, fault, 'clear')));
    const before = answeredBy(await labState(CONTROL));
    let waiting: readonly (typeof WORLD)[number][] = WORLD;
    await until(async () => {
      await callAll(waiting.map(({ service }) => service));
      const now = answeredBy(await labState(CONTROL));
      waiting = waiting.filter(({ fault }) => now[fault] === before[fault]);
      return waiting.length === 0;
    }, 25_000);
    t.same(
      waiting.map(({ fault }) => fault),
      [],
      'every carrier carries calls again',
    );
    if (waiting.length > 0) {
      t.comment(lines.filter((line) => / -> /.test(line)).join('\n'));
    }
  });

  await t.test('a relay in front of a carrier loses its datagrams, and passes them again', async (t) => {
    const { code, out } = await noodroute('lab', 'fault', 'lie', 'loss=100%', 'delay=5ms', ...control);
    t.equal(code, 0);
    t.match(out, 'lie: loss=100% delay=5ms');
    t.same(await callAll(WORLD.filter(({ fault }) => fault === 'lie').map(({ service }) => service)), [true]);
    await until(async () => ((await labState(CONTROL)).relays['lie-a']?.lost ?? 0) > 0, 12_000);
    t.ok(((await labState(CONTROL)).relays['lie-a']?.lost ?? 0) > 0, 'probes are lost');
    await setLabFault(CONTROL, 'lie', 'clear');
    await until(async () => ((await labState(CONTROL)).relays['lie-a']?.passed ?? 0) > 2, 20_000);
    t.ok(((await labState(CONTROL)).relays['lie-a']?.passed ?? 0) > 2, 'probes get through');
  });

  await t.test('orders that make no sense, and a second lab on the same addresses', async (t) => {
    t.match(await noodroute('lab', 'fault', 'nobody', 'lie', ...control), { code: 1, err: /no carrier nobody/ });
    t.match(await noodroute('lab', 'fault', 'refuse', 'nonsense', ...control), {
      code: 2,
      err: /^error: nonsense is no fault, expected one or more of blackhole, refuse/,
    });
    t.match(await noodroute('lab', 'state', '--control', `${HOST}:8999`), { code: 1, err: /no lab runs on 127.7.0.1/ });
    const second = await noodroute('lab', '--config', site.file, '--control', `${HOST}:8083`);
    t.match(second, { code: 1, out: '', err: /^127\.7\.0\.1:5070 UDP \(SIP of the gateway\) is in use .*\n$/ });
    t.notMatch(second.err, /\n./, 'one line');
  });

  await t.test('a carrier that is killed is started again', async (t) => {
    const pidOf = async () => (await labState(CONTROL)).carriers.find(({ id }) => id === 'reject')?.process.pid;
    const pid = await pidOf();
    t.ok(pid);
    process.kill(pid ?? 0, 'SIGKILL');
    await until(async () => ![undefined, pid].includes(await pidOf()), 5_000);
    t.not(await pidOf(), pid);
    t.ok(lines.some((line) => line.includes('carrier reject died (SIGKILL) and is started again')));
    t.same(await callAll(['0900-0001']), [true]);
  });

  await t.test('no call and no dialog is left', async (t) => {
    const open = async () => {
      const { carriers, psaps } = await labState(CONTROL);
      return [...carriers, ...psaps].reduce((sum, each) => sum + each.open.legs + each.open.dialogs, 0);
    };
    await until(async () => (await open()) === 0, 5_000);
    t.equal(await open(), 0);
    const stats: unknown = await (await fetch(`http://${HOST}:8180/stats`)).json();
    t.match(stats, { openCalls: 0, dialogs: 0 });
  });

  await t.test('a signal ends every process', async (t) => {
    const { gateway, carriers, psaps } = await labState(CONTROL);
    const pids = [gateway, ...[...carriers, ...psaps].map(({ process }) => process)].flatMap(({ pid }) => pid ?? []);
    t.equal(pids.length, WORLD.length + 4);
    child.kill('SIGINT');
    t.equal(await ended, 0);
    t.same(pids.filter(isAlive), []);
  });
});

t.test('the processes of a lab that is killed end by themselves', async (t) => {
  const site = writeSite();
  const { child, lines, ended } = startLab(site.file);
  t.teardown(() => {
    site.remove();
  });
  await until(() => lines.includes('noodroute ready') || child.exitCode !== null, 20_000);
  const { gateway, carriers, psaps } = await labState(CONTROL);
  const pids = [gateway, ...[...carriers, ...psaps].map(({ process }) => process)].flatMap(({ pid }) => pid ?? []);
  child.kill('SIGKILL');
  await ended;
  await until(() => !pids.some(isAlive), 5_000);
  t.same(pids.filter(isAlive), []);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
