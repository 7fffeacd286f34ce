import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** A record, as a zone file would have it. */
export type DnsRecord =
  | { readonly name: string; readonly type: 'A' | 'AAAA'; readonly address: string; readonly ttl?: number }
  | {
      readonly name: string;
      readonly type: 'SRV';
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: string;
      readonly ttl?: number;
    }
  | {
      readonly name: string;
      readonly type: 'NAPTR';
      readonly order: number;
      readonly preference: number;
      readonly service: string;
      readonly replacement: string;
      readonly ttl?: number;
    };

const TYPES: Readonly<Record<DnsRecord['type'], number>> = { A: 1, AAAA: 28, SRV: 33, NAPTR: 35 };
const HEADER_BYTES = 12;

/** A name server over UDP (RFC 1035) with a handful of records. */
export class DnsServer {
  readonly #socket: Socket;
  readonly #records: readonly DnsRecord[];
  /** Questions, as `TYPE name`. */
  readonly asked: string[] = [];
  /** `silent`: nothing comes back. `failing`: SERVFAIL. */
  state: 'well' | 'silent' | 'failing' = 'well';

  private constructor(socket: Socket, records: readonly DnsRecord[]) {
    this.#socket = socket;
    this.#records = records;
    socket.on('message', (query, from) => {
      const reply = this.#answer(query);
      if (reply !== undefined) {
        socket.send(reply, from.port, from.address);
      }
    });
  }

  static async start(address: string, records: readonly DnsRecord[]): Promise<DnsServer> {
    const socket = createSocket('udp4');
    socket.bind(53, address);
    await once(socket, 'listening');
    return new DnsServer(socket, records);
  }

  stop(): void {
    this.#socket.close();
  }

  #answer(query: Buffer): Buffer | undefined {
    const { name, end } = readName(query);
    const type = query.readUInt16BE(end);
    const word = Object.entries(TYPES).find(([, number]) => number === type)?.[0] ?? String(type);
    this.asked.push(`${word} ${name}`);
    if (this.state === 'silent') {
      return undefined;
    }
    const matching = this.#records.filter((record) => record.name === name && TYPES[record.type] === type);
    const found = this.state === 'failing' ? [] : matching;
    const isKnown = this.#records.some((record) => record.name === name);
    const code = this.state === 'failing' ? 2 : isKnown ? 0 : 3;
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt16BE(query.readUInt16BE(0), 0);
    header.writeUInt16BE(0x8580 | code, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(found.length, 6);
    const question = query.subarray(HEADER_BYTES, end + 4);
    return Buffer.concat([header, question, ...found.map(print)]);
  }
}

function readName(query: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += length + 1;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

function print(record: DnsRecord): Buffer {
  const data = dataOf(record);
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(TYPES[record.type], 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(record.ttl ?? 60, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([printName(record.name), fixed, data]);
}

function dataOf(record: DnsRecord): Buffer {
  switch (record.type) {
    case 'A':
      return Buffer.from(record.address.split('.').map(Number));
    case 'AAAA':
      return ipv6(record.address);
    case 'SRV':
      return Buffer.concat([words(record.priority, record.weight, record.port), printName(record.target)]);
    case 'NAPTR': {
      const texts = ['s', record.service, ''].map((text) => Buffer.from(`${String.fromCharCode(text.length)}${text}`));
      return Buffer.concat([words(record.order, record.preference), ...texts, printName(record.replacement)]);
    }
  }
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  values.forEach((value, at) => bytes.writeUInt16BE(value, at * 2));
  return bytes;
}

function printName(name: string): Buffer {
  const labels = name === '' ? [] : name.split('.');
  return Buffer.from(`${labels.map((label) => `${String.fromCharCode(label.length)}${label}`).join('')}\0`, 'latin1');
}

function ipv6(address: string): Buffer {
  const [head = '', tail = ''] = address.split('::');
  const groups = (text: string): number[] =>
    text
      .split(':')
      .filter((group) => group !== '')
      .map((group) => Number.parseInt(group, 16));
  const [first, last] = [groups(head), groups(tail)];
  return words(...first, ...Array.from({ length: 8 - first.length - last.length }, () => 0), ...last);
}
