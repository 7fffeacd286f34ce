import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildProcess } from 'node:child_process';
import type { CallReport } from '../domain/call-report.js';
import type { HealthChange } from '../domain/health.js';
import { messageOf } from '../domain/errors.js';
import { startControl, type Controlled, type FaultInForce } from './control.js';
import { serverSentEvents, type ServerSentEvent } from './events.js';
import { faultLine, OrderError, trunksFor, type FaultOrder, type FaultPlace } from './fault-places.js';
import { CLEAR, printFault, type Fault } from './faults.js';
import { callLine, changeLines } from './lines.js';
import type { ProcessMessage, StartOrder } from './messages.js';
import { give } from './orders.js';
import {
  WRONG_NUMBER,
  type CarrierPlan,
  type LabAddress,
  type LabPlan,
  type PointPlan,
  type SipPlan,
  type TrunkPlan,
} from './plan.js';
import { explainTaken, findTaken, type Endpoint } from './ports.js';
import { gatewayComplaint } from './log-line.js';
import { CarrierRelay } from './relays.js';
import { Results, type CallResult } from './results.js';
import { LabStartError, READY_WITHIN_MS, Supervised } from './supervised.js';
import type { CarrierState, LabState, PointState } from './state.js';

/** What the lab is made of. */
export interface LabOptions {
  /** The site file, as the user wrote it. */
  readonly file: string;
  readonly plan: LabPlan;
  /** Where the gateway takes calls. */
  readonly sip: readonly SipPlan[];
  /** Where the gateway's embedded engine waits for it; undefined where a drachtio-server runs already. */
  readonly engine?: LabAddress;
  readonly admin: LabAddress;
  /** Where the lab itself takes orders. */
  readonly control: LabAddress;
  /** What chance is thrown with in the carriers; 1 where not given. */
  readonly seed?: number;
  /** How long answering points ring, in milliseconds; 200 where not given. */
  readonly answersAfter?: number;
  /** WAV file with what the answering points say. */
  readonly speech: string;
  /** Takes a line for the user. */
  readonly say: (line: string) => void;
  /** A process has come up: the names of those that have, and how many there are. */
  readonly progress: (ready: readonly string[], total: number) => void;
}

const RECONNECT_AFTER_MS = 200;
const EVENTS_WITHIN_MS = 3_000;
/** Changes of health so close together are one piece of news. */
const CHANGES_TOGETHER_MS = 20;

/** The gateway with a simulated world around it, each part a process of its own. */
export class Lab implements Controlled {
  readonly #options: LabOptions;
  readonly #gateway: Supervised;
  readonly #psap: Supervised;
  readonly #carriers: ReadonlyMap<string, Supervised>;
  readonly #relays: ReadonlyMap<string, CarrierRelay>;
  /** By trunk and service. Kept here, so that a carrier that is started again has its faults again. */
  readonly #faults = new Map<string, FaultOrder>();
  readonly #results = new Results((trunk, number) => this.#behind(trunk, number)?.id);
  readonly #stopped = new AbortController();
  readonly #changes: HealthChange[] = [];
  #closeControl: (() => Promise<void>) | undefined;
  #orders: Promise<void> = Promise.resolve();

  constructor(options: LabOptions) {
    this.#options = options;
    this.#gateway = this.#gatewayProcess();
    this.#psap = this.#process('psap', () => ({
      role: 'psap',
      points: options.plan.points,
      ...(options.answersAfter === undefined ? {} : { answersAfter: options.answersAfter }),
      speech: options.speech,
    }));
    this.#carriers = new Map(
      options.plan.carriers.map((plan) => [
        plan.id,
        this.#process(`carrier ${plan.id}`, () => ({
          role: 'carrier',
          plan,
          faults: [...this.#faults.values()],
          seed: options.seed ?? 1,
          speech: options.speech,
        })),
      ]),
    );
    this.#relays = new Map(
      options.plan.carriers.map(({ id }) => [
        id,
        new CarrierRelay(options.seed ?? 1, (start) => this.#process(`relay ${id}`, start)),
      ]),
    );
  }

  /**
   * Makes sure that every address is free, before anything is started.
   *
   * @throws LabStartError with one line for the user.
   */
  async checkAddresses(): Promise<void> {
    const taken = await findTaken(this.#endpoints());
    if (taken !== undefined) {
      throw new LabStartError(taken);
    }
  }

  /**
   * Starts every process; resolves when calls are accepted.
   *
   * @throws LabStartError with one line for the user, when all that was started has ended again.
   */
  async start(): Promise<void> {
    const { control } = this.#options;
    try {
      this.#closeControl = await startControl(this, control).catch((error: unknown) => {
        throw new LabStartError(explainTaken(controlEndpoint(control), codeOf(error)));
      });
      await this.#startProcesses();
    } catch (error) {
      await this.stop();
      throw error;
    }
    await this.#followEvents();
  }

  /** Ends every process, and resolves when they are gone. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all([
      ...this.#processes().map(async (each) => each.stop()),
      ...[...this.#relays.values()].map(async (each) => each.stop()),
      this.#closeControl?.() ?? Promise.resolve(),
    ]);
  }

  /**
   * Sets a fault on a carrier, on one of its trunks, or on one service there.
   *
   * @throws OrderError when there is no such carrier, trunk or service, or the fault cannot be there.
   */
  async setFault(carrier: string, fault: Fault, where: FaultPlace = {}): Promise<void> {
    const plan = this.#planOf(carrier);
    const trunks = trunksFor(plan, fault, where);
    // One after the other: closing and opening sockets takes time.
    const before = this.#orders;
    const done = before.then(async () => this.#applyFault(carrier, fault, where, trunks));
    this.#orders = done.catch(() => undefined);
    await done;
  }

  /** Takes every fault away. */
  async clear(): Promise<void> {
    for (const { id } of this.#options.plan.carriers) {
      await this.setFault(id, CLEAR);
    }
  }

  async state(): Promise<LabState> {
    const { sip, admin, plan } = this.#options;
    const [points, ...carriers] = await Promise.all([
      this.#psapState(),
      ...plan.carriers.map(async (each) => this.#carrierState(each)),
    ]);
    return {
      sip: sip.map((each) => `sip:${hostPort(each)};transport=${each.transport}`),
      admin: `http://${hostPort(admin)}`,
      gateway: this.#gateway.state,
      carriers: carriers.flatMap((each) => each ?? []),
      relays: Object.assign({}, ...(await Promise.all([...this.#relays.values()].map(async (each) => each.counts())))),
      psaps: points.map((point) => ({ ...point, process: this.#psap.state })),
    };
  }

  results(since?: Date): readonly CallResult[] {
    return this.#results.list(since);
  }

  faults(): readonly FaultInForce[] {
    const carrierOf = (trunk: string): string =>
      this.#options.plan.carriers.find(({ trunks }) => trunks.some(({ id }) => id === trunk))?.id ?? '';
    return [...this.#faults.values()]
      .map(({ trunk, fault, service }) => ({
        carrier: carrierOf(trunk),
        trunk,
        ...(service === undefined ? {} : { service }),
        fault: printFault(fault),
      }))
      .filter(({ fault }) => fault !== 'clear');
  }

  #processes(): readonly Supervised[] {
    return [this.#gateway, this.#psap, ...this.#carriers.values()];
  }

  async #startProcesses(): Promise<void> {
    const all = this.#processes();
    const ready: string[] = [];
    await Promise.all(
      all.map(async (each) => {
        await each.start();
        ready.push(each.name);
        this.#options.progress(ready, all.length);
      }),
    );
  }

  #endpoints(): readonly Endpoint[] {
    const { file, sip, engine, admin, control, plan } = this.#options;
    const otherwise = `use a lab file with other addresses than ${file} (--config)`;
    const tcp = ({ address, port }: LabAddress, what: string): Endpoint => ({
      address,
      port,
      what,
      protocol: 'TCP',
      otherwise,
    });
    const udp = (where: LabAddress, what: string): Endpoint => ({ ...tcp(where, what), protocol: 'UDP' });
    const either = (where: SipPlan, what: string): Endpoint => (where.transport === 'tcp' ? tcp : udp)(where, what);
    return [
      controlEndpoint(control),
      ...(engine === undefined
        ? []
        : [...sip.map((each) => either(each, 'SIP of the gateway')), tcp(engine, 'control of the SIP engine')]),
      tcp(admin, 'admin interface of the gateway'),
      ...plan.carriers.flatMap(({ trunks }) => trunks.map((trunk) => either(trunk, `trunk ${trunk.id}`))),
      ...plan.points.map((point) => udp(point, `answering point ${point.id}`)),
    ];
  }

  #gatewayProcess(): Supervised {
    return new Supervised({
      name: 'gateway',
      args: ['lab-gateway', this.#options.file],
      say: this.#options.say,
      ready: async (child) => saidReady(child),
      logged: (line) => {
        const complaint = gatewayComplaint(line);
        if (complaint !== undefined) {
          this.#options.say(`gateway: ${complaint}`);
        }
      },
    });
  }

  #process(name: string, start: () => StartOrder): Supervised {
    return new Supervised({
      name,
      args: ['lab', 'process', name],
      say: this.#options.say,
      ready: async (child) => {
        child.on('message', (message: ProcessMessage) => {
          this.#heard(message);
        });
        await give(child, { type: 'start', start: start() }, READY_WITHIN_MS);
      },
    });
  }

  #heard(message: ProcessMessage): void {
    if ('connected' in message) {
      this.#results.connected(message.connected.point, message.connected.callId);
    }
    if ('over' in message) {
      this.#results.over(message.over.callId, message.over.talkedMs);
    }
    if ('answered' in message) {
      this.#results.answered(message.answered.point, message.answered.callId);
    }
  }

  #planOf(carrier: string): CarrierPlan {
    const { carriers } = this.#options.plan;
    const plan = carriers.find(({ id }) => id === carrier);
    if (plan === undefined) {
      throw new OrderError(`there is no carrier ${carrier}, only ${carriers.map(({ id }) => id).join(', ')}`);
    }
    return plan;
  }

  async #applyFault(carrier: string, fault: Fault, where: FaultPlace, trunks: readonly TrunkPlan[]): Promise<void> {
    const orders: FaultOrder[] = [];
    for (const trunk of trunks) {
      orders.push(await this.#relayed(carrier, trunk, fault, where.service));
    }
    orders.forEach((order) => {
      this.#remember(order);
    });
    const child = this.#carriers.get(carrier)?.child;
    if (child !== undefined) {
      await give(child, { type: 'faults', faults: orders });
    }
    this.#options.say(faultLine(carrier, fault, where));
  }

  /** Puts a relay in front of the trunk where the fault needs one. A trunk that has one keeps it. */
  async #relayed(carrier: string, trunk: TrunkPlan, fault: Fault, service?: string): Promise<FaultOrder> {
    const relay = this.#relays.get(carrier);
    const { disturbance, flapMs, behaviours } = fault;
    const isNeeded = disturbance !== undefined || relay?.addressOf(trunk.id) !== undefined;
    if (isNeeded && service === undefined) {
      const closed = behaviours.some(({ kind }) => kind === 'refuse');
      const flap = flapMs === undefined ? {} : { flapMs };
      await relay?.set(trunk, { closed, ...flap, ...(disturbance === undefined ? {} : { disturbance }) });
    }
    const address = relay?.addressOf(trunk.id);
    return {
      trunk: trunk.id,
      fault,
      ...(service === undefined ? {} : { service }),
      ...(address === undefined ? {} : { relay: address }),
    };
  }

  #remember(order: FaultOrder): void {
    if (order.service === undefined) {
      for (const [key, { trunk }] of this.#faults) {
        if (trunk === order.trunk) {
          this.#faults.delete(key);
        }
      }
    }
    this.#faults.set(`${order.trunk} ${order.service ?? ''}`, order);
  }

  async #carrierState({ id }: CarrierPlan): Promise<(CarrierState & { process: Supervised['state'] }) | undefined> {
    const supervised = this.#carriers.get(id);
    const child = supervised?.child;
    const reply = child === undefined ? undefined : await give(child, { type: 'state' }).catch(() => undefined);
    return supervised === undefined || reply?.type !== 'carrier'
      ? undefined
      : { ...reply.state, process: supervised.state };
  }

  async #psapState(): Promise<readonly PointState[]> {
    const { child } = this.#psap;
    const reply = child === undefined ? undefined : await give(child, { type: 'state' }).catch(() => undefined);
    return reply?.type === 'psap' ? reply.state : [];
  }

  /** Reads the gateway's events for ever; resolves when the first connection stands. */
  async #followEvents(): Promise<void> {
    const opened = new Promise<void>((resolve) => {
      this.#readEvents(resolve).catch((error: unknown) => {
        this.#options.say(`the events of the gateway cannot be read: ${messageOf(error)}`);
      });
    });
    await Promise.race([opened, sleep(EVENTS_WITHIN_MS)]);
  }

  async #readEvents(opened: () => void): Promise<void> {
    const { signal } = this.#stopped;
    const url = `http://${hostPort(this.#options.admin)}/events`;
    while (!signal.aborted) {
      try {
        for await (const event of serverSentEvents(url, signal, opened)) {
          this.#report(event);
        }
      } catch {
        // The gateway is gone, or we stop: its process says so.
      }
      await sleep(RECONNECT_AFTER_MS);
    }
  }

  #report({ event, data }: ServerSentEvent): void {
    const said: unknown = data === '' ? undefined : JSON.parse(data);
    this.#results.heard(event, said);
    if (event === 'call') {
      const report = said as CallReport;
      this.#sayChanges();
      this.#options.say(callLine(report, this.#answeredBy(report)));
    } else if (event === 'health') {
      this.#changes.push(said as HealthChange);
      setTimeout(() => {
        this.#sayChanges();
      }, CHANGES_TOGETHER_MS);
    }
  }

  #sayChanges(): void {
    changeLines(this.#changes.splice(0)).forEach((line) => {
      this.#options.say(line);
    });
  }

  /** As the answering point says; where the trunk carries no call identifier, as the dial plan says. */
  #answeredBy({ callId, attempts }: CallReport): string | undefined {
    const answered = attempts.find(({ outcome }) => outcome === 'answered');
    const said = this.#results.pointOf(callId);
    const point =
      [...this.#options.plan.points, WRONG_NUMBER].find(({ id }) => id === said) ??
      (answered === undefined ? undefined : this.#behind(answered.trunk, answered.number));
    return point === undefined ? undefined : `${point.id} (${point.name})`;
  }

  /** The answering point that a number rings on a trunk, after the dial plan. */
  #behind(trunk: string, number: string): PointPlan | undefined {
    const trunks = this.#options.plan.carriers.flatMap((carrier) => carrier.trunks);
    return trunks.find(({ id }) => id === trunk)?.numbers.find((each) => each.number === number)?.point;
  }
}

function controlEndpoint(control: LabAddress): Endpoint {
  return { ...control, what: 'control of the lab', protocol: 'TCP', otherwise: 'use another one (--control)' };
}

function hostPort({ address, port }: LabAddress): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : messageOf(error);
}

/** The gateway prints one line when it takes calls. */
async function saidReady(child: ChildProcess): Promise<void> {
  await new Promise<void>((resolve) => {
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (line.includes('"ready":true')) {
          resolve();
        }
      });
    }
  });
}
