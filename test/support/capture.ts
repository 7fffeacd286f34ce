import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { createInterface } from 'node:readline';
import { until } from './until.js';

/** A datagram as the wire had it. One character of the payload is one byte. */
export interface CapturedDatagram {
  readonly from: string;
  readonly to: string;
  readonly payload: string;
}

/** A running capture. */
export interface Capture {
  readonly datagrams: readonly CapturedDatagram[];
  stop(): void;
}

const MARKER = 'capture is on';

/**
 * Captures the UDP datagrams of one loopback network with Debian's tshark, and waits until it really sees them.
 *
 * @param network the first three numbers of it, such as `127.6.1`.
 */
export async function startCapture(network: string): Promise<Capture> {
  const fields = ['ip.src', 'udp.srcport', 'ip.dst', 'udp.dstport', 'udp.payload'].flatMap((name) => ['-e', name]);
  const options = ['-n', '-i', 'lo', '-f', `udp and net ${network}.0/24`, '-l', '-T', 'fields', ...fields];
  const child = spawn('tshark', options, { stdio: ['ignore', 'pipe', 'ignore'] });
  const stop = (): void => {
    child.kill('SIGTERM');
  };
  process.once('exit', stop);
  const datagrams: CapturedDatagram[] = [];
  let isOn = false;
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [source = '', sourcePort = '', target = '', targetPort = '', payload = ''] = line.split('\t');
    const text = Buffer.from(payload, 'hex').toString('latin1');
    if (text === MARKER) {
      isOn = true;
    } else {
      datagrams.push({ from: `${source}:${sourcePort}`, to: `${target}:${targetPort}`, payload: text });
    }
  });
  const socket = createSocket('udp4');
  await until(() => {
    socket.send(MARKER, 9, `${network}.254`);
    return isOn;
  }, 15_000);
  socket.close();
  return { datagrams, stop };
}
