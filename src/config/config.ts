import type { Network } from '../domain/network.js';
import type { NumberingPlan } from '../numbering/service.js';

/** Everything a gateway is told, checked as a whole and frozen to the last value. */
export interface Config {
  /** The site of the inventory at which this gateway stands. */
  readonly site: string;
  readonly network: Network;
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

/** The SIP server that carries our calls. */
export interface SipSettings {
  /** `embedded`: our own engine, started as a process. `drachtio`: a drachtio-server that runs already. */
  readonly engine: 'embedded' | 'drachtio';
  /** Where the embedded engine listens, e.g. `sip:127.0.0.1:5060;transport=udp`. */
  readonly contacts: readonly string[];
  /** Where the SIP server waits for the application (TCP). */
  readonly control: { readonly host: string; readonly port: number };
  /** What the application shows to the SIP server. Never to be logged. */
  readonly secret: string;
}
