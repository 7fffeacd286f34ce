import { randomUUID } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { until } from '../support/until.js';
import { SECRET } from './rig.js';

/** An application that the test plays byte by byte, without any code of the engine or of drachtio-srf. */
export class RawApp {
  /** What the engine sent, oldest first; one character is one byte. */
  readonly received: string[] = [];
  readonly #socket: Socket;
  #bytes = Buffer.alloc(0);
  #closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (data: Buffer) => {
      this.#read(data);
    });
    socket.on('error', () => undefined);
    socket.once('close', () => {
      this.#closed = true;
    });
  }

  /** A connection that has shown nothing yet. */
  static async open(host: string): Promise<RawApp> {
    const socket = connect(9022, host);
    await once(socket, 'connect');
    return new RawApp(socket);
  }

  /** A connection that has shown the secret, and wants the given verbs. */
  static async ready(host: string, ...verbs: readonly string[]): Promise<RawApp> {
    return RawApp.tagged(host, '', ...verbs);
  }

  /** The same, with tags. */
  static async tagged(host: string, tags: string, ...verbs: readonly string[]): Promise<RawApp> {
    const app = await RawApp.open(host);
    await app.ask(`authenticate|${SECRET}|${tags}`);
    for (const verb of verbs) {
      await app.ask(`route|${verb}`);
    }
    return app;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Sends a message. @returns its id. */
  send(message: string): string {
    const id = randomUUID();
    this.write(frameOf(`${id}|${message}`));
    return id;
  }

  write(bytes: Buffer | string): void {
    this.#socket.write(bytes);
  }

  /** Sends a message and waits for its reply: what follows the id, `OK|...`; empty where none comes. */
  async ask(message: string, within = 5_000): Promise<string> {
    return this.reply(this.send(message), within);
  }

  async reply(id: string, within = 5_000): Promise<string> {
    await until(() => this.replies(id).length > 0, within);
    return this.replies(id)[0] ?? '';
  }

  replies(id: string): readonly string[] {
    const marker = `|response|${id}|`;
    return this.received
      .filter((text) => text.includes(marker))
      .map((text) => text.slice(text.indexOf(marker) + marker.length));
  }

  /** The SIP messages that the engine handed over, meta line included. */
  messages(startLine: RegExp): readonly string[] {
    return this.received.filter((text) => /^[^|\r]+\|sip\|/.test(text) && startLine.test(textOf(text)));
  }

  /** Waits for such a message; empty where none comes. */
  async message(startLine: RegExp, within = 5_000): Promise<string> {
    await until(() => this.messages(startLine).length > 0, within);
    return this.messages(startLine)[0] ?? '';
  }

  async ended(within = 5_000): Promise<boolean> {
    await until(() => this.#closed, within);
    return this.#closed;
  }

  /** Cuts the connection. */
  cut(): void {
    this.#socket.destroy();
  }

  #read(data: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, data]);
    for (;;) {
      const hash = this.#bytes.indexOf('#');
      const end = hash + 1 + Number(this.#bytes.toString('latin1', 0, Math.max(hash, 0)));
      if (hash < 0 || this.#bytes.length < end) {
        return;
      }
      this.received.push(this.#bytes.toString('latin1', hash + 1, end));
      this.#bytes = this.#bytes.subarray(end);
    }
  }
}

/** A payload as it goes on the wire; one character is one byte. */
export function frameOf(payload: string): Buffer {
  return Buffer.from(`${payload.length}#${payload}`, 'latin1');
}

/** The tokens of the meta line. */
export function tokensOf(message: string): readonly string[] {
  return (message.split('\r\n')[0] ?? '').split('|');
}

/** The SIP text behind the meta line. */
export function textOf(message: string): string {
  const end = message.indexOf('\r\n');
  return end < 0 ? '' : message.slice(end + 2);
}
