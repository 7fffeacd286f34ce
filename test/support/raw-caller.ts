import { randomUUID } from 'node:crypto';
import { startRawPeer, valueOf } from './raw-peer.js';
import { until } from './until.js';

/** What a caller says in its INVITE. */
export interface RawCall {
  readonly uri: string;
  /** Header lines as they go on the wire, in place of the usual ones of the same name, or beside them. */
  readonly headers?: readonly string[];
  readonly body?: string;
  /** Sends the INVITE again and again after so many milliseconds; once only where not given. */
  readonly resendEvery?: number;
}

/** What came back. */
export interface RawOutcome {
  readonly callId: string;
  /** Every response to the INVITE, whole. */
  readonly responses: readonly string[];
  readonly status: number;
  /** Ends an answered call, and waits for the 200 to the BYE. */
  readonly hangUp: () => Promise<void>;
}

/** A caller that the test writes byte by byte. */
export interface RawCaller {
  call(call: RawCall, within?: number): Promise<RawOutcome>;
  /** How many responses of that status have come, to whatever call. */
  heard(status: number): number;
  close(): void;
}

const SDP_LINES = ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0', 'm=audio 4000 RTP/AVP 8 0'];
export const SDP = `${SDP_LINES.join('\r\n')}\r\n`;

/** A caller at that address who calls over UDP through `gateway` (`host:port`). */
export async function startRawCaller(address: string, gateway: string): Promise<RawCaller> {
  const peer = await startRawPeer(address);
  const [host = '', port = '5060'] = gateway.split(':');
  const send = (text: string): void => {
    peer.send(text, Number(port), host);
  };
  return {
    call: async (call, within = 8_000) => {
      const callId = `${randomUUID()}@${address}`;
      const responses = (method: string): readonly string[] =>
        peer.received.filter(
          (text) =>
            text.startsWith('SIP/2.0') && valueOf(text, 'Call-ID') === callId && valueOf(text, 'CSeq').endsWith(method),
        );
      const final = (): string | undefined => responses('INVITE').find((text) => !text.startsWith('SIP/2.0 1'));
      const invite = inviteText(call, callId, address);
      send(invite);
      const resends =
        call.resendEvery &&
        setInterval(() => {
          send(invite);
        }, call.resendEvery);
      await until(() => final() !== undefined, within);
      clearInterval(resends);
      const answer = final() ?? '';
      const status = Number(answer.slice(8, 11));
      const inDialog = (method: string, number: number): string =>
        requestText(
          `${method} ${targetOf(answer, call.uri)}`,
          callId,
          address,
          `${number} ${method}`,
          valueOf(answer, 'To'),
        );
      if (answer !== '') {
        send(inDialog('ACK', 1));
      }
      const hangUp = async (): Promise<void> => {
        send(inDialog('BYE', 2));
        await until(() => responses('BYE').length > 0, 3_000);
      };
      return { callId, responses: responses('INVITE'), status, hangUp };
    },
    heard: (status) => peer.received.filter((text) => text.startsWith(`SIP/2.0 ${status} `)).length,
    close: () => {
      peer.close();
    },
  };
}

function targetOf(answer: string, fallback: string): string {
  return /<([^>]+)>/.exec(valueOf(answer, 'Contact'))?.[1] ?? fallback;
}

function inviteText({ uri, headers = [], body = SDP }: RawCall, callId: string, address: string): string {
  const named = new Set(headers.map((line) => line.slice(0, line.indexOf(':')).toLowerCase()));
  const usual = [
    'From: <sip:+31612345678@carrier.example>;tag=raw-caller',
    `To: <${uri}>`,
    ...(body === '' ? [] : ['Content-Type: application/sdp']),
  ].filter((line) => !named.has(line.slice(0, line.indexOf(':')).toLowerCase()));
  return [
    `INVITE ${uri} SIP/2.0`,
    `Via: SIP/2.0/UDP ${address}:5060;branch=z9hG4bK${randomUUID()}`,
    `Call-ID: ${callId}`,
    'CSeq: 1 INVITE',
    `Contact: <sip:caller@${address}:5060>`,
    'Max-Forwards: 70',
    ...usual,
    ...headers,
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n');
}

function requestText(line: string, callId: string, address: string, cseq: string, to: string): string {
  return [
    `${line} SIP/2.0`,
    `Via: SIP/2.0/UDP ${address}:5060;branch=z9hG4bK${randomUUID()}`,
    'From: <sip:+31612345678@carrier.example>;tag=raw-caller',
    `To: ${to}`,
    `Call-ID: ${callId}`,
    `CSeq: ${cseq}`,
    'Max-Forwards: 70',
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');
}
