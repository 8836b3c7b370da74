import { describe, expect, it } from '@jest/globals';

import { assessMargin, type MarginReport } from '../../../src/margin/state/assess.js';
import { worstStatus } from '../../../src/margin/state/status.js';
import { checkTrade } from '../../../src/margin/change/acceptance.js';
import { decimal, toPlain, type Decimal } from '../../../src/margin/decimal.js';
import type { AccountState, CollateralTable, Market } from '../../../src/margin/model.js';
import { account, flat, market, policy, position, table } from '../../support/oracle/margin-builders.js';

const RULES = policy({ ratios: { BTC: flat('0.95'), ETH: flat('0.95'), USD1: flat('0.99') } });

function assess(state: AccountState, prices: Market, rules = RULES): MarginReport {
  return assessMargin(state, prices, rules);
}

function plain(value: Decimal | null): string | null {
  return value === null ? null : toPlain(value);
}

describe('an account without positions (rules: 5)', () => {
  it('has no exposure while it is worth anything', () => {
    const report = assess(account({ BTC: '1', USDT: '-4000' }), market({ BTC: '5000' }));
    // 5,000 x 0.95 - 4,000 = 750.
    expect([report.status, plain(report.marginBalance), report.marginRatio, report.healthFactor]).toEqual([
      'NO_EXPOSURE',
      '750',
      null,
      null,
    ]);
  });

  it('is liquidated when it owes more than its collateral counts: 1 BTC at 5,000 and -5,000 USDT', () => {
    const report = assess(account({ BTC: '1', USDT: '-5000' }), market({ BTC: '5000' }));
    expect([report.status, plain(report.marginBalance), report.marginRatio]).toEqual(['LIQUIDATION', '-250', null]);
    expect(plain(report.walletValue)).toBe('0');
  });

  it('owes in every asset in single-asset mode: USDT 1,000 and USD1 -5,000', () => {
    const state = account({ USDT: '1000', USD1: '-5000', BTC: '3' }, [], { collateralMode: 'SINGLE_ASSET' });
    const report = assess(state, market({ USD1: '1', BTC: '5000' }));
    expect([report.status, plain(report.marginBalance)]).toEqual(['LIQUIDATION', '-4000']);
  });

  it('is empty', () => {
    const report = assess(account({}), market({}));
    expect([report.status, plain(report.marginBalance), plain(report.availableMargin)]).toEqual([
      'NO_EXPOSURE',
      '0',
      '0',
    ]);
  });
});

describe('an account with cross positions', () => {
  // 2 BTC long from 29,000 at 30,000: notional 60,000, PnL 2,000; 60,000 x 0.005 - 50 = 250; 60,000 / 20 = 3,000.
  const long = position({ size: '2', entry: '29000' });

  it('adds collateral and PnL, and takes what is required off', () => {
    const report = assess(account({ USDT: '1000', BTC: '0.1' }, [long]), market({ BTC: '30000', BTCUSDT: '30000' }));
    expect({
      status: report.status,
      wallet: plain(report.walletValue),
      collateral: plain(report.collateralValue),
      pnl: plain(report.unrealizedPnl),
      balance: plain(report.marginBalance),
      initial: plain(report.initialMargin),
      maintenance: plain(report.maintenanceMargin),
      available: plain(report.availableMargin),
      ratio: plain(report.marginRatio),
      health: plain(report.healthFactor),
    }).toEqual({
      status: 'HEALTHY',
      wallet: '4000', // 1,000 + 3,000
      collateral: '3850', // 1,000 + 3,000 x 0.95
      pnl: '2000',
      balance: '5850',
      initial: '3000',
      maintenance: '250',
      available: '2850',
      ratio: '0.042735042735042736', // 250 / 5,850 = 0.0427350427350427350…, up
      health: '23.4',
    });
    expect(report.positions[0]).toMatchObject({ status: 'HEALTHY', marginMode: 'CROSS' });
    expect(plain(report.positions[0]?.marginRatio ?? null)).toBe('0.042735042735042736');
  });

  it('adds both sides of a hedge up, without netting', () => {
    const short = position({ side: 'SHORT', size: '1', entry: '31000' });
    const hedged = account({ USDT: '5000' }, [long, short], { positionMode: 'HEDGE' });
    const report = assess(hedged, market({ BTCUSDT: '30000' }));
    // Short: notional 30,000 in tier 1: 120 and 1,500; PnL +1,000. Netted, 1 BTC would need 120.
    expect([plain(report.maintenanceMargin), plain(report.initialMargin), plain(report.unrealizedPnl)]).toEqual([
      '370',
      '4500',
      '3000',
    ]);
  });

  it('asks for margin of debts where the policy does', () => {
    const rules = { ...RULES, debtMarginRate: decimal('0.1') };
    const report = assess(account({ USDT: '-1000', BTC: '1' }, []), market({ BTC: '30000' }), rules);
    // 1,000 x 0.1 = 100 of both; 28,500 - 1,000 = 27,500.
    expect([plain(report.initialMargin), plain(report.maintenanceMargin), report.status]).toEqual([
      '100',
      '100',
      'HEALTHY',
    ]);
  });

  it('has margin available by the initial tiers: BTC 0.95, at first 0.9, 1 BTC at 60,000', () => {
    const weighted = { ...flat('0.95'), initialTiers: flat('0.9').tiers };
    const state = account({ BTC: '1', USDT: '-1000' }, [position({ size: '0.1', entry: '60000', leverage: '10' })]);
    const prices = market({ BTC: '60000', BTCUSDT: '60000' });
    const report = assess(state, prices, policy({ ratios: { BTC: weighted } }));
    const [btc] = report.collateral;
    expect([btc?.collateralValue, btc?.initialCollateralValue].map((value) => plain(value ?? null))).toEqual([
      '57000',
      '54000',
    ]);
    // The debt counts in full in both; 600 of initial margin.
    expect(
      [report.marginBalance, report.initialCollateralValue, report.initialMargin, report.availableMargin].map(plain),
    ).toEqual(['56000', '53000', '600', '52400']);
    const without = assess(state, prices, policy({ ratios: { BTC: flat('0.95') } }));
    expect([without.status, plain(without.marginRatio)]).toEqual([report.status, plain(report.marginRatio)]);
    expect(plain(without.initialCollateralValue)).toBe('56000');
  });

  it('opens nothing against an asset that counts 0 at first, and liquidates nobody', () => {
    const none = policy({ ratios: { BTC: { ...flat('0.95'), initialTiers: flat('0').tiers } } });
    const prices = market({ BTC: '60000', BTCUSDT: '60000' });
    const holding = account({ BTC: '1', USDT: '100' }, []);
    const opened = { ...holding, positions: [position({ size: '0.1', entry: '60000' })] };
    expect(assess(opened, prices, none).status).toBe('HEALTHY');
    expect(checkTrade(holding, opened, prices, none).refusal).toMatchObject({
      ...{ code: 'INSUFFICIENT_MARGIN', required: decimal(300), available: decimal(100) },
    });
    const smaller = { ...holding, positions: [position({ size: '0.05', entry: '60000' })] };
    expect(checkTrade(opened, smaller, prices, none).refusal).toBeNull();
  });

  it('has no available margin below its initial margin', () => {
    const report = assess(account({ USDT: '500' }, [long]), market({ BTCUSDT: '30000' }));
    // 500 + 2,000 = 2,500 < 3,000.
    expect([report.status, plain(report.availableMargin)]).toEqual(['HEALTHY', '0']);
  });
});

describe('missing and old prices (rules: 2)', () => {
  // 1 BTC unpriced + 100 USDT with 150 required: the margin balance of 100 is only a lower bound.
  const needs150 = position({ instrument: 'BTCUSDT', size: '1', entry: '37500' });

  it('cannot tell LIQUIDATION from a lower bound', () => {
    const state = account({ BTC: '1', USDT: '100' }, [needs150]);
    const report = assess(state, market({ BTCUSDT: '37500' }));
    // 37,500 x 0.004 = 150.
    expect(plain(report.maintenanceMargin)).toBe('150');
    expect(plain(report.marginBalance)).toBe('100');
    expect([report.status, report.marginRatio, report.healthFactor]).toEqual(['UNPRICED', null, null]);
    expect(plain(report.availableMargin)).toBe('0');
    expect(report.unpriced).toEqual(['BTC']);
  });

  it('keeps HEALTHY on a lower bound, and does not mind what would not count', () => {
    expect(assess(account({ BTC: '1', USDT: '301' }, [needs150]), market({ BTCUSDT: '37500' })).status).toBe('HEALTHY');
    expect(assess(account({ XYZ: '1', USDT: '100' }, [needs150]), market({ BTCUSDT: '37500' })).status).toBe(
      'LIQUIDATION',
    );
    expect(assess(account({ BTC: '1' }), market({})).status).toBe('NO_EXPOSURE');
  });

  it('does not mind what would count 0 at any price: a grain of DUST hides no liquidation', () => {
    const inCoins = table(
      [
        ['0', '0'],
        ['10', '0.5'],
      ],
      { tierUnit: 'QUANTITY' },
    );
    const without = assess(account({ USDT: '100' }, [needs150]), market({ BTCUSDT: '37500' }));
    const status = (ratio: CollateralTable, quantity = '0.000000000000000001'): string => {
      const held = account({ DUST: quantity, USDT: '100' }, [needs150]);
      const report = assess(held, market({ BTCUSDT: '37500' }), policy({ ratios: { DUST: ratio } }));
      if (report.status === 'LIQUIDATION') expect(plain(report.marginRatio)).toBe(plain(without.marginRatio));
      return report.status;
    };
    expect(status(flat('0'))).toBe('LIQUIDATION');
    expect(status(table([['0', '1']], { userCap: '0' }))).toBe('LIQUIDATION');
    expect(
      status(
        table([
          ['0', '0'],
          ['1000', '0.1'],
        ]),
      ),
    ).toBe('UNPRICED'); // at a price of 1e22 it counts
    expect(status(inCoins, '10')).toBe('LIQUIDATION');
    expect(status(inCoins, '10.000000000000000001')).toBe('UNPRICED');
    expect(status({ ...inCoins, userCap: decimal(10) }, '11')).toBe('LIQUIDATION');
    expect(status({ ...flat('1'), countsUnpricedAbove: null })).toBe('LIQUIDATION');
    expect(status({ ...flat('1'), countsUnpricedAbove: decimal(5) }, '5')).toBe('LIQUIDATION');
    expect(status({ ...flat('1'), countsUnpricedAbove: decimal(5) }, '6')).toBe('UNPRICED');
  });

  it('promises nothing while a debt or a position has no price, LIQUIDATION or not', () => {
    expect(assess(account({ BTC: '-1', USDT: '-1000000' }), market({})).status).toBe('UNPRICED');
    const report = assess(account({ USDT: '1000000' }, [needs150]), market({}));
    expect([report.status, report.unpriced]).toEqual(['UNPRICED', ['BTCUSDT']]);
    expect(report.positions[0]).toMatchObject({
      status: 'UNPRICED',
      notional: null,
      markPrice: null,
      unrealizedPnl: null,
    });
  });

  it('goes on with stale prices and lists them by code point', () => {
    const report = assess(
      account({ ETH: '1', BTC: '1', USDT: '1000' }, [needs150]),
      market({ BTC: '1', ETH: '1', BTCUSDT: '37500' }, ['ETH', 'BTCUSDT', 'BTC']),
    );
    expect(report.stale).toEqual(['BTC', 'BTCUSDT', 'ETH']);
    expect(report.status).toBe('HEALTHY');
  });
});

describe('isolated positions (rules: 6)', () => {
  // 1 @ 10,000 with 1,000 of margin, at 9,500: PnL -500, own balance 500, maintenance 9,500 x 0.004 = 38.
  const isolated = position({
    size: '1',
    entry: '10000',
    leverage: '10',
    marginMode: 'ISOLATED',
    isolatedMargin: '1000',
  });

  it('stand by themselves and leave the cross account alone', () => {
    const report = assess(account({ USDT: '10' }, [isolated]), market({ BTCUSDT: '9500' }));
    expect([report.status, plain(report.marginBalance), plain(report.initialMargin)]).toEqual([
      'NO_EXPOSURE',
      '10',
      '0',
    ]);
    const own = report.positions[0];
    expect([own?.status, plain(own?.marginRatio ?? null), plain(own?.initialMargin ?? null)]).toEqual([
      'HEALTHY',
      '0.076', // 38 / 500
      '950',
    ]);
  });

  it('are liquidated alone, and the worst status says so', () => {
    const report = assess(account({ USDT: '10' }, [isolated]), market({ BTCUSDT: '9036' }));
    // 1,000 - 964 = 36 < 9,036 x 0.004 = 36.144.
    expect([report.status, report.positions[0]?.status, worstStatus(report)]).toEqual([
      'NO_EXPOSURE',
      'LIQUIDATION',
      'LIQUIDATION',
    ]);
  });

  it('concern only themselves without a price', () => {
    const report = assess(account({ USDT: '10' }, [isolated]), market({}));
    expect([report.status, report.positions[0]?.status, worstStatus(report)]).toEqual([
      'NO_EXPOSURE',
      'UNPRICED',
      'UNPRICED',
    ]);
    expect(report.unpriced).toEqual(['BTCUSDT']);
  });
});
