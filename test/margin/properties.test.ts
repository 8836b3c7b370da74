import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { AT_PAR, maintenanceCurve, valueAt } from '../../src/margin/curve.js';
import { withBalanceChanges, withPositions } from '../../src/margin/state/account.js';
import { assessMargin, type MarginReport } from '../../src/margin/state/assess.js';
import { decimal, sum, toPlain, ZERO, type Decimal } from '../../src/margin/decimal.js';
import { checkInitialMargin } from '../../src/margin/change/acceptance.js';
import { applyFill } from '../../src/margin/change/fill.js';
import type { AccountState, Market, Policy, TierUnit, TradeSide } from '../../src/margin/model.js';
import { account, position } from '../support/oracle/margin-builders.js';
import { toMargin } from '../support/oracle/portfolio-to-margin.js';
import { randomPortfolio } from '../support/oracle/random-portfolio.js';

const RUNS = { numRuns: 150 };
/** Shrunk by some steps only: all of them take minutes, and nobody would see what failed. */
const portfolios = fc.limitShrink(fc.array(fc.nat(), { maxLength: 600, size: 'max' }).map(randomPortfolio), 300);

/** What does not depend on the order of lists. */
function sums(report: MarginReport): string {
  return JSON.stringify({ ...report, collateral: null, positions: null });
}

function withCash(state: AccountState, quantity: string): AccountState {
  return withBalanceChanges(state, [{ asset: 'USDT', quantity: decimal(quantity), kind: 'TRANSFER' }]);
}

/** One of these is worth 0.8 of the former unit, whose inverse is exact. */
const OTHER = 'OTHER';
const RATE = decimal('1.25');

/** The same account at a venue that values it in another asset: prices, and tiers in value, are 1.25 as many of that. */
function inOtherUnit(state: AccountState, market: Market, policy: Policy): MarginReport {
  const scaled = <T extends { readonly floor: Decimal; readonly cap: Decimal | null }>(
    unit: TierUnit,
    tiers: readonly T[],
  ): T[] =>
    tiers.map((tier) =>
      unit === 'QUANTITY' ? tier : { ...tier, floor: tier.floor.times(RATE), cap: tier.cap?.times(RATE) ?? null },
    );
  const tables = [...policy.collateralRatios].map(([asset, table]) => {
    const initialTiers = table.initialTiers == null ? null : scaled(table.tierUnit, table.initialTiers);
    return [asset, { ...table, tiers: scaled(table.tierUnit, table.tiers), initialTiers }] as const;
  });
  const others: Policy = {
    ...policy,
    unit: OTHER,
    assets: new Map([...policy.assets, [OTHER, { pricedAs: null, transferable: true, convertible: true }]]),
    // What is the unit counts in full where a table leaves it out.
    collateralRatios: new Map([[policy.unit, AT_PAR], ...tables]),
    liabilities: policy.liabilities.map((table) => ({ ...table, tiers: scaled(table.tierUnit, table.tiers) })),
  };
  const prices: Market = {
    mark: (instrument) => market.mark(instrument),
    index: (asset) => {
      if (asset === policy.unit) return { price: RATE, stale: false };
      const known = market.index(asset);
      return known === null ? null : { ...known, price: known.price.times(RATE) };
    },
  };
  return assessMargin(state, prices, others);
}

describe('a margin state', () => {
  it('does not depend on the order of positions and balances', () => {
    fc.assert(
      fc.property(portfolios, (portfolio) => {
        const { account: state, market, policy } = toMargin(portfolio);
        const turned = { ...state, balances: [...state.balances].reverse(), positions: [...state.positions].reverse() };
        expect(sums(assessMargin(turned, market, policy))).toBe(sums(assessMargin(state, market, policy)));
      }),
      RUNS,
    );
  });

  it('is the same after a deposit in two parts', () => {
    fc.assert(
      fc.property(portfolios, fc.nat(), fc.nat(), (portfolio, first, second) => {
        const { account: state, market, policy } = toMargin(portfolio);
        const parts = withCash(withCash(state, `${first}`), `${second}`);
        const whole = withCash(state, `${first + second}`);
        expect(sums(assessMargin(parts, market, policy))).toBe(sums(assessMargin(whole, market, policy)));
      }),
      RUNS,
    );
  });

  it('is never worse with more cash', () => {
    fc.assert(
      fc.property(portfolios, fc.nat(), (portfolio, more) => {
        const { account: state, market, policy } = toMargin(portfolio);
        const before = assessMargin(state, market, policy);
        const after = assessMargin(withCash(state, `${more}`), market, policy);
        expect(after.marginBalance.gte(before.marginBalance)).toBe(true);
        expect(after.maintenanceMargin.lte(before.maintenanceMargin)).toBe(true);
        if (before.healthFactor !== null && after.healthFactor !== null && before.marginBalance.gte(ZERO)) {
          expect(after.healthFactor.gte(before.healthFactor)).toBe(true);
        }
      }),
      RUNS,
    );
  });

  it('has contributions that add up to its collateral value, and tiers that add up to each', () => {
    fc.assert(
      fc.property(portfolios, (portfolio) => {
        const { account: state, market, policy } = toMargin(portfolio);
        const report = assessMargin(state, market, policy);
        const parts = report.collateral.map(({ collateralValue }) => collateralValue);
        expect(toPlain(sum(parts))).toBe(toPlain(report.collateralValue));
        const initial = report.collateral.map((each) => each.initialCollateralValue);
        expect(toPlain(sum(initial))).toBe(toPlain(report.initialCollateralValue));
        for (const { equity, indexPrice, collateralValue, initialCollateralValue, tiers } of report.collateral) {
          const value = indexPrice === null ? null : equity.times(indexPrice);
          // A haircut never shrinks a debt, and never adds to a holding.
          if (equity.lt(ZERO)) expect(collateralValue.eq(value ?? ZERO)).toBe(true);
          else expect(collateralValue.eq(sum(tiers.map((tier) => tier.collateralValue)))).toBe(true);
          expect(collateralValue.lte(value ?? ZERO)).toBe(true);
          expect(initialCollateralValue.lte(collateralValue)).toBe(true);
        }
      }),
      RUNS,
    );
  });

  it('has the same ratio and status where the venue values it in another asset, at the same prices (rules: 16)', () => {
    let compared = 0;
    fc.assert(
      fc.property(portfolios, (portfolio) => {
        const { account: state, market, policy } = toMargin(portfolio);
        const [report, other] = [assessMargin(state, market, policy), inOtherUnit(state, market, policy)];
        expect(other.status).toBe(report.status);
        expect([other.stale, other.unpriced]).toEqual([report.stale, report.unpriced]);
        if (report.marginRatio === null || other.marginRatio === null) {
          expect(other.marginRatio).toBe(report.marginRatio);
          return;
        }
        compared += 1;
        const difference = other.marginRatio.minus(report.marginRatio).abs();
        expect(difference.lte(report.marginRatio.times('1e-15').plus('1e-15'))).toBe(true);
      }),
      RUNS,
    );
    expect(compared).toBeGreaterThan(RUNS.numRuns / 10);
  });

  it('that is accepted is not in LIQUIDATION', () => {
    let accepted = 0;
    fc.assert(
      fc.property(portfolios, (portfolio) => {
        const { account: state, market, policy } = toMargin(portfolio);
        // A policy that liquidates early asks no flat margin for debts (rules: 4).
        const early = policy.liquidationRatio.isOne ? policy : { ...policy, debtMarginRate: ZERO };
        const report = assessMargin(state, market, early);
        if (checkInitialMargin(report) !== null || report.marginBalance.eq(report.initialMargin)) return;
        accepted += 1;
        expect(report.status).not.toBe('LIQUIDATION');
      }),
      RUNS,
    );
    // Some are, in any draw: orders and debts leave about one in nine.
    expect(accepted).toBeGreaterThan(RUNS.numRuns / 30);
  });

  it('has a maintenance margin that joins at every floor of progressive tiers', () => {
    fc.assert(
      fc.property(portfolios, (portfolio) => {
        const { policy } = toMargin(portfolio);
        if (policy.maintenanceMethod !== 'PROGRESSIVE') return;
        for (const { tiers } of policy.instruments.values()) {
          const segments = maintenanceCurve(tiers, policy);
          segments.slice(1).forEach((segment, index) => {
            const below = segments[index];
            if (below === undefined) throw new Error('no segment below');
            expect(valueAt(below, segment.floor).toFixed()).toBe(valueAt(segment, segment.floor).toFixed());
          });
        }
      }),
      RUNS,
    );
  });
});

describe('an isolated position', () => {
  const size = fc.integer({ min: 1, max: 400 }).map((n) => decimal(n).times('0.01'));
  const price = fc.integer({ min: 1, max: 40_000 }).map((n) => decimal(n).times('0.5'));
  const trades = fc.array(fc.record({ side: fc.constantFrom<TradeSide>('BUY', 'SELL'), size, price }), {
    maxLength: 10,
  });

  it('never takes more from the wallet than was set aside, whatever is lost', () => {
    fc.assert(
      fc.property(trades, fc.boolean(), (list, hedged) => {
        let state = account({ USDT: '0' }, [], { positionMode: hedged ? 'HEDGE' : 'ONE_WAY' });
        for (const { side, size: quantity, price: at } of list) {
          const before = state.balances[0]?.quantity ?? ZERO;
          const fill = {
            instrument: 'BTCUSDT',
            side,
            positionSide: hedged ? ('LONG' as const) : null,
            size: quantity,
            price: at,
            fee: ZERO,
            leverage: decimal(10),
            marginMode: 'ISOLATED' as const,
            settlementAsset: 'USDT',
          };
          const effect = applyFill(state, fill);
          if (effect.refusal !== null) continue;
          const booked = sum(effect.changes.map((change) => change.quantity));
          state = withBalanceChanges(withPositions(state, effect.positions), effect.changes);
          // The balance is the sum of its entries, and falls by nothing but margin newly set aside.
          const setAside = sum(
            effect.changes.flatMap(({ kind, quantity: entry }) =>
              kind === 'MARGIN_ADJUSTMENT' && entry.lt(ZERO) ? [entry] : [],
            ),
          );
          expect((state.balances[0]?.quantity ?? ZERO).minus(before).eq(booked)).toBe(true);
          expect(booked.gte(setAside)).toBe(true);
          for (const { isolatedMargin, size: left } of effect.positions) {
            expect(isolatedMargin.gte(ZERO)).toBe(true);
            if (left.isZero()) expect(isolatedMargin.isZero()).toBe(true);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('changes nothing in the cross state, whatever its mark', () => {
    const own = position({ size: '1', entry: '100', marginMode: 'ISOLATED', isolatedMargin: '1' });
    fc.assert(
      fc.property(portfolios, price, (portfolio, mark) => {
        const { account: state, market, policy } = toMargin(portfolio);
        const prices = {
          ...market,
          mark: (symbol: string) => (symbol === 'BTCUSDT' ? { price: mark, stale: false } : market.mark(symbol)),
        };
        const more = { ...state, positions: [...state.positions, own] };
        const [one, two] = [state, more].map((each) => assessMargin(each, prices, policy));
        expect(two?.marginBalance.toFixed()).toBe(one?.marginBalance.toFixed());
        expect(two?.maintenanceMargin.toFixed()).toBe(one?.maintenanceMargin.toFixed());
        expect(two?.status).toBe(one?.status);
      }),
      RUNS,
    );
  });
});
