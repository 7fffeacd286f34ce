import type { AttemptId, CallId, CarrierId } from '../domain/ids.js';
import { after, ms, type Instant } from '../domain/time.js';
import { dialled } from '../numbering/dialled.js';
import { toE164 } from '../numbering/e164.js';
import { recognise, type NumberingPlan } from '../numbering/service.js';
import type { ReceivedRequest } from '../ports/sip-server.js';
import { callerIdentity } from '../sip/identity.js';
import type { Header } from '../sip/message.js';

/** A call that a carrier sends back comes within this time. */
const COMES_BACK_WITHIN = ms(5_000);

/** An attempt that left, as far as its coming back is concerned. */
export interface LeftAttempt {
  readonly call: CallId;
  readonly attempt: AttemptId;
  readonly carrier: CarrierId;
  /** The headers of its INVITE, which say who calls. */
  readonly headers: readonly Header[];
  /** The user part that was dialled. */
  readonly number: string;
}

interface Entry {
  readonly key: string;
  readonly left: LeftAttempt;
  readonly until: Instant;
}

/**
 * The attempts of the last five seconds, by what a carrier that strips every mark of ours cannot change: itself, the number
 * that calls and the number that is called (DESIGN 4.1). A caller without a number is never in it.
 */
export class LoopWatch {
  readonly #numbering: () => NumberingPlan;
  readonly #byKey = new Map<string, Entry[]>();
  #queue: Entry[] = [];

  /** @param numbering the plan in force. */
  constructor(numbering: () => NumberingPlan) {
    this.#numbering = numbering;
  }

  /** Notes that an attempt left. */
  left(left: LeftAttempt, now: Instant): void {
    this.#forget(now);
    const key = this.#key(left.carrier, left.headers, this.#dialled(left.number));
    if (key !== undefined) {
      const entry = { key, left, until: after(now, COMES_BACK_WITHIN) };
      this.#queue.push(entry);
      this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), entry]);
    }
  }

  /** The attempts that an INVITE of a carrier may be, latest first. */
  matching(request: ReceivedRequest, carrier: CarrierId, now: Instant): readonly LeftAttempt[] {
    this.#forget(now);
    const service = recognise(request, this.#numbering())?.service;
    const key = this.#key(carrier, request.headers, service ?? this.#dialled(request.uri));
    const entries = key === undefined ? [] : (this.#byKey.get(key) ?? []);
    return entries.map(({ left }) => left).toReversed();
  }

  #forget(now: Instant): void {
    const firstKept = this.#queue.findIndex(({ until }) => until >= now);
    const old = this.#queue.slice(0, firstKept < 0 ? this.#queue.length : firstKept);
    if (old.length === 0) {
      return;
    }
    this.#queue = this.#queue.slice(old.length);
    for (const entry of old) {
      const rest = this.#byKey.get(entry.key)?.filter((each) => each !== entry) ?? [];
      if (rest.length === 0) {
        this.#byKey.delete(entry.key);
      } else {
        this.#byKey.set(entry.key, rest);
      }
    }
  }

  #key(carrier: CarrierId, headers: readonly Header[], called: string | undefined): string | undefined {
    const caller = toE164(callerIdentity(headers).uri, this.#numbering());
    return caller === undefined || called === undefined ? undefined : `${carrier} ${caller} ${called}`;
  }

  /** A number in one form: the service that it means, else E.164, else its digits. */
  #dialled(text: string): string | undefined {
    const service = recognise({ uri: text, headers: [] }, this.#numbering())?.service;
    if (service !== undefined) {
      return service;
    }
    const found = dialled(text);
    return toE164(text, this.#numbering()) ?? (found?.kind === 'number' ? found.digits : found?.urn);
  }
}
