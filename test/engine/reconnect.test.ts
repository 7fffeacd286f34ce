import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import t from 'tap';
import { DrachtioServer } from '../../src/adapters/drachtio/server.js';
import { systemClock } from '../../src/adapters/system/clock.js';
import { until } from '../support/until.js';
import { SECRET, startRig } from './rig.js';

const HOST = '127.44.96.1';
const silent = (): void => undefined;

t.test('a server that refuses the secret is asked again and again, and complained of once', async (t) => {
  let tries = 0;
  const refusing = createServer((socket) => {
    tries += 1;
    socket.on('error', silent);
    socket.once('data', (data: Buffer) => {
      const asked = /^\d+#([^|]+)\|authenticate\|/.exec(data.toString('latin1'))?.[1] ?? '';
      const answer = `${randomUUID()}|response|${asked}|NO|incorrect secret`;
      socket.end(`${answer.length}#${answer}`);
    });
  });
  refusing.listen(9022, HOST);
  await once(refusing, 'listening');
  const complaints: string[] = [];
  const error = (_fields: object, text: string): void => {
    complaints.push(text);
  };
  const server = new DrachtioServer(systemClock, { debug: silent, info: silent, warn: silent, error });
  server.connect({ host: HOST, port: 9022, secret: SECRET });
  t.teardown(() => {
    server.close();
  });
  await until(() => tries >= 4, 3_000);
  t.ok(tries >= 4, `${tries} tries`);
  t.same(complaints, ['the SIP server refused the control connection: is the secret right?']);
  t.notOk(server.connected);
  await new Promise((resolve) => {
    refusing.close(resolve);
  });

  const taking = await startRig(HOST);
  t.teardown(async () => taking.close());
  await until(() => server.connected, 2_000);
  t.ok(server.connected, 'it is connected soon after the secret is taken');
});
