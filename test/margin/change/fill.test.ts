import { describe, expect, it } from '@jest/globals';

import { withBalanceChanges, withPositions } from '../../../src/margin/state/account.js';
import { decimal, toPlain } from '../../../src/margin/decimal.js';
import { applyFill, type Fill, type FillEffect } from '../../../src/margin/change/fill.js';
import type { AccountState, PositionSide, TradeSide } from '../../../src/margin/model.js';
import { account, position } from '../../support/oracle/margin-builders.js';

function fill(side: TradeSide, size: string, price: string, more: Partial<Fill> = {}): Fill {
  return {
    instrument: 'BTCUSDT',
    settlementAsset: 'USDT',
    side,
    positionSide: null,
    size: decimal(size),
    price: decimal(price),
    fee: decimal(0),
    leverage: decimal(10),
    marginMode: 'CROSS',
    ...more,
  };
}

function taken(state: AccountState, next: Fill): FillEffect {
  const effect = applyFill(state, next);
  if (effect.refusal !== null) throw new Error(effect.refusal.message);
  return effect;
}

/** The effect as texts: "LONG 2 for 21000, margin 2100" and "FEE -1". */
function shown(effect: FillEffect): { positions: string[]; changes: string[]; pnl: string } {
  return {
    positions: effect.positions.map(
      ({ side, size, cost, isolatedMargin }) =>
        `${side} ${toPlain(size)} for ${toPlain(cost)}, margin ${toPlain(isolatedMargin)}`,
    ),
    changes: effect.changes.map(({ kind, quantity }) => `${kind} ${toPlain(quantity)}`),
    pnl: toPlain(effect.realizedPnl),
  };
}

function after(state: AccountState, ...fills: Fill[]): AccountState {
  return fills.reduce((current, next) => {
    const effect = taken(current, next);
    return withBalanceChanges(withPositions(current, effect.positions), effect.changes);
  }, state);
}

describe('a fill in cross margin, one-way', () => {
  it('opens a long and pays the fee from the balance', () => {
    expect(shown(taken(account({ USDT: '100' }), fill('BUY', '2', '50', { fee: decimal('0.04') })))).toEqual({
      positions: ['LONG 2 for 100, margin 0'],
      changes: ['FEE -0.04'],
      pnl: '0',
    });
  });

  it('pays a fee in the asset that it names, down to a debt, and takes a rebate in it', () => {
    const fee = (quantity: string, feeAsset: string | null): Partial<Fill> => ({ fee: decimal(quantity), feeAsset });
    const state = after(
      account({ USDT: '10', BNB: '1' }),
      fill('BUY', '1', '1', fee('3', 'BNB')),
      fill('SELL', '1', '1', fee('-0.5', 'BTC')),
      fill('BUY', '1', '1', fee('2', null)),
      fill('BUY', '1', '1', fee('1', 'USDT')),
    );
    expect(state.balances.map(({ asset, quantity }) => `${asset} ${toPlain(quantity)}`)).toEqual([
      'USDT 7',
      'BNB -2',
      'BTC 0.5',
    ]);
  });

  it('keeps size and cost, so that what three buys and two sales realise is exactly 2 (rules: 1)', () => {
    const held = after(account({}), fill('BUY', '1', '1'), fill('BUY', '1', '2'), fill('BUY', '1', '2'));
    // Cost 5. Selling 1 of 3 releases 5/3, rounded up: 1.666…667; 3 - 1.666…667 = 1.333…333.
    const first = taken(held, fill('SELL', '1', '3'));
    expect(shown(first)).toEqual({
      positions: ['LONG 2 for 3.333333333333333333, margin 0'],
      changes: ['REALIZED_PNL 1.333333333333333333'],
      pnl: '1.333333333333333333',
    });
    // 2 x 2 - 3.333…333 = 0.666…667, and 1.333…333 + 0.666…667 = 2.
    const second = taken(withPositions(held, first.positions), fill('SELL', '2', '2'));
    expect(shown(second).pnl).toBe('0.666666666666666667');
    expect(shown(second).positions).toEqual(['LONG 0 for 0, margin 0']);
  });

  it('releases the cost of a short rounded down', () => {
    // Short 3 for 5. Buying 1 back at 1 releases 1.666…666; PnL 0.666…666.
    const held = after(account({}), fill('SELL', '1', '1'), fill('SELL', '2', '2'));
    expect(shown(taken(held, fill('BUY', '1', '1')))).toEqual({
      positions: ['SHORT 2 for 3.333333333333333334, margin 0'],
      changes: ['REALIZED_PNL 0.666666666666666666'],
      pnl: '0.666666666666666666',
    });
  });

  it('rounds a realised profit down at 18 digits', () => {
    // 10^-18 x 0.5 = 5 x 10^-19 of cost; sold at 2: 2 x 10^-18 - 5 x 10^-19 = 1.5 x 10^-18.
    const held = after(account({}), fill('BUY', '0.000000000000000001', '0.5'));
    expect(shown(taken(held, fill('SELL', '0.000000000000000001', '2'))).pnl).toBe('0.000000000000000001');
  });

  it('never releases more than the cost of dust', () => {
    // 2 x 10^-18 bought at 0.1 cost 2 x 10^-19; half of it, rounded up, would be 10^-18.
    const held = after(account({}), fill('BUY', '0.000000000000000002', '0.1'));
    const [left] = taken(held, fill('SELL', '0.000000000000000001', '0.1')).positions;
    expect(left?.cost.isZero()).toBe(true);
  });

  it('closes all and opens the rest at the fill price when it crosses zero', () => {
    const held = after(account({}), fill('BUY', '1', '100'));
    expect(shown(taken(held, fill('SELL', '3', '110', { fee: decimal('0.3') })))).toEqual({
      positions: ['LONG 0 for 0, margin 0', 'SHORT 2 for 220, margin 0'],
      changes: ['REALIZED_PNL 10', 'FEE -0.3'],
      pnl: '10',
    });
  });

  it('ignores a named side, and other instruments', () => {
    const held = account({}, [position({ instrument: 'ETHUSDT', size: '1', entry: '100' })]);
    const effect = taken(held, fill('SELL', '1', '110', { positionSide: 'LONG' }));
    expect(shown(effect).positions).toEqual(['SHORT 1 for 110, margin 0']);
  });

  it('takes the leverage set for a new position, and keeps that of an old one', () => {
    expect(taken(account({}), fill('BUY', '1', '1', { leverage: decimal(7) })).positions[0]?.leverage).toEqual(
      decimal(7),
    );
    const held = account({}, [position({ size: '1', entry: '1', leverage: '5' })]);
    expect(taken(held, fill('BUY', '1', '1')).positions[0]?.leverage).toEqual(decimal(5));
  });
});

describe('a fill in hedge mode', () => {
  const both = account(
    {},
    [position({ size: '1', entry: '100' }), position({ side: 'SHORT', size: '2', entry: '100' })],
    { positionMode: 'HEDGE' },
  );
  const named = (side: TradeSide, positionSide: PositionSide, size: string): Fill =>
    fill(side, size, '90', { positionSide });

  it('opens and closes only the side that it names', () => {
    expect(shown(taken(both, named('BUY', 'LONG', '1')))).toEqual({
      positions: ['LONG 2 for 190, margin 0'],
      changes: [],
      pnl: '0',
    });
    expect(shown(taken(both, named('BUY', 'SHORT', '2')))).toEqual({
      positions: ['SHORT 0 for 0, margin 0'],
      changes: ['REALIZED_PNL 20'],
      pnl: '20',
    });
    expect(shown(taken(both, named('SELL', 'SHORT', '1'))).positions).toEqual(['SHORT 3 for 290, margin 0']);
    expect(shown(taken(both, named('SELL', 'LONG', '1'))).pnl).toBe('-10');
  });

  it('refuses to close more than the side holds, and a fill without a side', () => {
    const tooMuch = applyFill(both, named('SELL', 'LONG', '1.000000000000000001'));
    expect(tooMuch.refusal?.code).toBe('INVALID_INPUT');
    expect(tooMuch.refusal?.available).toEqual(decimal(1));
    const nothingThere = applyFill({ ...both, positions: [] }, named('BUY', 'SHORT', '1'));
    expect(nothingThere.refusal?.code).toBe('INVALID_INPUT');
    expect(applyFill(both, fill('BUY', '1', '1')).refusal?.code).toBe('INVALID_INPUT');
  });
});

describe('a fill in isolated margin (rules: 6)', () => {
  const isolated = (side: TradeSide, size: string, price: string, fee = '0'): Fill =>
    fill(side, size, price, { marginMode: 'ISOLATED', fee: decimal(fee) });
  const held = after(account({ USDT: '5000' }), isolated('BUY', '1', '10000'), isolated('BUY', '1', '11000'));

  it('sets aside size x price / leverage', () => {
    // 1,000 + 1,100 = 2,100; 5,000 - 2,100 = 2,900.
    expect(toPlain(held.positions[0]?.isolatedMargin ?? decimal(0))).toBe('2100');
    expect(toPlain(held.balances[0]?.quantity ?? decimal(0))).toBe('2900');
  });

  it('rounds what is set aside up, and pays the fee from the balance', () => {
    const effect = taken(
      account({}),
      fill('BUY', '1', '1', { marginMode: 'ISOLATED', leverage: decimal(3), fee: decimal(1) }),
    );
    expect(shown(effect).changes).toEqual(['FEE -1', 'MARGIN_ADJUSTMENT -0.333333333333333334']);
  });

  it('releases margin in proportion and settles PnL against it: +275 to the balance, margin 1,575', () => {
    // 0.5 of 2: cost 5,250, margin 525; PnL 5,000 - 5,250 = -250; 525 - 250 = 275.
    expect(shown(taken(held, isolated('SELL', '0.5', '10000')))).toEqual({
      positions: ['LONG 1.5 for 15750, margin 1575'],
      changes: ['MARGIN_ADJUSTMENT 525', 'REALIZED_PNL -250'],
      pnl: '-250',
    });
  });

  it('takes a deficit out of the margin that is left', () => {
    // 0.5 @ 9,000: PnL 4,500 - 5,250 = -750, fee 5; 525 - 755 = -230; 1,575 - 230 = 1,345. Nothing to the balance.
    expect(shown(taken(held, isolated('SELL', '0.5', '9000', '5')))).toEqual({
      positions: ['LONG 1.5 for 15750, margin 1345'],
      changes: ['MARGIN_ADJUSTMENT 755', 'REALIZED_PNL -750', 'FEE -5'],
      pnl: '-750',
    });
  });

  it('lets insurance pay what the margin lacks: closing both at 9,000 brings +900', () => {
    // 18,000 - 21,000 = -3,000; 2,100 - 3,000 = -900.
    expect(shown(taken(held, isolated('SELL', '2', '9000')))).toEqual({
      positions: ['LONG 0 for 0, margin 0'],
      changes: ['MARGIN_ADJUSTMENT 2100', 'REALIZED_PNL -3000', 'INSURANCE 900'],
      pnl: '-3000',
    });
  });

  it('shares the fee by size when it crosses zero', () => {
    // 3 sold at 9,000 with a fee of 3: 2 of it settle with the margin, so that insurance pays 902; the balance pays
    // 1 and sets aside 9,000 / 10 = 900. 2,100 - 3,000 - 3 + 902 - 900 = -901.
    expect(shown(taken(held, isolated('SELL', '3', '9000', '3')))).toEqual({
      positions: ['LONG 0 for 0, margin 0', 'SHORT 1 for 9000, margin 900'],
      changes: ['MARGIN_ADJUSTMENT 2100', 'REALIZED_PNL -3000', 'FEE -3', 'INSURANCE 902', 'MARGIN_ADJUSTMENT -900'],
      pnl: '-3000',
    });
  });

  it('keeps a fee in another asset out of the margin, whatever it closes', () => {
    const inBnb = (side: TradeSide, size: string, price: string): Fill => ({
      ...isolated(side, size, price, '3'),
      feeAsset: 'BNB',
    });
    // Opening 1 at 9,000 sets 900 aside.
    expect(shown(taken(held, inBnb('BUY', '1', '9000'))).changes).toEqual(['FEE -3', 'MARGIN_ADJUSTMENT -900']);
    // 0.5 @ 9,000 as above, without the fee: 525 - 750 = -225; 1,575 - 225 = 1,350.
    expect(shown(taken(held, inBnb('SELL', '0.5', '9000')))).toEqual({
      positions: ['LONG 1.5 for 15750, margin 1350'],
      changes: ['MARGIN_ADJUSTMENT 750', 'REALIZED_PNL -750', 'FEE -3'],
      pnl: '-750',
    });
    // All and more: the insurance fund pays no part of it.
    expect(shown(taken(held, inBnb('SELL', '3', '9000'))).changes).toEqual([
      'MARGIN_ADJUSTMENT 2100',
      'REALIZED_PNL -3000',
      'FEE -3',
      'INSURANCE 900',
      'MARGIN_ADJUSTMENT -900',
    ]);
    const { balances } = after(held, inBnb('SELL', '3', '9000'));
    expect(balances.map(({ asset, quantity }) => `${asset} ${toPlain(quantity)}`)).toEqual(['USDT 2000', 'BNB -3']);
  });

  it('rounds released margin down', () => {
    // Margin 1 on 3: closing 1 at entry releases 0.333…333.
    const third = account({}, [position({ size: '3', entry: '1', marginMode: 'ISOLATED', isolatedMargin: '1' })]);
    expect(shown(taken(third, isolated('SELL', '1', '1')))).toEqual({
      positions: ['LONG 2 for 2, margin 0.666666666666666667'],
      changes: ['MARGIN_ADJUSTMENT 0.333333333333333333'],
      pnl: '0',
    });
  });
});
