import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** A network between SIPp and the server, on a socket of its own, that loses what the test says. */
export interface Lossy {
  /** Where SIPp sends to. */
  readonly target: string;
  /** How many messages were lost. */
  readonly lost: () => number;
  close(): void;
}

/**
 * @param address an address of this machine that the server reaches.
 * @param server `host:port`
 * @param loses whether a message of the server is lost; asked for each copy, with how many of its kind were lost before.
 */
export async function lossyNetwork(
  address: string,
  server: string,
  loses: (text: string, before: number) => boolean,
): Promise<Lossy> {
  const [host = '', port = ''] = server.split(':');
  const socket: Socket = createSocket('udp4');
  let sipp: RemoteInfo | undefined;
  let lost = 0;
  socket.on('message', (data, from) => {
    const isServer = from.address === host && from.port === Number(port);
    if (!isServer) {
      sipp = from;
      socket.send(data, Number(port), host);
    } else if (loses(data.toString('latin1'), lost)) {
      lost += 1;
    } else if (sipp !== undefined) {
      socket.send(data, sipp.port, sipp.address);
    }
  });
  socket.bind(0, address);
  await once(socket, 'listening');
  return {
    target: `${address}:${socket.address().port}`,
    lost: () => lost,
    close: () => {
      socket.close();
    },
  };
}

/** The first response with this status to an INVITE is lost. */
export function first(status: number): (text: string, before: number) => boolean {
  return (text, before) => before === 0 && isAnswer(text, status);
}

/** Every response with this status to an INVITE is lost. */
export function all(status: number): (text: string) => boolean {
  return (text) => isAnswer(text, status);
}

function isAnswer(text: string, status: number): boolean {
  return text.startsWith(`SIP/2.0 ${status} `) && /^CSeq: \d+ INVITE\r$/im.test(text);
}
