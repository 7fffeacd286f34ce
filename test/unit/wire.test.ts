import { EventEmitter } from 'node:events';
import t from 'tap';
import { receivedRequest, toSrfHeaders } from '../../src/adapters/drachtio/message.js';
import {
  wireProtocol,
  type SrfRequest,
  type WireProtocolThis,
  type WireSocket,
} from '../../src/adapters/drachtio/srf.js';
import { installByteExactWire } from '../../src/adapters/drachtio/wire.js';
import { until } from '../support/until.js';

const troubles: unknown[] = [];
installByteExactWire((error) => troubles.push(error));

/** A socket that keeps what is written, in the writes that would leave. */
class FakeSocket implements WireSocket {
  readonly writes: string[] = [];
  destroyed = false;

  write(bytes: string): boolean {
    this.writes.push(bytes);
    return true;
  }

  destroy(): void {
    this.destroyed = true;
  }
}

function reader() {
  const messages: string[] = [];
  const emitter = new EventEmitter();
  emitter.on('msg', (_socket: unknown, message: string) => messages.push(message));
  const { prototype } = wireProtocol();
  const self = emitter as unknown as WireProtocolThis;
  return {
    messages,
    emitter,
    read: (socket: WireSocket, bytes: Buffer) => prototype._onData.call(self, socket, bytes),
    send: (socket: WireSocket, text: string) => prototype.send.call(self, socket, text),
  };
}

const binary = Buffer.from([0, 1, 0x80, 0xff, 0x0d, 0x0a, 0x23, 0xc3, 0xa9]);

t.test('every byte arrives as it was sent, wherever the stream is cut', async (t) => {
  const payload = Buffer.concat([Buffer.from('id|sip|x\r\n'), binary]);
  const frame = Buffer.concat([Buffer.from(`${payload.length}#`), payload]);
  const stream = Buffer.concat([frame, frame]);
  for (let cut = 1; cut < stream.length; cut++) {
    const { messages, read } = reader();
    const socket = new FakeSocket();
    read(socket, stream.subarray(0, cut));
    read(socket, stream.subarray(cut));
    t.same(messages, [payload.toString('latin1'), payload.toString('latin1')], `cut at ${cut}`);
  }
});

t.test('a hundred messages in one segment', async (t) => {
  const { messages, read } = reader();
  read(new FakeSocket(), Buffer.from('4#a|bc'.repeat(100)));
  t.equal(messages.length, 100);
});

t.test('garbage closes the connection and is reported, it does not end the process', async (t) => {
  for (const garbage of ['0#', 'x#abc', '-3#abc', '123456789', '99999999#', '#abc']) {
    const { read } = reader();
    const socket = new FakeSocket();
    const before = troubles.length;
    read(socket, Buffer.from(garbage));
    t.ok(socket.destroyed, garbage);
    t.equal(troubles.length, before + 1, garbage);
  }
});

t.test('a handler that throws loses its own message only', async (t) => {
  const { emitter, messages, read } = reader();
  emitter.prependListener('msg', (_socket: unknown, message: string) => {
    if (message === 'bad') {
      throw new Error('handler');
    }
  });
  const before = troubles.length;
  read(new FakeSocket(), Buffer.from('3#bad4#good'));
  t.same(messages, ['good']);
  t.equal(troubles.length, before + 1);
});

t.test('what is sent has the length of its bytes, and the messages of one tick leave in one write', async (t) => {
  const { send } = reader();
  const socket = new FakeSocket();
  const text = `sip||\r\n${binary.toString('latin1')}`;
  const ids = [send(socket, text), send(socket, 'ping')];
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  const [first, second] = ids.map((id, index) => `${id}|${index === 0 ? text : 'ping'}`);
  t.same(socket.writes, [`${first?.length}#${first}${second?.length}#${second}`]);
});

/** What left, by the first letter after the id. */
async function leaving(socket: FakeSocket): Promise<string> {
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  return [...socket.writes.join('').matchAll(/\d+#[0-9a-f-]{36}\|(.)/g)].map(([, letter]) => letter).join('');
}

function response(id: string, rest = 'OK'): Buffer {
  const text = `server-id|response|${id}|${rest}`;
  return Buffer.from(`${text.length}#${text}`);
}

t.test('no more is on the way than the ring of drachtio-server holds', async (t) => {
  const { send, read, messages } = reader();
  const socket = new FakeSocket();
  const small = ['a', 'b', 'c'].map((text) => send(socket, text.repeat(3_900)));
  const large = ['D', 'E'].map((text) => send(socket, text.repeat(5_000)));
  const last = send(socket, 'f');
  t.equal(await leaving(socket), 'abc', 'small ones leave together; a large one waits until they were read');
  read(socket, Buffer.concat(small.map((id) => response(id))));
  t.equal(await leaving(socket), 'abcD', 'it leaves alone');
  read(socket, response(large[0] ?? '', 'NOK|why not'));
  t.equal(await leaving(socket), 'abcDE');
  read(socket, response(large[1] ?? ''));
  t.equal(await leaving(socket), 'abcDEf', 'in the order in which they were sent');
  const tooLarge = send(socket, 'g'.repeat(12_300));
  t.equal(await leaving(socket), 'abcDEf', 'what the ring cannot hold at all never leaves');
  t.match(messages.at(-1), new RegExp(`\\|response\\|${tooLarge}\\|NOK\\|`), 'and who sent it is told so');
  read(socket, response(last));
});

t.test('a message without a response holds up the others for a moment only', async (t) => {
  const { send } = reader();
  const socket = new FakeSocket();
  send(socket, 'A'.repeat(5_000));
  send(socket, 'b');
  t.equal(await leaving(socket), 'A');
  await until(async () => (await leaving(socket)) === 'Ab', 2_000);
  t.equal(await leaving(socket), 'Ab');
});

t.test('the embedded engine takes whatever comes', async (t) => {
  const { send, read } = reader();
  const socket = new FakeSocket();
  const id = send(socket, 'authenticate|secret|');
  read(socket, response(id, 'OK|udp/127.0.0.1:5060|v0.9.10-noodroute-0.1.0|udp/127.0.0.1:5060'));
  for (const text of ['B', 'C', 'D']) {
    send(socket, text.repeat(20_000));
  }
  t.equal(await leaving(socket), 'aBCD');
});

t.test('repeated headers leave as lines of their own, and no value can make a header', async (t) => {
  const headers = toSrfHeaders([
    { name: 'Call-Info', value: '<urn:a>;purpose=x' },
    { name: 'X-One', value: 'harmless\r\nEvil: yes' },
    { name: 'call-info', value: '<urn:b>;purpose=y' },
  ]);
  t.same(headers, {
    'Call-Info': '<urn:a>;purpose=x\r\ncall-info: <urn:b>;purpose=y',
    'X-One': 'harmless Evil: yes',
  });
});

t.test('a received request is read from its own text, not from what srf made of it', async (t) => {
  const raw =
    'INVITE urn:service:sos SIP/2.0\r\nFrom: "A, B" <sip:1@x>;tag=1\r\nCall-Info: <urn:a>\r\nCall-Info: <urn:b>\r\nContent-Length: 3\r\n\r\n\x00\xff\x80';
  const request = { method: 'INVITE', uri: 'urn:service:sos', msg: { raw, headers: {} } } as unknown as SrfRequest;
  const received = receivedRequest(request);
  t.equal(received.body, '\x00\xff\x80');
  t.same(
    received.headers.filter(({ name }) => name === 'Call-Info').map(({ value }) => value),
    ['<urn:a>', '<urn:b>'],
  );
});
