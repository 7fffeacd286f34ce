import type { CarrierId } from '../domain/ids.js';
import type { ServiceClass } from '../domain/network.js';
import type { TrueAnswer, Verdict, Weight } from '../domain/verdict.js';

/** An attempt that failed, and over whose network it went. */
export interface FailedAttempt {
  readonly carrier: CarrierId;
  readonly verdict: Verdict;
}

/** What the caller's side is told when nothing was answered. */
export interface FinalAnswer {
  readonly status: number;
  readonly phrase: string;
  /** Seconds for Retry-After. Never set on an emergency call. */
  readonly retryAfter: number | undefined;
  /** A Q.850 cause for the Reason header (RFC 6432), of the attempt that says most. */
  readonly cause: number | undefined;
}

/** Seconds after which a priority caller may try again. */
const priorityRetryAfter = 10;

/**
 * Causes that let the upstream hunt on: a network or a resource failed. Causes such as 1, 17 and 21 would end its
 * search as surely as 404, 486 and 603, so an emergency caller's side never gets them.
 */
const huntingCauses = new Set([27, 34, 38, 41, 42, 44, 47]);

/**
 * The final response for the caller's side after all `failures`. An emergency call gets 503 without Retry-After, whatever
 * the trunks said. A priority call gets a true answer where there is one: busy, or not a number when two carriers agree.
 */
export function finalForCaller(service: ServiceClass, failures: readonly FailedAttempt[]): FinalAnswer {
  if (service === 'emergency') {
    return { status: 503, phrase: 'Service Unavailable', retryAfter: undefined, cause: causeToTell(failures) };
  }
  return (
    trueAnswer(failures) ?? {
      status: 503,
      phrase: 'Service Unavailable',
      retryAfter: priorityRetryAfter,
      cause: causeToTell(failures),
    }
  );
}

function trueAnswer(failures: readonly FailedAttempt[]): FinalAnswer | undefined {
  if (carriersThatSay('busy', failures) > 0) {
    return { status: 486, phrase: 'Busy Here', retryAfter: undefined, cause: 17 };
  }
  if (declinedByUser(failures)) {
    return { status: 603, phrase: 'Decline', retryAfter: undefined, cause: 21 };
  }
  if (carriersThatSay('no-such-number', failures) >= 2) {
    return { status: 404, phrase: 'Not Found', retryAfter: undefined, cause: 1 };
  }
  return failures.at(-1)?.verdict.told === 'forbidden'
    ? { status: 403, phrase: 'Forbidden', retryAfter: undefined, cause: 21 }
    : undefined;
}

/** How many carriers gave this answer, told from a network's own trouble by its kind. */
function carriersThatSay(told: TrueAnswer, failures: readonly FailedAttempt[]): number {
  const saying = failures.filter(({ verdict }) => verdict.told === told && verdict.kind !== 'rejected');
  return new Set(saying.map(({ carrier }) => carrier)).size;
}

function declinedByUser(failures: readonly FailedAttempt[]): boolean {
  return failures.some(({ verdict }) => verdict.told === 'declined' && verdict.fault === 'callee');
}

const rank: Record<Weight, number> = { none: 0, weak: 1, medium: 2, strong: 3 };

function causeToTell(failures: readonly FailedAttempt[]): number | undefined {
  const telling = failures.filter(({ verdict }) => verdict.cause !== undefined && huntingCauses.has(verdict.cause));
  return telling.toSorted((a, b) => rank[b.verdict.weight] - rank[a.verdict.weight])[0]?.verdict.cause;
}
