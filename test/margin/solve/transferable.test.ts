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

  it('leaves a part of the notional, or a multiple of maintenance margin, where the policy says so', () => {
    // 1 @ 6,200, at 6,000: PnL -200, notional 6,000, initial margin 600, maintenance margin 6.
    const state = account({ USDT: '1000' }, [position({ size: '1', entry: '6200', leverage: '10' })]);
    const most = (notionalRate: string, maintenanceMultiple: string, expected: string): void => {
      const floor = { notionalRate: decimal(notionalRate), maintenanceMultiple: decimal(maintenanceMultiple) };
      expectMost('USDT', expected, state, market({ BTCUSDT: '6000' }), { ...rules(), transferFloor: floor });
    };
    most('0', '1.2', '200'); // 7.2 is less than 600
    most('0.1', '0', '200');
    most('0.12', '0', '80'); // 720
    most('0', '110', '140'); // 660
    most('0.12', '110', '80');
    most('0.14', '0', '0'); // 840
    const floored = { ...rules(), transferFloor: { notionalRate: decimal('0.12'), maintenanceMultiple: decimal(0) } };
    expect(checkTransferOut('USDT', decimal(81), state, market({ BTCUSDT: '6000' }), floored)).toMatchObject({
      ...{ code: 'INSUFFICIENT_MARGIN', required: decimal(81), available: decimal(80) },
      message: "The rest would not cover what the venue's floor for transfers keeps.",
    });
  });

  it('leaves the floor of cross positions alone: an isolated one keeps its own margin', () => {
    const isolated = position({ size: '1', entry: '6000', marginMode: 'ISOLATED', isolatedMargin: '600' });
    const floored = { ...rules(), transferFloor: { notionalRate: decimal('0.5'), maintenanceMultiple: decimal(9) } };
    expectMost('USDT', '1000', account({ USDT: '1000' }, [isolated]), market({ BTCUSDT: '6000' }), floored);
  });

  it('reads the initial tiers backwards', () => {
    // 600 of initial margin; ETH counts 0.5 at first up to 1,000 of value, and 0 beyond: 500. 100 more of USDT.
    const weighted = { ...flat('0.9'), initialTiers: table([['0', '0.5'], ['1000', '0']]).tiers }; // prettier-ignore
    const state = account({ ETH: '2', USDT: '150' }, [position({ size: '1', entry: '6000', leverage: '10' })]);
    const prices = market({ ETH: '1000', BTCUSDT: '6000' });
    expectMost('USDT', '50', state, prices, rules({ ETH: weighted }));
    // 450 by ETH, which takes 900 of its value.
    expectMost('ETH', '1.1', state, prices, rules({ ETH: weighted }));
    expectMost('ETH', '1.5', state, prices, rules({ ETH: flat('0.9') }));
    const none = { ...flat('0.9'), initialTiers: flat('0').tiers };
    expectMost('ETH', '0', state, prices, rules({ ETH: none }));
    const covered = account({ ETH: '2', USDT: '600' }, state.positions);
    expectMost('ETH', '2', covered, prices, rules({ ETH: none }));
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

  it('refuses while a debt or a cross position is stale or unpriced', () => {
    const state = account({ USDT: '1000', USD1: '-1' }, [position({ size: '1', entry: '6000', leverage: '10' })]);
    for (const prices of [
      market({ BTCUSDT: '6000', USD1: '1' }, ['USD1']),
      market({ BTCUSDT: '6000', USD1: '1' }, ['BTCUSDT']),
      market({ BTCUSDT: '6000' }),
      market({ USD1: '1' }),
    ]) {
      expect(toPlain(maxTransferable('USDT', state, prices, rules()))).toBe('0');
      expect(checkTransferOut('USDT', decimal(1), state, prices, rules())?.code).toBe('PRICE_UNAVAILABLE');
    }
  });

  it('counts 0 of a stale balance, which so blocks nobody: a grain of LISTA', () => {
    // 0.1 @ 60,000 at 20x: 300. (1,000,000 x 0.9999 - 300) / 0.9999, rounded down.
    const state = account({ USDT: '1000000', LISTA: '0.000000000000000001' }, [
      position({ size: '0.1', entry: '60000' }),
    ]);
    const of = policy({ ratios: { USDT: flat('0.9999'), LISTA: flat('0.1') } });
    const prices = market({ BTCUSDT: '60000', LISTA: '0.2' }, ['LISTA']);
    expectMost('USDT', '999699.969996999699969996', state, prices, of);
    expectMost('LISTA', '0', state, prices, of);
    expect(checkTransferOut('LISTA', decimal('1e-18'), state, prices, of)?.code).toBe('PRICE_UNAVAILABLE');
  });

  it('names the stale price without which a withdrawal is not covered', () => {
    // 1,000 USDT cover 600 with 400 to spare; the BTC, if fresh, would cover 0.5 x 100 more.
    const state = account({ USDT: '1000', BTC: '100' }, [position({ size: '1', entry: '6000', leverage: '10' })]);
    const of = rules({ BTC: flat('0.5') });
    const prices = market({ BTCUSDT: '6000', BTC: '1' }, ['BTC']);
    expectMost('USDT', '400', state, prices, of);
    expect(checkTransferOut('USDT', decimal(450), state, prices, of)).toMatchObject({
      code: 'PRICE_UNAVAILABLE',
      message: 'A fresh price is needed and missing: BTC.',
    });
    expect(checkTransferOut('USDT', decimal(451), state, prices, of)?.code).toBe('INSUFFICIENT_MARGIN');
    // What counts nothing may be as stale as it likes.
    expectMost('USDT', '400', state, prices, rules());
  });

  it('lets a stale asset go where nothing is required, and only there', () => {
    const prices = market({ BTC: '1', USD1: '1', BTCUSDT: '6000' }, ['BTC']);
    const of = rules({ BTC: flat('0.5'), USD1: flat('1') });
    expectMost('BTC', '3', account({ BTC: '3', USDT: '-5', USD1: '5' }), prices, of);
    // Without it the debt is not covered.
    expectMost('BTC', '0', account({ BTC: '300', USDT: '-5' }), prices, of);
    const open = [position({ size: '1', entry: '6000', leverage: '10' })];
    expectMost('BTC', '0', account({ BTC: '3', USDT: '10000' }, open), prices, of);
  });

  it('in single-asset mode lets other assets leave entirely while nothing is owed in any asset', () => {
    // 003: "Other assets can be transferred to other accounts."
    const open = [position({ size: '1', entry: '6000', leverage: '10' })];
    const single = { collateralMode: 'SINGLE_ASSET' } as const;
    const of = rules({ BTC: flat('0.5') });
    const prices = market({ BTCUSDT: '6000', BTC: '1', USD1: '1' }, ['BTC']);
    const most = (balances: Record<string, string>, expected: string): void =>
      expectMost('BTC', expected, account({ BTC: '3', ...balances }, open, single), prices, of);
    most({ USDT: '6' }, '3'); // exactly its maintenance margin, which does not liquidate here
    most({ USDT: '5' }, '0'); // LIQUIDATION
    most({ USDT: '-1' }, '0');
    most({ USDT: '1000', USD1: '-5000' }, '0');
    expectMost('BTC', '0', account({ USDT: '1000', BTC: '3' }, open, single), market({ BTC: '1' }), of); // UNPRICED
    expectMost('USDT', '400', account({ USDT: '1000', BTC: '3' }, open, single), prices, of);
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
