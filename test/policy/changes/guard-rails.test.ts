import { describe, expect, it } from '@jest/globals';

import { decimal, toPlain } from '../../../src/margin/decimal.js';
import { breachesOf, guardRailRefusal, liquidationBreaches } from '../../../src/policy/changes/guard-rails.js';
import { collateralRatio } from '../../../src/policy/versions/collateral-ratio.js';
import type { RatioDraft } from '../../../src/policy/versions/ratio-draft.js';
import type { RatioRules } from '../../../src/policy/versions/ratio-guard-rails.js';
import type { RatioVersion } from '../../../src/policy/versions/ratio-version.js';
import type { Breach, KnownRules } from '../../../src/policy/versions/versioned-rule.js';

const RAILS = { guardMaxStep: decimal('0.1'), guardMinNoticeHours: 24 };
/** The venue of the rules below, in USDT. */
const VENUE = { code: 'VENUE', name: 'Venue', chains: [], unit: 'USDT', singleAsset: 'USDT' };
const KNOWN = { venues: new Map([['VENUE', VENUE]]) } as unknown as KnownRules;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Tiers as [floor, ratio], each up to the next one's floor; the last one up to `end`. */
function rules(tiers: readonly [string, string][], choice: Partial<RatioRules> & { end?: string } = {}): RatioRules {
  const { end, ...rest } = choice;
  return {
    ...{ asset: 'BTC', tierUnit: 'QUOTE_VALUE', initialTiers: null, userCap: null, platformCap: null },
    ...rest,
    tiers: tiers.map(([floor, ratio], index) => {
      const cap = tiers[index + 1]?.[0] ?? end;
      return { floor: decimal(floor), cap: cap === undefined ? null : decimal(cap), ratio: decimal(ratio) };
    }),
  };
}

const flat = (ratio: string, choice: Partial<RatioRules> = {}): RatioRules => rules([['0', ratio]], choice);

/** What counts is all that the guard rails look at. */
function breaches(before: RatioRules | null, next: RatioRules, noticeMs: number, field: 'ratio' | 'tiers'): Breach[] {
  const draft = { [field]: [] } as unknown as RatioDraft;
  const after = { ...next, venue: VENUE.code } as RatioVersion;
  return breachesOf(collateralRatio, before as RatioVersion | null, after, noticeMs, RAILS, draft, KNOWN);
}

function found(before: RatioRules | null, next: RatioRules, noticeMs = 0): string[] {
  return breaches(before, next, noticeMs, 'ratio').map(({ field, required, available }) => {
    const about = field === 'effectiveFrom' ? 'notice' : field;
    return [about, ...[required, available].map((amount) => toPlain(amount ?? decimal(0)))].join(' ');
  });
}

describe('the step', () => {
  it.each<[string, RatioRules, RatioRules, string[]]>([
    ['of exactly the limit passes', flat('0.8'), flat('0.9'), []],
    ['of a hair more does not', flat('0.8'), flat('0.900000000000000001'), ['ratio 0.100000000000000001 0.1']],
    ['counts up as it counts down', flat('0.1'), flat('0.9'), ['ratio 0.8 0.1']],
    [
      'is the largest of any amount',
      rules([
        ['0', '0.9'],
        ['100', '0.8'],
        ['200', '0.5'],
      ]),
      rules([
        ['0', '0.9'],
        ['100', '0.85'],
        ['200', '0.8'],
      ]),
      ['ratio 0.3 0.1'],
    ],
    [
      'is seen where an edge moves, though no tier has another ratio',
      rules([
        ['0', '0.9'],
        ['100', '0.6'],
      ]),
      rules([
        ['0', '0.9'],
        ['101', '0.6'],
      ]),
      ['ratio 0.3 0.1'],
    ],
    ['goes to 0 above a last cap', rules([['0', '0.9']], { end: '100' }), flat('0.9'), ['ratio 0.9 0.1']],
    ['is none where tiers are only cut in two', flat('0.9'), rules([['0', '0.9'], ['5', '0.9']]), []], // prettier-ignore
    ['is none where one ratio holds, whatever the unit', flat('0.9'), flat('0.9', { tierUnit: 'QUANTITY' }), []],
  ])('%s', (_what, before, next, expected) => {
    expect(found(before, next, DAY)).toEqual(expected);
  });

  it('compares every tier with every other where the unit changes: the price says which ones meet', () => {
    const tiers: [string, string][] = [
      ['0', '0.95'],
      ['100', '0.7'],
    ];
    expect(found(rules(tiers), rules(tiers, { tierUnit: 'QUANTITY' }), DAY)).toEqual(['ratio 0.25 0.1']);
    expect(found(rules(tiers), rules(tiers, { tierUnit: 'QUANTITY' }))).toEqual(['ratio 0.25 0.1', 'notice 24 0']);
  });

  it('is none where nothing counted before, but USDT, which counts at 1 without a ratio', () => {
    expect(found(null, flat('0.9'))).toEqual([]);
    expect(found(null, flat('0.995', { asset: 'USDT' }))).toEqual(['notice 24 0']);
    expect(found(null, flat('0.8', { asset: 'USDT' }), DAY)).toEqual(['ratio 0.2 0.1', 'ratio 0.99 0.8']);
  });
});

describe('the notice', () => {
  it.each<[string, RatioRules, RatioRules]>([
    ['a lower ratio', flat('0.9'), flat('0.89')],
    ['a ratio that is lower at one amount and higher at another', rules([['0', '0.9'], ['10', '0.8']]), flat('0.85')], // prettier-ignore
    ['a last cap', flat('0.05'), rules([['0', '0.05']], { end: '1000' })],
    ['a cap of users', flat('0.9'), flat('0.9', { userCap: decimal('5') })],
    ['a lower cap of users', flat('0.9', { userCap: decimal('5') }), flat('0.9', { userCap: decimal('4') })],
    ['a cap of the platform', flat('0.9'), flat('0.9', { platformCap: decimal('5') })],
  ])('is taken by %s', (_what, before, next) => {
    expect(found(before, next)).toEqual(['notice 24 0']);
    expect(found(before, next, DAY - 1)).toEqual(['notice 24 23.999999722222222222']);
    expect(found(before, next, DAY)).toEqual([]);
    // The other way round it is no cut; but of the one that is both.
    if (!next.tiers[0]?.ratio.eq('0.85')) expect(found(next, before)).toEqual([]);
  });
});

describe('the order of tiers', () => {
  const inverted = rules([
    ['0', '0.85'],
    ['10', '0.9'],
    ['20', '0.95'],
  ]);

  it('has a lower tier count no less than a higher one, also in a first version', () => {
    expect(found(null, inverted)).toEqual(['ratio 0.9 0.85']);
    expect(found(flat('0.85'), inverted)).toEqual(['ratio 0.9 0.85']);
  });

  it('is not asked of tiers that stay', () => {
    expect(found(inverted, { ...inverted, platformCap: decimal('1') }, DAY)).toEqual([]);
  });
});

it('lets initial tiers fall in any step, with notice', () => {
  const atFirst = (ratio: string): RatioRules => flat('0.9', { initialTiers: flat(ratio).tiers });
  expect(found(flat('0.9'), atFirst('0'))).toEqual(['notice 24 0']);
  expect(found(flat('0.9'), atFirst('0'), DAY)).toEqual([]);
  expect(found(atFirst('0'), flat('0.9'))).toEqual([]);
  expect(found(flat('0.9'), atFirst('0.9'))).toEqual([]);
});

describe('USDT', () => {
  const usdt = { asset: 'USDT' };

  it('counts 0.99 at least, at every amount', () => {
    expect(found(flat('1', usdt), flat('0.99', usdt), DAY)).toEqual([]);
    expect(found(flat('1', usdt), flat('0.989999999999999999', usdt), DAY)).toEqual([
      'ratio 0.99 0.989999999999999999',
    ]);
    expect(found(flat('1', usdt), rules([['0', '1']], { ...usdt, end: '1000000' }), DAY)).toEqual([
      'ratio 1 0.1',
      'ratio 0.99 0',
    ]);
  });
});

it('is refused at once for all that stands against it, in one sentence for people', () => {
  const refusal = guardRailRefusal(breaches(flat('0.9'), flat('0.1'), 90 * 60_000, 'tiers'));
  expect(refusal).toMatchObject({ code: 'GUARD_RAIL', field: ['tiers'] });
  expect([refusal?.required?.toFixed(), refusal?.available?.toFixed()]).toEqual(['0.8', '0.1']);
  expect(refusal?.message).toBe(
    "Without `force` the policy's guard rails stand against it: the largest step of a ratio is 0.8, and may be 0.1; it " +
      'makes a rule stricter with 1.5 hours of notice, and takes 24.',
  );
  const late = guardRailRefusal(breaches(flat('0.9'), flat('0.85'), 0, 'ratio'));
  expect(late).toMatchObject({ field: ['effectiveFrom'] });
  expect(guardRailRefusal([])).toBeNull();
});

it('says how many accounts would be lifted to LIQUIDATION, and blames no field for it', () => {
  const refusals = [1, 4].map((liquidated) => guardRailRefusal(liquidationBreaches({ liquidated, unknown: 0 })));
  expect(refusals.map((refusal) => refusal?.message)).toEqual([
    expect.stringContaining('it would lift 1 account to LIQUIDATION.'),
    expect.stringContaining('it would lift 4 accounts to LIQUIDATION.'),
  ]);
  expect(refusals.map((refusal) => refusal?.field)).toEqual([undefined, undefined]);
  expect(liquidationBreaches({ liquidated: 0, unknown: 0 })).toEqual([]);
  expect(guardRailRefusal(liquidationBreaches({ liquidated: 2, unknown: 1 }))?.message).toContain(
    'it would lift 2 accounts to LIQUIDATION; 1 account of the venue cannot be read',
  );
});
