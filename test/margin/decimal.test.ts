import { describe, expect, it } from '@jest/globals';

import {
  decimal,
  parseDecimal,
  quotientDown,
  quotientHalfEven,
  quotientUp,
  roundDown,
  roundUp,
  toPlain,
} from '../../src/margin/decimal.js';

describe('parseDecimal', () => {
  it.each(['0', '-0', '-12.5', '1.000000000000000001', '9'.repeat(30)])('takes %s', (text) => {
    expect(parseDecimal(text)).not.toBeNull();
  });

  it.each([
    '',
    ' 1',
    '1e5',
    'NaN',
    'Infinity',
    '0x10',
    '.5',
    '5.',
    '+1',
    '01',
    '1'.repeat(31),
    `0.${'1'.repeat(19)}`,
    '1\n',
    '１',
  ])('refuses %j', (text) => {
    expect(parseDecimal(text)).toBeNull();
  });

  it('refuses 90,000 digits without scanning them', () => {
    expect(parseDecimal('1'.repeat(90_000))).toBeNull();
  });
});

describe('rounding', () => {
  it('has a side for every sign', () => {
    expect(toPlain(quotientUp(decimal(1), decimal(3)))).toBe('0.333333333333333334');
    expect(toPlain(quotientUp(decimal(-1), decimal(3)))).toBe('-0.333333333333333333');
    expect(toPlain(quotientDown(decimal(1), decimal(3)))).toBe('0.333333333333333333');
    expect(toPlain(quotientDown(decimal(-1), decimal(3)))).toBe('-0.333333333333333334');
    expect(toPlain(quotientDown(decimal(-6), decimal(3)))).toBe('-2');
    expect(toPlain(roundUp(decimal('-0.0000000000000000005')))).toBe('0');
    expect(toPlain(roundDown(decimal('-0.0000000000000000005')))).toBe('-0.000000000000000001');
  });

  it('is not fooled by a quotient that agrees with a boundary for hundreds of digits', () => {
    // (3 x 10^300 + 1) / (3 x 10^318) is above 10^-18 by one part in 10^300.
    const dividend = decimal(`3${'0'.repeat(299)}1`);
    const divisor = decimal(`3${'0'.repeat(318)}`);
    expect(toPlain(quotientUp(dividend, divisor))).toBe('0.000000000000000002');
    expect(toPlain(quotientDown(dividend, divisor))).toBe('0.000000000000000001');
  });

  it('takes ties to the even digit', () => {
    const two = decimal(2);
    expect(toPlain(quotientHalfEven(decimal('0.000000000000000001'), two))).toBe('0');
    expect(toPlain(quotientHalfEven(decimal('0.000000000000000003'), two))).toBe('0.000000000000000002');
    expect(toPlain(quotientHalfEven(decimal('-0.000000000000000003'), two))).toBe('-0.000000000000000002');
    expect(toPlain(quotientHalfEven(decimal(2), decimal(3)))).toBe('0.666666666666666667');
  });

  it('refuses a divisor of zero', () => {
    expect(() => quotientUp(decimal(1), decimal(0))).toThrow(RangeError);
  });
});
