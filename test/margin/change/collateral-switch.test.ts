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
    const poor = account({ USDT: '1' }, [position({ size: '1', entry: '60000' })], { switchedOff: ['BTC'] });
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
