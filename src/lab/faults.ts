import { failureReason } from './headers.js';

/** What a trunk does to calls, or to all that comes in, when something is wrong with it. */
export type Behaviour =
  /** No datagram comes in or goes out; for one service: its INVITEs vanish. */
  | { readonly kind: 'blackhole' }
  /** Nobody listens: the machine answers ICMP port unreachable, or refuses the connection. */
  | { readonly kind: 'refuse' }
  /** TCP only: the connection is reset as soon as something is said on it. */
  | { readonly kind: 'reset' }
  /** This status to every INVITE, with this Q.850 cause where one is given. */
  | { readonly kind: 'reject'; readonly status: number; readonly cause?: number }
  /** 486 with cause 17 to half of the calls. */
  | { readonly kind: 'busy' }
  /** 500 with cause 41 to half of the calls. */
  | { readonly kind: 'half' }
  /** 100, then nothing; OPTIONS is answered. */
  | { readonly kind: 'lie' }
  /** 183 with a tone, then nothing. */
  | { readonly kind: 'tone' }
  /** 180, then nothing: no answering point rings. */
  | { readonly kind: 'ringing' }
  /** Somebody who is no answering point takes the call. */
  | { readonly kind: 'wrong' }
  /** Answered, and ended by the carrier after this time, in milliseconds. */
  | { readonly kind: 'drop'; readonly afterMs: number };

/** What happens to datagrams on their way to and from a trunk, each by itself. Made by a relay in front of it. */
export interface Disturbance {
  /** The chance that a datagram is lost, 0 to 1. */
  readonly loss: number;
  readonly delayMs: number;
  /** Up to so much more delay, at random. */
  readonly jitterMs: number;
  /** Datagrams with more bytes than this, IP and UDP headers included, are lost. */
  readonly mtu?: number;
}

/** Everything that is wrong with a trunk, or with one service on it. */
export interface Fault {
  /** At most one of each group; the first group stands alone. */
  readonly behaviours: readonly Behaviour[];
  /** Every response is so much later, in milliseconds. */
  readonly slowMs: number;
  readonly disturbance?: Disturbance;
  /** The fault comes and goes: so long there, so long not, in milliseconds. */
  readonly flapMs?: number;
  /** Only on the first half of the carrier's trunks. */
  readonly partial: boolean;
}

/** Nothing is wrong. */
export const CLEAR: Fault = { behaviours: [], slowMs: 0, partial: false };

/** A fault that makes no sense: the message says why, in one line. */
export class FaultError extends Error {
  override readonly name = 'FaultError';
}

/** What can be asked for: the term, and what it does. */
export const FAULT_TERMS: readonly (readonly [string, string])[] = [
  ['blackhole', 'nothing comes back'],
  ['refuse', 'port unreachable'],
  ['reset', 'the TCP connection is reset'],
  ['reject[=503[/34]]', 'a status, with a Q.850 cause'],
  ['busy', '486 to half of the calls'],
  ['half', '500 to half of the calls'],
  ['lie', 'answers OPTIONS, swallows calls after 100'],
  ['tone', '183 with a tone, then nothing'],
  ['ringing', '180, then nothing'],
  ['wrong', 'somebody else answers'],
  ['drop[=1s]', 'answered, then ended by the carrier'],
  ['slow[=3s]', 'every response is late'],
  ['loss=5%', 'datagrams lost, each way'],
  ['delay=300ms', 'datagrams late, each way'],
  ['jitter=300ms', 'up to so much later, at random'],
  ['mtu=1400', 'longer packets are lost'],
  ['flap=20s', 'comes and goes'],
  ['partial', 'only half of the trunks'],
  ['clear', 'nothing is wrong'],
];

const GROUPS: readonly (readonly Behaviour['kind'][])[] = [
  ['blackhole', 'refuse', 'reset'],
  ['reject', 'busy', 'half'],
  ['lie', 'tone', 'ringing', 'wrong', 'drop'],
];
const LONGEST_MS = 3_600_000;
const SLOW_MS = 3_000;
const DROP_AFTER_MS = 1_000;
const STATUS = 503;
const SMALLEST_MTU = 100;
const LARGEST_MTU = 65_535;

/**
 * Reads a fault: terms such as `blackhole`, `reject=404/34` or `loss=5% delay=300ms`, with spaces or commas between them.
 *
 * @throws FaultError that names the term.
 */
export function parseFault(text: string): Fault {
  const terms = text.split(/[\s,]+/).filter((term) => term !== '');
  if (terms.length === 0) {
    throw new FaultError(`no fault is named, expected ${expected}`);
  }
  const parsed = terms.filter((term) => term !== 'clear').reduce(withTerm, CLEAR);
  if (terms.includes('clear') && terms.length > 1) {
    throw new FaultError('clear goes with no other fault');
  }
  const isBare = parsed.behaviours.length === 0 && parsed.slowMs === 0 && parsed.disturbance === undefined;
  const comesAlone = isBare && (parsed.flapMs !== undefined || parsed.partial);
  return comesAlone ? { ...parsed, behaviours: [{ kind: 'blackhole' }] } : checked(parsed);
}

/** The fault in words that `parseFault` reads. */
export function printFault(fault: Fault): string {
  const { behaviours, slowMs, disturbance, flapMs, partial } = fault;
  const terms = [
    ...behaviours.map(printBehaviour),
    ...(slowMs > 0 ? [`slow=${printTime(slowMs)}`] : []),
    ...(disturbance === undefined ? [] : printDisturbance(disturbance)),
    ...(flapMs === undefined ? [] : [`flap=${printTime(flapMs)}`]),
    ...(partial ? ['partial'] : []),
  ];
  return terms.length === 0 ? 'clear' : terms.join(' ');
}

/** Whether it may be on one service of a trunk: what happens below the calls happens to all of them. */
export function isOfCalls({ behaviours, disturbance }: Fault): boolean {
  return disturbance === undefined && behaviours.every(({ kind }) => kind !== 'refuse' && kind !== 'reset');
}

/** The behaviour of a kind, where the fault has it. */
export function behaviourOf<K extends Behaviour['kind']>(
  { behaviours }: Fault,
  ...kinds: readonly K[]
): (Behaviour & { readonly kind: K }) | undefined {
  return behaviours.find((each): each is Behaviour & { readonly kind: K } => kinds.some((kind) => kind === each.kind));
}

const expected = `one or more of ${FAULT_TERMS.map(([term]) => term).join(', ')}`;

function withTerm(fault: Fault, term: string): Fault {
  const [word = '', value] = term.split('=', 2);
  switch (word) {
    case 'blackhole':
    case 'refuse':
    case 'reset':
    case 'busy':
    case 'half':
    case 'lie':
    case 'tone':
    case 'ringing':
    case 'wrong':
      return added(fault, { kind: bare(word, value) });
    case 'reject':
      return added(fault, rejection(term, value));
    case 'drop':
      return added(fault, { kind: 'drop', afterMs: time(term, value, DROP_AFTER_MS) });
    case 'slow':
      return { ...fault, slowMs: time(term, value, SLOW_MS) };
    case 'flap':
      return { ...fault, flapMs: time(term, value) };
    case 'partial':
      return { ...fault, partial: bare(word, value) === 'partial' };
    case 'loss':
      return disturbed(fault, { loss: share(term, value) });
    case 'delay':
      return disturbed(fault, { delayMs: time(term, value) });
    case 'jitter':
      return disturbed(fault, { jitterMs: time(term, value) });
    case 'mtu':
      return disturbed(fault, { mtu: whole(term, value, SMALLEST_MTU, LARGEST_MTU, 'bytes') });
    default:
      throw new FaultError(`${term} is no fault, expected ${expected}`);
  }
}

function added(fault: Fault, behaviour: Behaviour): Fault {
  return { ...fault, behaviours: [...fault.behaviours, behaviour] };
}

function disturbed(fault: Fault, part: Partial<Disturbance>): Fault {
  return { ...fault, disturbance: { loss: 0, delayMs: 0, jitterMs: 0, ...fault.disturbance, ...part } };
}

/** One behaviour would hide another: then it is not known what was meant. */
function checked(fault: Fault): Fault {
  const kinds = fault.behaviours.map(({ kind }) => kind);
  const [gone = []] = GROUPS;
  const clash = kinds.find((kind, index) => {
    const others = kinds.filter((_, at) => at !== index);
    const group = GROUPS.find((each) => each.includes(kind)) ?? [];
    return others.some((other) => group.includes(other) || gone.includes(other));
  });
  if (clash !== undefined) {
    throw new FaultError(`${kinds.join(' and ')} exclude each other: one of them would hide the other`);
  }
  return fault;
}

function bare<W extends string>(word: W, value: string | undefined): W {
  if (value !== undefined) {
    throw new FaultError(`${word} takes no value`);
  }
  return word;
}

function rejection(term: string, value = String(STATUS)): Behaviour {
  const [, status = '', cause] = /^([3-6]\d\d)(?:\/(\d{1,3}))?$/.exec(value) ?? [];
  if (status === '' || (cause !== undefined && failureReason(Number(cause)) === undefined)) {
    throw new FaultError(`${term}: expected a final status, and perhaps a Q.850 cause, such as reject=503/34`);
  }
  return { kind: 'reject', status: Number(status), ...(cause === undefined ? {} : { cause: Number(cause) }) };
}

function time(term: string, value: string | undefined, otherwise?: number): number {
  if (value === undefined && otherwise !== undefined) {
    return otherwise;
  }
  const [, amount = '', unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(value ?? '') ?? [];
  const milliseconds = Number(amount) * (UNITS[unit] ?? 0);
  if (milliseconds < 1 || milliseconds > LONGEST_MS) {
    throw new FaultError(`${term}: expected a time such as 300ms, 3s or 2m, at most an hour`);
  }
  return Math.round(milliseconds);
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 };

function share(term: string, value = ''): number {
  const [, percent] = /^(\d+(?:\.\d+)?)%$/.exec(value) ?? [];
  if (percent === undefined || Number(percent) > 100) {
    throw new FaultError(`${term}: expected a share from 0% to 100%, such as loss=5%`);
  }
  return Number(percent) / 100;
}

function whole(term: string, value: string | undefined, least: number, most: number, unit: string): number {
  const number = /^\d+$/.test(value ?? '') ? Number(value) : Number.NaN;
  if (!(number >= least && number <= most)) {
    throw new FaultError(`${term}: expected ${least} to ${most} ${unit}`);
  }
  return number;
}

function printBehaviour(behaviour: Behaviour): string {
  if (behaviour.kind === 'reject') {
    const { status, cause } = behaviour;
    return `reject=${status}${cause === undefined ? '' : `/${cause}`}`;
  }
  return behaviour.kind === 'drop' ? `drop=${printTime(behaviour.afterMs)}` : behaviour.kind;
}

function printDisturbance({ loss, delayMs, jitterMs, mtu }: Disturbance): readonly string[] {
  return [
    ...(loss > 0 ? [`loss=${Number((100 * loss).toFixed(3))}%`] : []),
    ...(delayMs > 0 ? [`delay=${printTime(delayMs)}`] : []),
    ...(jitterMs > 0 ? [`jitter=${printTime(jitterMs)}`] : []),
    ...(mtu === undefined ? [] : [`mtu=${mtu}`]),
  ];
}

function printTime(milliseconds: number): string {
  return milliseconds % 1_000 === 0 ? `${milliseconds / 1_000}s` : `${milliseconds}ms`;
}
