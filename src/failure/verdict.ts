import { ms } from '../domain/time.js';
import type { NextStep, Verdict } from '../domain/verdict.js';
import type { Reason } from '../sip/reason.js';
import type { DeadlineEnding, Ending, LocalEnding, PeerEnding, SentMessage } from './ending.js';
import { type Meaning, redirected, type Row, rows, unlisted } from './table.js';

export type { Ending, GatewayProfile, PeerEnding, SentMessage } from './ending.js';

const byStatus = new Map(rows.flatMap((row) => row.statuses.map((status) => [status, row] as const)));
const byCause = new Map(rows.flatMap((row) => row.causes.map((cause) => [cause, row] as const)));

/** RFC 8606: the user, and the private network that serves it. */
const userLocations = new Set(['U', 'RPN']);
/** RFC 8606: the networks between us and the user, ours and theirs. */
const networkLocations = new Set(['LPN', 'LN', 'TN', 'RLN', 'INTL']);

/**
 * Says what a finished attempt means: whose fault, how much it counts against the trunk, what may be tried next.
 * The Q.850 cause is read first where it says more than the status, with the place of release (RFC 6432, RFC 8606).
 * On an emergency call it never says `end`, except for what we cancelled ourselves.
 */
export function judge(ending: Ending): Verdict {
  switch (ending.origin) {
    case 'peer':
      return judgeResponse(ending);
    case 'local':
      return judgeLocal(ending);
    case 'deadline':
      return judgeDeadline(ending);
    case 'came-back':
      return cameBack;
    case 'dropped':
      return dropped;
    case 'overtaken':
      return overtaken;
    case 'cancelled-by-us':
      return { fault: 'none', kind: 'cancelled', weight: 'none', next: 'end', reason: 'cancelled by us' };
  }
}

const silent: Verdict = {
  fault: 'trunk',
  kind: 'silent',
  weight: 'strong',
  next: 'next',
  reason: 'nothing came back',
};
const stalled: Verdict = {
  fault: 'carrier',
  kind: 'stalled',
  weight: 'strong',
  next: 'next',
  reason: '100 Trying, then nothing',
};
const unheard: Verdict = { ...stalled, fault: 'unknown', reason: 'no sign of ringing in time' };
/** No proof of a fault, but none of recovery either: the next canary waits longer. */
const overtaken: Verdict = {
  ...stalled,
  fault: 'unknown',
  weight: 'weak',
  reason: 'slower than the carrier beside it',
};
const large: Verdict = {
  ...silent,
  fault: 'unknown',
  weight: 'none',
  reason: 'nothing came back to a message too large for one packet',
};
const refused: Verdict = {
  fault: 'trunk',
  kind: 'refused',
  weight: 'strong',
  next: 'next',
  reason: 'the trunk refused the connection',
};
const unresolvable: Verdict = {
  fault: 'ours',
  kind: 'ours',
  weight: 'none',
  next: 'next',
  reason: 'the name of the trunk did not resolve',
};
const unsendable: Verdict = {
  fault: 'ours',
  kind: 'ours',
  weight: 'none',
  next: 'next',
  reason: 'our own SIP server could not send it',
};

const serverGone: Verdict = { ...unsendable, next: 'again', reason: 'lost with our own SIP server' };

/** Rich messages do not fit; the plain one does. */
const tooLarge: Verdict = {
  fault: 'ours',
  kind: 'ours',
  weight: 'none',
  next: 'same-plain',
  reason: 'our own SIP server cannot send a message this large',
};
/** Seen with our own eyes, so it counts in full for every service. */
const cameBack: Verdict = {
  fault: 'carrier',
  kind: 'loop',
  weight: 'strong',
  next: 'next',
  reason: 'our own call came back to us',
  complaint: 'loop',
};

const dropped: Verdict = {
  fault: 'trunk',
  kind: 'rejected',
  weight: 'medium',
  next: 'next',
  reason: 'answered, then dropped',
};

function judgeDeadline(ending: DeadlineEnding): Verdict {
  switch (ending.which) {
    case 'silence':
      return silentTo(ending.sent);
    case 'progress':
      return stalled;
    case 'unheard':
      return unheard;
  }
}

/** RFC 3261 18.1.1: above this a UDP request may be cut on its way, or has to go over TCP. */
const mostBytesInOnePacket = 1_300;

/** Whether a message is too large for one packet over UDP, so that silence may be the fate of a fragment. */
export function isLarge({ transport, bytes }: SentMessage): boolean {
  return transport === 'udp' && bytes > mostBytesInOnePacket;
}

function silentTo(sent: SentMessage | undefined): Verdict {
  return sent !== undefined && isLarge(sent) ? large : silent;
}

function judgeLocal(ending: LocalEnding): Verdict {
  switch (ending.cause) {
    case 'timeout':
      return ending.sawProvisional ? stalled : silentTo(ending.sent);
    case 'refused':
      return refused;
    case 'unresolvable':
      return unresolvable;
    case 'unsendable':
      return unsendable;
    case 'too-large':
      return tooLarge;
    case 'server-gone':
      return serverGone;
  }
}

function judgeResponse(ending: PeerEnding): Verdict {
  const q850 = isdnReason(ending.reasons);
  const row = rowFor(ending.status, q850?.cause);
  const meaning = row === undefined ? meaningOfClass(ending.status) : apply(row, ending, q850?.location);
  return {
    ...meaning,
    next: retryOnce(meaning.next, ending),
    reason: `${meaning.reason} (${describe(ending.status, q850)})`,
    status: ending.status,
    ...asked(ending),
    ...(q850?.cause === undefined ? {} : { cause: q850.cause }),
    ...(q850?.location === undefined ? {} : { location: q850.location }),
  };
}

/** What the trunk asked for. An emergency call is never told to wait. */
function asked({ service, status, retryAfter, minSe }: PeerEnding): Pick<Verdict, 'retryAfter' | 'minSe'> {
  return {
    ...(service === 'priority' && status === 503 && retryAfter !== undefined
      ? { retryAfter: ms(retryAfter * 1_000) }
      : {}),
    ...(status === 422 && minSe !== undefined ? { minSe } : {}),
  };
}

/** The Q.850 reason that says most: the first with a cause that a row lists, else the first. */
function isdnReason(reasons: readonly Reason[]): Reason | undefined {
  const isdn = reasons.filter(({ protocol, cause }) => protocol.toUpperCase() === 'Q.850' && cause !== undefined);
  return isdn.find(({ cause }) => cause !== undefined && byCause.has(cause)) ?? isdn[0];
}

function rowFor(status: number, cause: number | undefined): Row | undefined {
  const fromStatus = byStatus.get(status);
  if (cause === undefined || fromStatus?.statusDecides === true) {
    return fromStatus;
  }
  // FreeSWITCH sends cause 21 as 603 always: beside a decline it says nothing new.
  if (cause === 21 && fromStatus?.name === 'declined') {
    return fromStatus;
  }
  return byCause.get(cause) ?? fromStatus;
}

function meaningOfClass(status: number): Meaning {
  return status >= 300 && status < 400 ? redirected : unlisted;
}

function apply(row: Row, ending: PeerEnding, location: string | undefined): Meaning {
  const { gateway } = ending;
  const priority = ending.service === 'priority';
  const place = location?.toUpperCase() ?? '';
  const fromUser = userLocations.has(place);
  const believed = fromUser && gateway?.trustedBusy === true;
  return {
    ...row.meaning,
    ...(ending.sawProgress ? row.afterProgress : {}),
    ...(priority ? row.priority : {}),
    ...(fromUser ? row.fromUser : {}),
    ...(believed ? row.fromTrustedUser : {}),
    ...(believed && priority ? row.fromTrustedUserPriority : {}),
    ...(networkLocations.has(place) ? row.fromNetwork : {}),
    ...(gateway === undefined ? {} : row.by?.[gateway.kind]),
    ...(holdsChannel(ending) ? row.afterRelease : {}),
    ...(ending.known === true ? row.afterCredentials : {}),
    ...row.only?.[ending.status],
  };
}

/** Whether the gateway may still keep the channel of the last call, and sends a bare failure for it. */
function holdsChannel({ gateway, sinceRelease, reasons }: PeerEnding): boolean {
  const releaseDelay = gateway?.releaseDelay;
  const isSoon = releaseDelay !== undefined && sinceRelease !== undefined && sinceRelease <= releaseDelay;
  return isSoon && isdnReason(reasons) === undefined;
}

function retryOnce(next: NextStep, ending: PeerEnding): NextStep {
  if (next === 'same-min-se') {
    return ending.minSeShown === true || ending.minSe === undefined ? 'next' : next;
  }
  const spent =
    (next === 'same-plain' && ending.plain) ||
    (next === 'same-own-number' && ending.ownNumber) ||
    (next === 'same-second-form' && ending.secondForm === true);
  return spent ? 'next' : next;
}

function describe(status: number, reason: Reason | undefined): string {
  if (reason?.cause === undefined) {
    return String(status);
  }
  return `${status}, cause ${reason.cause}${reason.location === undefined ? '' : ` at ${reason.location}`}`;
}
