/** Assets switched off, by small numbers (rules: 23). The oracle and the acceptance tests have the rest. */
import { describe, expect, it } from '@jest/globals';

import { stateOf, textOf } from '../../../src/ledger/account-text.js';
import { autoExchange } from '../../../src/margin/change/auto-exchange.js';
import { checkCollateralAsset, switchedOffAfter } from '../../../src/margin/change/collateral-switch.js';
import { decimal, toPlain } from '../../../src/margin/decimal.js';
import { maxTransferable } from '../../../src/margin/solve/transferable.js';
import { assessMargin } from '../../../src/margin/state/assess.js';
import { account, BTCUSDT, flat, market, orders, policy, position } from '../../support/oracle/margin-builders.js';

const RULES = policy({
  ratios: { BTC: flat('0.95'), ETH: flat('0.9') },
  autoExchange: [{ asset: 'USDT', balance: decimal(-100) }],
});
const PRICES = market({ BTC: '60000', ETH: '3000', BTCUSDT: '60000' });

it('are a list by code point, in which each stands once', () => {
  expect(switchedOffAfter(['ETH'], 'BTC', false)).toEqual(['BTC', 'ETH']);
  expect(switchedOffAfter(['BTC', 'ETH'], 'BTC', false)).toEqual(['BTC', 'ETH']);
  expect(switchedOffAfter(['BTC', 'ETH'], 'BTC', true)).toEqual(['ETH']);
});

it('travel with the account as text, with and without orders', () => {
  const resting = { openOrders: [orders({ buys: ['1', '59000'] })] };
  for (const more of [{}, resting]) {
    const state = account({ BTC: '1' }, [], { ...more, switchedOff: ['BTC', 'ETH'] });
    expect(stateOf(JSON.parse(JSON.stringify(textOf(state))) as ReturnType<typeof textOf>)).toEqual(state);
  }
});

it('without a price make no account UNPRICED where they are held, and do where they are owed', () => {
  const unpriced = market({ BTCUSDT: '60000' });
  const open = [position({ size: '1', entry: '60000' })];
  const status = (btc: string): string =>
    assessMargin(account({ USDT: '100', BTC: btc }, open, { switchedOff: ['BTC'] }), unpriced, RULES).status;
  expect(status('1')).toBe('LIQUIDATION');
  expect(status('-1')).toBe('UNPRICED');
});

it('are neither counted nor sold by auto-exchange; debts in them are covered as any', () => {
  const held = account({ USDT: '-1000', BTC: '1', ETH: '1' }, [], { switchedOff: ['BTC'] });
  expect(autoExchange(held, PRICES, RULES).map(({ asset }) => asset)).toEqual(['ETH', 'USDT']);
  const all = account({ USDT: '-1000', BTC: '1' }, [], { switchedOff: ['BTC'] });
  expect(autoExchange(all, PRICES, RULES)).toEqual([]);
});

describe('what is set already', () => {
  it('passes, also in a state that would not be accepted', () => {
    const poor = account({ USDT: '1', ETH: '1' }, [position({ size: '1', entry: '60000' })], { switchedOff: ['BTC'] });
    expect(checkCollateralAsset('BTC', false, poor, PRICES, RULES)).toBeNull();
    expect(checkCollateralAsset('ETH', true, poor, PRICES, RULES)).toBeNull();
    expect(checkCollateralAsset('ETH', false, poor, PRICES, RULES)).toMatchObject({ code: 'INSUFFICIENT_MARGIN' });
  });
});

it('refuse while the mark of a cross position is stale, as a switch of modes does', () => {
  const open = account({ USDT: '50000', BTC: '1' }, [position({ size: '1', entry: '60000' })]);
  const stale = market({ BTC: '60000', BTCUSDT: '60000' }, ['BTCUSDT']);
  expect(checkCollateralAsset('BTC', false, open, stale, RULES)).toMatchObject({ code: 'PRICE_UNAVAILABLE' });
  expect(checkCollateralAsset('BTC', true, { ...open, switchedOff: ['BTC'] }, stale, RULES)).toBeNull();
});

describe('are switched off only where all of them could leave', () => {
  const open = (entry: string): ReturnType<typeof position>[] => [position({ size: '1', entry })];

  it('not beside collateral whose price is stale', () => {
    const held = account({ BTC: '1', ETH: '2' }, open('60000'));
    const stale = market({ BTC: '60000', ETH: '3000', BTCUSDT: '60000' }, ['ETH']);
    expect(checkCollateralAsset('BTC', false, held, stale, RULES)).toMatchObject({ code: 'PRICE_UNAVAILABLE' });
    expect(checkCollateralAsset('BTC', false, held, PRICES, RULES)).toBeNull();
    // The stale one itself covers nothing.
    expect(checkCollateralAsset('ETH', false, held, stale, RULES)).toBeNull();
  });

  it('not on unrealised profit alone, nor below the floor for transfers', () => {
    const inProfit = account({ BTC: '1' }, open('50000'));
    const rules = policy({ ratios: { BTC: flat('0.95') } });
    expect(checkCollateralAsset('BTC', false, inProfit, PRICES, rules)).toMatchObject({
      ...{ code: 'INSUFFICIENT_MARGIN', required: decimal(3000), available: decimal(0) },
    });
    const held = account({ BTC: '1', USDT: '5000' }, open('60000'));
    const floor = { notionalRate: decimal('0.1'), maintenanceMultiple: decimal(0) };
    expect(checkCollateralAsset('BTC', false, held, PRICES, rules)).toBeNull();
    expect(checkCollateralAsset('BTC', false, held, PRICES, { ...rules, transferFloor: floor })).toMatchObject({
      ...{ code: 'INSUFFICIENT_MARGIN', required: decimal(6000), available: decimal(5000) },
    });
  });

  it('and freely where none of them counts', () => {
    const poor = account({ USDT: '1' }, open('60000'));
    expect(checkCollateralAsset('ETH', false, poor, PRICES, RULES)).toBeNull();
    const single = { ...account({ USDT: '1', BTC: '1' }, open('60000')), collateralMode: 'SINGLE_ASSET' as const };
    expect(checkCollateralAsset('BTC', false, single, PRICES, RULES)).toBeNull();
  });
});

it('keep what a loss settled in them has cost, where PnL counts as equity', () => {
  const instruments = [{ ...BTCUSDT, settlementAsset: 'USDC' }];
  const rules = policy({ pnlCounts: 'AS_EQUITY', ratios: { USDC: flat('1') }, instruments });
  const prices = market({ USDC: '1', BTCUSDT: '59000' });
  const open = [position({ size: '0.1', entry: '60000' })];
  const leaves = (usdc: string): string =>
    toPlain(
      maxTransferable('USDC', account({ USDT: '1000', USDC: usdc }, open, { switchedOff: ['USDC'] }), prices, rules),
    );
  // The loss is 100 USDC. Of 50, which it exceeds, nothing leaves: 50 are owed.
  expect(leaves('500')).toBe('400');
  expect(leaves('50')).toBe('0');
});
