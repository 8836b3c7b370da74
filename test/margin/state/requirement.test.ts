import { describe, expect, it } from '@jest/globals';

import { pieceAt } from '../../../src/margin/curve.js';
import { decimal, toPlain } from '../../../src/margin/decimal.js';
import { Fraction } from '../../../src/margin/fraction.js';
import type { InstrumentRules } from '../../../src/margin/model.js';
import { requirement } from '../../../src/margin/state/requirement.js';
import { BTCUSDT, BTC_PERP, instrument, policy } from '../../support/oracle/margin-builders.js';

function needed(notional: string, leverage: string, rules: InstrumentRules, more: Parameters<typeof policy>[0] = {}) {
  const result = requirement(decimal(notional), decimal(leverage), rules, policy(more));
  return {
    tier: pieceAt(rules.tiers, decimal(notional)).tier,
    initial: toPlain(result.initialMargin),
    maintenance: toPlain(result.maintenanceMargin),
  };
}

const FLAT = { maintenanceMethod: 'FLAT' } as const;

describe('the requirement of a position (rules: 4)', () => {
  it('is in the tier whose floor it reaches: BTC-PERP at exactly 50,000', () => {
    // 50,000 x 0.012 = 600; one unit below: 49,999.999999999999999999 x 0.006.
    expect(needed('50000', '20', BTC_PERP, FLAT)).toEqual({ tier: 2, initial: '2500', maintenance: '600' });
    expect(needed('49999.999999999999999999', '20', BTC_PERP, FLAT)).toEqual({
      tier: 1,
      initial: '2500',
      maintenance: '299.999999999999999999994',
    });
  });

  it('is bounded by the leverage of the tier: BTC-PERP, 3,000,000 at 20x', () => {
    // Tier 4 allows 10x: 300,000; maintenance 3,000,000 x 0.06.
    expect(needed('3000000', '20', BTC_PERP, FLAT)).toEqual({ tier: 4, initial: '300000', maintenance: '180000' });
  });

  it('deducts the tier amount where the method is progressive, and joins at every floor', () => {
    // 600,000 x 0.0065 - 950 = 2,950 = 600,000 x 0.005 - 50.
    expect(needed('600000', '20', BTCUSDT)).toEqual({ tier: 3, initial: '30000', maintenance: '2950' });
    expect(needed('599999.999999', '20', BTCUSDT).maintenance).toBe('2949.999999995');
    expect(needed('1000000', '20', BTCUSDT).maintenance).toBe('5550');
  });

  it('has an initial margin of at least maintenance / liquidation ratio, rounded up', () => {
    const of = (numerator: string, denominator: string): string => {
      const liquidationRatio = new Fraction(decimal(numerator), decimal(denominator));
      return needed('600000', '125', BTCUSDT, { liquidationRatio }).initial;
    };
    // Maintenance 2,950; at 75x, which is the most of that tier, 8,000.
    expect([of('1', '1.05'), of('0.5', '1')]).toEqual(['8000', '8000']);
    expect(of('1', '3')).toBe('8850');
    expect(of('0.3', '1')).toBe('9833.333333333333333334');
    // Where nothing is stated, maintenance margin itself is the least, with all of its digits.
    const fee = decimal('0.000000000000000007').plus('0.5');
    expect(needed('1.5', '125', BTCUSDT, { liquidationFeeRate: fee }).initial).toBe('0.7560000000000000105');
    const liquidationRatio = new Fraction(decimal(1), decimal('1.05'));
    expect(needed('1.5', '125', BTCUSDT, { liquidationFeeRate: fee, liquidationRatio }).initial).toBe(
      '0.793800000000000012',
    );
  });

  it('adds the liquidation fee', () => {
    // Bitget, 1,041.85172 in tier 1: x (0.004 + 0.0006) = 4.792517912.
    expect(needed('1041.85172', '20', BTCUSDT, { liquidationFeeRate: decimal('0.0006') }).maintenance).toBe(
      '4.792517912',
    );
  });

  it('goes on with the last tier above its cap', () => {
    const last = instrument('X', 'X', [['0', '0.1', '0', '5']]);
    const capped = { ...last, tiers: last.tiers.map((tier) => ({ ...tier, cap: decimal(10) })) };
    expect(needed('1000', '5', capped)).toEqual({ tier: 1, initial: '200', maintenance: '100' });
  });

  it('never asks for less initial than maintenance margin, and rounds initial margin up', () => {
    // 100 / 50 = 2, below 100 x 0.05 = 5.
    expect(needed('100', '50', instrument('X', 'X', [['0', '0.05', '0', '50']]))).toEqual({
      tier: 1,
      initial: '5',
      maintenance: '5',
    });
    expect(needed('1', '3', BTCUSDT).initial).toBe('0.333333333333333334');
  });
});
