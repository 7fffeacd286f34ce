import t from 'tap';
import { corpus } from '../../support/corpus.js';
import { exercise } from '../../support/fuzzed.js';
import { Chance, mutated } from '../../support/mutation.js';

const MESSAGES = 20_000;

t.test('20,000 mutated messages are read without a fault', async (t) => {
  const seed = Number(process.env['NOODROUTE_SEED'] ?? Date.now() % 1_000_000);
  t.comment(`NOODROUTE_SEED=${seed}`);
  const chance = new Chance(seed);
  const all = corpus();
  for (let count = 0; count < MESSAGES; count += 1) {
    const text = mutated(chance, chance.of(all), all);
    try {
      exercise(text);
    } catch (error) {
      t.fail(`message ${count} of seed ${seed}: ${String(error)}`, { text });
    }
  }
  t.ok(t.passing());
});
