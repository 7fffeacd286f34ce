import { smallNumber, trimBlanks } from './chars.js';

/** One line of a session description (RFC 8866), with the bytes it was read from, line end included. */
export interface SdpLine {
  /** The letter before the `=`; empty for a line that has none. */
  readonly type: string;
  readonly value: string;
  readonly raw: string;
}

export type MediaDirection = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

/** One `m=` line and what belongs to it. */
export interface MediaDescription {
  /** `audio`, `text`, `video` ... */
  readonly kind: string;
  /** 0 means refused; undefined where it is no number. */
  readonly port: number | undefined;
  readonly protocol: string;
  readonly formats: readonly string[];
  /** The session's where the media has none of its own; `sendrecv` where neither has one. */
  readonly direction: MediaDirection;
  /** The address of the media's own `c=` line, or of the session's. */
  readonly connectionAddress: string | undefined;
  /** From the `m=` line on. */
  readonly lines: readonly SdpLine[];
}

/** A session description that loses nothing: `printSdp` gives the same bytes back. */
export interface SessionDescription {
  /** The lines before the first `m=` line. */
  readonly lines: readonly SdpLine[];
  readonly media: readonly MediaDescription[];
}

const DIRECTIONS: readonly MediaDirection[] = ['sendrecv', 'sendonly', 'recvonly', 'inactive'];

/** Reads a session description; line ends of any kind. Undefined when it does not start with `v=`. */
export function parseSdp(text: string): SessionDescription | undefined {
  if (!text.startsWith('v=')) {
    return undefined;
  }
  const sections: SdpLine[][] = [[]];
  for (const line of splitLines(text)) {
    if (line.type === 'm') {
      sections.push([]);
    }
    sections.at(-1)?.push(line);
  }
  const [session = [], ...media] = sections;
  const general = { direction: directionOf(session) ?? 'sendrecv', connectionAddress: addressOf(session) };
  return { lines: session, media: media.map((lines) => describe(lines, general)) };
}

/** The bytes of the lines, one after the other. */
export function printSdp(description: SessionDescription): string {
  const lines = [...description.lines, ...description.media.flatMap((each) => each.lines)];
  return lines.map((line) => line.raw).join('');
}

/**
 * The description as the next version of another one of the same session: its origin but for the version (RFC 3264 8). As it
 * is where either has no origin.
 */
export function withOriginOf(text: string, before: string): string {
  const known = words(originOf(before) ?? '');
  const version = known[2];
  if (known.length < 6 || version === undefined || !/^\d{1,30}$/.test(version)) {
    return text;
  }
  const next = [...known.slice(0, 2), String(BigInt(version) + 1n), ...known.slice(3)].join(' ');
  return text.replace(/^o=[^\r\n]*/m, () => `o=${next}`);
}

/** Whether two descriptions name the same addresses and ports, one by one. */
export function isSameMedia(a: string, b: string): boolean {
  return places(a) === places(b);
}

function places(text: string): string {
  const media = parseSdp(text)?.media ?? [];
  return media.map(({ kind, port, connectionAddress }) => `${kind} ${port} ${connectionAddress}`).join();
}

function originOf(text: string): string | undefined {
  return parseSdp(text)?.lines.find(({ type }) => type === 'o')?.value;
}

function splitLines(text: string): readonly SdpLine[] {
  return (text.match(/[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$/g) ?? []).map(readLine);
}

function readLine(raw: string): SdpLine {
  const line = raw.replace(/[\r\n]+$/, '');
  const isField = line.charAt(1) === '=';
  return { type: isField ? line.charAt(0) : '', value: isField ? line.slice(2) : line, raw };
}

/** @param general what the session says for media that say nothing of their own. */
function describe(
  lines: readonly SdpLine[],
  general: Pick<MediaDescription, 'direction' | 'connectionAddress'>,
): MediaDescription {
  const [kind = '', port = '', protocol = '', ...formats] = words(lines[0]?.value ?? '');
  return {
    kind,
    port: smallNumber(port.split('/', 1)[0] ?? ''),
    protocol,
    formats,
    direction: directionOf(lines) ?? general.direction,
    connectionAddress: addressOf(lines) ?? general.connectionAddress,
    lines,
  };
}

function directionOf(lines: readonly SdpLine[]): MediaDirection | undefined {
  return DIRECTIONS.find((each) => lines.some((line) => line.type === 'a' && trimBlanks(line.value) === each));
}

/** `IN IP4 192.0.2.1/127` is 192.0.2.1. */
function addressOf(lines: readonly SdpLine[]): string | undefined {
  const line = lines.find((each) => each.type === 'c');
  return line === undefined ? undefined : words(line.value)[2]?.split('/', 1)[0];
}

function words(text: string): readonly string[] {
  return text.split(' ').filter((word) => word !== '');
}
