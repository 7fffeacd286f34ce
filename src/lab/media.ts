import { header, type Header } from '../sip/headers.js';
import { parseMultipart } from '../sip/mime.js';
import { parseSdp, type MediaDescription, type SessionDescription } from '../sip/sdp.js';
import type { RequestServer } from '../engine/agent/request-server.js';
import type { MediaTarget, RtpStream } from './rtp.js';
import type { Codec } from './speech.js';

/** What goes with a session description as the body. */
export const SDP_TYPE: Header = { name: 'Content-Type', value: 'application/sdp' };

const CODECS: ReadonlyMap<string, Codec> = new Map([
  ['8', 'PCMA'],
  ['0', 'PCMU'],
]);
const RTPMAP: Readonly<Record<Codec, string>> = { PCMA: '8 PCMA/8000', PCMU: '0 PCMU/8000' };
const ALLOWED: Header = { name: 'Allow', value: 'INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE' };

/** The one audio stream of a call: negotiates it (RFC 3264), and starts and stops the speech accordingly. */
export class MediaSession {
  readonly #stream: RtpStream;
  readonly #id = Date.now();
  #version = 0;

  constructor(stream: RtpStream) {
    this.#stream = stream;
  }

  /** A description that offers A-law and mu-law. */
  offer(): string {
    return this.#describe([audioLines(this.#stream.port, ['PCMA', 'PCMU'], 'sendrecv')]);
  }

  /** The answer to an offer; undefined when it holds no audio that can be spoken here. */
  answer(offer: SessionDescription): string | undefined {
    const chosen = offer.media.find((media) => codecOf(media) !== undefined);
    const codec = chosen === undefined ? undefined : codecOf(chosen);
    if (chosen === undefined || codec === undefined) {
      return undefined;
    }
    this.#aim(chosen);
    const audio = audioLines(this.#stream.port, [codec], MIRRORED[chosen.direction]);
    return this.#describe(offer.media.map((media) => (media === chosen ? audio : refusedLines(media))));
  }

  /** Takes the answer to an offer of ours; false when it holds no audio that can be spoken here. */
  accept(answer: SessionDescription): boolean {
    const chosen = answer.media.find((media) => codecOf(media) !== undefined);
    this.#aim(chosen);
    return chosen !== undefined;
  }

  /** Answers a request in the dialog; BYE too. */
  serve(request: RequestServer): void {
    const { method, headers, body } = request.incoming.message;
    const isOffer = method === 'INVITE' || (method === 'UPDATE' && body !== '');
    if (!isOffer) {
      request.respond(['BYE', 'INFO', 'UPDATE', 'OPTIONS'].includes(method) ? 200 : 405, [ALLOWED]);
      return;
    }
    const offer = sdpOf(headers, body);
    const answer = offer === undefined ? this.offer() : this.answer(offer);
    if (answer === undefined) {
      request.respond(488);
    } else {
      request.respond(200, [SDP_TYPE], answer);
    }
  }

  #aim(media: MediaDescription | undefined): void {
    this.#stream.aim(media === undefined ? undefined : targetOf(media));
  }

  #describe(media: readonly (readonly string[])[]): string {
    const { address } = this.#stream;
    this.#version += 1;
    const session = ['v=0', `o=noodroute-lab ${this.#id} ${this.#version} IN IP4 ${address}`, 's=-'];
    const lines = [...session, `c=IN IP4 ${address}`, 't=0 0', ...media.flat()];
    return lines.map((line) => `${line}\r\n`).join('');
  }
}

/** The session description of a message, also where it is one of several parts. */
export function sdpOf(headers: readonly Header[], body: string): SessionDescription | undefined {
  const type = header(headers, 'Content-Type') ?? 'application/sdp';
  const parts = parseMultipart(type, body)?.parts;
  if (parts === undefined) {
    return /^\s*application\/sdp\b/i.test(type) ? parseSdp(body) : undefined;
  }
  return parts.map((part) => sdpOf(part.headers, part.body)).find((found) => found !== undefined);
}

const MIRRORED = { sendrecv: 'sendrecv', sendonly: 'recvonly', recvonly: 'sendonly', inactive: 'inactive' } as const;

/** The codec in which an audio stream can be spoken: the first in the list of the peer. */
function codecOf({ kind, port, protocol, formats }: MediaDescription): Codec | undefined {
  const isPlainAudio = kind === 'audio' && /^RTP\/AVPF?$/i.test(protocol) && port !== undefined && port !== 0;
  const format = isPlainAudio ? formats.find((each) => CODECS.has(each)) : undefined;
  return format === undefined ? undefined : CODECS.get(format);
}

/** Where the peer wants to hear us; nowhere when it is on hold. */
function targetOf(media: MediaDescription): MediaTarget | undefined {
  const { port, direction, connectionAddress: address } = media;
  const codec = codecOf(media);
  const isListening = direction === 'sendrecv' || direction === 'recvonly';
  if (!isListening || address === undefined || address === '0.0.0.0' || port === undefined || codec === undefined) {
    return undefined;
  }
  return { address, port, codec };
}

function audioLines(port: number, codecs: readonly Codec[], direction: string): readonly string[] {
  const maps = codecs.map((codec) => RTPMAP[codec]);
  const formats = maps.map((map) => map.split(' ', 1)[0]).join(' ');
  return [
    `m=audio ${port} RTP/AVP ${formats}`,
    ...maps.map((map) => `a=rtpmap:${map}`),
    'a=ptime:20',
    `a=${direction}`,
  ];
}

/** RFC 3264 6: every stream of the offer is in the answer; port 0 refuses it. */
function refusedLines({ kind, protocol, formats }: MediaDescription): readonly string[] {
  return [`m=${kind} 0 ${protocol} ${formats.join(' ')}`];
}
