/** Contracts that are settled in another asset than the venue's unit (rules: 16). */
import { describe, expect, it } from '@jest/globals';

import { checkCollateralMode } from '../../../src/margin/change/modes.js';
import { makeTrade } from '../../../src/margin/change/simulation-steps.js';
import { decimal, toPlain } from '../../../src/margin/decimal.js';
import type { AccountState, Policy } from '../../../src/margin/model.js';
import { assetLiquidationPrice } from '../../../src/margin/solve/liquidation-price.js';
import { maxTransferable } from '../../../src/margin/solve/transferable.js';
import { assessMargin } from '../../../src/margin/state/assess.js';
import { account, flat, instrument, market, policy, position } from '../../support/oracle/margin-builders.js';

const ETHUSD1 = {
  ...instrument('ETHUSD1', 'ETH', [
    ['0', '0.01', '0', '50'],
    ['100000', '0.02', '1000', '25'],
  ]),
  settlementAsset: 'USD1',
};
const RULES = policy({ ratios: { USDT: flat('1'), USD1: flat('0.99') }, instruments: [ETHUSD1] });
const LONG = position({ instrument: 'ETHUSD1', size: '10', entry: '3000', leverage: '20' });
const PRICES = { ETHUSD1: '3100', USD1: '0.998' };

function holding(quantities: Record<string, string>): AccountState {
  return account(quantities, [LONG]);
}

describe('a contract settled in USD1, at a venue valued in USDT', () => {
  it('is worth its PnL and requires its margin at the index of USD1', () => {
    const report = assessMargin(holding({ USDT: '2000' }), market(PRICES), RULES);
    expect(toPlain(report.positions[0]?.unrealizedPnl ?? decimal(0))).toBe('1000');
    expect(toPlain(report.unrealizedPnl)).toBe('998');
    expect(toPlain(report.marginBalance)).toBe('2998');
    // 31,000 at 20x is 1,550 USD1, at 1 % 310 USD1.
    expect([report.initialMargin, report.maintenanceMargin].map(toPlain)).toEqual(['1546.9', '309.38']);
  });

  it('is unpriced while USD1 never had a price, and stale while that is too old', () => {
    const unpriced = assessMargin(holding({ USDT: '2000' }), market({ ETHUSD1: '3100' }), RULES);
    expect(unpriced).toMatchObject({ status: 'UNPRICED', unpriced: ['USD1'] });
    const stale = assessMargin(holding({ USDT: '2000' }), market(PRICES, ['USD1']), RULES);
    expect(stale).toMatchObject({ status: 'HEALTHY', stale: ['USD1'] });
    expect(toPlain(maxTransferable('USDT', holding({ USDT: '2000' }), market(PRICES, ['USD1']), RULES))).toBe('0');
  });

  it('lets an isolated position be as stale as its mark alone', () => {
    const isolated = account({ USDT: '10' }, [{ ...LONG, marginMode: 'ISOLATED', isolatedMargin: decimal('2000') }]);
    expect(assessMargin(isolated, market(PRICES, ['USD1']), RULES).stale).toEqual([]);
  });

  it('is liquidated by a rise of USD1 where it has lost: what is settled in it moves along', () => {
    // 28,000 of 30,000: -2,000 USD1, and 280 USD1 required.
    const losing = market({ ETHUSD1: '2800', USD1: '1' });
    const state = holding({ USDT: '2508' });
    const report = assessMargin(state, losing, RULES);
    const price = assetLiquidationPrice('USD1', state, report, losing, RULES);
    expect(price.price === null ? null : toPlain(price.price)).toBe('1.1');
    const at = (index: string): string => assessMargin(state, market({ ETHUSD1: '2800', USD1: index }), RULES).status;
    expect([at('1.1'), at('1.100000000000000001')]).toEqual(['MARGIN_CALL', 'LIQUIDATION']);
  });
});

describe('where a settlement asset does not count', () => {
  const nowhere: Policy = policy({ ratios: { USDT: flat('1') }, instruments: [ETHUSD1] });
  const trade = { instrument: 'ETHUSD1', positionSide: null, size: decimal(1), price: null, fee: decimal(0) };
  const setting = { leverage: decimal(20), marginMode: 'CROSS' as const };

  it('nothing may be opened, and what is held may be closed', () => {
    const terms = { market: market(PRICES), policy: nowhere, platformRoom: new Map<string, never>() };
    const state = holding({ USDT: '2000' });
    const opened = makeTrade(state, { ...trade, side: 'BUY' }, setting, terms);
    expect(opened.refusal).toMatchObject({ code: 'SETTLEMENT_NOT_ACCEPTED' });
    expect(opened.account).toBe(state);
    expect(makeTrade(state, { ...trade, side: 'SELL' }, setting, terms).refusal).toBeNull();
  });

  it('a loss makes a debt in that asset', () => {
    const terms = {
      market: market({ ...PRICES, ETHUSD1: '2900' }),
      policy: RULES,
      platformRoom: new Map<string, never>(),
    };
    const { account: after } = makeTrade(
      holding({ USDT: '2000' }),
      { ...trade, size: decimal(10), side: 'SELL' },
      setting,
      terms,
    );
    expect(after.balances.map(({ asset, quantity }) => `${asset} ${toPlain(quantity)}`)).toEqual([
      'USDT 2000',
      'USD1 -1000',
    ]);
  });

  it('no mode may be chosen in which it does not count', () => {
    const single = checkCollateralMode('SINGLE_ASSET', holding({ USDT: '2000' }), market(PRICES), RULES);
    expect(single).toMatchObject({ code: 'SETTLEMENT_NOT_ACCEPTED' });
    const multi = { ...holding({ USDT: '2000' }), collateralMode: 'SINGLE_ASSET' as const };
    expect(checkCollateralMode('MULTI_ASSET', multi, market(PRICES), RULES)).toBeNull();
    expect(checkCollateralMode('MULTI_ASSET', multi, market(PRICES), nowhere)).toMatchObject({
      code: 'SETTLEMENT_NOT_ACCEPTED',
    });
  });
});

describe('a venue whose single asset is not its unit', () => {
  const rules: Policy = { ...policy({ assets: { USD1: {} }, instruments: [ETHUSD1] }), singleAsset: 'USD1' };

  it('counts that asset in full, at its index, and no other', () => {
    const state = account({ USDT: '500', USD1: '1000' }, [], { collateralMode: 'SINGLE_ASSET' });
    expect(toPlain(assessMargin(state, market(PRICES), rules).collateralValue)).toBe('998');
  });
});
