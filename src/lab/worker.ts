import { messageOf } from '../domain/errors.js';
import { realClock } from '../engine/clock.js';
import { AnsweringPoint } from './answering-point.js';
import { Carrier } from './carrier.js';
import type { Order, OrderMessage, ProcessMessage, Reply, StartOrder } from './messages.js';
import type { PointPlan } from './plan.js';
import { Pacer } from './rtp.js';
import { loadSpeech } from './speech.js';

/** What a process of the lab does. */
interface Role {
  order(order: Order): Promise<Reply>;
}

/**
 * Serves the lab as one of its processes: a carrier, or the answering points. Orders come over the channel to the
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
  return start.role === 'carrier' ? carrierRole(start) : psapRole(start.points, start.speech);
}

async function carrierRole({ plan, faults }: StartOrder & { readonly role: 'carrier' }): Promise<Role> {
  process.title = `noodroute lab carrier ${plan.id}`;
  const carrier = await Carrier.open(plan, { faults });
  return {
    order: async (order) => {
      if (order.type === 'fault') {
        await carrier.setFault(order.fault, order.trunk);
      }
      return order.type === 'state' ? { type: 'carrier', state: carrier.state() } : done;
    },
  };
}

async function psapRole(plans: readonly PointPlan[], speechFile: string): Promise<Role> {
  process.title = 'noodroute lab psap';
  const speech = loadSpeech(speechFile);
  const pacer = new Pacer(realClock);
  const points = await Promise.all(
    plans.map(async (plan) =>
      AnsweringPoint.open(plan, {
        speech,
        pacer,
        answered: (callId) => {
          tell({ answered: { point: plan.id, callId } });
        },
      }),
    ),
  );
  return {
    order: async (order) =>
      order.type === 'state' ? { type: 'psap', state: points.map((point) => point.state()) } : done,
  };
}
