import { serve, type ServerType } from '@hono/node-server';
import { Hono, type Context } from 'hono';
import { OrderError, type FaultPlace } from './fault-places.js';
import { FaultError, parseFault, type Fault } from './faults.js';
import { isLoopback, type LabAddress } from './plan.js';
import { csvOf, type CallResult } from './results.js';
import type { LabState } from './state.js';

/** What the control interface needs of the lab. */
export interface Controlled {
  /** Sets a fault on a carrier, on one of its trunks, or on one service. Throws OrderError when there is none such. */
  setFault(carrier: string, fault: Fault, where?: FaultPlace): Promise<void>;
  /** Takes every fault away. */
  clear(): Promise<void>;
  /** What is wrong now, by trunk. */
  faults(): readonly FaultInForce[];
  state(): Promise<LabState>;
  /** What became of the calls, of those that came in at this moment or later. */
  results(since?: Date): readonly CallResult[];
}

/** A fault that is in force on a trunk. */
export interface FaultInForce {
  readonly carrier: string;
  readonly trunk: string;
  readonly service?: string;
  readonly fault: string;
}

/**
 * Starts the lab's control interface:
 *
 * - `GET /state`: the carriers with their faults and counts, the answering points, the processes;
 * - `POST /faults` with `{ "carrier": "kpn", "fault": "loss=5% delay=300ms", "trunk": "kpn-a", "service": "112" }`; without
 *   `trunk` on all of them, without `service` on all calls;
 * - `GET /faults`: what is wrong now, trunk by trunk;
 * - `DELETE /faults`: clear everything;
 * - `GET /results`: what became of each call; `?since=2019-06-24T12:00:00Z` from then on, `?format=csv` as CSV.
 *
 * @returns a function that closes it.
 * @throws with `code` EADDRINUSE and the like when it cannot listen.
 */
export async function startControl(lab: Controlled, where: LabAddress): Promise<() => Promise<void>> {
  const { fetch } = controlRoutes(lab);
  const server = await new Promise<ServerType>((resolve, reject) => {
    const starting = serve({ fetch, hostname: where.address, port: where.port }, () => {
      resolve(starting);
    });
    starting.once('error', reject);
  });
  return async () => {
    await new Promise<void>((resolve) => {
      server.close(() => {
        resolve();
      });
      if ('closeAllConnections' in server) {
        server.closeAllConnections();
      }
    });
  };
}

/** The routes of the control interface. */
export function controlRoutes(lab: Controlled): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    // A web page that is open in a browser here shall not play with the lab.
    const host = (context.req.header('host') ?? '').replace(/:\d+$/, '');
    if (context.req.header('origin') !== undefined || !(isLoopback(host) || host === 'localhost')) {
      return context.json({ error: 'only for programs on this machine' }, 403);
    }
    return next();
  });
  app.get('/state', async (context) => context.json(await lab.state()));
  app.post('/faults', async (context) => setFault(lab, context));
  app.get('/faults', (context) => context.json(lab.faults()));
  app.get('/results', (context) => results(lab, context));
  app.notFound((context) => context.json({ error: `there is no ${context.req.method} ${context.req.path}` }, 404));
  app.delete('/faults', async (context) => {
    await lab.clear();
    return context.json({ ok: true });
  });
  return app;
}

function results(lab: Controlled, context: Context): Response {
  const { since, format = 'json' } = context.req.query();
  const from = since === undefined ? undefined : new Date(since);
  if (from !== undefined && Number.isNaN(from.getTime())) {
    return context.json({ error: `since=${since} is no time, expected one such as 2019-06-24T12:00:00Z` }, 400);
  }
  if (format !== 'json' && format !== 'csv') {
    return context.json({ error: `format=${format} is not known, expected json or csv` }, 400);
  }
  const calls = lab.results(from);
  return format === 'csv'
    ? context.body(csvOf(calls), 200, { 'content-type': 'text/csv; charset=utf-8' })
    : context.json(calls);
}

async function setFault(lab: Controlled, context: Context): Promise<Response> {
  const order: unknown = await context.req.json().catch(() => undefined);
  const { carrier, fault, trunk, service } = (order ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof carrier !== 'string' || typeof fault !== 'string') {
    return context.json({ error: 'expected {"carrier": ..., "fault": ...}, and perhaps "trunk" and "service"' }, 400);
  }
  try {
    await lab.setFault(carrier, parseFault(fault), {
      ...(typeof trunk === 'string' ? { trunk } : {}),
      ...(typeof service === 'string' ? { service } : {}),
    });
    return context.json({ ok: true });
  } catch (error) {
    if (error instanceof FaultError) {
      return context.json({ error: error.message }, 400);
    }
    if (error instanceof OrderError) {
      return context.json({ error: error.message }, 404);
    }
    throw error;
  }
}
