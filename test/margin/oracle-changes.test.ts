/** What a venue accepts, and what moved prices come to, against the oracle (rules: 2, 7, 9 and 14). */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { assessMargin, type MarginReport } from '../../src/margin/state/assess.js';
import { autoExchange } from '../../src/margin/change/auto-exchange.js';
import { checkCollateralAsset } from '../../src/margin/change/collateral-switch.js';
import { checkLeverage } from '../../src/margin/change/leverage.js';
import { checkCredit } from '../../src/margin/change/unpriced.js';
import { decimal, toPlain } from '../../src/margin/decimal.js';
import { simulate, type SimulatedChanges } from '../../src/margin/change/simulate.js';
import { stress } from '../../src/margin/solve/stress.js';
import {
  leverageRefusal,
  mayBeCredited,
  openingRefusal,
  priceMoved,
  restingRefusal,
  shocked,
  switchRefusal,
} from '../support/oracle/changes.js';
import { exchangeOf, withExchange } from '../support/oracle/exchange.js';
import type { Portfolio, PortfolioPosition } from '../support/oracle/portfolio.js';
import { toMargin } from '../support/oracle/portfolio-to-margin.js';
import { randomPortfolio } from '../support/oracle/random-portfolio.js';
import { plainText, type Rational } from '../support/oracle/rational.js';
import { stateOf } from '../support/oracle/state.js';

const RUNS = Number(process.env['ORACLE_RUNS'] ?? 400);
const SEED = process.env['ORACLE_SEED'];
const NOTHING: SimulatedChanges = {
  ...{
    collateralMode: null,
    collateralAssets: [],
    marginModes: [],
    leverages: [],
    transfers: [],
    margins: [],
    orders: [],
    trades: [],
  },
  prices: [],
};

function sameForAll(compare: (portfolio: Portfolio, pick: (most: number) => number) => void): void {
  const tapes = fc.array(fc.nat(), { maxLength: 600, size: 'max' });
  fc.assert(
    fc.property(tapes, (numbers) => {
      let next = numbers.length;
      compare(randomPortfolio(numbers), (most) => (numbers[--next] ?? 0) % most);
    }),
    { numRuns: RUNS, endOnFailure: SEED === undefined, ...(SEED === undefined ? {} : { seed: Number(SEED) }) },
  );
}

function expectSame(report: MarginReport, portfolio: Portfolio): void {
  const exact = (value: Rational): string => plainText(value, 200) ?? 'not finite';
  const state = stateOf(portfolio);
  expect([
    report.status,
    ...[report.marginBalance, report.initialMargin, report.maintenanceMargin].map(toPlain),
  ]).toEqual([state.status, ...[state.marginBalance, state.initialMargin, state.maintenanceMargin].map(exact)]);
}

describe(`changes against the oracle, ${RUNS} portfolios`, () => {
  it('agree on simulated prices and shocks of what is priced as another', () => {
    sameForAll((portfolio, pick) => {
      const { account, market, policy } = toMargin(portfolio);
      const symbol = portfolio.assets[pick(portfolio.assets.length)]?.symbol ?? 'USDT';
      const price = `${1 + pick(10_000)}.5`;
      const prices = [{ symbol, price: decimal(price) }];
      const context = { settings: new Map(), platformRoom: new Map() };
      const { after, refusal } = simulate(account, { ...NOTHING, prices }, market, policy, context);
      const moved = priceMoved(symbol, price, portfolio);
      expect(refusal?.code ?? null).toBe(moved === null ? 'INVALID_INPUT' : null);
      expectSame(after, moved ?? portfolio);

      const shock = ['-1', '-0.5', '-0.123', '0.5', '3'][pick(5)] ?? '0';
      const [report] = stress(account, market, policy, [decimal(shock)], [symbol]);
      if (report === undefined) throw new Error('no answer to a shock');
      expectSame(report, shocked(symbol, shock, portfolio));
    });
  });

  it('agree on what is exchanged for debts', () => {
    const seen = { PRO_RATA: 0, HIGHEST_RATIO_FIRST: 0, costs: 0 };
    sameForAll((drawn, pick) => {
      const portfolio = withExchange(drawn, pick, false);
      const { account, market, policy } = toMargin(portfolio);
      const booked = autoExchange(account, market, policy);
      const expected = exchangeOf(portfolio).map(({ asset, kind, quantity }) => [kind, asset, plainText(quantity, 18)]);
      expect(booked.map(({ asset, kind, quantity }) => [kind, asset, toPlain(quantity)])).toEqual(expected);
      if (booked.length > 0) seen[policy.exchangeOrder] += 1;
      if (booked.some(({ kind }) => kind === 'EXCHANGE_COST')) seen.costs += 1;
    });
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(RUNS / 20);
  });

  it('agree on what may be credited', () => {
    sameForAll((portfolio, pick) => {
      const { account, market, policy } = toMargin(portfolio);
      for (const asset of portfolio.assets) {
        const quantity = ['0.000000000000000001', '10', '100', '10000'][pick(4)] ?? '1';
        const refusal = checkCredit(asset.symbol, decimal(quantity), account, market, policy);
        expect(refusal?.code ?? null).toBe(mayBeCredited(asset, quantity, portfolio) ? null : 'PRICE_UNAVAILABLE');
      }
      expect(assessMargin(account, market, policy).status).toBe(stateOf(portfolio).status);
    });
  });

  it('agree on assets that may be switched on and off', () => {
    const seen: Record<string, number> = {};
    sameForAll((portfolio, pick) => {
      const { account, market, policy } = toMargin(portfolio);
      for (const { symbol } of portfolio.assets.slice(0, 6)) {
        const counts = pick(2) === 0;
        const refusal = checkCollateralAsset(symbol, counts, account, market, policy);
        const expected = switchRefusal(symbol, counts, portfolio);
        expect(refusal?.code ?? null).toBe(expected);
        const what = `${counts ? 'on' : 'off'} ${expected ?? 'accepted'}`;
        seen[what] = (seen[what] ?? 0) + 1;
      }
    });
    const whats = ['on accepted', 'off accepted', 'off SETTLEMENT_NOT_ACCEPTED', 'off INSUFFICIENT_MARGIN'];
    expect(whats.filter((what) => (seen[what] ?? 0) < RUNS / 20)).toEqual([]);
  });

  it('agree on leverage that may be set', () => {
    sameForAll((portfolio, pick) => {
      const { account, market, policy } = toMargin(portfolio);
      for (const { symbol } of portfolio.instruments.slice(0, 4)) {
        const rules = policy.instruments.get(symbol);
        const present = portfolio.positions.find(({ instrument }) => instrument === symbol)?.leverage ?? '20';
        const alike = portfolio.positions.every((each) => each.instrument !== symbol || each.leverage === present);
        if (rules === undefined || !alike) continue;
        const leverage = pick(4) === 0 ? present : `${1 + pick(130)}`;
        const refusal = checkLeverage(rules, decimal(leverage), decimal(present), account, market, policy);
        expect(refusal?.code ?? null).toBe(leverageRefusal(symbol, present, leverage, portfolio));
      }
    });
  });

  it('agree on trades that open or add', () => {
    sameForAll((portfolio, pick) => {
      const { account, market, policy } = toMargin(portfolio);
      const of = portfolio.instruments[pick(Math.max(1, portfolio.instruments.length))];
      if (of === undefined) return;
      const long = pick(2) === 0;
      const held = portfolio.positions.find(({ instrument, long: side }) => instrument === of.symbol && side === long);
      const against = portfolio.positions.some(
        ({ instrument, long: side }) => instrument === of.symbol && side !== long,
      );
      // In one-way mode it would close the other side first.
      if (against && !portfolio.hedge) return;
      const price = [of.mark ?? '1', '0.5', '1000'][pick(3)] ?? '1';
      const leverage = held?.leverage ?? ['1', '20', '125'][pick(3)] ?? '1';
      const isolated = held?.isolated ?? pick(2) === 0;
      const size = ['0.001', '1', '300'][pick(3)] ?? '1';
      const opened: PortfolioPosition = {
        instrument: of.symbol,
        long,
        size,
        cost: '0',
        leverage,
        isolated,
        margin: '0',
      };
      const positionSide = long ? ('LONG' as const) : ('SHORT' as const);
      const side = long ? ('BUY' as const) : ('SELL' as const);
      const amounts = { size: decimal(size), price: decimal(price), fee: decimal(0) };
      const trades = [{ instrument: of.symbol, side, positionSide, ...amounts }];
      const marginMode = isolated ? ('ISOLATED' as const) : ('CROSS' as const);
      const settings = new Map([[of.symbol, { leverage: decimal(leverage), marginMode }]]);
      const context = { settings, platformRoom: new Map() };
      const { refusal } = simulate(account, { ...NOTHING, trades }, market, policy, context);
      expect(refusal?.code ?? null).toBe(openingRefusal(opened, price, portfolio));
    });
  });

  it('agree on orders that may rest', () => {
    const seen = { refused: 0, accepted: 0 };
    sameForAll((portfolio, pick) => {
      const { account, market, policy } = toMargin(portfolio);
      const of = portfolio.instruments[pick(Math.max(1, portfolio.instruments.length))];
      if (of === undefined) return;
      const long = portfolio.hedge ? pick(2) === 0 : null;
      const buys = pick(2) === 0;
      const price = [of.mark ?? '1', '0.5', '1000'][pick(3)] ?? '1';
      const size = ['0.001', '1', '300'][pick(3)] ?? '1';
      const beside = portfolio.positions.find(
        (each) => each.instrument === of.symbol && (long === null || each.long === long),
      );
      const resting = portfolio.orders?.find((each) => each.instrument === of.symbol && each.long === long);
      const leverage = beside?.leverage ?? resting?.leverage ?? ['1', '20', '125'][pick(3)] ?? '1';
      const notional = toPlain(decimal(size).times(price));
      const amounts = buys
        ? { buySize: size, buyNotional: notional, sellSize: '0', sellNotional: '0' }
        : { buySize: '0', buyNotional: '0', sellSize: size, sellNotional: notional };
      const expected = restingRefusal({ instrument: of.symbol, long, leverage, ...amounts }, portfolio);
      const positionSide = long === null ? null : long ? ('LONG' as const) : ('SHORT' as const);
      const side = buys ? ('BUY' as const) : ('SELL' as const);
      const orders = [{ instrument: of.symbol, side, positionSide, size: decimal(size), price: decimal(price) }];
      const settings = new Map([[of.symbol, { leverage: decimal(leverage), marginMode: 'CROSS' as const }]]);
      const context = { settings, platformRoom: new Map() };
      const { refusal, after } = simulate(account, { ...NOTHING, orders }, market, policy, context);
      expect(refusal?.code ?? null).toBe(expected);
      if (after.openOrderInitialMargin.gt(0)) seen[expected === null ? 'accepted' : 'refused'] += 1;
    });
    expect(Math.min(seen.refused, seen.accepted)).toBeGreaterThan(RUNS / 100);
  });
});
