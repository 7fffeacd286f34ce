import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { valueOf } from '../support/raw-peer.js';

/** A far end over TCP that answers every request with 200. */
export interface TcpPeer {
  /** Requests that arrived. */
  readonly received: readonly string[];
  close(): void;
}

export async function startTcpPeer(address: string, port = 5060): Promise<TcpPeer> {
  const received: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    let held = '';
    sockets.add(socket);
    socket.setEncoding('latin1');
    socket.on('error', () => undefined);
    socket.on('data', (piece: string) => {
      held += piece;
      for (let message = take(held); message !== ''; message = take(held)) {
        held = held.slice(message.length);
        received.push(message);
        if (!message.startsWith('ACK ')) {
          socket.write(okTo(message, address, port), 'latin1');
        }
      }
    });
  });
  server.listen(port, address);
  await once(server, 'listening');
  return {
    received,
    close: () => {
      server.close();
      for (const socket of sockets) {
        socket.destroy();
      }
    },
  };
}

/** The first whole message; empty where there is none. */
function take(held: string): string {
  const head = held.indexOf('\r\n\r\n');
  const end = head + 4 + Number(valueOf(held, 'Content-Length'));
  return head < 0 || held.length < end ? '' : held.slice(0, end);
}

function okTo(request: string, address: string, port: number): string {
  const copied = ['Via', 'From', 'Call-ID', 'CSeq'].map((name) => `${name}: ${valueOf(request, name)}`);
  const to = valueOf(request, 'To');
  return [
    'SIP/2.0 200 OK',
    ...copied,
    `To: ${to}${to.includes(';tag=') ? '' : ';tag=tcp'}`,
    `Contact: <sip:desk@${address}:${port};transport=tcp>`,
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');
}
