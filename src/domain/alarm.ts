import type { AlarmId, CarrierId, IngressId, ServiceId, TrunkId } from './ids.js';

/** How bad it is, worst first (ITU-T X.733 8.1.2.3). `critical` pages somebody at once. */
export type AlarmSeverity = 'critical' | 'major' | 'minor' | 'warning';

/** What an alarm is about. */
export type AlarmKind =
  /** None of the last calls was connected, whatever the reason. */
  | 'inability'
  /** Calls that usually come do not come. */
  | 'drought'
  /** Probes are answered, and no calls come or succeed. */
  | 'green-without-calls'
  | 'carrier-absent'
  | 'trunk-down'
  /** First attempts fail too often, whether or not a retry saves the call. */
  | 'failing-attempts'
  /** A trunk sends our calls back to us. */
  | 'loop'
  /** A trunk works but for something that people have to mend: credentials, the caller's number, the form of numbers. */
  | 'configuration'
  /** A backup was not proven lately. */
  | 'proof-stale'
  /** Too few channels are left. */
  | 'capacity'
  /** The journal cannot be written. */
  | 'journal'
  /** Something else that the gateway works with is gone. */
  | 'part-gone';

/** The thing that is in trouble. */
export type AlarmSubject =
  | { readonly of: 'carrier'; readonly carrier: CarrierId; readonly service?: ServiceId }
  | { readonly of: 'trunk'; readonly trunk: TrunkId; readonly service?: ServiceId }
  | { readonly of: 'ingress'; readonly ingress: IngressId; readonly service?: ServiceId }
  | { readonly of: 'service'; readonly service: ServiceId }
  /** A part of the gateway, or something that it works with, such as `journal`. */
  | { readonly of: 'part'; readonly part: string };

/** Something that a person has to know. Of one kind and subject there is at most one at a time. */
export interface Alarm {
  /** The same when it is raised and when it is cleared. */
  readonly id: AlarmId;
  readonly kind: AlarmKind;
  readonly severity: AlarmSeverity;
  readonly subject: AlarmSubject;
  /** One sentence for the operator: what is wrong, and what to do. */
  readonly text: string;
}
