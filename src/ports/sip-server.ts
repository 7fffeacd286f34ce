import type { TrunkId } from '../domain/ids.js';
import type { SipAddress, Transport } from '../domain/network.js';
import type { Milliseconds } from '../domain/time.js';
import type { Header } from '../sip/message.js';

/** Where a request came from. */
export interface Source {
  readonly address: string;
  readonly port: number;
  readonly transport: Transport;
}

/** A request as the wire had it. One character is one byte, in the body and in every header. */
export interface ReceivedRequest {
  readonly method: string;
  readonly uri: string;
  readonly headers: readonly Header[];
  readonly body: string;
}

/** A response as the wire had it. */
export interface ReceivedResponse {
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly Header[];
  readonly body: string;
}

/** What a response of ours says. */
export interface OutgoingResponse {
  readonly status: number;
  readonly headers?: readonly Header[];
  readonly body?: string;
}

/** Why a final response was made up by our own SIP server. `server-gone`: it was lost, and the INVITE with it. */
export type LocalCause = 'timeout' | 'refused' | 'unresolvable' | 'unsendable' | 'too-large' | 'server-gone';

/** How an outgoing INVITE ended without an answer. */
export type InviteFailure =
  /** `known`: our credentials were shown before it. */
  | { readonly origin: 'peer'; readonly response: ReceivedResponse; readonly known?: true }
  | { readonly origin: 'local'; readonly cause: LocalCause; readonly status: number };

/** A request inside a dialog, to be answered exactly once with a final response. */
export interface InDialogRequest {
  readonly request: ReceivedRequest;
  /** @param acknowledged for a 2xx to INVITE: called with the body of the ACK. */
  respond(response: OutgoingResponse, acknowledged?: (body: string) => void): void;
}

/** The final response to a request inside a dialog. */
export interface DialogResponse extends ReceivedResponse {
  /** Sends the ACK of a 2xx to INVITE, once. For every other response it does nothing. */
  acknowledge(body?: string): void;
}

/** Why a dialog ended. */
export interface LegEnd {
  /**
   * `server`: our own SIP server ended it, for example because no ACK came. `lost`: that server has been away for so long
   * that nobody can tell any more. The call may go on without us.
   */
  readonly by: 'peer' | 'server' | 'lost';
  /** The Reason values of the BYE, byte for byte (RFC 3326). */
  readonly reasons: readonly string[];
}

/** What an answered leg reports, on either side. */
export interface DialogEvents {
  /** The peer or the SIP server ended the dialog. Nothing comes after it. */
  ended(end: LegEnd): void;
  /**
   * re-INVITE, UPDATE, INFO and everything else but BYE, ACK and PRACK. Early dialogs have such requests too (RFC 3311):
   * it may come before the answer.
   */
  requested(request: InDialogRequest): void;
}

/** The answered side of a leg, caller's or callee's. */
export interface Dialog {
  /**
   * Sends a request in the dialog. Rejects with `SipServerError` when no answer can come.
   *
   * @param other the dialog that this one makes a call with from now on, where that is a new one (P14).
   */
  request(method: string, headers: readonly Header[], body: string, other?: Dialog): Promise<DialogResponse>;
  /** Sends BYE once, with these Reason values. Later calls do nothing. Never fails. */
  release(reasons: readonly string[]): void;
}

/** What the caller's side of a call reports. */
export interface CallerEvents extends DialogEvents {
  /** The caller gave up before the answer, for these Reason values. 487 has already been sent. */
  cancelled(reasons: readonly string[]): void;
  /** The SIP server was lost before the answer left, and no other could take the call up in time. Nothing comes after it. */
  lost(): void;
  /** The caller's ACK came, with its body (an answer, where the 200 carried the offer). */
  acknowledged(body: string): void;
}

/**
 * A call that came in and waits for our answer. It outlives the SIP server that it came in on, for some seconds: what is said
 * meanwhile leaves when another server has taken it up.
 */
export interface IncomingCall {
  readonly source: Source;
  readonly request: ReceivedRequest;
  /** Must be called before the handler returns. */
  attach(events: CallerEvents): void;
  /**
   * Sends a provisional response; with `Require: 100rel` in it reliably (RFC 3262), where the caller's side can, the
   * RSeq and what the PRACK needs being the server's business.
   */
  progress(response: OutgoingResponse): void;
  /** Sends a final failure. */
  reject(response: OutgoingResponse): void;
  /** Sends nothing, and forgets the call. For strangers only. */
  ignore(): void;
  /**
   * Sends 200. Resolves when it left; rejects when the caller is gone, and with code `disconnected` when the SIP server was
   * lost with the other dialog while the caller may still be there: another answer is welcome.
   *
   * @param other the dialog that this one makes a call with: a SIP server that can passes BYE on between the two while we
   *   are away (P14).
   */
  answer(response: OutgoingResponse, other?: Dialog): Promise<Dialog>;
}

/** What an outgoing INVITE reports. After `failed` or `ended` only `over` comes. */
export interface CalleeEvents extends DialogEvents {
  /** 100 to 199. On servers that keep 100 to themselves only 101 to 199. */
  progressed(response: ReceivedResponse): void;
  /**
   * A 2xx. The leg is answered until `release()` or `ended`. Where the session description came earlier, in a reliable
   * provisional response of the same dialog, it is in this response all the same.
   */
  answered(response: ReceivedResponse, dialog: Dialog): void;
  failed(failure: InviteFailure): void;
  /**
   * The leg holds nothing at the far end any more: it failed; or it was given up, and the final response or the end of the
   * transaction came; or its dialog ended, on our side with the answer to the BYE; or the SIP server lost it. Called once.
   */
  over(): void;
}

/** Who we are to a trunk that asks (RFC 3261 22). */
export interface TrunkCredentials {
  readonly user: string;
  /** The only realm that is answered. Undefined: any. */
  readonly realm: string | undefined;
  /** The password shows itself only here, so that it stays out of every log. */
  readonly password: { reveal(): string };
}

/** What to send to a trunk. */
export interface InviteRequest {
  /** Its credentials answer a challenge, and no other's. */
  readonly trunk: TrunkId;
  readonly uri: string;
  readonly nextHop: SipAddress;
  readonly headers: readonly Header[];
  readonly body: string;
  /** When it is sent again over UDP while nothing has come, where the server can do that. Usual: as the server does (T1). */
  readonly resendAfter?: Milliseconds;
  /** When it is sent again over UDP although 100 came, where the server can do that: a 180 that was lost is repeated. */
  readonly askAfter?: Milliseconds;
}

/** An INVITE on its way. */
export interface CalleeLeg {
  /**
   * Gives the attempt up: resends stop at once, a provisional that comes later gets its CANCEL, a 2xx its ACK and BYE.
   * The 2xx of a leg that was given up is never reported. Calling it twice, or after the end, does nothing.
   *
   * @param reasons the Reason values to send (RFC 3326).
   */
  cancel(reasons: readonly string[]): void;
  /** Acknowledges the 2xx, once; with a body where the 2xx carried the offer. Without this call no ACK leaves. */
  acknowledge(body?: string): void;
}

/** A request outside any dialog, other than INVITE. */
export interface IncomingRequest {
  readonly source: Source;
  readonly request: ReceivedRequest;
  respond(response: OutgoingResponse): void;
  /** Sends nothing. For strangers only. */
  ignore(): void;
}

/** How an OPTIONS probe ended. */
export type ProbeAnswer =
  | { readonly kind: 'answered'; readonly status: number; readonly roundTrip: Milliseconds }
  | { readonly kind: 'silent' }
  | { readonly kind: 'refused' }
  /** It could not be sent: our own fault, no evidence against the trunk. */
  | { readonly kind: 'unsent'; readonly cause: string };

/** An INVITE of ours that may still ring, though no call waits for its answer. */
export interface LostAttempt {
  /** As it left, Via included. */
  readonly invite: string;
  /** Where it went, as a SIP URI. */
  readonly nextHop: string;
}

/** What a SIP server that is gone leaves to another one. */
export interface Abandoned {
  /** Calls that were in set-up. */
  readonly calls: readonly IncomingCall[];
  readonly attempts: readonly LostAttempt[];
}

/** The SIP server that carries our calls: the embedded engine, or drachtio-server. */
export interface SipServer {
  onInvite(handler: (call: IncomingCall) => void): void;
  onRequest(handler: (request: IncomingRequest) => void): void;
  /** Called when a server is there, for the first time or again. */
  onConnected(handler: () => void): void;
  /** True while the control connection is up and authenticated. */
  readonly connected: boolean;
  /** Whether 100 Trying reaches us, so that "nothing came back" and "100, then nothing" can be told apart. */
  readonly reportsTrying: boolean;
  /** Never throws: what cannot be sent is reported as failed. Nothing is reported before it returns. */
  /** @param forCall whose attempt it is: of several servers it goes out over the one that the call came in on. */
  invite(request: InviteRequest, events: CalleeEvents, forCall?: IncomingCall): CalleeLeg;
  /** Sends one OPTIONS and waits at most `timeout` for any response. */
  probe(address: SipAddress, timeout: Milliseconds): Promise<ProbeAnswer>;
}

/** The SIP server could not carry out a request. */
export class SipServerError extends Error {
  readonly code: 'disconnected' | 'timeout' | 'refused';

  constructor(code: SipServerError['code'], message: string) {
    super(message);
    this.name = 'SipServerError';
    this.code = code;
  }
}
