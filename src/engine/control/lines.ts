import { printMessage, type Header, type SipRequest } from '../../sip/message.js';
import { header, headerValues, setHeader } from '../../sip/headers.js';
import { printHostPort } from '../../sip/host-port.js';
import type { IncomingRequest, IncomingResponse } from '../transaction/incoming.js';
import type { LocalCause } from '../transaction/layer.js';
import type { RequestClient } from '../agent/request-client.js';
import type { Peer, Transport } from '../transport/transport.js';
import { phrase } from '../agent/phrases.js';

/** Why a final response was made up here. */
export type LocalEnding = LocalCause | 'given up' | 'unresolvable';

const LOCAL_STATUS: Readonly<Record<LocalEnding, number>> = {
  timeout: 408,
  refused: 503,
  unresolvable: 503,
  'too large': 513,
  'given up': 487,
};

let lastMillisecond = 0;
let lastTimeOfDay = '';

/** The time of day, UTC, as drachtio-server writes it: `22:37:37.786000`. Many messages share a millisecond. */
export function timeOfDay(): string {
  const now = Date.now();
  if (now !== lastMillisecond) {
    lastMillisecond = now;
    lastTimeOfDay = `${new Date(now).toISOString().slice(11, 23)}000`;
  }
  return lastTimeOfDay;
}

/** drachtio's id of a dialog: the tag is that of the request that made it. */
export function dialogIdOf(callId: string, fromTag: string): string {
  return `${callId};from-tag=${fromTag}`;
}

/** A request from the network, outside any dialog: with the socket that it came in on. */
export function newRequestLine(incoming: IncomingRequest, txnId: string): string {
  const { address, port } = incoming.transport;
  return `${networkMeta(incoming)}|${txnId}||${address}|${port}|\r\n${textOf(incoming)}`;
}

/** Everything else from the network. */
export function networkLine(incoming: IncomingRequest | IncomingResponse, txnId: string, dialogId: string): string {
  return `${networkMeta(incoming)}|${txnId}|${dialogId}|\r\n${textOf(incoming)}`;
}

/**
 * The answer to an INVITE. drachtio-srf takes only 200 with a Contact for one, and drops a call that the far end believes to be
 * answered: any other 2xx is shown as 200, and a Contact that is missing as the way to the far end.
 */
export function answerLine(response: IncomingResponse, remoteTarget: string, txnId: string, dialogId: string): string {
  const { message } = response;
  const lacksContact = header(message.headers, 'Contact') === undefined;
  const headers = lacksContact
    ? [...message.headers, { name: 'Contact', value: `<${remoteTarget}>` }]
    : message.headers;
  const status = message.status === 200 ? {} : { status: 200, reason: 'OK' };
  const isAsItCame = message.status === 200 && !lacksContact;
  const shown = { ...response, text: undefined, message: { ...message, ...status, headers } };
  return networkLine(isAsItCame ? response : shown, txnId, dialogId);
}

/** A CANCEL, or what ends an unanswered call as well: applications know only CANCEL for that. */
export function cancelLine(incoming: IncomingRequest, txnId: string, dialogId: string): string {
  const headers = setHeader(incoming.message.headers, 'CSeq', `${incoming.cseq.number} CANCEL`);
  const message: SipRequest = { ...incoming.message, method: 'CANCEL', headers, body: '' };
  return networkLine(
    incoming.message.method === 'CANCEL' ? incoming : { ...incoming, text: undefined, message },
    txnId,
    dialogId,
  );
}

/** A response that the server made up. */
export function localResponse(sent: SipRequest, cause: LocalEnding): string {
  const status = LOCAL_STATUS[cause];
  const headers = [...copiedFrom(sent), { name: 'Warning', value: `399 noodroute "${cause}"` }];
  return printMessage({ kind: 'response', status, reason: phrase(status), headers, body: '' });
}

/** The same for its application: it has no source address. */
export function localResponseLine(sent: SipRequest, cause: LocalEnding, txnId: string, dialogId: string): string {
  return `sip|network|0|udp||0|${timeOfDay()}|${txnId}|${dialogId}|\r\n${localResponse(sent, cause)}`;
}

/** What applications are shown of a BYE that the server sent by itself. */
export function unsolicitedBye(callId: string, reason: string): string {
  return `BYE sip:placeholder SIP/2.0\r\nCall-ID: ${callId}\r\nCSeq: 1 BYE\r\nReason: SIP;cause=200;text="${reason}"\r\nContent-Length: 0\r\n\r\n`;
}

/** The final response to an order that is none of SIP. */
export function carriedOut(order: SipRequest, txnId: string): string {
  const headers = copiedFrom(order);
  const text = printMessage({ kind: 'response', status: 200, reason: phrase(200), headers, body: '' });
  return `sip|network|0|udp||0|${timeOfDay()}|${txnId}||\r\n${text}`;
}

function copiedFrom({ headers }: SipRequest): readonly Header[] {
  return ['Via', 'From', 'To', 'Call-ID', 'CSeq'].flatMap((name): Header[] =>
    headerValues(headers, name).map((value) => ({ name, value })),
  );
}

/** A BYE that the server sent by itself. */
export function unsolicitedByeLine(dialogId: string, callId: string, reason: string, transport: Transport): string {
  const text = unsolicitedBye(callId, reason);
  const { protocol, address, port } = transport;
  return `sip|application|${text.length}|${protocol}|${address}|${port}|${timeOfDay()}|unsolicited|${dialogId}|\r\n${text}`;
}

/** The reply to a request of the application: how it left. */
export function requestSent({ text, transport }: Pick<RequestClient, 'text' | 'transport'>, txnId: string): string {
  const { protocol, address, port } = transport;
  return `OK|application|${text.length}|${protocol}|${address}|${port}|${timeOfDay()}|${txnId}|Msg sent:|\r\n${text}`;
}

/** The reply to a CANCEL of the application; `left` says whether it left at once, or waits for a provisional response. */
export function cancelSent({ request, transport }: RequestClient, left: boolean, txnId: string): string {
  const number = Number.parseInt(header(request.headers, 'CSeq') ?? '1', 10);
  const text = `CANCEL ${request.uri} SIP/2.0\r\nCall-ID: ${header(request.headers, 'Call-ID') ?? ''}\r\nCSeq: ${number} CANCEL\r\nContent-Length: 0\r\n\r\n`;
  const { protocol, address, port } = transport;
  return `OK|application|${left ? text.length : 0}|${protocol}|${address}|${port}|${timeOfDay()}|${txnId}|Msg sent:|\r\n${text}`;
}

/**
 * The reply to a response of the application: how it left.
 *
 * @param shown its text for the application, where nothing left.
 */
export function responseSent(sent: string, to: Peer, txnId: string, dialogId: string, shown = sent): string {
  const { transport, address, port } = to;
  return `OK|application|${sent.length}|${transport}|${address}|${port}|${timeOfDay()}|${txnId}|${dialogId}||Msg sent:|\r\n${shown}`;
}

/** What `localhost` stands for in the headers of an application. */
export function addressOf({ address, port }: Transport): string {
  return printHostPort({ host: address, port });
}

function textOf({ text, message }: IncomingRequest | IncomingResponse): string {
  return text ?? printMessage(message);
}

function networkMeta({ size, source }: IncomingRequest | IncomingResponse): string {
  return `sip|network|${size}|${source.transport}|${source.address}|${source.port}|${timeOfDay()}`;
}
