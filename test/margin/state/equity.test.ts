/** PnL as equity, and what debts require by tables (rules: 17 and 18). */
import { describe, expect, it } from '@jest/globals';

import { decimal, toPlain } from '../../../src/margin/decimal.js';
import type { LiabilityTable, LiabilityTier, Policy, TierUnit } from '../../../src/margin/model.js';
import { maxTransferable } from '../../../src/margin/solve/transferable.js';
import { assessMargin } from '../../../src/margin/state/assess.js';
import { account, flat, instrument, market, policy, position, table } from '../../support/oracle/margin-builders.js';

const BTCUSDT = instrument('BTCUSDT', 'BTC', [['0', '0.01', '0', '100']]);

function rules(pnlCounts: Policy['pnlCounts'], more: Partial<Policy> = {}): Policy {
  const ratios = { USDT: table([['0', '0.9999']]), USDC: flat('1') };
  return { ...policy({ ratios, instruments: [BTCUSDT] }), pnlCounts, ...more };
}

describe('unrealised PnL', () => {
  // 1 BTC from 60,000.
  const long = position({ size: '1', entry: '60000', leverage: '100' });
  const state = account({ USDT: '1000' }, [long]);
  const balanceAt = (mark: string, of: Policy): string =>
    toPlain(assessMargin(state, market({ BTCUSDT: mark }), of).marginBalance);

  it('counts beside the collateral, or goes through the tiers with the balance', () => {
    expect(balanceAt('59600', rules('IN_FULL'))).toBe('599.9');
    expect(balanceAt('59600', rules('AS_EQUITY'))).toBe('599.94');
    expect(balanceAt('60400', rules('IN_FULL'))).toBe('1399.9');
    expect(balanceAt('60400', rules('AS_EQUITY'))).toBe('1399.86');
  });

  it('counts in full where it leaves less than nothing', () => {
    expect(balanceAt('58500', rules('AS_EQUITY'))).toBe('-500');
    expect(balanceAt('58500', rules('IN_FULL'))).toBe('-500.1');
  });

  it('is the same in single-asset mode', () => {
    const single = { ...state, collateralMode: 'SINGLE_ASSET' as const };
    const at = (of: Policy): string => toPlain(assessMargin(single, market({ BTCUSDT: '59600' }), of).marginBalance);
    expect([at(rules('IN_FULL')), at(rules('AS_EQUITY'))]).toEqual(['600', '600']);
  });

  it('makes an equity of an asset that has no balance', () => {
    const other = account({ USDC: '1000' }, [long]);
    const report = assessMargin(other, market({ BTCUSDT: '60100', USDC: '1' }), rules('AS_EQUITY'));
    const usdt = report.collateral.find(({ asset }) => asset === 'USDT');
    expect([usdt?.quantity, usdt?.equity, usdt?.collateralValue].map((each) => each && toPlain(each))).toEqual([
      '0',
      '100',
      '99.99',
    ]);
    expect(toPlain(report.walletValue)).toBe('1000');
  });

  it('lets no profit leave, and the balance beside a loss that others cover', () => {
    const rich = account({ USDT: '1000', USDC: '100000' }, [long]);
    const most = (mark: string): string =>
      toPlain(maxTransferable('USDT', rich, market({ BTCUSDT: mark, USDC: '1' }), rules('AS_EQUITY')));
    expect([most('60400'), most('59600'), most('58000')]).toEqual(['1000', '1000', '1000']);
  });
});

describe('debts', () => {
  const tier = (floor: string, cap: string | null, rate: string): LiabilityTier => ({
    ...{ floor: decimal(floor), cap: cap === null ? null : decimal(cap) },
    ...{ initialRate: decimal(rate).times(2), maintenanceRate: decimal(rate) },
  });
  const of = (asset: string | null, tierUnit: TierUnit, ...tiers: LiabilityTier[]): LiabilityTable => ({
    ...{ asset, tierUnit, tiers },
  });
  const required = (quantities: Record<string, string>, ...liabilities: LiabilityTable[]): string[] => {
    const report = assessMargin(
      account(quantities),
      market({ BTC: '50000', USDC: '1' }),
      rules('IN_FULL', { liabilities }),
    );
    return [report.initialMargin, report.maintenanceMargin, report.liabilityMargin].map(toPlain);
  };
  const ladder = [tier('0', '100000', '0.05'), tier('100000', '200000', '0.1')];

  it('require margin by the tiers of the amount owed, each asset by itself', () => {
    const usual = of(null, 'QUOTE_VALUE', ...ladder);
    expect(required({ USDT: '-150000' }, usual)).toEqual(['20000', '10000', '10000']);
    expect(required({ USDT: '-75000', USDC: '-75000' }, usual)).toEqual(['15000', '7500', '7500']);
    // Above the last cap the last tier goes on.
    expect(required({ USDT: '-300000' }, usual)).toEqual(['50000', '25000', '25000']);
  });

  it('take the table of their asset before that of all', () => {
    const btc = of('BTC', 'QUANTITY', tier('0', '1', '0.1'), tier('1', null, '0.2'));
    const usual = of(null, 'QUOTE_VALUE', ...ladder);
    expect(required({ BTC: '-2', USDT: '-1000' }, usual, btc)).toEqual(['30100', '15050', '15050']);
    expect(required({ BTC: '-2', USDT: '-1000' }, btc)).toEqual(['30000', '15000', '15000']);
  });
});
