import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { decimal } from '../../../src/margin/decimal.js';
import type { AccountState, Market, Policy } from '../../../src/margin/model.js';
import { impactOf } from '../../../src/risk/impact/impact.js';
import type { Impact } from '../../../src/risk/impact/impact-model.js';
import { readImpact, writeImpact } from '../../../src/risk/impact/impact-record.js';
import { toMargin } from '../../support/oracle/portfolio-to-margin.js';
import { randomPortfolio } from '../../support/oracle/random-portfolio.js';
import { BOUNDARIES, onBoundary, unitStatesOf, type KnownUnit } from '../columns/adversary.js';
import { ordinaryAccounts, ordinaryMarkets, ordinaryPolicy } from '../columns/ordinary.js';
import { CHANGES, VENUE, changed, expectedOf, isAbove, isDeeper, worldOf, type Change, type World } from './world.js';

/** `IMPACT_RUNS=20000 npx jest test/risk/impact` for the long run; IMPACT_SEED repeats one. */
const RUNS = Number(process.env['IMPACT_RUNS'] ?? 60);
const SEED = process.env['IMPACT_SEED'];
const MOVES_NOBODY: readonly Change[] = ['leverageOnly', 'repeatRatios', 'openLoss'];
const ALL: readonly Change[] = Object.values(CHANGES).flat();

/** How far beside a boundary an account stands, in USDT; their number shares no factor with that of the boundaries. */
const BESIDE = ['0', '-0.0001', '0', '0.0001'];

/** Accounts under one policy: others of the same shape, on the boundaries of either policy, or beside them. */
function variants(account: AccountState, market: Market, policies: readonly [Policy, Policy]): AccountState[] {
  const other = account.collateralMode === 'MULTI_ASSET' ? 'SINGLE_ASSET' : 'MULTI_ASSET';
  const negated = account.balances.map(({ asset, quantity }) => ({ asset, quantity: quantity.negated() }));
  const isolated = account.positions.map((position) => {
    return { ...position, marginMode: 'ISOLATED' as const, isolatedMargin: position.cost.times('0.03') };
  });
  const shapes: AccountState[] = [
    account,
    { ...account, collateralMode: other },
    { ...account, balances: negated },
    { ...account, positions: [] },
    { ...account, positions: [], balances: negated },
    { ...account, positions: isolated },
    { ...account, positions: account.positions.slice(1) },
    { ...account, openOrders: [] },
  ];
  let turn = 0;
  const placed = shapes.flatMap((shape) =>
    policies.flatMap((policy) =>
      [...BOUNDARIES.slice(0, 2), policy.liquidationRatio].map((boundary) => {
        return onBoundary(shape, market, policy, boundary, decimal(BESIDE[turn++ % BESIDE.length] as string));
      }),
    ),
  );
  return [...shapes, ...placed];
}

/** What the impact says, in the form of what is expected. */
function said(impact: Impact): object {
  return {
    affected: impact.accountsAffected,
    atRisk: impact.accountsAtRisk,
    concerned: [...impact.concerned].sort(),
    cross: Object.fromEntries(impact.transitions.map(({ from, to, accounts }) => [`${from}/${to}`, accounts])),
    isolated: Object.fromEntries(
      impact.isolatedTransitions.map(({ from, to, positions }) => [`${from}/${to}`, positions]),
    ),
    sums: {
      collateralValueBefore: impact.collateralValueBefore.toFixed(),
      collateralValueAfter: impact.collateralValueAfter.toFixed(),
      maintenanceMarginBefore: impact.maintenanceMarginBefore.toFixed(),
      maintenanceMarginAfter: impact.maintenanceMarginAfter.toFixed(),
      notionalAtRisk: impact.notionalAtRisk.toFixed(),
    },
  };
}

/** The unit by which an account of the worst is ranked. */
function rankedUnit({ rankedBy: { instrument, side }, after: { report } }: Impact['worst'][number]): KnownUnit {
  const isolated = report.positions.filter(({ marginMode }) => marginMode === 'ISOLATED');
  const index = isolated.findIndex((position) => position.instrument === instrument && position.side === side);
  const unit = unitStatesOf(report)[instrument === null ? 0 : index + 1];
  if (unit === undefined) throw new Error('The account is ranked by a unit that it does not have.');
  return unit;
}

const heldIn = ({ accounts, snapshot }: World): Parameters<typeof impactOf>[0] => {
  return { allAccounts: accounts, snapshot, setAside: { unreadableAt: () => 0 } };
};

/** Compares everything with assessing every account twice. */
async function check(world: World, other: Policy): Promise<Impact> {
  const impact = await impactOf(heldIn(world), [{ venue: VENUE, chain: null, policy: other }]);
  const { affected, atRisk, concerned, cross, isolated, sums, ranked } = expectedOf(world, other);
  expect(said(impact)).toEqual({
    ...{ affected: affected.length, atRisk: atRisk.length, concerned: [...concerned].sort() },
    ...{ cross, isolated, sums },
  });
  expect(impact.worst).toHaveLength(Math.min(100, ranked.size));
  const isWorse = (unit: KnownUnit, than: KnownUnit): boolean =>
    isAbove(unit, than, decimal(1)) || isDeeper(unit, than);
  const listed = new Set(impact.worst.map(({ accountId }) => accountId));
  const lowest = impact.worst.at(-1);
  for (const [index, one] of impact.worst.entries()) {
    const unit = rankedUnit(one);
    const own = ranked.get(one.accountId);
    if (own === undefined) throw new Error('An account without a ratio is ranked.');
    expect(isWorse(own, unit) || isWorse(unit, own)).toBe(false);
    const next = impact.worst[index + 1];
    if (next !== undefined) expect(isWorse(rankedUnit(next), unit)).toBe(false);
  }
  for (const [id, unit] of lowest === undefined ? [] : ranked) {
    if (!listed.has(id)) expect(isWorse(unit, rankedUnit(lowest as Impact['worst'][number]))).toBe(false);
  }
  return impact;
}

const scenario = fc.record({
  tape: fc.array(fc.nat(), { maxLength: 400, size: 'max' }),
  changes: fc.uniqueArray(fc.constantFrom(...ALL), { minLength: 1, maxLength: 3 }),
});

describe('the impact of a change of rules', () => {
  it(
    `counts what assessing every account twice counts, in ${RUNS} random worlds`,
    async () => {
      let [crossMoves, isolatedMoves] = [0, 0];
      await fc.assert(
        fc.asyncProperty(scenario, async ({ tape, changes }) => {
          const { account, market, policy } = toMargin(randomPortfolio(tape));
          const other = changes.reduce(changed, policy);
          const impact = await check(worldOf(variants(account, market, [policy, other]), market, policy), other);
          crossMoves += impact.transitions.length;
          isolatedMoves += impact.isolatedTransitions.length;
        }),
        { numRuns: RUNS, endOnFailure: SEED === undefined, ...(SEED === undefined ? {} : { seed: Number(SEED) }) },
      );
      // It would be easy to agree where nothing ever happens.
      expect(crossMoves).toBeGreaterThan(RUNS / 2);
      expect(isolatedMoves).toBeGreaterThan(RUNS / 10);
    },
    60_000 + RUNS * 300,
  );

  it.each(ALL)('counts the same among more accounts than are ranked: %s', async (change) => {
    const policy = ordinaryPolicy();
    const [market] = ordinaryMarkets(1);
    if (market === undefined) throw new Error('There is no market.');
    // Some stand exactly where equality decides.
    const accounts = ordinaryAccounts(180).map((account, number) =>
      number % 9 === 0 ? onBoundary(account, market, policy, policy.liquidationRatio, decimal(0)) : account,
    );
    const impact = await check(worldOf(accounts, market, policy), changed(policy, change));
    if (!MOVES_NOBODY.includes(change)) expect(impact.concerned.length).toBeGreaterThan(0);
    expect(impact.accountsAffected).toBeGreaterThan(40);
  });

  it('looks at nobody where nothing is changed that a margin state depends on', async () => {
    const policy = ordinaryPolicy();
    const [market] = ordinaryMarkets(1);
    if (market === undefined) throw new Error('There is no market.');
    const world = worldOf(ordinaryAccounts(40), market, policy);
    const other: Policy = { ...policy, version: 2, isolatedInMultiAsset: false, interest: [], autoExchange: [] };
    const impact = await check(world, other);
    expect(impact).toMatchObject({ accountsAffected: 0, concerned: [], worst: [] });
    const nowhere = await impactOf(heldIn(world), [{ venue: 'NOWHERE', chain: null, policy }]);
    expect(nowhere).toMatchObject({ accountsAffected: 0, transitions: [], isolatedTransitions: [] });
  });

  it('ranks an account whose isolated position alone is liquidated by that position', async () => {
    const policy = ordinaryPolicy();
    const [market] = ordinaryMarkets(1);
    if (market === undefined) throw new Error('There is no market.');
    const [any] = ordinaryAccounts(1);
    const [position] = any?.positions ?? [];
    if (any === undefined || position === undefined) throw new Error('There is no position.');
    const cost = position.size.times(market.mark(position.instrument)?.price ?? 0);
    const isolated = { ...position, cost, marginMode: 'ISOLATED' as const, isolatedMargin: cost.times('0.02') };
    const state: AccountState = { ...any, positions: [isolated], openOrders: [] };
    const without: AccountState = { ...state, positions: [] };
    const impact = await check(worldOf([state, without], market, policy), changed(policy, 'fee'));
    const { instrument, side } = position;
    expect(impact.worst).toMatchObject([{ rankedBy: { instrument, side } }]);
    expect(impact).toMatchObject({
      accountsAffected: 1,
      accountsAtRisk: 1,
      transitions: [],
      isolatedTransitions: [{ to: 'LIQUIDATION', positions: 1 }],
    });
    expect(impact.notionalAtRisk.toFixed()).toBe(cost.toFixed());
  });
});

describe('the record of an impact', () => {
  it('says what was said when it was made', async () => {
    const policy = ordinaryPolicy();
    const [market] = ordinaryMarkets(1);
    if (market === undefined) throw new Error('There is no market.');
    const world = worldOf(ordinaryAccounts(60), market, policy);
    const impact = await check(world, changed(policy, 'higherRates'));
    const { worst, concerned, ...rest } = impact;
    expect(concerned.length).toBeGreaterThan(0);
    expect(impact.isolatedTransitions.length).toBeGreaterThan(0);
    const read = readImpact(writeImpact(impact));
    expect(read.worst).toEqual(worst.map(({ accountId }) => accountId));
    for (const [name, value] of Object.entries(rest)) {
      const kept: unknown = read[name as keyof typeof rest];
      if (typeof value === 'object' && value !== null && 'minus' in value) {
        expect(
          value
            .minus(kept as typeof value)
            .abs()
            .lt('1e-17'),
        ).toBe(true);
      } else expect(kept).toEqual(value);
    }
  });

  it('reads what was stored when impacts were of ratios alone', () => {
    const stored = JSON.stringify({
      asOf: '2026-04-09T11:00:00.000Z',
      accountsAffected: 7,
      transitions: [
        { from: 'HEALTHY', to: 'LIQUIDATION', accounts: 2 },
        { from: 'HEALTHY', to: 'WARNING', accounts: 3 },
        { from: 'MARGIN_CALL', to: 'LIQUIDATION', accounts: 1 },
      ],
      collateralValueBefore: '100.5',
      collateralValueAfter: '50.25',
      notionalAtRisk: '1000',
      worst: ['00000000-0000-4000-8000-000000000001'],
    });
    expect(readImpact(stored)).toMatchObject({
      asOf: new Date('2026-04-09T11:00:00Z'),
      accountsAffected: 7,
      accountsAtRisk: 3,
      isolatedTransitions: [],
      collateralValueBefore: decimal('100.5'),
      maintenanceMarginBefore: decimal(0),
      maintenanceMarginAfter: decimal(0),
      setAside: null,
      worst: ['00000000-0000-4000-8000-000000000001'],
    });
  });
});
