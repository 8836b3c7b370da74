import { describe, expect, it } from '@jest/globals';

import { assessBalance } from '../../../src/margin/state/collateral.js';
import { decimal, toPlain } from '../../../src/margin/decimal.js';
import type { CollateralMode, CollateralTable } from '../../../src/margin/model.js';
import { BITGET_BTC, flat, market, policy, table } from '../../support/oracle/margin-builders.js';

function counted(
  quantity: string,
  price: string | null,
  ratio: CollateralTable | null,
  mode: CollateralMode = 'MULTI_ASSET',
  asset = 'BTC',
) {
  const prices = market(price === null ? {} : { [asset]: price });
  const rules = policy({ ratios: ratio === null ? {} : { [asset]: ratio } });
  return assessBalance({ asset, quantity: decimal(quantity) }, mode, prices, rules);
}

function value(...args: Parameters<typeof counted>): string {
  return toPlain(counted(...args).collateralValue);
}

describe('a balance in multi-asset mode (rules: 3)', () => {
  it('goes through the tiers progressively: 10 BTC at 60,000 on BITGET', () => {
    // 003: 100,000 x 0.975 + 400,000 x 0.97 + 100,000 x 0.965 = 97,500 + 388,000 + 96,500 = 582,000.
    const contribution = counted('10', '60000', BITGET_BTC);
    expect(toPlain(contribution.collateralValue)).toBe('582000');
    expect(contribution.tiers.map((tier) => `${toPlain(tier.value)} x ${toPlain(tier.ratio)}`)).toEqual([
      '100000 x 0.975',
      '400000 x 0.97',
      '100000 x 0.965',
    ]);
    expect(contribution.tableId).toBe('ratio');
  });

  it('counts nothing above the cap of one account: 100 and 120 BTC alike', () => {
    // 97,500 + 388,000 + 500,000 x 0.965 + 4,000,000 x 0.96 + 1,000,000 x 0.85 = 5,658,000.
    expect(value('100', '60000', BITGET_BTC)).toBe('5658000');
    expect(value('120', '60000', BITGET_BTC)).toBe('5658000');
    expect(toPlain(counted('120', '60000', BITGET_BTC).uncountedQuantity)).toBe('20');
    expect(toPlain(counted('100', '60000', BITGET_BTC).uncountedQuantity)).toBe('0');
  });

  it('reaches a tier only above its floor', () => {
    expect(counted('1', '100000', BITGET_BTC).tiers).toHaveLength(1);
    expect(counted('1', '100000.000000000000000001', BITGET_BTC).tiers).toHaveLength(2);
  });

  it('counts tiers in coins by quantity', () => {
    // 10 x 100 x 1 + 5 x 100 x 0.5 = 1,250, whatever lies above the 20 coins of the last cap.
    const inCoins = table(
      [
        ['0', '1'],
        ['10', '0.5'],
      ],
      { tierUnit: 'QUANTITY', lastCap: '20' },
    );
    expect(value('15', '100', inCoins)).toBe('1250');
    expect(value('25', '100', inCoins)).toBe('1500');
    expect(toPlain(counted('25', '100', inCoins).uncountedQuantity)).toBe('5');
  });

  it('states what lies above a cap in value in coins, rounded down', () => {
    // 33 x 3 = 99, of which 50 count, at 0.9; (99 - 50) / 3 = 16.333… coins count nothing.
    const capped = table([['0', '0.9']], { lastCap: '50' });
    expect(value('33', '3', capped)).toBe('45');
    expect(toPlain(counted('33', '3', capped).uncountedQuantity)).toBe('16.333333333333333333');
    expect(toPlain(counted('33', '0', capped).uncountedQuantity)).toBe('0');
  });

  it('counts nothing without a ratio, but USDT at 1 where the table leaves it out', () => {
    expect(value('5', '100', null)).toBe('0');
    expect(value('5', null, null, 'MULTI_ASSET', 'USDT')).toBe('5');
    expect(value('5', null, flat('0.9999'), 'MULTI_ASSET', 'USDT')).toBe('4.9995');
  });

  it('never shrinks a debt by a ratio', () => {
    const debt = counted('-1', '40000', flat('0.95'));
    expect(toPlain(debt.collateralValue)).toBe('-40000');
    expect(debt.tiers).toEqual([]);
    expect(debt.tableId).toBeNull();
  });

  it('takes the price of the asset that it is priced as, and its own ratio', () => {
    // 004: assets engaged in Earn products (cryptocurrency-S) count as well.
    const rules = policy({ ratios: { 'BTC-S': flat('0.9') }, assets: { 'BTC-S': { pricedAs: 'BTC' } } });
    const contribution = assessBalance(
      { asset: 'BTC-S', quantity: decimal(2) },
      'MULTI_ASSET',
      market({ BTC: '100' }, ['BTC']),
      rules,
    );
    expect(toPlain(contribution.collateralValue)).toBe('180');
    expect(contribution.stale).toBe(true);
  });

  it('is worth null without a price', () => {
    const contribution = counted('1', null, flat('0.9'));
    expect([contribution.value, contribution.indexPrice, toPlain(contribution.collateralValue)]).toEqual([
      null,
      null,
      '0',
    ]);
  });
});

describe('a balance in single-asset mode (rules: 3)', () => {
  // 003: "In single-asset mode, only USDT is used as margin, and no collateral ratio is applied."
  it('counts USDT at 1 and nothing else, and every debt in full', () => {
    expect(value('5', null, flat('0.9999'), 'SINGLE_ASSET', 'USDT')).toBe('5');
    expect(value('5', '100', flat('0.9'), 'SINGLE_ASSET')).toBe('0');
    expect(value('-5', '100', flat('0.9'), 'SINGLE_ASSET')).toBe('-500');
  });
});
