/** From when on a ratio counts an asset that never had a price (rules: 2). */
import { describe, expect, it } from '@jest/globals';

import { decimal, toPlain } from '../../../src/margin/decimal.js';
import { ratiosOfPolicy } from '../../../src/policy/versions/collateral-ratio.js';
import type { RatioVersion } from '../../../src/policy/versions/ratio-version.js';

function ratio(version: number, changedBy: string | null, tiers: readonly (readonly [string, string])[]): RatioVersion {
  return {
    ...{ kind: 'CollateralRatio', id: `id ${version}`, version, venue: 'V', chain: null, asset: 'A', ratioKey: 'V//A' },
    ...{ effectiveFrom: new Date(version), appliedAt: null, cancelledAt: null, cancelledBy: null, cancelReason: null },
    ...{ impact: null, reason: 'a test', source: null, changedBy, createdAt: new Date(version) },
    ...{ tierUnit: 'QUANTITY', initialTiers: null, userCap: null, platformCap: null },
    tiers: tiers.map(([floor, each], index) => {
      const cap = tiers[index + 1]?.[0];
      return { floor: decimal(floor), cap: cap === undefined ? null : decimal(cap), ratio: decimal(each) };
    }),
  };
}

/** Coins above which the last of them counts without a price. */
function above(...versions: readonly RatioVersion[]): string | null {
  const last = versions.at(-1);
  if (last === undefined) throw new Error('There is no version.');
  const above = ratiosOfPolicy([last], () => versions).get('A')?.countsUnpricedAbove;
  return above === null || above === undefined ? null : toPlain(above);
}

const HALF = [['0', '0.5']] as const;
const FROM_TEN = [['0', '0'], ['10', '0.5']] as const; // prettier-ignore

describe('a balance that never had a price', () => {
  it('counts by the ratios with which the venue began', () => {
    expect(above(ratio(1, null, HALF))).toBe('0');
    expect(above(ratio(1, null, FROM_TEN))).toBe('10');
    expect(above(ratio(1, null, [['0', '0']]))).toBeNull();
  });

  it('does not begin to count by a change of its ratio', () => {
    expect(above(ratio(1, 'admin', HALF))).toBeNull();
    expect(above(ratio(1, null, [['0', '0']]), ratio(2, 'admin', HALF))).toBeNull();
    expect(above(ratio(1, null, FROM_TEN), ratio(2, 'admin', HALF))).toBe('10');
    expect(above(ratio(1, null, HALF), ratio(2, 'admin', FROM_TEN), ratio(3, 'admin', HALF))).toBe('10');
  });

  it('goes on counting when its ratio changes', () => {
    expect(above(ratio(1, null, HALF), ratio(2, 'admin', [['0', '0.4']]))).toBe('0');
    expect(above(ratio(1, null, HALF), ratio(2, 'admin', [['0', '0']]))).toBeNull();
  });
});
