import { expect, it } from '@jest/globals';
import fc from 'fast-check';

import { decimal, toPlain, type Decimal } from '../../../src/margin/decimal.js';
import { MutableDecimal } from '../../../src/risk/streams/mutable-decimal.js';

/** Words of seven digits that others begin with, and differ from by a sign or a place. */
const alike = fc
  .tuple(fc.constantFrom('0', '1', '10', '1.0000001', '1.00000010000001', '1.0000002'), fc.constantFrom('', '-'))
  .map(([text, sign]) => decimal(sign + text));
/** Of up to 60 digits. */
const long = fc
  .tuple(fc.bigInt(-(10n ** 60n), 10n ** 60n), fc.integer({ min: 0, max: 24 }))
  .map(([digits, places]) => decimal(String(digits)).times(decimal(10).pow(-places)));

it('is what was kept last, whatever was kept before', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(alike, long), { minLength: 1, maxLength: 12 }), (values) => {
      const kept = new MutableDecimal();
      const taken: Decimal[] = [];
      for (const value of values) {
        kept.keep(value);
        taken.push(kept.value);
        for (const other of values) expect(kept.equals(other)).toBe(value.eq(other));
      }
      for (const [index, value] of values.entries()) {
        const one = taken[index] as Decimal;
        expect(toPlain(one)).toBe(toPlain(value));
        expect(one.times(one).plus('0.1').eq(value.times(value).plus('0.1'))).toBe(true);
      }
    }),
  );
});
