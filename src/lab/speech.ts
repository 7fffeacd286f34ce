import { readFileSync } from 'node:fs';

/** Samples in a packet of 20 ms at 8 kHz. */
export const SAMPLES_PER_PACKET = 160;

export type Codec = 'PCMA' | 'PCMU';

/** Speech, encoded once for each codec: a whole number of packets, to be played round and round. */
export type Speech = Readonly<Record<Codec, Buffer>>;

/** Upper bounds of the segments of ITU-T G.711, for 13-bit A-law and 14-bit mu-law magnitudes. */
const A_SEGMENTS = [0x1f, 0x3f, 0x7f, 0xff, 0x1ff, 0x3ff, 0x7ff, 0xfff];
const MU_SEGMENTS = [0x3f, 0x7f, 0xff, 0x1ff, 0x3ff, 0x7ff, 0xfff, 0x1fff];
const MU_BIAS = 33;
/** The largest magnitude that has a code, with the bias. */
const MU_CLIP = 8191 - MU_BIAS;

const tables = { PCMA: encodingTable(toALaw), PCMU: encodingTable(toMuLaw) };

/**
 * Reads a WAV file of 16-bit mono samples at 8 kHz.
 *
 * @throws when it is something else.
 */
export function loadSpeech(path: string): Speech {
  const samples = readWav(readFileSync(path));
  return { PCMA: encode(samples, 'PCMA'), PCMU: encode(samples, 'PCMU') };
}

/** Encodes 16-bit samples by ITU-T G.711; the last packet is filled with silence. */
export function encode(samples: Int16Array, codec: Codec): Buffer {
  const packets = Math.ceil(samples.length / SAMPLES_PER_PACKET);
  const encoded = Buffer.alloc(packets * SAMPLES_PER_PACKET, tables[codec][0]);
  samples.forEach((sample, index) => {
    encoded[index] = tables[codec][sample & 0xffff] ?? 0;
  });
  return encoded;
}

/** Samples of a WAV file (RIFF, little endian). */
export function readWav(file: Buffer): Int16Array {
  const format = chunk(file, 'fmt ');
  const data = chunk(file, 'data');
  const isMono16 = format?.readUInt16LE(0) === 1 && format.readUInt16LE(2) === 1 && format.readUInt16LE(14) === 16;
  if (format === undefined || data === undefined || !isMono16 || format.readUInt32LE(4) !== 8_000) {
    throw new Error('not a WAV file of 16-bit mono samples at 8 kHz');
  }
  return Int16Array.from({ length: data.length >> 1 }, (_, index) => data.readInt16LE(2 * index));
}

function chunk(file: Buffer, name: string): Buffer | undefined {
  let at = 12;
  while (file.toString('latin1', 0, 4) === 'RIFF' && at + 8 <= file.length) {
    const length = file.readUInt32LE(at + 4);
    if (file.toString('latin1', at, at + 4) === name) {
      return file.subarray(at + 8, at + 8 + length);
    }
    at += 8 + length + (length % 2);
  }
  return undefined;
}

/** The code of each 16-bit sample, by its two's complement. */
function encodingTable(encodeOne: (sample: number) => number): Uint8Array {
  return Uint8Array.from({ length: 0x10000 }, (_, bits) => encodeOne(bits < 0x8000 ? bits : bits - 0x10000));
}

function toALaw(sample: number): number {
  const value = sample >> 3;
  const magnitude = value < 0 ? -value - 1 : value;
  const mask = value < 0 ? 0x55 : 0xd5;
  const segment = A_SEGMENTS.findIndex((end) => magnitude <= end);
  const step = (magnitude >> Math.max(segment, 1)) & 0x0f;
  return ((segment << 4) | step) ^ mask;
}

function toMuLaw(sample: number): number {
  const value = sample >> 2;
  const mask = value < 0 ? 0x7f : 0xff;
  const magnitude = Math.min(Math.abs(value), MU_CLIP) + MU_BIAS;
  const segment = MU_SEGMENTS.findIndex((end) => magnitude <= end);
  return ((segment << 4) | ((magnitude >> (segment + 1)) & 0x0f)) ^ mask;
}
