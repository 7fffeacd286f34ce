import { serve, type ServerType } from '@hono/node-server';
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { JournalRecord } from '../ports/journal.js';

/** What the admin interface shows. Reading it never touches a call. */
export interface AdminView {
  /** Whether calls can be served, and if not, why. */
  ready(): { readonly ready: boolean; readonly why: string };
  /** Health of every trunk and carrier, as plain JSON. */
  health(): unknown;
  /** The alarms that are on, the worst first, as plain JSON. */
  alarms(): unknown;
  /** Counts of what is open now, as plain JSON. */
  stats(): Promise<unknown>;
  /** The configuration in force, as plain JSON. */
  configuration(): unknown;
  /** What the next call of a service would try, and why: plain JSON, or what is wrong with the question. */
  route(service: string, without: readonly string[]): { readonly plan: unknown } | { readonly error: string };
  /** Reads the configuration again. */
  reload(): { readonly ok: boolean };
  /** The latest records, oldest first. */
  recent(type: 'call' | 'health'): readonly JournalRecord[];
  /** Calls `listener` for each new record until the returned function is called. */
  subscribe(listener: (record: JournalRecord) => void): () => void;
}

/** Where the admin interface listens. */
export interface AdminAddress {
  readonly address: string;
  readonly port: number;
}

/** Longest time without an event, so that a dead listener is noticed. */
const HEARTBEAT_MS = 10_000;
/** Events that wait for one slow listener; what is older is dropped for it. */
const BACKLOG = 1_000;

/**
 * Starts the admin HTTP interface.
 *
 * @returns a function that closes it.
 * @throws with `code` EADDRINUSE and the like when it cannot listen.
 */
export async function startAdmin(view: AdminView, where: AdminAddress): Promise<() => Promise<void>> {
  const app = routes(view);
  const server = await new Promise<ServerType>((resolve, reject) => {
    const starting = serve({ fetch: app.fetch, hostname: where.address, port: where.port }, () => {
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

function routes(view: AdminView): Hono {
  const app = new Hono();
  app.get('/ready', (context) => {
    const state = view.ready();
    return context.json(state, state.ready ? 200 : 503);
  });
  app.get('/config', (context) => context.json(view.configuration()));
  app.get('/route', (context) => {
    const { service = '' } = context.req.query();
    const answer = view.route(service, context.req.queries('without') ?? []);
    return 'plan' in answer ? context.json(answer.plan) : context.json(answer, 404);
  });
  app.post('/reload', (context) => {
    if (context.req.header('origin') !== undefined) {
      return context.json({ ok: false, problems: ['not for web pages'] }, 403);
    }
    const result = view.reload();
    return context.json(result, result.ok ? 200 : 422);
  });
  app.get('/health', (context) => context.json(view.health()));
  app.get('/alarms', (context) => context.json(view.alarms()));
  app.get('/stats', async (context) => context.json(await view.stats()));
  app.get('/calls', (context) => context.json(view.recent('call').map(payload)));
  app.get('/changes', (context) => context.json(view.recent('health').map(payload)));
  app.get('/events', (context) =>
    streamSSE(context, async (stream) => {
      const events = new EventQueue(view);
      stream.onAbort(() => {
        events.close();
      });
      for (;;) {
        const record = await events.next();
        if (record === 'closed') {
          return;
        }
        await stream.writeSSE(
          record === 'idle'
            ? { event: 'idle', data: '' }
            : { event: record.type, data: JSON.stringify(payload(record)) },
        );
      }
    }),
  );
  return app;
}

function payload(record: JournalRecord): unknown {
  return record.type === 'call' ? record.report : record.type === 'health' ? record.change : record;
}

/** The records for one listener, in order, with a heartbeat between them. */
class EventQueue {
  readonly #waiting: JournalRecord[] = [];
  readonly #unsubscribe: () => void;
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(view: AdminView) {
    this.#unsubscribe = view.subscribe((record) => {
      if (this.#waiting.push(record) > BACKLOG) {
        this.#waiting.shift();
      }
      this.#wake?.();
    });
  }

  async next(): Promise<JournalRecord | 'idle' | 'closed'> {
    if (this.#waiting.length === 0 && !this.#closed) {
      await this.#sleep();
    }
    return this.#closed ? 'closed' : (this.#waiting.shift() ?? 'idle');
  }

  close(): void {
    this.#closed = true;
    this.#unsubscribe();
    this.#wake?.();
  }

  async #sleep(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, HEARTBEAT_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}
