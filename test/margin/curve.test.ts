import { describe, expect, it } from '@jest/globals';

import {
  AT_PAR,
  COUNTS_NOTHING,
  collateralCurve,
  countedAmount,
  flatRatio,
  maintenanceAmounts,
  maintenanceCurve,
  pieceAt,
  valueAt,
  type Segment,
} from '../../src/margin/curve.js';
import { decimal, toPlain } from '../../src/margin/decimal.js';
import { BITGET_BTC, BTCUSDT, BTC_PERP, table } from '../support/oracle/margin-builders.js';

const FLAT = { maintenanceMethod: 'FLAT', liquidationFeeRate: decimal(0) } as const;
const PROGRESSIVE = { maintenanceMethod: 'PROGRESSIVE', liquidationFeeRate: decimal('0.0006') } as const;

/** "floor slope intercept", as a reader checks them. */
function shown(segments: readonly Segment[]): string[] {
  return segments.map(({ floor, slope, intercept }) => [floor, slope, intercept].map(toPlain).join(' '));
}

function at(segments: readonly Segment[], amount: string): string {
  return toPlain(valueAt(pieceAt(segments, decimal(amount)), decimal(amount)));
}

describe('the collateral curve (rules: 3)', () => {
  it('is made of segments that meet: BITGET counts 582,000 of 600,000', () => {
    const { segments, end } = collateralCurve(BITGET_BTC);
    expect(end).toBeNull();
    // 100,000 x 0.975 = 97,500 = 0.97 x 100,000 + 500, and so on.
    expect(shown(segments)).toEqual([
      '0 0.975 0',
      '100000 0.97 500',
      '500000 0.965 3000',
      '1000000 0.96 8000',
      '5000000 0.85 558000',
    ]);
    expect(at(segments, '600000')).toBe('582000');
    expect(at(segments, '100000')).toBe('97500');
  });

  it('is level above a last cap, and has no end without one', () => {
    const capped = collateralCurve(table([['0', '0.9']], { lastCap: '1000' }));
    expect(capped.end?.toFixed()).toBe('1000');
    expect(shown(capped.segments)).toEqual(['0 0.9 0', '1000 0 900']);
    expect(at(capped.segments, '5000')).toBe('900');
    expect(shown(collateralCurve(AT_PAR).segments)).toEqual(['0 1 0']);
  });

  it('is zero where there are no tiers', () => {
    expect(collateralCurve({ tiers: [] })).toBe(COUNTS_NOTHING);
    expect(at(COUNTS_NOTHING.segments, '5')).toBe('0');
  });

  it('is derived once for one list of tiers', () => {
    const tiers = flatRatio(decimal('0.5'));
    expect(collateralCurve({ tiers })).toBe(collateralCurve({ tiers }));
    expect(collateralCurve({ tiers: flatRatio(decimal('0.5')) })).not.toBe(collateralCurve({ tiers }));
  });

  it('takes the amount in the unit of the tiers, of at most the coins that one account may count', () => {
    const [quantity, price] = [decimal('120'), decimal('60000')];
    expect(countedAmount(quantity, price, BITGET_BTC).toFixed()).toBe('6000000');
    expect(countedAmount(quantity, price, { ...BITGET_BTC, tierUnit: 'QUANTITY' }).toFixed()).toBe('100');
    expect(countedAmount(quantity, price, { ...BITGET_BTC, userCap: null }).toFixed()).toBe('7200000');
  });
});

describe('the maintenance curve (rules: 4)', () => {
  it('deducts the amounts of progressive tiers and adds the fee to each rate', () => {
    const segments = maintenanceCurve(BTCUSDT.tiers, PROGRESSIVE);
    expect(shown(segments).slice(0, 3)).toEqual(['0 0.0046 0', '50000 0.0056 -50', '600000 0.0071 -950']);
    expect(at(segments, '1041.85172')).toBe('4.792517912');
  });

  it('jumps at a floor where tiers are flat: BTC-PERP at exactly 50,000 requires 600', () => {
    const segments = maintenanceCurve(BTC_PERP.tiers, FLAT);
    expect(at(segments, '49999')).toBe('299.994');
    expect(at(segments, '50000')).toBe('600');
  });

  it('goes on above the last cap', () => {
    const capped = BTC_PERP.tiers.map((tier) => ({ ...tier, cap: tier.cap ?? decimal('50000000') }));
    expect(at(maintenanceCurve(capped, FLAT), '60000000')).toBe('12000000');
  });

  it('follows the terms of the policy that asks, whoever asked before', () => {
    const fee = maintenanceCurve(BTC_PERP.tiers, { ...FLAT, liquidationFeeRate: decimal('0.001') });
    expect(at(fee, '50000')).toBe('650');
    expect(at(maintenanceCurve(BTC_PERP.tiers, FLAT), '50000')).toBe('600');
    expect(at(maintenanceCurve(BTCUSDT.tiers, FLAT), '50000')).toBe('250');
    expect(at(maintenanceCurve(BTCUSDT.tiers, { ...FLAT, maintenanceMethod: 'PROGRESSIVE' }), '50000')).toBe('200');
  });

  it('has amounts that keep progressive tiers continuous at each floor', () => {
    // 50,000 x (0.005 - 0.004) = 50; 50 + 600,000 x (0.0065 - 0.005) = 950.
    expect(maintenanceAmounts('PROGRESSIVE', BTCUSDT.tiers.slice(0, 3)).map(toPlain)).toEqual(['0', '50', '950']);
    expect(maintenanceAmounts('FLAT', BTCUSDT.tiers.slice(0, 3)).map(toPlain)).toEqual(['0', '0', '0']);
  });

  it('needs a tier', () => {
    expect(() => pieceAt([], decimal(1))).toThrow(RangeError);
  });
});
