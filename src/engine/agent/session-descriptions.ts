import type { Header } from '../../sip/headers.js';
import { sdpIn } from '../../sip/sdp-in-body.js';
import { copyOf } from '../copy-of.js';

interface Bodied {
  readonly headers: readonly Header[];
  readonly body: string;
}

/** What the two sides of a dialog said last about their media. Only what was accepted counts. */
export class SessionDescriptions {
  #local: string | undefined;
  /** The origin of the peer's. */
  #remote: string | undefined;

  /** The last one of ours. */
  get local(): string | undefined {
    return this.#local;
  }

  /** An offer and its answer went through, or one of them alone. Messages without a description change nothing. */
  exchanged(ours: Bodied | undefined, theirs: Bodied | undefined): void {
    const local = ours && sdpIn(ours);
    const remote = theirs && sdpIn(theirs);
    if (local !== undefined && local !== this.#local) {
      this.#local = copyOf(local);
    }
    if (remote !== undefined) {
      this.#remote = originIn(remote);
    }
  }

  /** Whether a message repeats the peer's description: the version in its origin says so (RFC 3264 8). */
  isUnchanged(message: Bodied): boolean {
    const offered = originIn(sdpIn(message));
    return offered !== undefined && offered === this.#remote;
  }
}

/** The line that says whose a description is, and which version of it. */
function originIn(sdp: string | undefined): string | undefined {
  const line = sdp === undefined ? undefined : /^o=[^\r\n]*/m.exec(sdp)?.[0];
  return line && copyOf(line);
}
