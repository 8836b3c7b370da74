import { describe, expect, it } from '@jest/globals';

import { withBalanceChanges } from '../../../src/margin/state/account.js';
import { assessMargin } from '../../../src/margin/state/assess.js';
import { autoExchange } from '../../../src/margin/change/auto-exchange.js';
import { decimal, toPlain } from '../../../src/margin/decimal.js';
import type { AccountState, Market, Policy } from '../../../src/margin/model.js';
import { account, flat, market, policy, table } from '../../support/oracle/margin-builders.js';

const RULES = policy({
  autoExchange: [
    { asset: 'USDT', balance: decimal(-9000) },
    { asset: 'USD1', balance: decimal(-9000) },
  ],
  ratios: { BTC: flat('0.975'), ETH: flat('0.8'), USD1: flat('1'), BonusUSD: flat('0.9999') },
  assets: { BonusUSD: { convertible: false } },
});

function exchanged(state: AccountState, prices: Market, of: Policy = RULES): string[] {
  return autoExchange(state, prices, of).map(({ asset, quantity }) => `${asset} ${toPlain(quantity)}`);
}

describe('auto-exchange (rules: 11)', () => {
  it('sells what counts as much as is owed, and credits it in full: 10,000 owed, BTC at 0.975', () => {
    // f = 10,000 / 97,500 of 10 BTC at 10,000: 1.025641025641025642 BTC (up), worth 10,256.41025641025642.
    const state = account({ BTC: '10', USDT: '-10000' });
    const prices = market({ BTC: '10000' });
    expect(exchanged(state, prices)).toEqual(['BTC -1.025641025641025642', 'USDT 10256.41025641025642']);
    const after = withBalanceChanges(state, autoExchange(state, prices, RULES));
    expect(toPlain(after.balances[1]?.quantity ?? decimal(0))).toBe('256.41025641025642');
    const [one, two] = [assessMargin(state, prices, RULES), assessMargin(after, prices, RULES)];
    expect(toPlain(two.walletValue)).toBe(toPlain(one.walletValue));
    expect(two.marginBalance.gt(one.marginBalance)).toBe(true);
  });

  it('sells the same fraction of every asset, and all where that is not enough', () => {
    // BTC counts 975, ETH 4,000: 4,975 of the 20,000 owed. All goes: 1,000 + 5,000 = 6,000.
    const state = account({ BTC: '1', ETH: '5', USDT: '-20000' });
    expect(exchanged(state, market({ BTC: '1000', ETH: '1000' }))).toEqual(['BTC -1', 'ETH -5', 'USDT 6000']);
    // 9,950 owed of 3,900 + 16,000 = 19,900 counted: one half of each, worth 2,000 + 10,000.
    const half = account({ BTC: '4', ETH: '20', USDT: '-9950' });
    expect(exchanged(half, market({ BTC: '1000', ETH: '1000' }))).toEqual(['BTC -2', 'ETH -10', 'USDT 12000']);
  });

  it('shares among several debts by value, each by itself past its threshold', () => {
    // 10,000 USDT and 20,000 USD1 at 1.5 = 30,000: D = 40,000. BTC counts 39,000, all of it goes: 40,000.
    const state = account({ USDT: '-10000', USD1: '-20000', BTC: '4', ETH: '-100000' });
    const prices = market({ BTC: '10000', USD1: '1.5', ETH: '1' });
    expect(exchanged(state, prices)).toEqual(['BTC -4', 'USDT 10000', 'USD1 20000']);
    // 30,000 of proceeds: a quarter, 7,500, and 22,500 / 1.5 = 15,000.
    expect(exchanged(account({ USDT: '-10000', USD1: '-20000', BTC: '3' }), prices)).toEqual([
      'BTC -3',
      'USDT 7500',
      'USD1 15000',
    ]);
    // USD1 within its threshold is left alone.
    expect(exchanged(account({ USDT: '-10000', USD1: '-9000', BTC: '1' }), prices)).toEqual(['BTC -1', 'USDT 10000']);
  });

  it('starts below the threshold, not at it', () => {
    const prices = market({ BTC: '1000' });
    expect(exchanged(account({ BTC: '1', USDT: '-9000' }), prices)).toEqual([]);
    expect(exchanged(account({ BTC: '1', USDT: '-9000.000000000000000001' }), prices)).not.toEqual([]);
  });

  it('leaves what is not convertible, not counted, stale or without a price', () => {
    const state = account({ USDT: '-10000', BonusUSD: '50000', XYZ: '50000', BTC: '1', ETH: '1' });
    const prices = market({ BonusUSD: '1', XYZ: '1', BTC: '100000' }, ['BTC']);
    expect(exchanged(state, prices)).toEqual([]);
  });

  it('leaves a debt without a fresh price alone', () => {
    const state = account({ USD1: '-10000', BTC: '1' });
    expect(exchanged(state, market({ BTC: '100000', USD1: '1' }, ['USD1']))).toEqual([]);
    expect(exchanged(state, market({ BTC: '100000' }))).toEqual([]);
  });

  it('counts an asset up to its caps', () => {
    // 10 coins at 10,000 of which 5 count: 50,000. 10,000 / 50,000 of the 10 coins: 2, worth 20,000.
    const capped = { ...RULES, collateralRatios: new Map([['BTC', table([['0', '1']], { userCap: '5' })]]) };
    expect(exchanged(account({ BTC: '10', USDT: '-10000' }), market({ BTC: '10000' }), capped)).toEqual([
      'BTC -2',
      'USDT 20000',
    ]);
  });

  it('does nothing in single-asset mode', () => {
    expect(
      exchanged(account({ BTC: '1', USDT: '-10000' }, [], { collateralMode: 'SINGLE_ASSET' }), market({ BTC: '1000' })),
    ).toEqual([]);
  });
});
