import t from 'tap';
import { inForm } from '../../../src/numbering/dial-form.js';
import { dutchNumbers } from '../../support/network.js';

t.test('a number is dialled in the form of the trunk, however it was written', (t) => {
  const table = [
    ['0880000112', 'national', '0880000112'],
    ['0880000112', 'international', '0031880000112'],
    ['0880000112', 'e164', '+31880000112'],
    ['+31880000112', 'national', '0880000112'],
    ['0031880000112', 'e164', '+31880000112'],
    ['+3222222222', 'national', '003222222222'],
    ['09008844', 'e164', '+319008844'],
    ['0880000112', 'as-written', '0880000112'],
  ] as const;
  for (const [number, form, dialled] of table) {
    t.equal(inForm(number, form, dutchNumbers), dialled, `${number} ${form}`);
  }
  for (const form of ['national', 'international', 'e164'] as const) {
    t.equal(inForm('112', form, dutchNumbers), '112', 'a short code has no other form');
    t.equal(inForm('*21#', form, dutchNumbers), '*21#');
  }
  t.end();
});
