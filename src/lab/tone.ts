import { encode, type Speech } from './speech.js';

const SAMPLES_PER_SECOND = 8_000;
const PITCH_HZ = 425;
const AMPLITUDE = 8_000;

/** Congestion tone (ITU-T E.180): 425 Hz, a quarter of a second on and a quarter off. */
export function congestionTone(): Speech {
  return cadence(0.25, 0.25);
}

/** Ringing tone (ITU-T E.180): 425 Hz, one second on and four off. */
export function ringingTone(): Speech {
  return cadence(1, 4);
}

/** @param onFor seconds, as `offFor`. */
function cadence(onFor: number, offFor: number): Speech {
  const samples = Int16Array.from({ length: SAMPLES_PER_SECOND * (onFor + offFor) }, (_, index) =>
    index < SAMPLES_PER_SECOND * onFor
      ? AMPLITUDE * Math.sin((2 * Math.PI * PITCH_HZ * index) / SAMPLES_PER_SECOND)
      : 0,
  );
  return { PCMA: encode(samples, 'PCMA'), PCMU: encode(samples, 'PCMU') };
}
