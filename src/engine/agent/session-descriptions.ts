import type { Header } from '../../sip/headers.js';
import { sdpIn } from '../../sip/sdp-in-body.js';

interface Bodied {
  readonly headers: readonly Header[];
  readonly body: string;
}

/** What the two sides of a dialog said last about their media. Only what was accepted counts. */
export class SessionDescriptions {
  #local: string | undefined;
  #remote: string | undefined;

  /** The last one of ours. */
  get local(): string | undefined {
    return this.#local;
  }

  /** An offer and its answer went through, or one of them alone. Messages without a description change nothing. */
  exchanged(ours: Bodied | undefined, theirs: Bodied | undefined): void {
    this.#local = (ours && sdpIn(ours)) ?? this.#local;
    this.#remote = (theirs && sdpIn(theirs)) ?? this.#remote;
  }

  /** Whether a message repeats the peer's description: the version in its origin says so (RFC 3264 8). */
  isUnchanged(message: Bodied): boolean {
    const offered = originIn(sdpIn(message));
    return offered !== undefined && offered === originIn(this.#remote);
  }
}

function originIn(sdp: string | undefined): string | undefined {
  return sdp === undefined ? undefined : /^o=[^\r\n]*/m.exec(sdp)?.[0];
}
