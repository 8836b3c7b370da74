import { describe, expect, it } from '@jest/globals';
import { Decimal as DecimalJs } from 'decimal.js';
import fc from 'fast-check';

import {
  decimal,
  max,
  min,
  parseDecimal,
  quotientDown,
  quotientHalfEven,
  quotientUp,
  roundDown,
  roundUp,
  toPlain,
} from '../../src/margin/decimal.js';
import { Fraction } from '../../src/margin/fraction.js';

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

describe('decimal', () => {
  it.each([
    ['1e-18', '0.000000000000000001'],
    ['-2.50e3', '-2500'],
    ['1.25e1', '12.5'],
    ['10.00', '10'],
    ['-0.0', '0'],
  ])('takes the literal %s', (text, plain) => {
    expect(decimal(text).toFixed()).toBe(plain);
  });

  it.each(['', ' 1', 'NaN', 'Infinity', '0x10', '.5', '5.', '+1', '1\n', '1e1000', '1e', '--1'])(
    'refuses %j',
    (text) => {
      expect(() => decimal(text)).toThrow(RangeError);
    },
  );

  it('takes floats as they are written', () => {
    expect([0.1, 1e21, 1e-7, -3].map((float) => decimal(float).toFixed())).toEqual([
      ...['0.1', '1000000000000000000000', '0.0000001', '-3'],
    ]);
    expect(() => decimal(NaN)).toThrow(RangeError);
  });
});

describe('arithmetic, against decimal.js with digits enough', () => {
  const Long = DecimalJs.clone({
    precision: 500,
    toExpNeg: -9e15,
    toExpPos: 9e15,
    rounding: DecimalJs.ROUND_HALF_EVEN,
  });
  const shown = (value: DecimalJs): string => value.toFixed().replace(/^-0$/, '0');
  const digits = fc.oneof(
    fc.bigInt(-(10n ** 40n), 10n ** 40n),
    fc.bigInt(-99n, 99n),
    fc.constantFrom(0n, 1n, 10n ** 18n),
  );
  const number = fc.tuple(digits, fc.integer({ min: -6, max: 40 })).map(([units, places]) => `${units}e${-places}`);
  // Numbers that meet: sums, equal numbers with other trailing zeros, quotients on a boundary.
  const near = fc.tuple(number, number, fc.constantFrom(null, '0', '1', '-1', '1e-40')).map(([a, b, factor]) => {
    return [a, factor === null ? b : new Long(a).times(factor).toFixed()] as const;
  });

  it('has the same sums, products, comparisons, roundings and texts', () => {
    fc.assert(
      fc.property(near, ([a, b]) => {
        const [x, y] = [decimal(a), decimal(b)];
        const [lx, ly] = [new Long(a), new Long(b)];
        expect([x.plus(y), x.minus(y), x.times(y), x.negated(), x.abs(), min(x, y), max(x, y)].map(toPlain)).toEqual(
          [lx.plus(ly), lx.minus(ly), lx.times(ly), lx.negated(), lx.abs(), Long.min(lx, ly), Long.max(lx, ly)].map(
            shown,
          ),
        );
        expect([x.cmp(y), x.eq(y), x.lt(y), x.lte(y), x.gt(y), x.gte(y)]).toEqual([
          ...[lx.cmp(ly), lx.eq(ly), lx.lt(ly), lx.lte(ly), lx.gt(ly), lx.gte(ly)],
        ]);
        expect([x.isZero(), x.isInteger(), x.isNegative(), x.toNumber() + 0]).toEqual([
          ...[lx.isZero(), lx.isInteger(), lx.lt(0), lx.toNumber() + 0],
        ]);
        const places = (value: DecimalJs, mode: DecimalJs.Rounding): string => shown(value.toDecimalPlaces(18, mode));
        expect([roundUp(x), roundDown(x)].map(toPlain)).toEqual([
          places(lx, DecimalJs.ROUND_CEIL),
          places(lx, DecimalJs.ROUND_FLOOR),
        ]);
        if (y.isZero()) return;
        // Whole numbers below 10^90 have no quotient that comes closer to a boundary than 10^-200 without being on it.
        const quotient = lx.div(ly);
        expect([quotientUp(x, y), quotientDown(x, y), quotientHalfEven(x, y)].map(toPlain)).toEqual([
          places(quotient, DecimalJs.ROUND_CEIL),
          places(quotient, DecimalJs.ROUND_FLOOR),
          places(quotient, DecimalJs.ROUND_HALF_EVEN),
        ]);
      }),
      { numRuns: 2_000 },
    );
  });

  it('stays as it was read, whatever is done with it', () => {
    const value = decimal('1.50');
    expect(JSON.stringify({ value })).toBe('{"value":"1.5"}');
    expect([value.plus('0.5'), value].map(String)).toEqual(['2', '1.5']);
  });
});

describe('fractions', () => {
  /** From what no float can hold to what none can tell from 0. */
  const magnitude = fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: -30, max: 30 }) },
    fc.integer({ min: -330, max: 330 }),
  );
  const positive = fc.tuple(fc.bigInt(1n, 10n ** 25n), magnitude).map(([units, power]) => decimal(`${units}e${power}`));
  /** 1 give or take 2^-40 to 2^-70 and their neighbours, where floats begin to be wrong; and equality. */
  const nearOne = fc
    .tuple(fc.constantFrom(-1n, 0n, 1n), fc.integer({ min: 40, max: 70 }), fc.bigInt(1n, 3n))
    .map(([sign, power, times]) => decimal(`${10n ** 70n + (sign * times * 10n ** 70n) / 2n ** BigInt(power)}e-70`));
  const fraction = fc.tuple(positive, positive);

  it('compare as their cross products do, however near they are', () => {
    const pair = fc.tuple(fraction, fc.oneof(fraction, fc.tuple(nearOne, positive))).map(([[a, b], [c, d]]) => {
      // The second is the first one times c, with another divisor.
      return [a, b, a.times(c).times(d), b.times(d)] as const;
    });
    let near = 0;
    fc.assert(
      fc.property(pair, fc.boolean(), ([a, b, c, d], isNegative) => {
        const sign = isNegative ? -1 : 1;
        const compared = new Fraction(a.times(sign), b).cmp(new Fraction(c.times(sign), d));
        expect(Math.sign(compared)).toBe(a.times(d).times(sign).cmp(c.times(b).times(sign)));
        if (compared !== 0 && a.times(d).minus(c.times(b)).abs().times(1e15).lt(a.times(d))) near += 1;
      }),
      { numRuns: 5_000 },
    );
    expect(near).toBeGreaterThan(300);
  });

  it('find a line below 0 exactly, however near its root is', () => {
    const line = fc.tuple(positive, fraction, fc.oneof(nearOne, positive), fc.constantFrom(0, 1), fc.boolean());
    fc.assert(
      fc.property(line, ([slope, [a, b], factor, offset, isRising]) => {
        // At a / b: slope x a, less that times the factor.
        const rise = slope.times(isRising ? 1 : -1).times(b);
        const start = slope
          .times(isRising ? -1 : 1)
          .times(a)
          .times(factor)
          .times(offset);
        expect(new Fraction(a, b).isBelowZero(rise, start)).toBe(rise.times(a).plus(start.times(b)).isNegative());
      }),
      { numRuns: 5_000 },
    );
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
