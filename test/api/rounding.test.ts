/** How answers are rounded at the API's border (rules: 1). */
import 'reflect-metadata';

import { describe, expect, it } from '@jest/globals';

import { userErrors } from '../../src/api/types/refusals.js';
import { DecimalScalar } from '../../src/api/types/scalars.js';
import { decimal } from '../../src/margin/decimal.js';
import { refuseAmount } from '../../src/margin/refusal.js';

describe('a number with more than 18 fraction digits', () => {
  it('is answered towards minus infinity', () => {
    const digits = (text: string): string => DecimalScalar.serialize(decimal(text));
    expect(digits('1.0000000000000000019')).toBe('1.000000000000000001');
    expect(digits('-1.0000000000000000011')).toBe('-1.000000000000000002');
    expect(digits('0.0000000000000000001')).toBe('0');
    expect(digits('-0.0000000000000000001')).toBe('-0.000000000000000001');
  });

  it('is answered up where it is what a refused request would take', () => {
    const exact = decimal('1.0000000000000000011');
    const [refused] = userErrors([refuseAmount('INSUFFICIENT_MARGIN', 'Not enough.', exact, exact)]);
    const { required, available } = refused ?? {};
    expect(DecimalScalar.serialize(required)).toBe('1.000000000000000002');
    expect(DecimalScalar.serialize(available)).toBe('1.000000000000000001');
  });
});
