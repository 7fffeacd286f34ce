import { connect, type Socket } from 'node:net';
import type { App } from './app.js';

/** Where new requests go, each over a connection of its own: drachtio's outbound mode, with an address that does not change. */
export interface RequestHandler {
  /** A method, or `*` for all of them. */
  readonly method: string;
  readonly host: string;
  readonly port: number;
}

/** An application that has not shown the secret by then gets no request. */
const READY_WITHIN_MS = 3_000;

/** Calls applications that listen, and gives them the requests that they are there for. */
export class OutboundApps {
  readonly #handlers: readonly RequestHandler[];
  readonly #adopt: (socket: Socket) => App;

  /** @param adopt makes an application of a connection. */
  constructor(handlers: readonly RequestHandler[], adopt: (socket: Socket) => App) {
    this.#handlers = handlers;
    this.#adopt = adopt;
  }

  /** Who is there for new requests with this method; then no connected application is asked. */
  handlerOf(method: string): RequestHandler | undefined {
    return this.#handlers.find((each) => each.method === '*' || each.method.toUpperCase() === method);
  }

  /** Connects. @param then called once: with the application, or with none where it is not ready in time. */
  open({ host, port }: RequestHandler, then: (app: App | undefined) => void): void {
    const socket = connect(port, host);
    const app = this.#adopt(socket);
    const tell = once(then);
    const limit = setTimeout(() => {
      tell(undefined);
      app.close();
    }, READY_WITHIN_MS);
    app.onReady(() => {
      clearTimeout(limit);
      tell(app);
    });
    socket.once('close', () => {
      clearTimeout(limit);
      tell(undefined);
    });
  }
}

function once<Value>(action: (value: Value) => void): (value: Value) => void {
  let done = false;
  return (value) => {
    if (!done) {
      done = true;
      action(value);
    }
  };
}
