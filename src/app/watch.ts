import type { Alarm, AlarmSeverity } from '../domain/alarm.js';
import type { HealthChange } from '../domain/health.js';
import type { IngressId, ServiceId, TrunkId } from '../domain/ids.js';
import type { AttemptEnded, CallEnded, JournalRecord } from '../domain/journal-record.js';
import type { Network } from '../domain/network.js';
import { after, type Instant, ms } from '../domain/time.js';
import type { Complaint } from '../domain/verdict.js';
import type { HealthBook } from '../health/book.js';
import { able, type Inability, oneMoreCall } from '../health/inability.js';
import type { TrunkHealth } from '../health/trunk.js';
import type { Clock, Timer } from '../ports/clock.js';
import type { Alarms } from './alarms.js';
import type { DroughtReport, TrafficWatch } from './traffic-watch.js';

const EVERY = ms(1_000);
/** A complaint that is not heard again for so long has been mended. */
const COMPLAINT_LASTS = ms(3_600_000);

/** What the watch looks at. Network and book change with the configuration. */
export interface Watched {
  readonly network: Network;
  readonly book: HealthBook;
  readonly traffic: TrafficWatch;
}

interface OpenCall {
  readonly service: ServiceId;
  isAnswered: boolean;
}

interface Heard {
  readonly trunk: TrunkId;
  readonly complaint: Complaint;
  until: Instant;
}

/** Turns what happens into alarms: it sees every record of the journal, and looks at health and traffic each second. */
export class Watch {
  readonly #watched: () => Watched;
  readonly #alarms: Alarms;
  readonly #clock: Clock;
  readonly #open = new Map<string, OpenCall>();
  readonly #inability = new Map<ServiceId, Inability>();
  readonly #complaints = new Map<string, Heard>();
  #droughts: readonly DroughtReport[] = [];
  #timer: Timer | undefined;

  constructor(watched: () => Watched, alarms: Alarms, clock: Clock) {
    this.#watched = watched;
    this.#alarms = alarms;
    this.#clock = clock;
  }

  /** Looks at everything from now on, once a second. What is wrong already is raised at once. */
  start(): void {
    this.#look();
    this.#timer = this.#clock.setTimer(EVERY, () => {
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Takes one record of the journal. */
  see(record: JournalRecord): void {
    if (record.type === 'call-received') {
      this.#callCame(record.callId, record.ingress, record.service);
    } else if (record.type === 'call-answered') {
      this.#answered(record.callId);
    } else if (record.type === 'call-ended') {
      this.#ended(record);
    } else if (record.type === 'attempt-ended') {
      this.#attemptEnded(record);
    } else if (record.type === 'health') {
      this.#changed(record.change);
    }
  }

  #callCame(callId: string, ingress: IngressId, service: ServiceId): void {
    this.#open.set(callId, { service, isAnswered: false });
    this.#watched().traffic.callCame(ingress, service);
  }

  #answered(callId: string): void {
    const call = this.#open.get(callId);
    if (call !== undefined) {
      call.isAnswered = true;
      this.#count(call.service, { kind: 'answered' });
    }
  }

  #ended({ callId, outcome, afterMs }: CallEnded): void {
    const call = this.#open.get(callId);
    this.#open.delete(callId);
    if (call?.isAnswered === false) {
      this.#count(call.service, outcome === 'failed' ? { kind: 'failed' } : { kind: 'abandoned', after: ms(afterMs) });
    }
  }

  #count(service: ServiceId, end: Parameters<typeof oneMoreCall>[1]): void {
    const inability = oneMoreCall(this.#inability.get(service) ?? able, end);
    this.#inability.set(service, inability);
    const text = `none of the last ${inability.inARow} calls of ${service} was connected, whatever the reason`;
    const alarm = { kind: 'inability', severity: 'critical', subject: { of: 'service', service }, text } as const;
    this.#alarms.set(inability.isOn, alarm, 'a call was connected');
  }

  #attemptEnded({ trunk, verdict }: AttemptEnded): void {
    const complaint = verdict?.complaint;
    if (complaint === undefined) {
      return;
    }
    const until = after(this.#clock.now(), COMPLAINT_LASTS);
    this.#complaints.set(`${trunk} ${complaint}`, { trunk, complaint, until });
    this.#alarms.raise(complaintAlarm(trunk, complaint, verdict?.reason ?? ''));
  }

  #changed(change: HealthChange): void {
    if (change.of === 'carrier') {
      const isBack = change.to === 'present' || change.to === 'doubted';
      if (isBack || change.to === 'absent') {
        this.#alarms.set(!isBack, this.#carrierAbsent(change), change.cause);
      }
    } else if (change.to !== 'recovering') {
      this.#alarms.set(change.to === 'down', this.#trunkDown(change), change.cause);
    }
  }

  #look(): void {
    const { book, traffic } = this.#watched();
    const { trunks, carriers, selfDoubtSince } = book.snapshot(this.#clock.now());
    for (const { carrier, service, health } of carriers) {
      if (health.state === 'absent') {
        this.#alarms.raise(this.#carrierAbsent({ carrier, service, cause: health.cause }));
      }
    }
    for (const { trunk, service, health } of trunks) {
      this.#lookAt(trunk, service, health);
    }
    this.#alarms.set(selfDoubtSince !== undefined, nobodyHeard, 'somebody is heard again');
    this.#lookAtDroughts(traffic.tick(book.view()), book);
    this.#forgetComplaints();
  }

  #lookAt(trunk: TrunkId, service: ServiceId, health: TrunkHealth): void {
    if (health.state === 'down') {
      this.#alarms.raise(this.#trunkDown({ trunk, service, cause: health.cause }));
    }
    const subject = { of: 'trunk', trunk, service } as const;
    const { calls, probe } = health.ledgers;
    const failing = `first attempts on ${trunk} fail too often for ${service}, though others may save them: ${calls.last?.reason ?? ''}`;
    const severity = this.#rank(service, 'major', 'minor');
    const isFailing = calls.rates.tenth.isBad;
    this.#alarms.set(
      isFailing,
      { kind: 'failing-attempts', severity, subject, text: failing },
      'its calls succeed again',
    );
    const isGreen = health.state === 'down' && health.by === 'call' && probe.good > 0;
    const green = `probes of ${trunk} are answered, and its calls of ${service} fail: ${health.cause}`;
    const lies = { kind: 'green-without-calls', severity, subject, text: green } as const;
    this.#alarms.set(isGreen, lies, 'probes and calls agree');
  }

  #lookAtDroughts(droughts: readonly DroughtReport[], book: HealthBook): void {
    for (const drought of droughts) {
      this.#alarms.raise(this.#droughtAlarm(drought));
      if (this.#isGreen(drought, book)) {
        this.#alarms.raise(this.#greenDrought(drought));
      }
    }
    const isOver = (before: DroughtReport): boolean =>
      !droughts.some(({ ingress, service }) => ingress.id === before.ingress.id && service === before.service);
    for (const over of this.#droughts.filter(isOver)) {
      const { subject } = this.#droughtAlarm(over);
      this.#alarms.clear('drought', subject, 'a call came');
      this.#alarms.clear('green-without-calls', subject, 'a call came');
    }
    this.#droughts = droughts;
  }

  #isGreen({ ingress }: DroughtReport, book: HealthBook): boolean {
    const own = [...this.#watched().network.trunks.values()].filter(({ carrier }) => carrier === ingress.carrier);
    return own.length > 0 && own.every(({ id }) => book.ledgers(id).some(({ probe }) => probe.good > 0));
  }

  #droughtAlarm({ ingress, service, lasts, expected }: DroughtReport): Omit<Alarm, 'id'> {
    return {
      kind: 'drought',
      severity: this.#rank(service, 'critical', 'major'),
      subject: { of: 'ingress', ingress: ingress.id, service },
      text: `no call of ${service} came from ${ingress.id} for ${inWords(lasts)}, where ${Math.round(expected)} usually come: ask ${ingress.carrier ?? 'its carrier'}, whatever probes say`,
    };
  }

  #greenDrought(drought: DroughtReport): Omit<Alarm, 'id'> {
    const { ingress, service, lasts } = drought;
    const text = `the automatic checks of ${ingress.carrier ?? ingress.id} see no fault, and no call of ${service} came from it for ${inWords(lasts)}`;
    return { ...this.#droughtAlarm(drought), kind: 'green-without-calls', text };
  }

  #carrierAbsent({ carrier, service, cause }: Pick<HealthChange & { of: 'carrier' }, 'carrier' | 'service' | 'cause'>) {
    return {
      kind: 'carrier-absent',
      severity: this.#rank(service, 'critical', 'major'),
      subject: { of: 'carrier', carrier, service },
      text: `${carrier} is gone for ${service}: ${cause}`,
    } as const;
  }

  #trunkDown({ trunk, service, cause }: Pick<HealthChange & { of: 'trunk' }, 'trunk' | 'service' | 'cause'>) {
    return {
      kind: 'trunk-down',
      severity: this.#rank(service, 'major', 'minor'),
      subject: { of: 'trunk', trunk, service },
      text: `${trunk} is down for ${service}: ${cause}`,
    } as const;
  }

  #rank(service: ServiceId, emergency: AlarmSeverity, other: AlarmSeverity): AlarmSeverity {
    return this.#watched().network.services.get(service)?.class === 'emergency' ? emergency : other;
  }

  #forgetComplaints(): void {
    for (const [key, { trunk, complaint, until }] of this.#complaints) {
      if (until <= this.#clock.now()) {
        this.#complaints.delete(key);
        const { kind, subject } = complaintAlarm(trunk, complaint, '');
        this.#alarms.clear(kind, subject, 'not heard again for an hour');
      }
    }
  }
}

const nobodyHeard: Omit<Alarm, 'id'> = {
  kind: 'part-gone',
  severity: 'critical',
  subject: { of: 'part', part: 'own network' },
  text: 'every carrier fell silent in the same moment: look at this machine and its network first',
};

function complaintAlarm(trunk: TrunkId, complaint: Complaint, reason: string): Omit<Alarm, 'id'> {
  return complaint === 'loop'
    ? {
        kind: 'loop',
        severity: 'major',
        subject: { of: 'trunk', trunk },
        text: `${trunk} sends our calls back to us or in a circle: ${reason}`,
      }
    : {
        kind: 'configuration',
        severity: 'minor',
        subject: { of: 'part', part: `${complaint} on ${trunk}` },
        text: `${trunk} has to be mended (${complaint}): ${reason}`,
      };
}

function inWords(time: number): string {
  const minutes = time / 60_000;
  return minutes < 2 ? `${Math.round(time / 1_000)} s` : `${minutes.toFixed(minutes < 10 ? 1 : 0)} min`;
}
