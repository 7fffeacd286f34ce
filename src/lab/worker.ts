import { messageOf } from '../domain/errors.js';
import { realClock } from '../engine/clock.js';
import { AnsweringPoint } from './answering-point.js';
import { Carrier } from './carrier.js';
import type { Order, OrderMessage, ProcessMessage, Reply, StartOrder } from './messages.js';
import { WRONG_NUMBER, type PointPlan } from './plan.js';
import { Relay, type RelayOrder, type RelayPlan } from './relay.js';
import { Pacer } from './rtp.js';
import { loadSpeech, type Speech } from './speech.js';

/** What a process of the lab does. */
interface Role {
  order(order: Order): Promise<Reply>;
}

/**
 * Serves the lab as one of its processes: a carrier, the answering points, or a relay. Orders come over the channel to the
 * parent; when that is gone, so are we.
 */
export function serveLab(): void {
  let role: Promise<Role> | undefined;
  process.once('disconnect', () => process.exit(0));
  process.on('message', ({ id, order }: OrderMessage) => {
    role ??= order.type === 'start' ? startRole(order.start) : undefined;
    const reply = order.type === 'start' ? role?.then(() => done) : role?.then(async (started) => started.order(order));
    (reply ?? Promise.resolve(done))
      .catch((error: unknown): Reply => ({ type: 'failed', why: messageOf(error) }))
      .then((answer) => {
        tell({ id, reply: answer });
      })
      .catch(() => process.exit(1));
  });
}

const done: Reply = { type: 'done' };

function tell(message: ProcessMessage): void {
  if (process.connected) {
    process.send?.(message);
  }
}

async function startRole(start: StartOrder): Promise<Role> {
  switch (start.role) {
    case 'carrier':
      return carrierRole(start);
    case 'psap':
      return psapRole(start);
    case 'relay':
      return relayRole(start);
  }
}

async function carrierRole({ plan, faults, seed, speech }: StartOrder & { readonly role: 'carrier' }): Promise<Role> {
  process.title = `noodroute lab carrier ${plan.id}`;
  const bystander = async (address: string): Promise<AnsweringPoint> =>
    openPoint({ ...WRONG_NUMBER, address, port: 0 }, loadSpeech(speech), new Pacer(realClock));
  const carrier = await Carrier.open(plan, { faults, seed, bystander });
  return {
    order: async (order) => {
      if (order.type === 'faults') {
        await carrier.setFaults(order.faults);
      }
      return order.type === 'state' ? { type: 'carrier', state: carrier.state() } : done;
    },
  };
}

async function relayRole({ seed, ports }: StartOrder & { readonly role: 'relay' }): Promise<Role> {
  process.title = 'noodroute lab relay';
  const relays = new Map<string, Relay>();
  const set = async (plan: RelayPlan, order: RelayOrder): Promise<Reply> => {
    const relay = relays.get(plan.trunk) ?? (await Relay.open(plan, seed, realClock));
    relays.set(plan.trunk, relay);
    await relay.set(order);
    return { type: 'relayed', inner: relay.inner };
  };
  for (const { plan, order } of ports) {
    await set(plan, order);
  }
  return {
    order: async (order) => {
      if (order.type === 'relay') {
        return set(order.plan, order.order);
      }
      const counts = Object.fromEntries([...relays].map(([trunk, relay]) => [trunk, relay.counts] as const));
      return order.type === 'state' ? { type: 'relay', counts } : done;
    },
  };
}

type PsapStart = Extract<StartOrder, { readonly role: 'psap' }>;

async function psapRole({ points: plans, speech: speechFile, answersAfter }: PsapStart): Promise<Role> {
  process.title = 'noodroute lab psap';
  const speech = loadSpeech(speechFile);
  const pacer = new Pacer(realClock);
  const points = await Promise.all(plans.map(async (plan) => openPoint(plan, speech, pacer, answersAfter)));
  return {
    order: async (order) =>
      order.type === 'state' ? { type: 'psap', state: points.map((point) => point.state()) } : done,
  };
}

async function openPoint(
  plan: PointPlan,
  speech: Speech,
  pacer: Pacer,
  answersAfter?: number,
): Promise<AnsweringPoint> {
  return AnsweringPoint.open(plan, {
    ...(answersAfter === undefined ? {} : { answersAfter }),
    speech,
    pacer,
    answered: (callId) => {
      tell({ answered: { point: plan.id, callId } });
    },
    connected: (callId) => {
      tell({ connected: { point: plan.id, callId } });
    },
    over: (callId, talkedMs) => {
      tell({ over: { callId, talkedMs } });
    },
  });
}
