/** Orders in a simulation (rules: 14 and 20). */
import { describe, expect, it } from '@jest/globals';

import { decimal, toPlain } from '../../../src/margin/decimal.js';
import type { AccountState, Market } from '../../../src/margin/model.js';
import { simulate, type Simulation, type SimulatedChanges } from '../../../src/margin/change/simulate.js';
import type { SimulatedOrder } from '../../../src/margin/change/simulation-steps.js';
import { BTCUSDT, account, flat, market, orders, policy, position } from '../../support/oracle/margin-builders.js';

const RULES = {
  ...policy({ instruments: [BTCUSDT], ratios: { BTC: flat('0.9') } }),
  openOrders: { initial: 'WORST_SIDE', maintenance: 'NONE', openLoss: 'NONE' },
} as const;
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

function trial(
  state: AccountState,
  changes: Partial<SimulatedChanges>,
  prices: Market = market({ BTC: '60000', BTCUSDT: '60000' }),
): Simulation {
  const context = { settings: new Map(), platformRoom: new Map() };
  return simulate(state, { ...NOTHING, ...changes }, prices, RULES, context);
}

function order(
  side: 'BUY' | 'SELL',
  size: string,
  price: string | null,
  more: Partial<SimulatedOrder> = {},
): SimulatedOrder {
  const limit = price === null ? null : decimal(price);
  return { instrument: 'BTCUSDT', side, positionSide: null, size: decimal(size), price: limit, ...more };
}

const needed = ({ after }: Simulation): string => toPlain(after.openOrderInitialMargin);

describe('a simulated order', () => {
  it('rests beside those that do, and needs what both sides would', () => {
    const state = account({ USDT: '10000' }, [position({ size: '1', entry: '60000' })], {
      openOrders: [orders({ sells: ['1', '61000'] })],
    });
    const simulation = trial(state, { orders: [order('SELL', '2', '61000'), order('BUY', '0.5', '59000')] });
    expect([simulation.refusal, needed(simulation)]).toEqual([null, '3150']);
    expect(needed({ ...simulation, after: simulation.before })).toBe('0');
  });

  it('is refused where the initial margin would not be covered, and shown all the same', () => {
    const state = account({ USDT: '2999.99' });
    const simulation = trial(state, { orders: [order('BUY', '1', '60000')] });
    expect(simulation.refusal).toMatchObject({ code: 'INSUFFICIENT_MARGIN', field: ['orders', '0'] });
    expect(needed(simulation)).toBe('3000');
    expect(trial(account({ USDT: '3000' }), { orders: [order('BUY', '1', '60000')] }).refusal).toBeNull();
  });

  it('that needs nothing more passes whatever there is', () => {
    const state = account({ USDT: '100' }, [position({ size: '1', entry: '60000' })]);
    expect(trial(state, { orders: [order('SELL', '2', '60000')] }).refusal).toBeNull();
    expect(trial(state, { orders: [order('SELL', '2.1', '60000')] }).refusal?.code).toBe('INSUFFICIENT_MARGIN');
  });

  it('comes after transfers and before trades, and locks modes', () => {
    const state = account({});
    const changes = {
      transfers: [{ asset: 'USDT', quantity: decimal('3000') }],
      orders: [order('BUY', '1', '60000')],
      trades: [{ ...order('BUY', '0.001', '60000'), fee: decimal(0) }],
    };
    const { refusal } = trial(state, changes);
    expect(refusal).toMatchObject({ code: 'INSUFFICIENT_MARGIN', field: ['trades', '0'] });
    const resting = account({ USDT: '9000' }, [], { openOrders: [orders({ buys: ['1', '60000'] })] });
    expect(trial(resting, { collateralMode: 'SINGLE_ASSET' }).refusal?.code).toBe('COLLATERAL_MODE_LOCKED');
  });

  it('rests at the mark unless it names a limit, and says where that is stale', () => {
    const stale = market({ BTC: '60000', BTCUSDT: '60000' }, ['BTCUSDT']);
    const {
      refusal,
      after,
      stale: symbols,
    } = trial(account({ USDT: '9000' }), { orders: [order('BUY', '1', null)] }, stale);
    expect([refusal, toPlain(after.initialMargin), symbols]).toEqual([null, '3000', ['BTCUSDT']]);
    const unpriced = trial(account({ USDT: '9000' }), { orders: [order('BUY', '1', null)] }, market({}));
    expect(unpriced.refusal).toMatchObject({ code: 'PRICE_UNAVAILABLE', field: ['orders', '0'] });
    // Orders alone need no mark.
    expect(trial(account({ USDT: '9000' }), { orders: [order('BUY', '1', '60000')] }, market({})).refusal).toBeNull();
  });

  it('names its side in hedge mode, and an instrument that is there', () => {
    const hedged = account({ USDT: '9000' }, [], { positionMode: 'HEDGE' });
    expect(trial(hedged, { orders: [order('BUY', '1', '60000')] }).refusal).toMatchObject({
      code: 'INVALID_INPUT',
      field: ['orders', '0', 'positionSide'],
    });
    expect(needed(trial(hedged, { orders: [order('BUY', '1', '60000', { positionSide: 'LONG' })] }))).toBe('3000');
    const nowhere = trial(hedged, { orders: [order('BUY', '1', '60000', { instrument: 'NONE' })] });
    expect(nowhere.refusal?.code).toBe('INSTRUMENT_NOT_FOUND');
  });
});
