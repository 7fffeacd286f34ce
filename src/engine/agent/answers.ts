import { isBefore } from './numbering.js';

/** Repeated 2xx to older INVITEs than the last few are not known any more. */
const REMEMBERED = 8;

/** The 2xx answers to our INVITEs in one dialog, by CSeq number, and the ACKs that they got (RFC 3261 13.2.2.4). */
export class Answers {
  /** Resends the ACK of an INVITE. */
  readonly #acks = new Map<number, () => void>();
  #owed: number | undefined;

  /** The INVITE whose 2xx has no ACK yet. */
  get owed(): number | undefined {
    return this.#owed;
  }

  /** A 2xx came. A repeated one gets its ACK again. @returns whether it is the first to its INVITE. */
  received(sequence: number): boolean {
    const again = this.#acks.get(sequence);
    if (again !== undefined) {
      again();
      return false;
    }
    if (this.#known().some((known) => sequence === known || isBefore(sequence, known))) {
      return false;
    }
    this.#owed = sequence;
    return true;
  }

  #known(): readonly number[] {
    return [...this.#acks.keys(), ...(this.#owed === undefined ? [] : [this.#owed])];
  }

  /** The owed ACK left. @param again sends it once more. */
  acknowledged(again: () => void): void {
    if (this.#owed === undefined) {
      return;
    }
    this.#acks.set(this.#owed, again);
    this.#owed = undefined;
    const [oldest] = this.#acks.keys();
    if (oldest !== undefined && this.#acks.size > REMEMBERED) {
      this.#acks.delete(oldest);
    }
  }
}
