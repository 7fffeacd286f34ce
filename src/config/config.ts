import type { TrunkId } from '../domain/ids.js';
import type { Inventory } from '../domain/inventory.js';
import type { Network } from '../domain/network.js';
import type { NumberingPlan } from '../numbering/service.js';
import type { TrunkCredentials } from '../ports/sip-server.js';
import type { Secret } from './secret.js';

/** Everything a gateway is told, checked as a whole and frozen to the last value. */
export interface Config {
  /** The site of the inventory at which this gateway stands. */
  readonly site: string;
  readonly network: Network;
  /** The hardware between us and the carriers. */
  readonly inventory: Inventory;
  /** What trunks answer a digest challenge with (RFC 8760). */
  readonly credentials: ReadonlyMap<TrunkId, Credentials>;
  readonly numbering: NumberingPlan;
  readonly sip: SipSettings;
  readonly admin: { readonly address: string; readonly port: number };
  /** The folder of the journal's files, absolute or from the working directory. */
  readonly journal: { readonly directory: string };
  readonly log: { readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' };
  /** The carriers are simulated. Such a file serves `npm start` and `noodroute lab`, never real callers. */
  readonly lab: boolean;
  /** The files that it was read from. */
  readonly source: ConfigSource;
}

/** Which files a configuration is. */
export interface ConfigSource {
  /** SHA-256 over the files' own, in hexadecimal. */
  readonly version: string;
  readonly files: readonly { readonly file: string; readonly sha256: string }[];
}

/** Who we are to a carrier that asks. */
export type Credentials = TrunkCredentials & { readonly password: Secret };

/** How to reach a SIP server. */
export interface SipServerAccess {
  readonly host: string;
  readonly port: number;
  readonly secret: Secret;
}

/** Files for TLS (PEM), absolute or from the working directory. */
export interface TlsFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
  /** Who signs the certificates of carriers that we call. Undefined: the roots of the system. */
  readonly caFile: string | undefined;
  /** Who signs the certificates of callers. Undefined: they need none. */
  readonly callerCaFile: string | undefined;
}

/** The SIP server that carries our calls. */
export interface SipSettings {
  /** `embedded`: our own engine, started as a process. `drachtio`: a drachtio-server that runs already. */
  readonly engine: 'embedded' | 'drachtio';
  /** Where the embedded engine listens, e.g. `sip:127.0.0.1:5060;transport=udp`. */
  readonly contacts: readonly string[];
  /** Where the SIP server waits for the application (TCP). */
  readonly control: { readonly host: string; readonly port: number };
  /** What the application shows to the SIP server at `control`. Never to be logged. */
  readonly secret: string;
  /** All SIP servers: that of `control` first, then those that run beside it. */
  readonly servers: readonly SipServerAccess[];
  readonly tls: TlsFiles | undefined;
}
