import { describe, expect, it } from '@jest/globals';

import { decimal } from '../../../src/margin/decimal.js';
import { Fraction } from '../../../src/margin/fraction.js';
import type { MarginStatus } from '../../../src/margin/model.js';
import { quietRangeOf, type QuietRange, type Watch } from '../../../src/risk/columns/quiet-range.js';

const BOUNDARIES = ['0.5', '0.8', '1'].map((ratio) => Fraction.of(decimal(ratio)));

function quietRange(
  status: MarginStatus,
  balance: string,
  maintenance: string,
  watches: readonly Watch[] = [],
): QuietRange {
  const unitState = { status, marginBalance: decimal(balance), maintenanceMargin: decimal(maintenance) };
  return quietRangeOf(unitState, BOUNDARIES, watches);
}

function watch(lastSent: string | null, minChange: string): Watch[] {
  return [{ lastSent: lastSent === null ? null : decimal(lastSent), minChange: decimal(minChange) }];
}

function expectBetween({ low, high }: QuietRange, lowest: number, highest: number): void {
  // Inwards, and by no more than rounding.
  expect(low).toBeGreaterThanOrEqual(lowest);
  expect(low).toBeLessThanOrEqual(lowest * (1 + 1e-14));
  expect(high).toBeLessThanOrEqual(highest);
  expect(high).toBeGreaterThanOrEqual(highest * (1 - 1e-14));
}

describe('the quiet range', () => {
  it('lies between the boundaries next to the ratio', () => {
    expectBetween(quietRange('WARNING', '1000', '600'), 0.5, 0.8);
    expectBetween(quietRange('HEALTHY', '1000', '100'), 0, 0.5);
    expectBetween(quietRange('LIQUIDATION', '1000', '1001'), 1, Infinity);
  });

  it('has boundaries that are no decimals', () => {
    const third = new Fraction(decimal(1), decimal(3));
    const rangeOf = (maintenance: string): QuietRange => {
      const unitState = { marginBalance: decimal(3), maintenanceMargin: decimal(maintenance) };
      return quietRangeOf({ status: 'HEALTHY', ...unitState }, [third], []);
    };
    expectBetween(rangeOf('0.999999999999999999'), 0, 1 / 3);
    expectBetween(rangeOf('1.000000000000000001'), 1 / 3, Infinity);
    expect(rangeOf('1')).toMatchObject({ low: Infinity, high: 0 });
  });

  it('counts a balance that is not positive as an infinite ratio', () => {
    expectBetween(quietRange('LIQUIDATION', '-5', '600'), 1, Infinity);
    expectBetween(quietRange('LIQUIDATION', '0', '600'), 1, Infinity);
    expectBetween(quietRange('LIQUIDATION', '-5', '0'), 1, Infinity);
  });

  it('does not exist on a boundary, on whichever side of it the status is', () => {
    for (const [status, maintenance] of [
      ['WARNING', '500'],
      ['MARGIN_CALL', '800'],
      ['MARGIN_CALL', '1000'],
      ['LIQUIDATION', '1000'],
    ] as const) {
      const { low, high } = quietRange(status, '1000', maintenance);
      expect(low < high).toBe(false);
    }
  });

  it('is narrowed by a watcher, around the ratio last sent', () => {
    // 0.3 - 0.01 and 0.3 + 0.01, inside 0 and 0.5
    expectBetween(quietRange('HEALTHY', '1000', '305', watch('0.3', '0.01')), 0.29, 0.31);
    // 0.499 + 0.01 is beyond the boundary
    expectBetween(quietRange('HEALTHY', '1000', '499', watch('0.499', '0.01')), 0.489, 0.5);
    // 0.001 - 0.01 is below 0
    expectBetween(quietRange('HEALTHY', '1000', '1', watch('0.001', '0.01')), 0, 0.011);
  });

  it('does not exist for a watcher that wants every change', () => {
    const { low, high } = quietRange('HEALTHY', '1000', '100', watch('0.1', '0'));
    expect(low < high).toBe(false);
  });

  it('says of a ratio that was infinite only that it still is', () => {
    const { low, high } = quietRange('LIQUIDATION', '-5', '600', watch(null, '0.01'));
    expect(low).toBe(Number.MAX_VALUE);
    expect(high).toBe(Infinity);
  });

  it('leaves a status without a ratio alone', () => {
    expect(quietRange('NO_EXPOSURE', '1000', '0', watch(null, '0.01'))).toMatchObject({ low: 0, high: Infinity });
    expect(quietRange('UNPRICED', '1000', '2000', watch(null, '0.01'))).toMatchObject({ low: 0, high: Infinity });
  });
});
