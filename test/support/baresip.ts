import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { readWav } from '../../src/lab/speech.js';

/** What a softphone did and heard. */
export interface SoftphoneCall {
  readonly output: string;
  /** 8 kHz samples that it heard, 160 for each packet, and those that it sent. */
  readonly heard: Int16Array;
  readonly said: Int16Array;
}

const MODULES = ['g711', 'aufile', 'aubridge', 'sndfile'];

/**
 * Debian's baresip, without a sound card: it says a file, records both ways, dials, and ends after `seconds`.
 *
 * @param speech a WAV file of 8 kHz.
 */
export async function softphoneCall(
  address: string,
  target: string,
  seconds: number,
  speech: string,
): Promise<SoftphoneCall> {
  const folder = mkdtempSync(join(tmpdir(), 'noodroute-baresip-'));
  writeFileSync(join(folder, 'config'), config(folder, address, resolve(speech)));
  writeFileSync(
    join(folder, 'accounts'),
    `<sip:0612345678@${address}>;regint=0;audio_codecs=PCMA/8000/1,PCMU/8000/1\n`,
  );
  writeFileSync(join(folder, 'contacts'), '');
  const child = spawn('baresip', ['-f', folder, '-t', String(seconds), '-e', `/dial ${target}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const killer = setTimeout(() => child.kill('SIGKILL'), seconds * 1_000 + 5_000);
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => output.push(data.toString('latin1')));
  }
  await new Promise((done) => child.once('close', done));
  clearTimeout(killer);
  const recording = (suffix: string): Int16Array => {
    const name = readdirSync(folder).find((each) => each.endsWith(suffix));
    return name === undefined ? new Int16Array() : readWav(readFileSync(join(folder, name)));
  };
  const result = { output: output.join(''), heard: recording('-dec.wav'), said: recording('-enc.wav') };
  rmSync(folder, { recursive: true, force: true });
  return result;
}

/** `stdio` fails without a terminal, and `aufile` is no player: `aubridge` stands in for the loudspeaker. */
function config(folder: string, address: string, speech: string): string {
  return [
    'poll_method epoll',
    `sip_listen ${address}:5060`,
    `net_interface ${address}`,
    'audio_player aubridge,x',
    `audio_source aufile,${speech}`,
    'audio_alert aubridge,y',
    ...['ausrc', 'auplay'].flatMap((side) => [`${side}_srate 8000`, `${side}_channels 1`]),
    'module_path /usr/lib/baresip/modules',
    ...MODULES.map((name) => `module ${name}.so`),
    'module_app account.so',
    'module_app menu.so',
    `snd_path ${folder}`,
    '',
  ].join('\n');
}
