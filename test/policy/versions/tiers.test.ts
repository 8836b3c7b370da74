import { describe, expect, it } from '@jest/globals';

import { decimal } from '../../../src/margin/decimal.js';
import {
  MAX_TIERS,
  collateralTierProblems,
  maintenanceTierProblems,
  problemOfFallingRates,
} from '../../../src/policy/versions/tiers.js';

type Row = readonly [floor: string, cap: string | null, rate: string, leverage?: string];

function ladder(rows: readonly Row[]): { floor: ReturnType<typeof decimal>; cap: ReturnType<typeof decimal> | null }[] {
  return rows.map(([floor, cap]) => ({ floor: decimal(floor), cap: cap === null ? null : decimal(cap) }));
}

function collateral(...rows: Row[]): Parameters<typeof collateralTierProblems>[0] {
  return ladder(rows).map((rung, index) => ({ ...rung, ratio: decimal(rows[index]?.[2] ?? '0') }));
}

function maintenance(...rows: Row[]): Parameters<typeof maintenanceTierProblems>[0] {
  return ladder(rows).map((rung, index) => ({
    ...rung,
    maintenanceRate: decimal(rows[index]?.[2] ?? '0'),
    maxLeverage: decimal(rows[index]?.[3] ?? '1'),
  }));
}

describe('collateral tiers', () => {
  it('may be one flat ratio, end with a cap or without one, and rise or fall', () => {
    expect(collateralTierProblems(collateral(['0', null, '0']))).toEqual([]);
    expect(collateralTierProblems(collateral(['0', '10', '1'], ['10', '20', '0.5']))).toEqual([]);
    expect(collateralTierProblems(collateral(['0', '10', '0.5'], ['10', null, '1']))).toEqual([]);
  });

  it.each([
    ['a first floor above 0', collateral(['1', null, '0.5']), 0, 'floor', 'TIERS_INVALID'],
    ['a gap', collateral(['0', '10', '0.5'], ['11', null, '0.4']), 1, 'floor', 'TIERS_INVALID'],
    ['an overlap', collateral(['0', '10', '0.5'], ['9', null, '0.4']), 1, 'floor', 'TIERS_INVALID'],
    ['a tier above one without a cap', collateral(['0', null, '0.5'], ['9', null, '0.4']), 0, 'cap', 'TIERS_INVALID'],
    ['a cap at its floor', collateral(['0', '0', '0.5']), 0, 'cap', 'TIERS_INVALID'],
    ['a cap below its floor', collateral(['0', '5', '0.5'], ['5', '4', '0.4']), 1, 'cap', 'TIERS_INVALID'],
    ['a ratio above 1', collateral(['0', null, '1.000000000000000001']), 0, 'ratio', 'RATIO_OUT_OF_RANGE'],
    ['a ratio below 0', collateral(['0', '1', '1'], ['1', null, '-0.1']), 1, 'ratio', 'RATIO_OUT_OF_RANGE'],
    ['no tier', collateral(), null, null, 'TIERS_INVALID'],
  ])('are refused with %s', (_, tiers, tier, field, code) => {
    expect(collateralTierProblems(tiers)).toEqual([{ tier, field, code, message: expect.any(String) }]);
  });

  it('are at most fifty', () => {
    const rows = Array.from({ length: MAX_TIERS + 1 }, (_, index): Row => [`${index}`, `${index + 1}`, '0.5']);
    expect(collateralTierProblems(collateral(...rows.slice(0, 50)))).toEqual([]);
    expect(collateralTierProblems(collateral(...rows))).toMatchObject([{ tier: null, code: 'TIERS_INVALID' }]);
  });

  it('name every problem, in a sentence', () => {
    const problems = collateralTierProblems(collateral(['0', '10', '2'], ['12', null, '0.5']));
    expect(problems.map(({ message }) => message)).toEqual([
      'The floor of tier 2 must be 10, where tier 1 ends, and is 12.',
      'The ratio of tier 1 must be from 0 to 1, and is 2.',
    ]);
  });
});

describe('maintenance rates that fall from tier to tier', () => {
  const rising = maintenance(['0', '10', '0.01'], ['10', '20', '0.01'], ['20', null, '0.02']);
  const falling = maintenance(['0', '10', '0.01'], ['10', '100000', '0.02'], ['100000', null, '0.01']);
  const under = (maintenanceMethod: 'FLAT' | 'PROGRESSIVE', weight: 'WORST_SIDE' | 'NONE') =>
    ({ maintenanceMethod, openOrders: { initial: 'WORST_SIDE', maintenance: weight, openLoss: 'INITIAL' } }) as const;

  it('go with no FLAT method under which orders count', () => {
    expect(problemOfFallingRates(falling, under('FLAT', 'WORST_SIDE'))).toEqual({
      tier: 2,
      message: expect.stringMatching(
        /^The maintenance rate of tier 3 must be at least 0\.02, that of tier 2, and is 0\.01/,
      ),
    });
    expect(problemOfFallingRates(rising, under('FLAT', 'WORST_SIDE'))).toBeNull();
  });

  it('go with any other policy', () => {
    expect(problemOfFallingRates(falling, under('FLAT', 'NONE'))).toBeNull();
    expect(problemOfFallingRates(falling, under('PROGRESSIVE', 'WORST_SIDE'))).toBeNull();
  });
});

describe('maintenance tiers', () => {
  it('need a rate above 0 and at least 1x of leverage', () => {
    expect(maintenanceTierProblems(maintenance(['0', '10', '0.004', '125'], ['10', null, '1.2', '1']))).toEqual([]);
    expect(maintenanceTierProblems(maintenance(['0', null, '0', '125']))).toMatchObject([
      { tier: 0, field: 'maintenanceRate' },
    ]);
    expect(maintenanceTierProblems(maintenance(['0', null, '0.1', '0.5']))).toMatchObject([
      { tier: 0, field: 'maxLeverage' },
    ]);
    expect(maintenanceTierProblems(maintenance(['0', '1', '0.1'], ['2', null, '0.1']))).toMatchObject([
      { tier: 1, field: 'floor' },
    ]);
  });
});
