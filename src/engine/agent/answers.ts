import { isBefore } from './numbering.js';

/** Repeated 2xx to older INVITEs than the last few are not known any more. */
const REMEMBERED = 8;

/** An INVITE whose 2xx has its ACK. */
interface Acknowledged {
  readonly sequence: number;
  /** Sends the ACK once more. */
  readonly again: () => void;
}

const NONE: readonly Acknowledged[] = [];

/** The 2xx answers to our INVITEs in one dialog, by CSeq number, and the ACKs that they got (RFC 3261 13.2.2.4). */
export class Answers {
  /** The oldest comes first. */
  #acknowledged = NONE;
  #owed: number | undefined;

  /** The INVITE whose 2xx has no ACK yet. */
  get owed(): number | undefined {
    return this.#owed;
  }

  /** A 2xx came. A repeated one gets its ACK again. @returns whether it is the first to its INVITE. */
  received(sequence: number): boolean {
    const known = this.#acknowledged.find((each) => each.sequence === sequence);
    if (known !== undefined) {
      known.again();
      return false;
    }
    if (this.#isKnown(sequence)) {
      return false;
    }
    this.#owed = sequence;
    return true;
  }

  /** The owed ACK left. @param again sends it once more. */
  acknowledged(again: () => void): void {
    if (this.#owed === undefined) {
      return;
    }
    const sequence = this.#owed;
    const others = this.#acknowledged.filter((each) => each.sequence !== sequence);
    this.#acknowledged = [...others, { sequence, again }].slice(-REMEMBERED);
    this.#owed = undefined;
  }

  #isKnown(sequence: number): boolean {
    const isNotAfter = (known: number): boolean => sequence === known || isBefore(sequence, known);
    const { owed } = this;
    return (owed !== undefined && isNotAfter(owed)) || this.#acknowledged.some((each) => isNotAfter(each.sequence));
  }
}
