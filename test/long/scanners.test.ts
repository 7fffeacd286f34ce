import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { connected, isIdle, newSrf, open, sdp, startRig, timersOf } from '../engine/rig.js';
import { startGateway } from '../support/gateway.js';
import { SDP, startRawCaller } from '../support/raw-caller.js';
import { startRawPeer } from '../support/raw-peer.js';

// Debian's sipvicious, as strangers use it: who is there, which numbers exist, which password fits.
const [ENGINE, GATEWAY, STRANGER] = ['127.31.50.1', '127.31.51.1', '127.31.50.66'];
const NUMBERS = '200-239';
let port = 5100;

/** Runs one of its programs to the end, and gives what it said. */
async function scan(t: Test, tool: 'svmap' | 'svwar' | 'svcrack', ...options: readonly string[]): Promise<string> {
  const home = mkdtempSync(join(tmpdir(), 'noodroute-scan-'));
  t.teardown(() => {
    rmSync(home, { recursive: true, force: true });
  });
  port += 1;
  const where = ['-b', STRANGER, '-x', STRANGER, '-P', String(port)];
  const child = spawn(tool, [...where, ...options], { env: { ...process.env, HOME: home }, timeout: 20_000 });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => (said += data.toString('latin1')));
  }
  await new Promise((resolve) => child.once('close', resolve));
  return said;
}

/** All that the programs can find out about a host. They run side by side: each waits long for what does not come. */
async function scanAll(t: Test, host: string): Promise<void> {
  const numbers = async (method: string): Promise<string> =>
    scan(t, 'svwar', '-e', NUMBERS, '-m', method, '--force', '--maximumtime=3', host);
  const [map, crack, ...wars] = await Promise.all([
    scan(t, 'svmap', host),
    scan(t, 'svcrack', '-u', '200', '-r', NUMBERS, '--maximumtime=3', host),
    ...['REGISTER', 'INVITE', 'OPTIONS'].map(numbers),
  ]);
  t.match(map, new RegExp(`SIP Device[^]*${host}`), 'it is seen that SIP is spoken there');
  t.match(map, /unknown/, '... but not by what');
  t.notMatch(map, /noodroute|drachtio|node/i);
  for (const war of wars) {
    const found = [...war.matchAll(/\|\s*(2\d\d)\s*\|\s*(\w+)/g)];
    const kinds = new Set(found.map(([, , kind]) => kind));
    t.ok(found.length === 0 || (found.length === 40 && kinds.size === 1), `all look the same: ${war.slice(-200)}`);
  }
  t.notMatch(crack, /\|\s*200\s*\|\s*\d+\s*\|/, `no password fits: ${crack.slice(-300)}`);
}

t.test('the engine alone: nothing crashes, nothing is given away, load stays flat', async (t) => {
  const engine = await startRig(ENGINE, timersOf(20));
  const srf = await connected(newSrf(), ENGINE);
  t.teardown(async () => {
    srf.disconnect();
    await engine.close();
  });
  // An application that knows one number, and that treats all others alike.
  srf.invite((req, res) => {
    if (req.uri.includes('112@')) {
      srf.createUAS(req, res, { localSdp: sdp(1) }).catch(() => undefined);
    } else {
      res.send(404);
    }
  });
  await scanAll(t, ENGINE);
  const faults = Object.keys(engine.stats().discarded).filter((kind) => kind.startsWith('fault'));
  t.same(faults, []);
  t.ok(await isIdle(engine, 5_000), `nothing stays open: ${open(engine)}`);
  const before = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, 500));
  const { user, system } = process.cpuUsage(before);
  t.ok(user + system < 250_000, `it rests afterwards: ${((user + system) / 5_000).toFixed(0)} % of a processor`);
  const caller = await startRawCaller('127.31.50.2', `${ENGINE}:5060`);
  const { status, hangUp } = await caller.call({ uri: `sip:112@${ENGINE}`, body: SDP });
  t.equal(status, 200);
  await hangUp();
  caller.close();
});

t.test('the gateway: the same', async (t) => {
  const trunks = [
    { id: 'kpn-1', carrier: 'kpn', address: '127.31.51.5:5060', tier: 1 },
    { id: 'other-1', carrier: 'other', address: '127.31.51.6:5060', tier: 2 },
  ];
  const peers = [await startRawPeer('127.31.51.5'), await startRawPeer('127.31.51.6')];
  const gateway = await startGateway({ host: GATEWAY, trunks });
  t.teardown(async () => {
    await gateway.stop();
    for (const peer of peers) {
      peer.close();
    }
  });
  await scanAll(t, GATEWAY);
  const { openCalls, dialogs } = await gateway.stats();
  t.same({ openCalls, dialogs }, { openCalls: 0, dialogs: 0 });
  const wrong = gateway
    .log()
    .split('\n')
    .filter((line) => /"level":(50|60)/.test(line));
  t.same(wrong, [], 'nothing went wrong');
});
