import type { InviteServer } from '../engine/agent/invite-server.js';
import { realClock } from '../engine/clock.js';
import { MediaSession, SDP_TYPE, sdpOf } from './media.js';
import { Pacer, RtpStream } from './rtp.js';
import type { Speech } from './speech.js';
import { congestionTone, ringingTone } from './tone.js';

/** What the caller's side sees of a call that goes nowhere. */
export type Show = 'nothing' | 'ringing' | 'tone' | 'ringing-tone';

/** What a swallowed call tells its trunk. */
export interface SwallowedEvents {
  cancelled(): void;
  failed(status: number): void;
}

const pacer = new Pacer(realClock);
const tones = new Map<Show, Speech>();

/** A call that a carrier takes in and brings nowhere: it stays open until the other side gives up. */
export class SwallowedCall {
  readonly #server: InviteServer;
  readonly #events: SwallowedEvents;
  #stream: RtpStream | undefined;
  #over = false;

  /** @param address where the tone comes from. */
  constructor(server: InviteServer, show: Show, address: string, events: SwallowedEvents) {
    this.#server = server;
    this.#events = events;
    server.attach({
      cancelled: () => {
        this.drop();
        events.cancelled();
      },
    });
    if (show === 'ringing') {
      server.provisional(180, [], '');
    } else if (show !== 'nothing') {
      this.#play(address, toneOf(show));
    }
  }

  /** The trunk is gone, or somebody else goes on with the call: nothing is said. */
  drop(): void {
    this.#over = true;
    this.#stream?.close();
  }

  #play(address: string, tone: Speech): void {
    RtpStream.open(address, tone, pacer).then(
      (stream) => {
        this.#stream = stream;
        if (this.#over) {
          stream.close();
        } else {
          this.#describe(stream);
        }
      },
      () => {
        this.#fail(500);
      },
    );
  }

  #describe(stream: RtpStream): void {
    const { headers, body } = this.#server.incoming.message;
    const session = new MediaSession(stream);
    const offer = sdpOf(headers, body);
    const description = offer === undefined ? undefined : session.answer(offer);
    if (offer !== undefined && description === undefined) {
      this.#fail(488);
    } else {
      this.#server.provisional(183, description === undefined ? [] : [SDP_TYPE], description ?? '');
    }
  }

  #fail(status: number): void {
    this.drop();
    this.#server.reject(status);
    this.#events.failed(status);
  }
}

function toneOf(show: 'tone' | 'ringing-tone'): Speech {
  const tone = tones.get(show) ?? (show === 'tone' ? congestionTone() : ringingTone());
  tones.set(show, tone);
  return tone;
}
