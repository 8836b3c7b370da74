/** `toEqual` and the like take decimals that are equal for equal, with whatever trailing zeros they were computed. */
import { expect } from '@jest/globals';

const isDecimal = (value) => typeof value?.units === 'bigint' && typeof value.places === 'number';

expect.addEqualityTesters([
  (a, b) => {
    if (!isDecimal(a) || !isDecimal(b)) return undefined;
    return a.units * 10n ** BigInt(b.places) === b.units * 10n ** BigInt(a.places);
  },
]);
