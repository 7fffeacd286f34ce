import t from 'tap';
import type { HealthChange } from '../../src/domain/health.js';
import { id, type CarrierId, type ServiceId, type TrunkId } from '../../src/domain/ids.js';
import { instant } from '../../src/domain/time.js';
import { PastHealth } from '../../src/routing/past-health.js';

const service = id<ServiceId>('112');
const trunk = id<TrunkId>('kpn-a');
const carrier = id<CarrierId>('kpn');
const down: HealthChange = { of: 'trunk', trunk, service, from: 'up', to: 'down', at: instant(5), cause: 'silent' };
const absent: HealthChange = {
  ...{ of: 'carrier', carrier, service, from: 'doubted', to: 'absent', at: instant(6) },
  cause: 'all its trunks are down',
};

t.test('what was thought at a moment, whatever came later', async (t) => {
  const health = new PastHealth();
  const first = health.snapshot();
  health.apply(down, '2026-06-24T15:30:00.000Z');
  const second = health.snapshot();
  health.apply(absent, '2026-06-24T15:30:01.000Z');
  health.apply({ ...down, from: 'down', to: 'up', cause: 'carried a call' }, '2026-06-24T15:31:00.000Z');
  const last = health.snapshot();
  t.same(
    [first, second, last].map((view) => view.trunk(trunk, service)),
    ['unproven', 'down', 'up'],
  );
  t.same(
    [first, second, last].map((view) => view.carrier(carrier, service)),
    ['present', 'present', 'absent'],
  );
  t.same(second.troubles('112'), [
    { of: 'trunk kpn-a', service: '112', state: 'down', cause: 'silent', since: '2026-06-24T15:30:00.000Z' },
  ]);
  t.same(second.troubles('0900-8844'), [], 'each service by itself');
  t.same(
    last.troubles('112').map(({ of }) => of),
    ['carrier kpn'],
  );
});
