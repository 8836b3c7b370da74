import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { ZERO, decimal, toPlain, type Decimal } from '../../../src/margin/decimal.js';
import type { AccountState, OpenOrderRules, Policy } from '../../../src/margin/model.js';
import { assetLiquidationPrice, positionLiquidationPrice } from '../../../src/margin/solve/liquidation-price.js';
import { maxTransferable } from '../../../src/margin/solve/transferable.js';
import { assessMargin, type MarginReport } from '../../../src/margin/state/assess.js';
import { BTCUSDT, account, flat, market, orders, policy, position } from '../../support/oracle/margin-builders.js';
import { toMargin } from '../../support/oracle/portfolio-to-margin.js';
import { randomPortfolio } from '../../support/oracle/random-portfolio.js';

const under = (rules: Partial<OpenOrderRules>, more: Partial<Policy> = {}): Policy => ({
  ...policy({ instruments: [BTCUSDT], ratios: { BTC: flat('0.95') } }),
  openOrders: { initial: 'NONE', maintenance: 'NONE', openLoss: 'NONE', ...rules },
  ...more,
});
const INITIAL = under({ initial: 'WORST_SIDE' });
const BOTH = under({ initial: 'WORST_SIDE', maintenance: 'WORST_SIDE' });
const AT_60 = market({ BTCUSDT: '60000', BTC: '60000' });

const long = position({ size: '1', entry: '60000' });
/** Of the rule's example: sells 3 at 61,000 and buys 0.5 at 59,000. */
const both = orders({ sells: ['3', '61000'], buys: ['0.5', '59000'] });

function numbers(report: MarginReport): Record<string, string | null> {
  const { initialMargin, openOrderInitialMargin, maintenanceMargin, availableMargin, status } = report;
  const amounts = { initialMargin, openOrderInitialMargin, maintenanceMargin, availableMargin };
  return {
    ...Object.fromEntries(Object.entries(amounts).map(([name, amount]: [string, Decimal]) => [name, toPlain(amount)])),
    status,
  };
}

describe('resting orders (rules: 20)', () => {
  it('require what the worse side of the position would: 6,150 in the example, of it 3,150 for orders', () => {
    const state = account({ USDT: '10000' }, [long], { openOrders: [both] });
    expect(numbers(assessMargin(state, AT_60, INITIAL))).toEqual({
      initialMargin: '6150',
      openOrderInitialMargin: '3150',
      // Of the position alone: 60,000 x 0.005 - 50.
      maintenanceMargin: '250',
      availableMargin: '3850',
      status: 'HEALTHY',
    });
    // 123,000 x 0.005 - 50
    expect(numbers(assessMargin(state, AT_60, BOTH))).toMatchObject({
      initialMargin: '6150',
      maintenanceMargin: '565',
    });
  });

  it('leave a position as it is in its own numbers, and say what is theirs', () => {
    const state = account({ USDT: '10000' }, [long], { openOrders: [both] });
    const { positions, openOrders } = assessMargin(state, AT_60, BOTH);
    expect(positions.map((own) => [own.initialMargin, own.maintenanceMargin].map(String))).toEqual([['3000', '250']]);
    expect(openOrders.map((own) => [own.initialMargin, own.maintenanceMargin].map(String))).toEqual([['3150', '315']]);
  });

  it('take the leverage of their tier, and that which is set where there is no position', () => {
    // 3,600,000 is in the tier of 50x; without a mark price.
    const alone = orders({ buys: ['60', '60000'], leverage: '100' });
    const report = assessMargin(account({ USDT: '100000' }, [], { openOrders: [alone] }), market({}), INITIAL);
    expect(numbers(report)).toMatchObject({
      initialMargin: '72000',
      openOrderInitialMargin: '72000',
      status: 'NO_EXPOSURE',
    });
    expect(report.unpriced).toEqual([]);
    const least = orders({ buys: ['1', '50000'], sells: ['1', '60000'], leverage: '10' });
    const worse = assessMargin(account({ USDT: '10000' }, [], { openOrders: [least] }), market({}), INITIAL);
    expect(toPlain(worse.initialMargin)).toBe('6000');
  });

  it('count in hedge mode by side, and only where they open', () => {
    const sides = [position({ size: '1', entry: '60000' }), position({ side: 'SHORT', size: '1', entry: '60000' })];
    const initial = (...resting: AccountState['openOrders']): string => {
      const state = account({ USDT: '10000' }, sides, { positionMode: 'HEDGE', openOrders: resting });
      return toPlain(assessMargin(state, AT_60, INITIAL).openOrderInitialMargin);
    };
    expect(initial(orders({ side: 'LONG', buys: ['1', '60000'] }))).toBe('3000');
    expect(initial(orders({ side: 'LONG', sells: ['9', '60000'] }))).toBe('0');
    expect(initial(orders({ side: 'SHORT', sells: ['1', '62000'] }), both)).not.toBe('0');
  });

  it('against a position require nothing until they would turn it to more than it is', () => {
    const at = (size: string): string => {
      const state = account({ USDT: '10000' }, [long], { openOrders: [orders({ sells: [size, '60000'] })] });
      return toPlain(assessMargin(state, AT_60, INITIAL).openOrderInitialMargin);
    };
    expect([at('1'), at('2'), at('2.1')]).toEqual(['0', '0', '300']);
  });

  it('beside an isolated position take what is theirs from the cross account', () => {
    const isolated = position({ size: '1', entry: '60000', marginMode: 'ISOLATED', isolatedMargin: '3000' });
    const state = account({ USDT: '4000' }, [isolated], { openOrders: [orders({ buys: ['1', '60000'] })] });
    const single = { ...state, collateralMode: 'SINGLE_ASSET' as const };
    const report = assessMargin(single, AT_60, BOTH);
    expect(numbers(report)).toEqual({
      initialMargin: '3000',
      openOrderInitialMargin: '3000',
      // 120,000 x 0.005 - 50, less the 250 of the position.
      maintenanceMargin: '300',
      availableMargin: '1000',
      status: 'HEALTHY',
    });
    expect(toPlain(maxTransferable('USDT', single, AT_60, BOTH))).toBe('1000');
    // Without a mark price its cost stands for its notional: it concerns only itself.
    expect(numbers(assessMargin(single, market({}), BOTH))).toEqual(numbers(report));
  });

  it('ask the cross account for no less than it may be liquidated at, beside an isolated position too', () => {
    const isolated = position({ size: '1', entry: '60000', marginMode: 'ISOLATED', isolatedMargin: '3000' });
    const openOrders = [orders({ buys: ['1', '60000'] })];
    const single = { ...account({ USDT: '200' }, [isolated], { openOrders }), collateralMode: 'SINGLE_ASSET' as const };
    // The margin of the position, 3,000, is its own: it covers nothing of the 300 that the orders add.
    const maintenance = under({ maintenance: 'WORST_SIDE' });
    expect(numbers(assessMargin(single, AT_60, maintenance))).toMatchObject({
      ...{ initialMargin: '300', maintenanceMargin: '300', availableMargin: '0', status: 'LIQUIDATION' },
    });
  });

  it('add what they would lose at once, where the policy says so', () => {
    const rules = under({ initial: 'WORST_SIDE', openLoss: 'INITIAL' });
    // Buys 0.5 at 61,000 lose 500 and sells 2 at 59,500 lose 1,000 at a mark of 60,000.
    const losing = orders({ buys: ['0.5', '61000'], sells: ['2', '59500'] });
    const state = account({ USDT: '10000' }, [], { openOrders: [losing] });
    // 119,000 / 20 + 1,500
    expect(numbers(assessMargin(state, AT_60, rules))).toMatchObject({ openOrderInitialMargin: '7450' });
    const alone = assessMargin(state, AT_60, under({ openLoss: 'INITIAL' }));
    expect(numbers(alone)).toMatchObject({ initialMargin: '1500', maintenanceMargin: '0', status: 'NO_EXPOSURE' });
    const unpriced = assessMargin(state, market({}), rules);
    expect([unpriced.status, unpriced.unpriced]).toEqual(['UNPRICED', ['BTCUSDT']]);
    const stale = market({ BTCUSDT: '60000' }, ['BTCUSDT']);
    expect(assessMargin(state, stale, rules).stale).toEqual(['BTCUSDT']);
    expect(toPlain(maxTransferable('USDT', state, stale, rules))).toBe('0');
  });

  it('require nothing where no policy says so', () => {
    const state = account({ USDT: '10000' }, [long], { openOrders: [both] });
    const without = assessMargin({ ...state, openOrders: [] }, AT_60, under({}));
    expect(numbers(assessMargin(state, AT_60, under({})))).toEqual(numbers(without));
  });

  it('that count for maintenance alone still ask for an initial margin that is not below it', () => {
    const state = account({ USDT: '10000' }, [], { openOrders: [orders({ buys: ['1', '60000'] })] });
    const report = assessMargin(state, AT_60, under({ maintenance: 'WORST_SIDE' }));
    expect(numbers(report)).toMatchObject({ initialMargin: '250', maintenanceMargin: '250', status: 'HEALTHY' });
  });
});

describe('a liquidation price with orders that count for maintenance (rules: 9 and 20)', () => {
  const priceOf = (state: AccountState, mark = '60000') => {
    const report = assessMargin(state, market({ BTCUSDT: mark }), BOTH);
    const [own] = report.positions;
    if (own === undefined) throw new Error('no position');
    const { price, otherPrice } = positionLiquidationPrice(own, state, report, BOTH);
    return [price, otherPrice].map((each) => (each === null ? null : toPlain(each)));
  };

  it('bends where the worse side changes: a long may be liquidated above the mark by its own sells', () => {
    // At p: balance = 1,000 + p - 60,000; sells of 183,000 against p: 0.005 x (183,000 - p) - 50 while p is below 91,500.
    const falling = account({ USDT: '1000' }, [long], { openOrders: [orders({ sells: ['3', '61000'] })] });
    // p - 59,000 = 865 - 0.005 p
    expect(priceOf(falling)).toEqual(['59567.164179104477611941', null]);
    // Without orders: p - 59,000 = 0.005 p - 50.
    expect(priceOf({ ...falling, openOrders: [] })).toEqual(['59246.231155778894472362', null]);
  });

  it('is where a short with buys meets what the larger side requires', () => {
    const short = position({ side: 'SHORT', size: '1', entry: '60000' });
    const state = account({ USDT: '1000' }, [short], {
      openOrders: [orders({ buys: ['0.5', '59000'], sells: ['1', '61000'] })],
    });
    // 61,000 - p = 0.005 x (p + 61,000) - 50
    expect(priceOf(state)).toEqual(['60442.786069651741293532', null]);
  });

  it('of an asset is there without a position: the orders keep what they require', () => {
    const state = account({ BTC: '0.01' }, [], { openOrders: [orders({ buys: ['1', '60000'] })] });
    const prices = market({ BTC: '60000' });
    const report = assessMargin(state, prices, BOTH);
    // 0.01 x 0.95 x p = 250
    expect(toPlain(assetLiquidationPrice('BTC', state, report, prices, BOTH).price ?? decimal(0))).toBe(
      '26315.789473684210526316',
    );
  });
});

describe('whatever an account holds', () => {
  const portfolios = fc.limitShrink(fc.array(fc.nat(), { maxLength: 600, size: 'max' }).map(randomPortfolio), 300);
  const text = (report: MarginReport): string => JSON.stringify({ ...report, openOrders: null });

  it('an order never raises its available margin, and cancelling all restores every digit', () => {
    let changed = 0;
    fc.assert(
      fc.property(portfolios, fc.nat(), (portfolio, first) => {
        const { account: state, market: prices, policy: rules } = toMargin(portfolio);
        const without = assessMargin({ ...state, openOrders: [] }, prices, rules);
        const resting = assessMargin(state, prices, rules);
        const kept = state.openOrders.filter((_, index) => (first >> (index % 30)) % 2 === 1);
        const some = assessMargin({ ...state, openOrders: kept }, prices, rules);
        expect(some.availableMargin.lte(without.availableMargin)).toBe(true);
        expect(resting.availableMargin.lte(some.availableMargin)).toBe(true);
        expect(resting.openOrderInitialMargin.isNegative()).toBe(false);
        expect(resting.maintenanceMargin.gte(without.maintenanceMargin)).toBe(true);
        if (resting.openOrderInitialMargin.gt(0)) changed += 1;
        const none = { buySize: ZERO, sellSize: ZERO, buyNotional: ZERO, sellNotional: ZERO };
        const cancelled = { ...state, openOrders: state.openOrders.map((each) => ({ ...each, ...none })) };
        expect(text(assessMargin(cancelled, prices, rules))).toBe(text(without));
      }),
      { numRuns: 300 },
    );
    expect(changed).toBeGreaterThan(30);
  });
});
