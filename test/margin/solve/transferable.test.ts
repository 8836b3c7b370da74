import { describe, expect, it } from '@jest/globals';

import { withBalanceChanges } from '../../../src/margin/state/account.js';
import { assessMargin } from '../../../src/margin/state/assess.js';
import { decimal, toPlain } from '../../../src/margin/decimal.js';
import type { AccountState, CollateralTable, Market, Policy } from '../../../src/margin/model.js';
import { checkTransferOut, maxTransferable } from '../../../src/margin/solve/transferable.js';
import {
  account,
  BITGET_BTC,
  flat,
  instrument,
  market,
  policy,
  position,
  table,
} from '../../support/oracle/margin-builders.js';

/** Leverage 10 and hardly any maintenance: initial margin is a tenth of the notional. */
const TENFOLD = instrument('BTCUSDT', 'BTC', [['0', '0.001', '0', '10']]);

function rules(ratios: Readonly<Record<string, CollateralTable>> = {}): Policy {
  return policy({ ratios, instruments: [TENFOLD], assets: { BonusUSD: { transferable: false }, USD1: {} } });
}

/** Exactly `most` leaves, and one unit of the 18th digit more does not. */
function expectMost(asset: string, most: string, state: AccountState, prices: Market, of: Policy): void {
  expect(toPlain(maxTransferable(asset, state, prices, of))).toBe(most);
  if (most !== '0') expect(checkTransferOut(asset, decimal(most), state, prices, of)).toBeNull();
  expect(checkTransferOut(asset, decimal(most).plus('1e-18'), state, prices, of)).not.toBeNull();
}

describe('max transferable (rules: 8)', () => {
  it('does not let unrealised profit leave: 1,000 USDT, PnL +500, initial margin 600', () => {
    // 1 @ 5,500, at 6,000: notional 6,000 at 10x: 600. 1,000 + min(0, 500) - 600 = 400.
    const state = account({ USDT: '1000' }, [position({ size: '1', entry: '5500', leverage: '10' })]);
    expectMost('USDT', '400', state, market({ BTCUSDT: '6000' }), rules());
  });

  it('takes unrealised losses off', () => {
    // 1 @ 6,200, at 6,000: PnL -200. 1,000 - 200 - 600 = 200.
    const state = account({ USDT: '1000' }, [position({ size: '1', entry: '6200', leverage: '10' })]);
    expectMost('USDT', '200', state, market({ BTCUSDT: '6000' }), rules());
  });

  it('reads tiers backwards: BITGET, 10 BTC at 60,000, initial margin 500,000', () => {
    // 500,000 = 97,500 + 388,000 + 14,500: 14,500 / 0.965 = 15,025.90673575129533678756 of the third tier;
    // 515,025.90673575129533678756 / 60,000 = 8.58376511226252158895; 10 - that = 1.416234887737478411…
    const state = account({ BTC: '10' }, [position({ size: '100', entry: '50000', leverage: '10' })]);
    expectMost(
      'BTC',
      '1.416234887737478411',
      state,
      market({ BTC: '60000', BTCUSDT: '50000' }),
      rules({ BTC: BITGET_BTC }),
    );
  });

  it('reads tiers in coins backwards, and lets go what lies above a cap', () => {
    // 30 coins at 10, of which 20 count: 10 x 10 x 1 + 10 x 10 x 0.5 = 150. 120 needed = 100 + 20: 20 / 5 = 4 coins of
    // the second tier. 14 stay, 16 leave.
    const inCoins = table(
      [
        ['0', '1'],
        ['10', '0.5'],
      ],
      { tierUnit: 'QUANTITY', userCap: '20' },
    );
    const state = account({ SOL: '30' }, [position({ size: '1', entry: '1200', leverage: '10' })]);
    expectMost('SOL', '16', state, market({ SOL: '10', BTCUSDT: '1200' }), rules({ SOL: inCoins }));
  });

  it('keeps what is needed exactly on the edge of a tier', () => {
    // 97,500 is exactly what the first 100,000 count: 100,000 / 60,000 stay, 10 - 1.666… = 8.333… leave.
    const state = account({ BTC: '10' }, [position({ size: '1', entry: '975000', leverage: '10' })]);
    expectMost(
      'BTC',
      '8.333333333333333333',
      state,
      market({ BTC: '60000', BTCUSDT: '975000' }),
      rules({ BTC: BITGET_BTC }),
    );
  });

  it('lets all leave where nothing is required, stale or without a price', () => {
    expectMost('BTC', '2', account({ BTC: '2' }), market({ BTC: '1' }, ['BTC']), rules({ BTC: flat('0.9') }));
    expectMost('BTC', '2', account({ BTC: '2' }), market({}), rules({ BTC: flat('0.9') }));
  });

  it('is 0 when the initial margin is not covered already, for debts, and for what is not there', () => {
    const state = account({ USDT: '500', USD1: '-10' }, [position({ size: '1', entry: '6000', leverage: '10' })]);
    const prices = market({ BTCUSDT: '6000', USD1: '1' });
    expectMost('USDT', '0', state, prices, rules());
    expectMost('USD1', '0', state, prices, rules());
    expectMost('BTC', '0', state, prices, rules());
  });

  it('says why not', () => {
    const state = account({ USDT: '1000', BonusUSD: '5', BTC: '1' }, [
      position({ size: '1', entry: '6000', leverage: '10' }),
    ]);
    const of = rules({ BTC: flat('0.5'), BonusUSD: flat('0.9999') });
    const prices = market({ BTCUSDT: '6000', BTC: '1', BonusUSD: '1' });
    expect(checkTransferOut('BonusUSD', decimal(1), state, prices, of)?.code).toBe('NOT_TRANSFERABLE');
    expect(toPlain(maxTransferable('BonusUSD', state, prices, of))).toBe('0');
    expect(checkTransferOut('USDT', decimal(1001), state, prices, of)).toMatchObject({
      code: 'INSUFFICIENT_BALANCE',
      required: decimal(1001),
      available: decimal(1000),
    });
    // 1,000 + 0.5 + 4.9995 - 600 = 405.4995.
    expect(checkTransferOut('USDT', decimal(406), state, prices, of)).toMatchObject({
      code: 'INSUFFICIENT_MARGIN',
      required: decimal(406),
      available: decimal('405.4995'),
    });
  });

  it('refuses while a price that it takes is stale or missing', () => {
    const state = account({ USDT: '1000', BTC: '1' }, [position({ size: '1', entry: '6000', leverage: '10' })]);
    const of = rules({ BTC: flat('0.5') });
    for (const prices of [
      market({ BTCUSDT: '6000', BTC: '1' }, ['BTC']),
      market({ BTCUSDT: '6000', BTC: '1' }, ['BTCUSDT']),
      market({ BTC: '1' }),
    ]) {
      expect(toPlain(maxTransferable('USDT', state, prices, of))).toBe('0');
      expect(checkTransferOut('USDT', decimal(1), state, prices, of)?.code).toBe('PRICE_UNAVAILABLE');
    }
    // What counts nothing may be as stale as it likes.
    expect(
      checkTransferOut('USDT', decimal(1), state, market({ BTCUSDT: '6000', BTC: '1' }, ['BTC']), rules()),
    ).toBeNull();
  });

  it('in single-asset mode lets other assets leave entirely while no USDT is owed', () => {
    // 003: "Other assets can be transferred to other accounts."
    const short = [position({ size: '1', entry: '6000', leverage: '10' })];
    const single = { collateralMode: 'SINGLE_ASSET' } as const;
    const of = rules({ BTC: flat('0.5') });
    expectMost(
      'BTC',
      '3',
      account({ USDT: '0', BTC: '3' }, short, single),
      market({ BTCUSDT: '6000', BTC: '1' }, ['BTC']),
      of,
    );
    expectMost('BTC', '0', account({ USDT: '-1', BTC: '3' }, short, single), market({ BTCUSDT: '6000', BTC: '1' }), of);
    expectMost(
      'USDT',
      '400',
      account({ USDT: '1000', BTC: '3' }, short, single),
      market({ BTCUSDT: '6000', BTC: '1' }, ['BTC']),
      of,
    );
  });

  it('leaves an account that still covers its initial margin', () => {
    const state = account({ BTC: '10' }, [position({ size: '100', entry: '50000', leverage: '10' })]);
    const prices = market({ BTC: '60000', BTCUSDT: '50000' });
    const of = rules({ BTC: BITGET_BTC });
    const quantity = maxTransferable('BTC', state, prices, of).negated();
    const after = assessMargin(withBalanceChanges(state, [{ asset: 'BTC', quantity, kind: 'TRANSFER' }]), prices, of);
    expect(after.marginBalance.gte(after.initialMargin)).toBe(true);
    expect(after.marginBalance.minus(after.initialMargin).lt('0.0000000001')).toBe(true);
  });
});
