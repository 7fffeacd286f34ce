import { randomUUID } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';

/** A message that the application handed to the SIP server, byte for byte. */
export interface Handed {
  /** The transaction that it belongs to, where it names one. */
  readonly txnId: string;
  readonly dialogId: string;
  /** The next hop, where one was asked for. */
  readonly route: string;
  readonly text: string;
}

/** What the SIP server knows of a message beside its text. */
interface Meta {
  readonly txnId?: string;
  readonly dialogId?: string;
  readonly address?: string;
}

/** The control side of a SIP server, in the test's hands: it speaks drachtio's wire protocol, and no SIP. */
export class FakeControl {
  readonly #server: Server;
  readonly #version: string;
  readonly #handed: Handed[] = [];
  readonly #waiting = new Set<() => void>();
  #socket: Socket | undefined;
  #unread = '';
  #transactions = 0;
  /** Makes the server take what the application hands over, and say nothing. */
  mute = false;
  /** Makes the server let nobody in who connects. */
  closed = false;
  /** Makes the server refuse what the application hands over. */
  refuse: (handed: Handed) => string | undefined = () => undefined;

  private constructor(server: Server, version: string) {
    this.#server = server;
    this.#version = version;
    server.on('connection', (socket) => {
      this.#socket = socket;
      socket.setEncoding('latin1');
      socket.on('error', () => undefined);
      socket.on('data', (data: string) => {
        this.#unread += data;
        this.#read();
      });
    });
  }

  /** @param version what the server says that it is; the embedded engine has `noodroute` in it. */
  static async listen(version = 'v0.9.0'): Promise<FakeControl> {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return new FakeControl(server, version);
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** How many requests it has sent. */
  get transactions(): number {
    return this.#transactions;
  }

  /** Everything that the application handed over so far. */
  get all(): readonly Handed[] {
    return this.#handed;
  }

  /** The nth message (from 0) whose first line starts so, once it is there. */
  async handed(start: string, nth = 0): Promise<Handed> {
    for (;;) {
      const found = this.#handed.filter(({ text }) => text.startsWith(start))[nth];
      if (found !== undefined) {
        return found;
      }
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
      });
    }
  }

  /** The network brings a message. */
  network(text: string, { txnId = randomUUID(), dialogId = '', address = '127.0.0.9' }: Meta = {}): void {
    const meta = `sip|network|${text.length}|udp|${address}|5060|12:00:00.000000|${txnId}|${dialogId}|`;
    this.#send(`${meta}\r\n${text}`);
  }

  /** Drops the control connection; the application may connect again. */
  drop(): void {
    this.#socket?.destroy();
  }

  close(): void {
    this.#socket?.destroy();
    this.#server.close();
  }

  #send(message: string): void {
    const text = `${randomUUID()}|${message}`;
    this.#socket?.write(Buffer.from(`${text.length}#${text}`, 'latin1'));
  }

  #read(): void {
    for (let hash = this.#unread.indexOf('#'); hash > 0; hash = this.#unread.indexOf('#')) {
      const end = hash + 1 + Number(this.#unread.slice(0, hash));
      if (this.#unread.length < end) {
        return;
      }
      const message = this.#unread.slice(hash + 1, end);
      this.#unread = this.#unread.slice(end);
      this.#take(message);
    }
  }

  #take(message: string): void {
    const lineEnd = message.indexOf('\r\n');
    const line = lineEnd < 0 ? message : message.slice(0, lineEnd);
    const [id = '', type, txnId = '', dialogId = '', route = ''] = line.split('|');
    if (type !== 'sip') {
      if (!this.closed) {
        this.#send(`response|${id}|OK|127.0.0.1:5060|${this.#version}`);
      }
      return;
    }
    const handed = { txnId, dialogId, route, text: message.slice(lineEnd + 2) };
    this.#handed.push(handed);
    if (!this.mute) {
      this.#send(`response|${id}|${this.#reply(handed)}`);
    }
    for (const resolve of this.#waiting) {
      resolve();
    }
    this.#waiting.clear();
  }

  #reply(handed: Handed): string {
    const refused = this.refuse(handed);
    if (refused !== undefined) {
      return `NOK|${refused}`;
    }
    const sent = `OK|application|${handed.text.length}|udp|127.0.0.1|5060|12:00:00.000000`;
    const isResponse = handed.text.startsWith('SIP/2.0');
    const ids = isResponse ? `${handed.txnId}|in;from-tag=x|` : `t${++this.#transactions}`;
    return `${sent}|${ids}|Msg sent:|\r\n${isResponse ? tagged(handed.text) : asSent(handed.text)}`;
  }
}

/** A response with the tag that the server gives to its side. */
function tagged(text: string): string {
  return text.replace(/^(To:[^\r\n]*)/im, (to) => (to.includes(';tag=') ? to : `${to};tag=fake`));
}

/** A request with what the server adds to it. */
function asSent(text: string): string {
  const method = text.slice(0, text.indexOf(' '));
  const callId = /^call-id:/im.test(text) ? '' : 'Call-ID: out\r\n';
  const cseq = /^cseq:/im.test(text) ? '' : `CSeq: 1 ${method}\r\n`;
  return text.replace('\r\n', `\r\n${callId}${cseq}`);
}
