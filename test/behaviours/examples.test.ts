import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import t from 'tap';
import { sdp } from '../engine/rig.js';
import { until } from '../support/until.js';
import {
  ack,
  answer,
  answered,
  call,
  fromCallee,
  hangUp,
  hungUp,
  invite,
  pause,
  received,
  respond,
  response,
  verdict,
  type Step,
} from './scenario.js';
import { startSite, type Site } from './site.js';

// The examples that drachtio-srf gives in its README and above its functions, as programs of their own. What had to be
// changed in each is listed: addresses, session descriptions that the example leaves open, and slips that keep it from
// running on any server (a name or an order of arguments that the library does not have).
const load = createRequire(import.meta.url);
const README = readFileSync(load.resolve('drachtio-srf/README.md'), 'utf8');
const LIBRARY = readFileSync(load.resolve('drachtio-srf/lib/srf.js'), 'utf8');

type Change = readonly [from: string, to: string];

const CONNECT = 'const srf = new Srf();';
const FAR = '10.10.100.1';

let site: Site;

/** An example of the README: what its title is followed by. */
function ofReadme(title: string): string {
  return /```js\n([\s\S]*?)```/.exec(README.slice(README.indexOf(`*${title}*`)))?.[1] ?? '';
}

/** An example above a function of the library. */
function ofFunction(name: string, caption: string): string {
  const end = LIBRARY.indexOf(`\n  ${name}(`);
  const comment = LIBRARY.slice(LIBRARY.lastIndexOf('/**', end), end);
  const start = comment.indexOf(`@example <caption>${caption}</caption>`);
  const [, text = ''] = /<\/caption>\n([\s\S]*?)(?:\n *\* @|\n *\*\/)/.exec(comment.slice(start)) ?? [];
  return text.replaceAll(/^ *\* ?/gm, '');
}

/** Every change must find something to change: an example that the library has corrected shows here. */
function changed(example: string, changes: readonly Change[]): string {
  return changes.reduce((text, [from, to]) => {
    if (!text.includes(from)) {
      throw new Error(`the example does not have ${from}:\n${text}`);
    }
    return text.replaceAll(from, to);
  }, example);
}

/** Runs a program until the test is over. @returns what it has written. */
function run(program: string): { readonly output: () => string; readonly stop: () => void } {
  const child = spawn(process.execPath, ['-'], { stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      output += data.toString('utf8');
    });
  }
  child.stdin.end(program);
  return { output: () => output, stop: () => child.kill('SIGKILL') };
}

async function says(output: () => string, text: string): Promise<boolean> {
  await until(() => output().includes(text), 8_000);
  return output().includes(text);
}

/** Where the example connects to, in the place of what it says; most of them leave it out. */
function connecting(): string {
  const [host = '', port = '', secret = ''] = site.control.split(':');
  return `srf.connect({host: '${host}', port: ${port}, secret: '${secret}'});\nsrf.on('error', () => undefined);`;
}

const description = `const mySdp = ${JSON.stringify(sdp(1))};`;
const accepted: readonly Step[] = [
  received('INVITE'),
  respond('180 Ringing'),
  respond('200 OK', { sdp: true, retrans: true }),
  received('ACK'),
];
const caller: readonly Step[] = [
  invite(),
  response(100),
  response(180, { optional: true }),
  answered(),
  ack(),
  pause(100),
];

/** The example leaves out that it must be connected before it calls; only the end of that function is there. */
function onceConnected(): readonly Change[] {
  return [[CONNECT, `${CONNECT}\n${connecting()}\nsrf.on('connect', () => {`]];
}

/** Connects and tells so: calls may come. */
function ready(): string {
  return `${CONNECT}\n${connecting()}\nsrf.on('connect', () => setTimeout(console.log, 100, 'example connected'));`;
}

t.before(async () => {
  site = await startSite('127.5.43.1');
  t.comment(`on ${site.version}`);
});

t.test('README: back-to-back user agent', async (t) => {
  const place = site.place();
  const callee = await answer(place, 'callee', [...accepted, ...hungUp()]);
  const example = ofReadme('Example Back-to-back user agent').replace(/srf\.connect\([\s\S]*?\}\);/, '');
  const { output, stop } = run(
    changed(example, [
      // The README declares both constants twice.
      [
        "const Srf = require('drachtio-srf');\n  const srf = new Srf();\n\n  \n    const Srf = require('drachtio-srf');\n  const srf = new Srf();",
        `const Srf = require('drachtio-srf');\n${ready()}`,
      ],
      [
        "createB2BUA('sip:1234@10.10.100.1', req, res,",
        `createB2BUA(req, res, 'sip:1234@${place.address}:${place.port}',`,
      ],
    ]),
  );
  t.ok(await says(output, 'example connected'), output());
  t.equal(verdict(await call(site.place(), site.sip, '112', [...caller, ...hangUp(2)])), '');
  t.equal(verdict(await callee.done), '');
  t.match(output(), /call connected/);
  stop();
});

t.test('README: OPTIONS ping', async (t) => {
  const place = site.place();
  const peer = await answer(place, 'peer', [
    received('OPTIONS', { check: [['Subject', 'OPTIONS Ping']] }),
    respond('200 OK'),
  ]);
  const [host = '', port = '', secret = ''] = site.control.split(':');
  const { output, stop } = run(
    changed(ofReadme('Example sending a request (OPTIONS ping)'), [
      ["host: '127.0.0.1', port: 9022, secret: 'cymru'", `host: '${host}', port: ${port}, secret: '${secret}'`],
      ['sip:tighthead.drachtio.org', `sip:${place.address}:${place.port}`],
      ['10000', '100'],
    ]),
  );
  t.equal(verdict(await peer.done), '');
  t.ok(await says(output, 'Response to OPTIONS ping: 200'), output());
  t.match(output(), /connected to server listening on udp|connected to server listening on tcp/);
  stop();
});

for (const caption of ['returning a Promise', 'using callback']) {
  t.test(`createUAS, ${caption}`, async (t) => {
    const { output, stop } = run(
      changed(ofFunction('createUAS', caption), [
        [CONNECT, ready()],
        ['createUas', 'createUAS'],
        ['const mySdp;', description],
      ]),
    );
    t.ok(await says(output, 'example connected'), output());
    t.equal(verdict(await call(site.place(), site.sip, '112', [...caller, ...hangUp(2)])), '');
    t.ok(await says(output, 'caller hung up'), output());
    t.match(output(), /dialog established/);
    stop();
  });
}

// The example with a callback is left out: this version of the library calls it with the request, not with the dialog.
t.test('createUAC, returning a Promise', async (t) => {
  const place = site.place();
  const callee = await answer(place, 'callee', [
    ...accepted,
    pause(100),
    fromCallee('BYE', { cseq: 1 }),
    response(200),
  ]);
  const { output, stop } = run(
    changed(ofFunction('createUAC', 'returning a Promise'), [
      ...onceConnected(),
      ['createUac', 'createUAC'],
      ['const mySdp;', description],
      [FAR, `${place.address}:${place.port}`],
    ]),
  );
  t.ok(await says(output, 'called party hung up'), output());
  t.match(output(), /dialog established, call-id is/);
  t.equal(verdict(await callee.done), '');
  stop();
});

t.test('createUAC, canceling a request by using a progress callback', async (t) => {
  const place = site.place();
  const callee = await answer(place, 'callee', [
    received('INVITE'),
    respond('180 Ringing'),
    received('CANCEL'),
    respond('200 OK'),
    respond('487 Request Terminated', { ofInvite: true }),
    received('ACK'),
  ]);
  const { output, stop } = run(
    changed(ofFunction('createUAC', 'Canceling a request by using a progress callback'), [
      ...onceConnected(),
      ['const mySdp;', description],
      [FAR, `${place.address}:${place.port}`],
      ['(reqSent) => { inviteSent = req; }', '(err, req) => { inviteSent = req; }'],
      ['assert(err.status === 487);', 'console.log(`cancelled: ${err.status}`);'],
      ['let inviteSent;', ''],
      [CONNECT, `${CONNECT}\nlet inviteSent;`],
    ]),
  );
  t.ok(await says(output, 'cancelled: 487'), output());
  t.equal(verdict(await callee.done), '');
  stop();
});

t.test('nothing is left open', async (t) => {
  t.equal(await site.leftOpen(), '');
  await site.stop();
});
