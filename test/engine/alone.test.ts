import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { writeFileSync, copyFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { Authority } from '../support/certificates.js';
import { startRawPeer, valueOf } from '../support/raw-peer.js';
import { runSipp } from '../support/sipp.js';
import { until as untilWithin } from '../support/until.js';
import { RawApp, tokensOf } from './raw-app.js';
import { connected, newSrf, sdp, type Srf } from './rig.js';

// `noodroute engine`, as a developer of a drachtio application meets it.
const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));

const until = async (condition: () => boolean, within = 5_000): Promise<void> => untilWithin(condition, within);

interface Running {
  readonly child: ChildProcess;
  /** Its exit code, once its output has been read to the end. */
  readonly closed: Promise<unknown>;
  readonly output: () => string;
  readonly log: () => string;
}

function engine(t: Test, ...options: readonly string[]): Running {
  return engineWith(t, {}, ...options);
}

function engineWith(t: Test, environment: Readonly<Record<string, string>>, ...options: readonly string[]): Running {
  const child = spawn(process.execPath, [MAIN, 'engine', ...options], { env: { ...process.env, ...environment } });
  const [output, log]: [string[], string[]] = [[], []];
  child.stdout.on('data', (data: Buffer) => output.push(data.toString()));
  child.stderr.on('data', (data: Buffer) => log.push(data.toString()));
  const end = (): void => {
    child.kill('SIGKILL');
  };
  t.teardown(end);
  const closed = once(child, 'close').then(([code]: unknown[]) => code);
  return { child, closed, output: () => output.join(''), log: () => log.join('') };
}

async function ready({ child, output, log }: Running): Promise<void> {
  await until(() => output().includes('"ready":true') || child.exitCode !== null, 10_000);
  if (!output().includes('"ready":true')) {
    throw new Error(`the engine did not come up: ${log()}`);
  }
}

async function ended(running: Running): Promise<{ readonly code: unknown; readonly said: string }> {
  return { code: await running.closed, said: running.log() };
}

async function answering(host: string): Promise<Srf> {
  const srf = await connected(newSrf(), host);
  srf.invite((req, res) => {
    srf.createUAS(req, res, { localSdp: sdp(7) }).catch(() => undefined);
  });
  return srf;
}

t.test('with nothing but addresses: SIPp calls over UDP and TCP, a drachtio-srf application answers', async (t) => {
  const host = '127.31.30.1';
  const running = engine(t, '--admin', `${host}:9022`, '--contact', `sip:${host}:5060;transport=udp,tcp`);
  await ready(running);
  const srf = await answering(host);
  for (const transport of ['u1', 't1']) {
    const caller = { scenario: 'uac', address: '127.31.30.2', port: 5070, target: `${host}:5060` };
    const result = await runSipp({ ...caller, service: '112', calls: 5, rate: 20, more: ['-t', transport] });
    t.equal(result.successful, 5, `${transport}: ${result.output.slice(-400)}`);
  }
  const lines = running
    .log()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly msg: string });
  t.same(
    lines.map(({ msg }) => msg),
    ['the SIP engine listens', 'an application is connected'],
    'one JSON object a line, and nothing of the calls',
  );
  srf.disconnect();
  running.child.kill('SIGTERM');
  t.equal((await ended(running)).code, 0);
});

t.test('SIGTERM: what is under way is answered, new calls are refused, exit code 0', async (t) => {
  const host = '127.31.31.1';
  const running = engine(t, '--admin', `${host}:9022`, '--contact', `sip:${host}`, '--log-level', 'debug');
  await ready(running);
  const app = await RawApp.ready(host, 'invite');
  const caller = await startRawPeer('127.31.31.2');
  t.teardown(() => {
    caller.close();
  });
  const invite = (id: string): string =>
    [
      `INVITE sip:112@${host} SIP/2.0`,
      `Via: SIP/2.0/UDP 127.31.31.2:5060;branch=z9hG4bK${id}`,
      'Max-Forwards: 70',
      `From: <sip:a@127.31.31.2>;tag=${id}`,
      `To: <sip:112@${host}>`,
      `Call-ID: ${id}`,
      'CSeq: 1 INVITE',
      'Contact: <sip:a@127.31.31.2>',
      'Content-Length: 0',
      '',
      '',
    ].join('\r\n');
  caller.send(invite('first'), 5060, host);
  const call = await app.message(/^INVITE /);
  running.child.kill('SIGTERM');
  await until(() => running.log().includes('takes no new calls'));
  caller.send(invite('second'), 5060, host);
  const got = (id: string, status: number): boolean =>
    caller.received.some((text) => text.startsWith(`SIP/2.0 ${status}`) && valueOf(text, 'Call-ID') === id);
  await until(() => got('second', 503));
  app.send(`sip|${tokensOf(call)[8] ?? ''}|\r\nSIP/2.0 486 Busy Here\r\n\r\n`);
  await until(() => got('first', 486));
  t.ok(got('second', 503));
  t.ok(got('first', 486));
  t.equal((await ended(running)).code, 0);
  t.match(running.log(), /"callId":"first".*received INVITE sip:112@/, 'debug shows messages');
  t.match(running.log(), /"callId":"first".*sent SIP\/2.0 486/);
});

t.test('a command line that makes no sense: exit code 2, and what to do', async (t) => {
  const wrong: readonly [readonly string[], RegExp][] = [
    [
      ['--admin', '0.0.0.0:9022', '--contact', 'sip:127.31.32.1'],
      /need a secret to connect on 0\.0\.0\.0: give --secret-file/,
    ],
    [['--admin', '127.31.32.1', '--contact', 'sip:127.31.32.1'], /expected host:port/],
    [
      ['--admin', '127.31.32.1:9022', '--contact', 'sip:127.31.32.1;transport=ws'],
      /does not speak ws, expected udp, tcp or tls/,
    ],
    [['--admin', '127.31.32.1:9022', '--contact', 'sip:kpn.example'], /expected an address of this machine/],
    [['--admin', '127.31.32.1:9022', '--contact', 'sip:127.31.32.1:5060;transport=tcp,tls'], /cannot share a port/],
    [['--admin', '127.31.32.1:9022', '--contact', 'sips:127.31.32.1'], /TLS needs both --tls-cert and --tls-key/],
    [
      ['--admin', '127.31.32.1:9022', '--contact', 'sip:127.31.32.1', '--log-level', 'loud'],
      /Allowed choices are trace, debug/,
    ],
    [['--admin', '127.31.32.1:9022', '--contact', 'sip:127.31.32.1', '--dns-server', 'ns'], /address of a name server/],
    [['--admin', '127.31.32.1:9022'], /required option '--contact/],
  ];
  const all = await Promise.all(wrong.map(async ([options]) => ended(engine(t, ...options))));
  all.forEach(({ code, said }, at) => {
    t.equal(code, 2, said);
    t.match(said, wrong[at]?.[1]);
  });
});

t.test('it cannot start: exit code 1, the address or the file, and what to do', async (t) => {
  const host = '127.31.33.1';
  const taken = createServer();
  taken.listen(5060, host);
  await once(taken, 'listening');
  t.teardown(() => taken.close());
  const folder = t.testdir({ empty: '\n', bad: 'no PEM' });
  const admin = ['--admin', `${host}:9022`];
  const failing: readonly [readonly string[], RegExp][] = [
    [
      [...admin, '--contact', `sip:${host};transport=udp,tcp`],
      /^TCP 127\.31\.33\.1:5060 is taken by another program: end that one, or choose another port\n$/,
    ],
    [['--admin', `${host}:5060`, '--contact', `sip:${host}`], /^TCP 127\.31\.33\.1:5060 is taken/],
    [[...admin, '--contact', 'sip:192.0.2.77'], /^UDP 192\.0\.2\.77:5060 is no address of this machine/],
    [[...admin, '--contact', `sip:${host}`, '--secret-file', `${folder}/none`], /secret cannot be read: .*none/],
    [[...admin, '--contact', `sip:${host}`, '--secret-file', `${folder}/empty`], /empty: the secret is empty/],
    [
      [...admin, '--contact', `sips:${host}`, '--tls-cert', `${folder}/bad`, '--tls-key', `${folder}/bad`],
      /TLS cannot be used with .*bad/,
    ],
  ];
  for (const [options, message] of failing) {
    const { code, said } = await ended(engine(t, ...options));
    t.equal(code, 1, said);
    t.match(said, message);
  }
});

t.test('a secret from a file, or from the environment; a wrong one is refused and never logged', async (t) => {
  const [first, second] = ['127.31.34.1', '127.31.34.2'];
  const folder = t.testdir({ secret: 'hush-file\n' });
  const options = (host: string): readonly string[] => ['--admin', `${host}:9022`, '--contact', `sip:${host}`];
  const a = engine(t, ...options(first), '--secret-file', `${folder}/secret`);
  const b = engineWith(t, { NOODROUTE_ENGINE_SECRET: 'hush-environment' }, ...options(second));
  await Promise.all([ready(a), ready(b)]);
  const isAccepted = async (host: string, secret: string): Promise<boolean> => {
    const app = await RawApp.open(host);
    const reply = await app.ask(`authenticate|${secret}|`);
    app.cut();
    return reply.startsWith('OK|');
  };
  t.ok(await isAccepted(first, 'hush-file'));
  t.ok(await isAccepted(second, 'hush-environment'));
  t.notOk(await isAccepted(first, 'cymru'));
  await until(() => a.log().includes('wrong secret'));
  t.match(a.log(), /wrong secret/);
  t.notMatch(a.log() + b.log(), /hush/);
});

t.test('TLS: other certificates after SIGHUP, while a connection stays; broken files change nothing', async (t) => {
  const host = '127.31.35.1';
  const authority = new Authority();
  const [first, second] = [authority.issue(`IP:${host}`), authority.issue(`IP:${host}`)];
  const folder = t.testdir({ cert: first.cert, key: first.key });
  const files = ['--tls-cert', `${folder}/cert`, '--tls-key', `${folder}/key`];
  const running = engine(t, '--admin', `${host}:9022`, '--contact', `sip:${host};transport=udp,tls`, ...files);
  await ready(running);
  const shown = async (): Promise<string> => {
    const socket = connect({ host, port: 5061, ca: authority.cert });
    t.teardown(() => socket.destroy());
    await once(socket, 'secureConnect');
    return socket.getPeerCertificate().serialNumber;
  };
  const open = connect({ host, port: 5061, ca: authority.cert });
  t.teardown(() => open.destroy());
  let heard = '';
  open.on('data', (data: Buffer) => (heard += data.toString('latin1')));
  const before = await shown();
  copyFileSync(second.certFile, `${folder}/cert`);
  copyFileSync(second.keyFile, `${folder}/key`);
  running.child.kill('SIGHUP');
  await until(() => running.log().includes('use what is in the files now'));
  const after = await shown();
  t.not(after, before);
  writeFileSync(`${folder}/key`, 'no key');
  running.child.kill('SIGHUP');
  await until(() => running.log().includes('cannot be used'));
  t.equal(await shown(), after);
  open.write('\r\n\r\n');
  await until(() => heard === '\r\n');
  t.equal(heard, '\r\n', 'a connection of before is still served');
});
