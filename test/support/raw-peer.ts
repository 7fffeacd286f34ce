import { randomUUID } from 'node:crypto';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';

/** A peer that the test plays byte by byte, over a plain UDP socket and without any of our own SIP code. */
export interface RawPeer {
  /** What arrived, as text, oldest first. One character is one byte. */
  readonly received: readonly string[];
  /** When each of them arrived, in milliseconds on the monotonic clock. */
  readonly arrivals: readonly number[];
  /** Requests of a method that arrived, without repeated ones. */
  requests(method: string): readonly string[];
  /** Answers a request that arrived. */
  respond(request: string, statusLine: string, extra?: readonly string[], body?: string, toTag?: string): void;
  /** From now on nothing is answered, not even OPTIONS: the far end has disappeared. */
  vanish(): void;
  send(text: string, port: number, address: string): void;
  close(): void;
}

/** What the peer does by itself with a request that arrives. */
export type RawBehaviour = (request: string, peer: RawPeer) => void;

/** Binds a socket; every OPTIONS is answered 200, everything else is `behave`'s. */
export async function startRawPeer(
  address: string,
  port = 5060,
  behave: RawBehaviour = () => undefined,
): Promise<RawPeer> {
  const socket: Socket = createSocket('udp4');
  const received: string[] = [];
  const arrivals: number[] = [];
  const sources = new Map<string, RemoteInfo>();
  let gone = false;
  let closed = false;
  const peer: RawPeer = {
    received,
    arrivals,
    requests: (method) => [...new Set(received.filter((text) => text.startsWith(`${method} `)))],
    respond: (request, statusLine, extra = [], body = '', toTag = 'raw') => {
      const source = sources.get(request);
      if (source !== undefined) {
        peer.send(responseText(request, statusLine, extra, body, toTag), source.port, source.address);
      }
    },
    vanish: () => {
      gone = true;
    },
    send: (text, toPort, toAddress) => {
      socket.send(Buffer.from(text, 'latin1'), toPort, toAddress);
    },
    close: () => {
      if (!closed) {
        closed = true;
        socket.close();
      }
    },
  };
  socket.on('message', (data, source) => {
    const text = data.toString('latin1');
    received.push(text);
    arrivals.push(performance.now());
    sources.set(text, source);
    if (gone) {
      return;
    }
    if (text.startsWith('OPTIONS ')) {
      peer.respond(text, '200 OK');
    } else if (!text.startsWith('SIP/2.0')) {
      behave(text, peer);
    }
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, address, () => {
      resolve();
    });
  });
  return peer;
}

/** The header lines of that name, whole. */
function lines(message: string, name: string): readonly string[] {
  const head = message.slice(0, message.indexOf('\r\n\r\n'));
  return head.split('\r\n').filter((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`));
}

/** The value of the first header of that name; empty where there is none. */
export function valueOf(message: string, name: string): string {
  return (
    lines(message, name)[0]
      ?.slice(name.length + 1)
      .trim() ?? ''
  );
}

function responseText(
  request: string,
  statusLine: string,
  extra: readonly string[],
  body: string,
  toTag: string,
): string {
  const [to = ''] = lines(request, 'To');
  const taggedTo = /;tag=/.test(to) || statusLine.startsWith('100') ? to : `${to};tag=${toTag}`;
  return [
    `SIP/2.0 ${statusLine}`,
    ...lines(request, 'Via'),
    ...lines(request, 'Record-Route'),
    ...lines(request, 'From'),
    taggedTo,
    ...lines(request, 'Call-ID'),
    ...lines(request, 'CSeq'),
    ...extra,
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n');
}

/** The BYE of a far end at that address which has answered this INVITE, with the To tag `raw`. */
export function byeOf(invite: string, address: string, extra: readonly string[] = []): string {
  const target = /<([^>]+)>/.exec(valueOf(invite, 'Contact'))?.[1] ?? '';
  return [
    `BYE ${target} SIP/2.0`,
    `Via: SIP/2.0/UDP ${address}:5060;branch=z9hG4bK${randomUUID()}`,
    `From: ${valueOf(invite, 'To')};tag=raw`,
    `To: ${valueOf(invite, 'From')}`,
    `Call-ID: ${valueOf(invite, 'Call-ID')}`,
    'CSeq: 1 BYE',
    'Max-Forwards: 70',
    ...extra,
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');
}
