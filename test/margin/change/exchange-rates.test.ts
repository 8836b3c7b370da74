/** Exchanges at rates below 1, and in an order (rules: 11). */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { withBalanceChanges, type BalanceChange } from '../../../src/margin/state/account.js';
import { assessMargin } from '../../../src/margin/state/assess.js';
import { indexPrice } from '../../../src/margin/state/collateral.js';
import { autoExchange } from '../../../src/margin/change/auto-exchange.js';
import { ONE, SMALLEST_STEP, ZERO, decimal, sum, toPlain, type Decimal } from '../../../src/margin/decimal.js';
import type { AccountState, ExchangeRate, Market, Policy } from '../../../src/margin/model.js';
import { withExchange } from '../../support/oracle/exchange.js';
import { account, flat, market, policy, table } from '../../support/oracle/margin-builders.js';
import { toMargin } from '../../support/oracle/portfolio-to-margin.js';
import { randomPortfolio } from '../../support/oracle/random-portfolio.js';

const RUNS = Number(process.env['ORACLE_RUNS'] ?? 400);

/** Rows of floor and rate; each cap is the next floor. */
function rate(asset: string, ...rows: readonly (readonly [floor: string, rate: string])[]): ExchangeRate {
  const tiers = rows.map(([floor, of], index) => {
    const cap = rows[index + 1]?.[0];
    return { floor: decimal(floor), cap: cap === undefined ? null : decimal(cap), rate: decimal(of) };
  });
  return { asset, tiers };
}

function rules(exchangeRates: readonly ExchangeRate[], more: Partial<Policy> = {}): Policy {
  const autoExchange = [
    { asset: 'USDT', balance: decimal(-9000) },
    { asset: 'USD1', balance: decimal(-9000) },
  ];
  const ratios = { BTC: flat('0.95'), ETH: flat('0.8'), SOL: flat('0.8'), USD1: flat('1') };
  return { ...policy({ autoExchange, ratios }), exchangeRates, ...more };
}

function entries(changes: readonly BalanceChange[]): string[] {
  return changes.map(({ asset, quantity, kind }) => `${kind} ${asset} ${toPlain(quantity)}`);
}

function exchanged(state: AccountState, prices: Market, of: Policy): string[] {
  return entries(autoExchange(state, prices, of));
}

const PRICES = market({ BTC: '10000', ETH: '1000', SOL: '100', USD1: '1' });

describe('an exchange at rates below 1 (rules: 11)', () => {
  it('credits the rate of the value sold, and books the rest as a cost in the asset sold', () => {
    // 20 BTC count 190,000: 1/19 of them is sold, 1.052631… worth 10,526.31…, of which 0.975 is credited.
    const state = account({ BTC: '20', USDT: '-10000' });
    const of = rules([rate('BTC', ['0', '0.975'])]);
    expect(exchanged(state, PRICES, of)).toEqual([
      'AUTO_EXCHANGE BTC -1.026315789473684212',
      'EXCHANGE_COST BTC -0.02631578947368421',
      'AUTO_EXCHANGE USDT 10263.15789473684212',
    ]);
    const after = withBalanceChanges(state, autoExchange(state, PRICES, of));
    const [one, two] = [assessMargin(state, PRICES, of), assessMargin(after, PRICES, of)];
    // 190,000 - 10,000 = 180,000 = 200,000 - 10,526.31… x 0.95 - 10,000; worth what the cost is worth less.
    expect(toPlain(one.walletValue.minus(two.walletValue))).toBe('263.1578947368421');
    expect(two.marginBalance.gte(one.marginBalance)).toBe(true);
  });

  it('ends at no debt where the rate is the ratio', () => {
    const state = account({ BTC: '10', USDT: '-10000' });
    const of = rules([rate('BTC', ['0', '0.975'])], { collateralRatios: new Map([['BTC', flat('0.975')]]) });
    // As much is sold as in V43, 10,256.41, and 0.975 of it is 10,000.
    expect(exchanged(state, PRICES, of)).toEqual([
      'AUTO_EXCHANGE BTC -1.000000000000000001',
      'EXCHANGE_COST BTC -0.025641025641025641',
      'AUTO_EXCHANGE USDT 10000.00000000000001',
    ]);
  });

  it('takes each tier of the value that is sold, and goes on with the last one', () => {
    // 10 BTC count 95,000, all of it for 200,000 owed: 20,000 + 28,800 + 0.95 x 50,000 = 96,300 of 100,000.
    const state = account({ BTC: '10', USDT: '-200000' });
    const tiers = rate('BTC', ['0', '1'], ['20000', '0.96'], ['50000', '0.95']);
    const capped = { ...tiers, tiers: tiers.tiers.map((tier) => ({ ...tier, cap: tier.cap ?? decimal('60000') })) };
    for (const each of [tiers, capped]) {
      expect(exchanged(state, PRICES, rules([each]))).toEqual([
        'AUTO_EXCHANGE BTC -9.63',
        'EXCHANGE_COST BTC -0.37',
        'AUTO_EXCHANGE USDT 96300',
      ]);
    }
  });

  it('shares what is credited among several debts by value', () => {
    const state = account({ BTC: '4', USDT: '-10000', USD1: '-30000' });
    // 38,000 counted of 40,000 owed: all goes, for 39,000, a quarter of it for USDT.
    expect(exchanged(state, PRICES, rules([rate('BTC', ['0', '0.975'])]))).toEqual([
      'AUTO_EXCHANGE BTC -3.9',
      'EXCHANGE_COST BTC -0.1',
      'AUTO_EXCHANGE USDT 9750',
      'AUTO_EXCHANGE USD1 29250',
    ]);
  });

  it('books no cost that is below the 18th digit', () => {
    const state = account({ BTC: '0.000000000000000001', USDT: '-10000' });
    expect(exchanged(state, PRICES, rules([rate('BTC', ['0', '0.96'])]))).toEqual([
      'AUTO_EXCHANGE BTC -0.000000000000000001',
      'AUTO_EXCHANGE USDT 0.00000000000001',
    ]);
  });
});

describe('an exchange of the highest ratio first (rules: 11)', () => {
  const first = (exchangeRates: readonly ExchangeRate[] = []): Policy =>
    rules(exchangeRates, { exchangeOrder: 'HIGHEST_RATIO_FIRST' });

  it('sells each asset in full until the debts are covered, and of the last one what counts as much as is left', () => {
    // BTC counts 0.95 of 5,000 and is credited in full; 5,000 of the 20 ETH, which count 16,000: 6.25.
    const state = account({ ETH: '20', BTC: '0.5', USDT: '-10000' });
    expect(exchanged(state, PRICES, first())).toEqual([
      'AUTO_EXCHANGE BTC -0.5',
      'AUTO_EXCHANGE ETH -6.25',
      'AUTO_EXCHANGE USDT 11250',
    ]);
    // At 0.98 BTC is credited 4,900: 5,100 / 16,000 of the ETH.
    expect(exchanged(state, PRICES, first([rate('BTC', ['0', '0.98'])]))).toEqual([
      'AUTO_EXCHANGE BTC -0.49',
      'EXCHANGE_COST BTC -0.01',
      'AUTO_EXCHANGE ETH -6.375',
      'AUTO_EXCHANGE USDT 11275',
    ]);
  });

  it('sells no other asset once the debts are credited in full', () => {
    // 1.01 BTC count 9,595, which is less than 10,000, and are credited 10,100.
    const state = account({ ETH: '20', BTC: '1.01', USDT: '-10000' });
    expect(exchanged(state, PRICES, first())).toEqual(['AUTO_EXCHANGE BTC -1.01', 'AUTO_EXCHANGE USDT 10100']);
  });

  it('goes by what an asset counts of its value as it is held, and by name where that is the same', () => {
    const state = account({ SOL: '100', ETH: '10', USDT: '-18000' });
    expect(exchanged(state, PRICES, first())).toEqual([
      'AUTO_EXCHANGE ETH -10',
      'AUTO_EXCHANGE SOL -100',
      'AUTO_EXCHANGE USDT 20000',
    ]);
    // 2 BTC of which 1 counts: 0.475 of their value, less than ETH and SOL.
    const capped = new Map(first().collateralRatios).set('BTC', table([['0', '0.95']], { userCap: '1' }));
    const held = account({ BTC: '2', SOL: '100', ETH: '10', USDT: '-20000' });
    expect(exchanged(held, PRICES, { ...first(), collateralRatios: capped }).slice(0, 2)).toEqual([
      'AUTO_EXCHANGE ETH -10',
      'AUTO_EXCHANGE SOL -100',
    ]);
    expect(exchanged(held, PRICES, { ...first(), collateralRatios: capped })).toHaveLength(3);
  });

  it('leaves owed what all assets do not cover', () => {
    const state = account({ ETH: '1', BTC: '1', USDT: '-20000' });
    expect(exchanged(state, PRICES, first([rate('ETH', ['0', '0.8'])]))).toEqual([
      'AUTO_EXCHANGE BTC -1',
      'AUTO_EXCHANGE ETH -0.8',
      'EXCHANGE_COST ETH -0.2',
      'AUTO_EXCHANGE USDT 10800',
    ]);
  });
});

/** Of any account, at any rates that lie below no ratio. */
function forAll(judge: (state: AccountState, prices: Market, of: Policy, changes: readonly BalanceChange[]) => void) {
  let count = 0;
  const tapes = fc.array(fc.nat(), { maxLength: 600, size: 'max' });
  fc.assert(
    fc.property(tapes, (numbers) => {
      let next = numbers.length;
      const pick = (below: number): number => (numbers[--next] ?? 0) % below;
      const {
        account: state,
        market: prices,
        policy: of,
      } = toMargin(withExchange(randomPortfolio(numbers), pick, true));
      const changes = autoExchange(state, prices, of);
      if (changes.length > 0) count += 1;
      judge(state, prices, of, changes);
    }),
    { numRuns: RUNS },
  );
  expect(count).toBeGreaterThan(RUNS / 5);
}

describe(`any exchange, ${RUNS} accounts`, () => {
  const priceOf = (asset: string, prices: Market, of: Policy): Decimal => indexPrice(asset, prices, of)?.price ?? ZERO;
  const valueOf = (changes: readonly BalanceChange[], prices: Market, of: Policy): Decimal =>
    sum(changes.map(({ asset, quantity }) => quantity.times(priceOf(asset, prices, of))));
  const bought = (changes: readonly BalanceChange[]): BalanceChange[] =>
    changes.filter((each) => each.quantity.gt(ZERO));
  /** The 18th digit of each asset that has a threshold or is sold, which rounding may take. */
  const grains = (assets: readonly { readonly asset: string }[], prices: Market, of: Policy): Decimal =>
    sum(assets.map(({ asset }) => priceOf(asset, prices, of).times(SMALLEST_STEP)));

  it('lowers no margin balance, and the wallet by its cost alone', () => {
    forAll((state, prices, of, changes) => {
      const after = withBalanceChanges(state, changes);
      const [one, two] = [assessMargin(state, prices, of), assessMargin(after, prices, of)];
      const cost = valueOf(
        changes.filter(({ kind }) => kind === 'EXCHANGE_COST'),
        prices,
        of,
      );
      const rounded = one.walletValue.plus(cost).minus(two.walletValue);
      expect([rounded.gte(ZERO), rounded.lte(grains(of.autoExchange, prices, of))]).toEqual([true, true]);
      expect(two.marginBalance.plus(grains([...of.autoExchange, ...changes], prices, of)).gte(one.marginBalance)).toBe(
        true,
      );
    });
  });

  it('leaves nothing owed where what can be sold counts as much as the debts', () => {
    forAll((state, prices, of, changes) => {
      const [before, sold] = [
        assessMargin(state, prices, of).collateral,
        changes.filter((each) => each.quantity.lt(ZERO)),
      ];
      const isAll = before.every(({ asset, quantity }) => {
        const gone = sum(sold.filter((each) => each.asset === asset).map((each) => each.quantity));
        return gone.isZero() || quantity.plus(gone).isZero();
      });
      if (isAll) return;
      for (const { asset, quantity } of bought(changes)) {
        const owed = state.balances.find((each) => each.asset === asset)?.quantity ?? ZERO;
        expect([asset, owed.plus(quantity).gte(ZERO)]).toEqual([asset, true]);
      }
    });
  });

  it('sells no more than counts as much as is owed, and never more than there is', () => {
    forAll((state, prices, of, changes) => {
      const sold = new Map<string, Decimal>();
      for (const { asset, quantity } of changes) {
        if (quantity.lt(ZERO)) sold.set(asset, (sold.get(asset) ?? ZERO).minus(quantity));
      }
      const owed = sum(
        bought(changes).map(({ asset }) => {
          const debt = state.balances.find((each) => each.asset === asset)?.quantity ?? ZERO;
          return debt.negated().times(priceOf(asset, prices, of));
        }),
      );
      const counted = assessMargin(state, prices, of).collateral.map(({ asset, quantity, collateralValue }) => {
        const part = sold.get(asset);
        if (part === undefined) return ZERO;
        expect(part.lte(quantity)).toBe(true);
        // But for the last digit, in which what is sold is rounded up.
        const least = part.minus(SMALLEST_STEP);
        return part.eq(quantity) ? ZERO : collateralValue.times(least).minus(owed.times(quantity));
      });
      for (const excess of counted) expect(excess.lte(ZERO)).toBe(true);
      for (const { kind, quantity } of changes) if (kind === 'EXCHANGE_COST') expect(quantity.lt(ZERO)).toBe(true);
    });
  });

  it('is the same at rates of 1 as without rates, and in either order where one asset can be sold', () => {
    forAll((state, prices, of, changes) => {
      const whole = of.exchangeRates.map(({ asset, tiers }) => ({
        ...{ asset, tiers: tiers.map((tier) => ({ ...tier, rate: ONE })) },
      }));
      const without = exchanged(state, prices, { ...of, exchangeRates: [] });
      expect(exchanged(state, prices, { ...of, exchangeRates: whole })).toEqual(without);
      const isOne = new Set(changes.filter(({ quantity }) => quantity.lt(ZERO)).map(({ asset }) => asset)).size === 1;
      if (!isOne || of.exchangeOrder !== 'PRO_RATA') return;
      expect(exchanged(state, prices, { ...of, exchangeOrder: 'HIGHEST_RATIO_FIRST' })).toEqual(entries(changes));
    });
  });
});
