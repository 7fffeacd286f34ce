import { randomUUID } from 'node:crypto';
import { Outlet } from './outlet.js';
import { wireProtocol, type WireProtocolThis, type WireSocket } from './srf.js';

/** A frame longer than this is no frame of a SIP server: the connection is given up. */
const LONGEST_FRAME = 16 * 1024 * 1024;
const LONGEST_LENGTH = 8;

/** What the reader could not hand on. */
export type WireTrouble = (error: unknown) => void;

let installed = false;
let trouble: WireTrouble = () => undefined;

/**
 * Replaces the reading and the sending of srf's wire protocol by byte-exact ones, once per process.
 *
 * srf decodes the wire as UTF-8, which destroys binary bodies. Here one character is one byte. Three more faults of the
 * original are guarded: a bad length or a handler that throws ends the process there; each message costs a write of its
 * own there, here those of one tick leave together.
 *
 * @param report called with what was wrong with a frame or with its handling.
 */
export function installByteExactWire(report: WireTrouble): void {
  trouble = report;
  if (installed) {
    return;
  }
  installed = true;
  const { prototype } = wireProtocol();
  prototype.send = send;
  prototype._onData = receive;
}

const outlets = new WeakMap<WireSocket, Outlet>();

function outletOf(socket: WireSocket): Outlet {
  const known = outlets.get(socket);
  const outlet = known ?? new Outlet(socket);
  if (known === undefined) {
    outlets.set(socket, outlet);
  }
  return outlet;
}

function send(this: WireProtocolThis, socket: WireSocket, message: string): string {
  const id: string = randomUUID();
  if (!outletOf(socket).send(id, message)) {
    // In the server's own words, so that whoever waits for a response has one.
    setImmediate(() => {
      handOn(this, socket, `${randomUUID()}|response|${id}|NOK|the message is too large for this SIP server`);
    });
  }
  return id;
}

const unread = new WeakMap<WireSocket, Buffer>();

function receive(this: WireProtocolThis, socket: WireSocket, data: Buffer): void {
  const before = unread.get(socket);
  let rest: Buffer = before === undefined || before.length === 0 ? data : Buffer.concat([before, data]);
  for (;;) {
    const frame = nextFrame(rest);
    if (frame === 'incomplete') {
      break;
    }
    if (frame === 'garbage') {
      unread.delete(socket);
      trouble(new Error('the SIP server sent a frame without a length; the connection is closed'));
      socket.destroy();
      return;
    }
    rest = rest.subarray(frame.end);
    outletOf(socket).heard(frame.message);
    handOn(this, socket, frame.message);
  }
  unread.set(socket, rest);
}

function handOn(wire: WireProtocolThis, socket: WireSocket, message: string): void {
  try {
    wire.emit('msg', socket, readable(message));
  } catch (error) {
    trouble(error);
  }
}

/** A header line that srf cannot read; it then drops the whole message, and the caller hears nothing. */
const UNREADABLE_LINE = /\r\n(?![ \t]|[^\s:]+[ \t]*:)[^\r\n]+(?:\r\n[ \t][^\r\n]*)*/g;
const READABLE_START = /^\S+ \S+ SIP\/|^SIP\//i;

/**
 * The same message in a form that srf can read: lines that are no headers are taken out, blanks in the Request-URI
 * written as %20. What can be understood must get through (DESIGN 8); nearly every message is what it was.
 */
function readable(message: string): string {
  const start = message.indexOf('\r\n') + 2;
  const firstEnd = start < 2 ? -1 : message.indexOf('\r\n', start);
  if (firstEnd < 0) {
    return message;
  }
  const empty = message.indexOf('\r\n\r\n', firstEnd);
  const headEnd = empty < 0 ? message.length : empty;
  const line = message.slice(start, firstEnd);
  const head = message.slice(firstEnd, headEnd);
  const readableLine = READABLE_START.test(line) ? line : requestLine(line);
  if (readableLine === undefined) {
    return message;
  }
  const readableHead = head.replaceAll(UNREADABLE_LINE, '');
  return readableLine === line && readableHead.length === head.length
    ? message
    : message.slice(0, start) + readableLine + readableHead + message.slice(headEnd);
}

/** Method, URI and version with one blank between them. Undefined for what is no request line. */
function requestLine(line: string): string | undefined {
  const words = line.split(/[ \t]/).filter((word) => word !== '');
  const version = words.at(-1) ?? '';
  return words.length > 2 && /^SIP\//i.test(version)
    ? `${words[0]} ${words.slice(1, -1).join('%20')} ${version}`
    : undefined;
}

function nextFrame(bytes: Buffer): { message: string; end: number } | 'incomplete' | 'garbage' {
  const hash = bytes.indexOf('#');
  if (hash < 0) {
    return bytes.length > LONGEST_LENGTH ? 'garbage' : 'incomplete';
  }
  const digits = bytes.toString('latin1', 0, hash);
  const length = /^\d{1,8}$/.test(digits) ? Number(digits) : 0;
  if (length === 0 || length > LONGEST_FRAME) {
    return 'garbage';
  }
  const end = hash + 1 + length;
  return bytes.length < end ? 'incomplete' : { message: bytes.toString('latin1', hash + 1, end), end };
}
