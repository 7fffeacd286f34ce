import type { ChildProcess } from 'node:child_process';
import type { Order, OrderMessage, ProcessMessage, Reply } from './messages.js';

/** An order to a process that works is answered at once; a process that hangs shall not make us hang. */
const REPLY_WITHIN_MS = 3_000;

let lastId = 0;

/**
 * Gives an order to a process of the lab, and resolves with its reply.
 *
 * @throws when the process is gone, says that it failed, or does not reply.
 */
export async function give(child: ChildProcess, order: Order, withinMs = REPLY_WITHIN_MS): Promise<Reply> {
  lastId += 1;
  const message: OrderMessage = { id: lastId, order };
  return new Promise((resolve, reject) => {
    const finish = (result: Reply | Error): void => {
      clearTimeout(timer);
      child.removeListener('message', hear);
      child.removeListener('exit', gone);
      if (result instanceof Error) {
        reject(result);
      } else {
        resolve(result);
      }
    };
    const hear = (heard: ProcessMessage): void => {
      if ('reply' in heard && heard.id === message.id) {
        finish(heard.reply.type === 'failed' ? new Error(heard.reply.why) : heard.reply);
      }
    };
    const gone = (): void => {
      finish(new Error('the process ended'));
    };
    const timer = setTimeout(() => {
      finish(new Error('the process does not reply'));
    }, withinMs);
    child.on('message', hear);
    child.once('exit', gone);
    child.send(message, (error) => {
      if (error !== null) {
        finish(error);
      }
    });
  });
}
