import { describe, expect, it } from '@jest/globals';

import { assessMargin } from '../../../src/margin/state/assess.js';
import { decimal, toPlain } from '../../../src/margin/decimal.js';
import { checkMarginAdjustment, maxRemovableMargin } from '../../../src/margin/change/isolated.js';
import type { Market } from '../../../src/margin/model.js';
import { bookOnMargin } from '../../../src/margin/change/settle-isolated.js';
import {
  account,
  instrument,
  market,
  policy,
  position,
  type PositionText,
} from '../../support/oracle/margin-builders.js';

/** Maintenance 1 % and initial margin a tenth of the notional at 10x. */
const RULES = policy({ instruments: [instrument('BTCUSDT', 'BTC', [['0', '0.01', '0', '10']])] });
const OWN: PositionText = { size: '1', entry: '10000', leverage: '10', marginMode: 'ISOLATED', isolatedMargin: '1500' };

function questions(text: PositionText, prices: Market) {
  const state = account({ USDT: '700' }, [position(text)], { collateralMode: 'SINGLE_ASSET' });
  const own = assessMargin(state, prices, RULES).positions[0];
  if (own === undefined) throw new Error('no position');
  const most = maxRemovableMargin(own);
  return {
    most: most === null ? null : toPlain(most),
    adjust: (quantity: string) => checkMarginAdjustment(own, decimal(quantity), state, prices, RULES),
  };
}

describe('moving isolated margin (rules: 6)', () => {
  it('takes out what initial margin leaves, less a loss', () => {
    // At 10,000: 1,500 - 1,000 = 500. At 9,800: 1,500 - 200 - 980 = 320. At 10,200: 1,500 + 200 - 1,020 = 680.
    expect(questions(OWN, market({ BTCUSDT: '10000' })).most).toBe('500');
    expect(questions(OWN, market({ BTCUSDT: '9800' })).most).toBe('320');
    expect(questions(OWN, market({ BTCUSDT: '10200' })).most).toBe('680');
  });

  // 004: "the position collateral should not fall below the maintenance margin required to hold the position".
  it('leaves the maintenance margin, however large the profit', () => {
    // At 20,000: PnL 10,000 would allow 9,500; 1,500 - 200 = 1,300.
    const rich = questions(OWN, market({ BTCUSDT: '20000' }));
    expect(rich.most).toBe('1300');
    expect(rich.adjust('-1300')).toBeNull();
    expect(rich.adjust('-1300.000000000000000001')?.code).toBe('BELOW_MAINTENANCE_MARGIN');
  });

  it('refuses one unit more, with what there is', () => {
    const own = questions(OWN, market({ BTCUSDT: '9800' }));
    expect(own.adjust('-320')).toBeNull();
    expect(own.adjust('-320.000000000000000001')).toMatchObject({
      code: 'INSUFFICIENT_MARGIN',
      required: decimal('320.000000000000000001'),
      available: decimal(320),
    });
  });

  it('rounds what can be taken out down', () => {
    // 1.5 at 10,000 + 10^-18: PnL 1.5 x 10^-18; initial margin 1,500 + 10^-18 (up); 2,000 + 0.5 x 10^-18 - 1,500.
    const own = { ...OWN, size: '1.5', isolatedMargin: '2000' };
    expect(questions(own, market({ BTCUSDT: '10000.000000000000000001' })).most).toBe('500');
  });

  it('takes out nothing on a loss, on an old mark, and on none', () => {
    // At 9,000: 1,500 - 1,000 - 900 < 0.
    expect(questions(OWN, market({ BTCUSDT: '9000' })).most).toBe('0');
    const old = questions(OWN, market({ BTCUSDT: '10000' }, ['BTCUSDT']));
    expect([old.most, old.adjust('-1')?.code]).toEqual(['0', 'PRICE_UNAVAILABLE']);
    const none = questions(OWN, market({}));
    expect([none.most, none.adjust('-1')?.code]).toEqual(['0', 'PRICE_UNAVAILABLE']);
  });

  it('puts in what could be withdrawn', () => {
    const own = questions(OWN, market({ BTCUSDT: '10000' }));
    expect(own.adjust('700')).toBeNull();
    expect(own.adjust('700.000000000000000001')?.code).toBe('INSUFFICIENT_BALANCE');
  });

  it('is not for cross positions', () => {
    const cross = questions({ ...OWN, marginMode: 'CROSS', isolatedMargin: '0' }, market({ BTCUSDT: '10000' }));
    expect([cross.most, cross.adjust('1')?.code]).toEqual([null, 'ISOLATED_ONLY']);
  });
});

describe('booking on isolated margin', () => {
  const booked = (margin: string, amount: string) =>
    Object.values(bookOnMargin(decimal(margin), decimal(amount))).map(toPlain);

  it('changes the margin, not the balance: margin, out of margin, insurance', () => {
    expect(booked('100', '-30')).toEqual(['70', '30', '0']);
    expect(booked('100', '5')).toEqual(['105', '-5', '0']);
  });

  it('lets insurance pay what the margin lacks', () => {
    expect(booked('100', '-130')).toEqual(['0', '100', '30']);
  });
});
