import { describe, expect, it } from '@jest/globals';

import { decimal } from '../../../src/margin/decimal.js';
import { Fraction } from '../../../src/margin/fraction.js';
import { healthFactor, isWorse, marginRatio, statusOf, statusOfLowerBound } from '../../../src/margin/state/status.js';
import { policy } from '../../support/oracle/margin-builders.js';

function status(balance: string, maintenance: string, liquidatesAtEquality = false): string {
  return statusOf(decimal(balance), decimal(maintenance), policy({ liquidatesAtEquality }));
}

describe('the status (rules: 5)', () => {
  it('changes exactly on its boundaries', () => {
    expect(status('80', '100')).toBe('LIQUIDATION');
    expect(status('99.999999999999999999', '100')).toBe('LIQUIDATION');
    expect(status('100', '100')).toBe('MARGIN_CALL');
    // 100 / 0.8 = 125; 100 / 0.5 = 200.
    expect(status('125', '100')).toBe('MARGIN_CALL');
    expect(status('125.000000000000000001', '100')).toBe('WARNING');
    expect(status('200', '100')).toBe('WARNING');
    expect(status('200.000000000000000001', '100')).toBe('HEALTHY');
  });

  // 004: "If the collateral balance falls below or equal to the maintenance margin amount"; 002: "falls below".
  it('has the boundary on the side that the policy names', () => {
    expect(status('200', '200', true)).toBe('LIQUIDATION');
    expect(status('200', '200', false)).toBe('MARGIN_CALL');
    expect(status('200.000000000000000001', '200', true)).toBe('MARGIN_CALL');
  });

  it('is liquidated at the ratio that the policy names, which need not be a decimal', () => {
    const early = (balance: string, liquidatesAtEquality: boolean): string => {
      const liquidationRatio = new Fraction(decimal(1), decimal('1.05'));
      return statusOf(decimal(balance), decimal(100), policy({ liquidatesAtEquality, liquidationRatio }));
    };
    // uniMMR 1.05: 100 x 1.05.
    expect(early('104.999999999999999999', false)).toBe('LIQUIDATION');
    expect([early('105', false), early('105', true)]).toEqual(['MARGIN_CALL', 'LIQUIDATION']);
    expect(early('105.000000000000000001', true)).toBe('MARGIN_CALL');
    expect(early('125.000000000000000001', true)).toBe('WARNING');
    const atThird = policy({ liquidationRatio: new Fraction(decimal(1), decimal(3)), marginCallRatio: decimal('0.3') });
    expect(['2.999999999999999999', '3'].map((balance) => statusOf(decimal(balance), decimal(1), atThird))).toEqual([
      'LIQUIDATION',
      'MARGIN_CALL',
    ]);
  });

  it('has no exposure without a requirement, unless the balance is negative', () => {
    expect(status('0', '0')).toBe('NO_EXPOSURE');
    expect(status('-0', '0', true)).toBe('NO_EXPOSURE');
    expect(status('-0.000000000000000001', '0')).toBe('LIQUIDATION');
  });

  it('keeps only what is calm when the balance is a lower bound', () => {
    expect(
      (['NO_EXPOSURE', 'HEALTHY', 'WARNING', 'MARGIN_CALL', 'LIQUIDATION'] as const).map(statusOfLowerBound),
    ).toEqual(['NO_EXPOSURE', 'HEALTHY', 'UNPRICED', 'UNPRICED', 'UNPRICED']);
  });

  it('is worse in the order of the list', () => {
    expect(isWorse('LIQUIDATION', 'MARGIN_CALL')).toBe(true);
    expect(isWorse('UNPRICED', 'LIQUIDATION')).toBe(true);
    expect(isWorse('HEALTHY', 'HEALTHY')).toBe(false);
  });
});

describe('ratio and health', () => {
  it('are rounded up and down', () => {
    expect(marginRatio(decimal(3), decimal(1))?.toFixed()).toBe('0.333333333333333334');
    expect(healthFactor(decimal(1), decimal(3))?.toFixed()).toBe('0.333333333333333333');
    expect(healthFactor(decimal(-1), decimal(3))?.toFixed()).toBe('-0.333333333333333334');
  });

  it('are null where they would be infinite', () => {
    expect(marginRatio(decimal(3), decimal(0))).toBeNull();
    expect(marginRatio(decimal(0), decimal(3))).toBeNull();
    expect(marginRatio(decimal(-1), decimal(3))).toBeNull();
    expect(healthFactor(decimal(3), decimal(0))).toBeNull();
  });
});
