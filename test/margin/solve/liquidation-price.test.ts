import { describe, expect, it } from '@jest/globals';

import { assessMargin } from '../../../src/margin/state/assess.js';
import { decimal, toPlain } from '../../../src/margin/decimal.js';
import { Fraction } from '../../../src/margin/fraction.js';
import {
  assetLiquidationPrice,
  positionLiquidationPrice,
  type LiquidationPrice,
} from '../../../src/margin/solve/liquidation-price.js';
import type { AccountState, Market, Policy } from '../../../src/margin/model.js';
import {
  account,
  BTC_PERP,
  flat,
  instrument,
  market,
  policy,
  position,
  table,
} from '../../support/oracle/margin-builders.js';

/** "price other", or the reason. */
function shown({ price, otherPrice, reason }: LiquidationPrice): string {
  if (price === null) return reason ?? 'no reason';
  return otherPrice === null ? toPlain(price) : `${toPlain(price)} ${toPlain(otherPrice)}`;
}

function ofPosition(state: AccountState, prices: Market, of: Policy, follows = false, index = 0): string {
  const report = assessMargin(state, prices, of);
  const own = report.positions[index];
  if (own === undefined) throw new Error('no such position');
  return shown(positionLiquidationPrice(own, state, report, of, follows));
}

function ofAsset(asset: string, state: AccountState, prices: Market, of: Policy): string {
  return shown(assetLiquidationPrice(asset, state, assessMargin(state, prices, of), prices, of));
}

/** Ten per cent of the notional, whatever it is. */
const TENTH = instrument('BTCUSDT', 'BTC', [['0', '0.1', '0', '10']]);
const RULES = policy({ instruments: [TENTH] });

describe('the liquidation price of a cross position (rules: 9)', () => {
  it('is where margin balance meets maintenance margin, rounded towards the mark', () => {
    // 1 long from 100, 40 USDT: 40 + p - 100 = 0.1 p; p = 60 / 0.9 = 66.666…667 (up: towards the mark of 100).
    const long = account({ USDT: '40' }, [position({ size: '1', entry: '100' })]);
    expect(ofPosition(long, market({ BTCUSDT: '100' }), RULES)).toBe('66.666666666666666667');
    // Short: 40 + 100 - p = 0.1 p; p = 140 / 1.1 = 127.272…272 (down).
    const short = account({ USDT: '40' }, [position({ side: 'SHORT', size: '1', entry: '100' })]);
    expect(ofPosition(short, market({ BTCUSDT: '100' }), RULES)).toBe('127.272727272727272727');
  });

  it('jumps where flat tiers do: long 1 BTC at entry and mark 49,900 with 450 USDT', () => {
    // At 50,000 maintenance is 600 > 550. Below: 450 + p - 49,900 = 0.006 p; p = 49,450 / 0.994 = 49,748.490945674…
    const of = policy({ instruments: [BTC_PERP], maintenanceMethod: 'FLAT' });
    const state = account({ USDT: '450' }, [position({ instrument: 'BTC-PERP', size: '1', entry: '49900' })]);
    expect(ofPosition(state, market({ 'BTC-PERP': '49900' }), of)).toBe('50000 49748.490945674044265594');
  });

  it('shares its bounds between both equality policies', () => {
    const state = account({ USDT: '40' }, [position({ size: '1', entry: '100' })]);
    const prices = market({ BTCUSDT: '100' });
    expect(ofPosition(state, prices, { ...RULES, liquidatesAtEquality: true })).toBe(ofPosition(state, prices, RULES));
  });

  it('lies where the liquidation ratio is reached', () => {
    // (40 + p - 100) / 1.05 = 0.1 p: 60 / 0.895.
    const state = account({ USDT: '40' }, [position({ size: '1', entry: '100' })]);
    const early = { ...RULES, liquidationRatio: new Fraction(decimal(1), decimal('1.05')) };
    expect(ofPosition(state, market({ BTCUSDT: '100' }), early)).toBe('67.039106145251396649');
    const isolated = position({ size: '1', entry: '100', marginMode: 'ISOLATED', isolatedMargin: '40' });
    expect(ofPosition(account({}, [isolated]), market({ BTCUSDT: '100' }), early)).toBe('67.039106145251396649');
  });

  it('is the mark itself when the account sits on the boundary and the policy lets it', () => {
    // 10 + 100 - 100 = 10 = 0.1 x 100.
    const state = account({ USDT: '10' }, [position({ size: '1', entry: '100' })]);
    expect(ofPosition(state, market({ BTCUSDT: '100' }), RULES)).toBe('100');
    const equal = { ...RULES, liquidatesAtEquality: true };
    expect(ofPosition(state, market({ BTCUSDT: '100' }), equal)).toBe('ALREADY_LIQUIDATABLE');
  });

  it('is one for both sides of a hedge', () => {
    // Long 3, short 1, both from 100, 40 USDT: 40 + 2 (p - 100) = 0.4 p; p = 160 / 1.6 = 100: not below the mark of 120.
    // At 120: 40 + 40 = 80 >= 48. Below: 100.
    const sides = [position({ size: '3', entry: '100' }), position({ side: 'SHORT', size: '1', entry: '100' })];
    const state = account({ USDT: '40' }, sides, { positionMode: 'HEDGE' });
    expect(ofPosition(state, market({ BTCUSDT: '120' }), RULES, false, 0)).toBe('100');
    expect(ofPosition(state, market({ BTCUSDT: '120' }), RULES, false, 1)).toBe('100');
  });

  it('is above the mark for a balanced hedge, whose requirement grows with the price', () => {
    // Long 1 and short 1 from 100, 40 USDT: PnL 0, 40 = 0.2 p; p = 200.
    const sides = [position({ size: '1', entry: '100' }), position({ side: 'SHORT', size: '1', entry: '100' })];
    const state = account({ USDT: '40' }, sides, { positionMode: 'HEDGE' });
    expect(ofPosition(state, market({ BTCUSDT: '100' }), RULES)).toBe('200');
  });

  it('moves the base asset and what is priced as it along, on request', () => {
    // 1 BTC and 0.5 BTC-S (at 0.8) held, long 1 from 100, -60 USDT. Still: 90 + 40 - 60 + p - 100 = 0.1 p; p = 33.333…
    // Moving: 0.9 p + 0.4 p - 60 + p - 100 = 0.1 p; p = 160 / 2.2 = 72.727…273 (up).
    const of = policy({
      instruments: [TENTH],
      ratios: { BTC: flat('0.9'), 'BTC-S': flat('0.8') },
      assets: { 'BTC-S': { pricedAs: 'BTC' } },
    });
    const state = account({ BTC: '1', 'BTC-S': '0.5', USDT: '-60' }, [position({ size: '1', entry: '100' })]);
    const prices = market({ BTC: '100', BTCUSDT: '100' });
    expect(ofPosition(state, prices, of)).toBe('33.333333333333333334');
    expect(ofPosition(state, prices, of, true)).toBe('72.727272727272727273');
    // The index stands 10 % above the mark and keeps to that: 1.1 x 1.3 p - 160 = -0.9 p; p = 160 / 2.33 = 68.669…
    expect(ofPosition(state, market({ BTC: '110', BTCUSDT: '100' }), of, true)).toBe('68.669527896995708155');
  });

  it('has a bound on either side, and names the nearer one', () => {
    // 3 BTC whose ratio ends at a value of 150, and a short of 1 from 100; index and mark stand at 40.
    const of = policy({ instruments: [TENTH], ratios: { BTC: table([['0', '1']], { lastCap: '150' }) } });
    const state = account({ BTC: '3', USDT: '-105' }, [position({ side: 'SHORT', size: '1', entry: '100' })]);
    // At 40: 120 - 105 + 60 = 75 >= 4. Below 50: 3p - 105 + 100 - p = 0.1 p; p = 5 / 1.9 = 2.631…579 (up).
    // Above 50: 150 - 105 + 100 - p = 0.1 p; p = 145 / 1.1 = 131.818…818 (down). From 40: 37.4 down, 91.8 up.
    const prices = market({ BTC: '40', BTCUSDT: '40' });
    expect(ofPosition(state, prices, of, true)).toBe('2.631578947368421053 131.818181818181818181');
  });

  it('takes the lower of two that are equally near', () => {
    // Flat tiers: 10 % below 110 of notional, 50 % from there. Long 1 from 100 at 100, 19 USDT:
    // 19 + p - 100 = 0.1 p; p = 81 / 0.9 = 90. At 110: 29 < 55. Both are 10 away.
    const of = policy({
      maintenanceMethod: 'FLAT',
      instruments: [
        instrument('BTCUSDT', 'BTC', [
          ['0', '0.1', '0', '10'],
          ['110', '0.5', '0', '2'],
        ]),
      ],
    });
    const state = account({ USDT: '19' }, [position({ size: '1', entry: '100' })]);
    expect(ofPosition(state, market({ BTCUSDT: '100' }), of)).toBe('90 110');
  });

  it('says why there is none', () => {
    const long = position({ size: '1', entry: '100' });
    const prices = market({ BTCUSDT: '100' });
    expect(ofPosition(account({ USDT: '100' }, [long]), prices, RULES)).toBe('NOT_REACHABLE');
    expect(ofPosition(account({ USDT: '5' }, [long]), prices, RULES)).toBe('ALREADY_LIQUIDATABLE');
    expect(ofPosition(account({ USDT: '100' }, [long]), market({}), RULES)).toBe('UNPRICED');
    const free = policy({ instruments: [instrument('BTCUSDT', 'BTC', [['0', '0', '0', '10']])] });
    expect(ofPosition(account({ USDT: '100' }, [long]), prices, free)).toBe('NO_EXPOSURE');
  });

  it('does not look beyond 10^30', () => {
    // Short 10^-18 with USDT x: x / (1.1 x 10^-18). 1.2 x 10^12 USDT: 1.0909… x 10^30; 10^12: 0.909… x 10^30.
    const short = position({ side: 'SHORT', size: '0.000000000000000001', entry: '0.000000000000000001' });
    const prices = market({ BTCUSDT: '1' });
    expect(ofPosition(account({ USDT: '1200000000000' }, [short]), prices, RULES)).toBe('NOT_REACHABLE');
    expect(ofPosition(account({ USDT: '1000000000000' }, [short]), prices, RULES)).toMatch(
      /^909090909090909090909090909090\./,
    );
  });
});

describe('the liquidation price of an isolated position', () => {
  it('looks at its own margin only', () => {
    // 20 + p - 100 = 0.1 p; p = 80 / 0.9 = 88.888…889, however much the account holds.
    const own = position({ size: '1', entry: '100', marginMode: 'ISOLATED', isolatedMargin: '20' });
    const state = account({ USDT: '1000000' }, [own]);
    expect(ofPosition(state, market({ BTCUSDT: '100' }), RULES)).toBe('88.888888888888888889');
    expect(ofPosition(state, market({ BTCUSDT: '88' }), RULES)).toBe('ALREADY_LIQUIDATABLE');
    expect(ofPosition(state, market({}), RULES)).toBe('UNPRICED');
  });
});

describe('the liquidation price of an asset', () => {
  const of = policy({
    instruments: [TENTH],
    ratios: {
      BTC: table(
        [
          ['0', '1'],
          ['1000', '0.5'],
        ],
        { lastCap: '2000' },
      ),
      ETH: flat('0.8'),
      'ETH-S': flat('0.5'),
      EARN: flat('0.5'),
    },
    assets: { 'ETH-S': { pricedAs: 'ETH' }, EARN: { pricedAs: 'USDT' } },
  });
  // Needs 10 % of 1,000; no PnL.
  const flatTrade = position({ size: '1', entry: '1000' });

  it('goes back through the tiers of its ratio, other prices unchanged', () => {
    // 15 BTC at 100: 1,000 + 250 - 700 = 550 USDT over 100 required. 15 p - 700 = 100: p = 53.333…334.
    const state = account({ BTC: '15', USDT: '-700' }, [flatTrade]);
    const prices = market({ BTC: '100', BTCUSDT: '1000' });
    expect(ofAsset('BTC', state, prices, of)).toBe('53.333333333333333334');
    // With -1,150: 1,000 + 0.5 (15 p - 1,000) - 1,150 = 100; p = 1,500 / 15 = 100, where it stands.
    expect(ofAsset('BTC', account({ BTC: '15', USDT: '-1150' }, [flatTrade]), prices, of)).toBe('100');
  });

  it('counts nothing above the last cap', () => {
    // 15 BTC at 200 count 1,500; above 2,000 of value nothing more, so 1,500 - 1,400 = 100 holds at any higher price;
    // below 2,000 / 15 = 133.333…334 it does not.
    const state = account({ BTC: '15', USDT: '-1400' }, [flatTrade]);
    expect(ofAsset('BTC', state, market({ BTC: '200', BTCUSDT: '1000' }), of)).toBe('133.333333333333333334');
  });

  it('moves along everything that is priced as it, debts too', () => {
    // 2 ETH (0.8) and 2 ETH-S (0.5) at 100, 0 USDT: 2.6 p = 100: 38.461…462.
    const prices = market({ ETH: '100', BTCUSDT: '1000' });
    const held = account({ ETH: '2', 'ETH-S': '2' }, [flatTrade]);
    expect(ofAsset('ETH', held, prices, of)).toBe('38.461538461538461539');
    expect(ofAsset('ETH-S', held, prices, of)).toBe('38.461538461538461539');
    // -3 ETH and 500 USDT: 500 - 3 p = 100: 133.333…333.
    expect(ofAsset('ETH', account({ ETH: '-3', USDT: '500' }, [flatTrade]), prices, of)).toBe('133.333333333333333333');
    // With a debt margin of 10 % as well: 500 - 3.3 p = 100: 121.212…212.
    const dear = { ...of, debtMarginRate: decimal('0.1') };
    expect(ofAsset('ETH', account({ ETH: '-3', USDT: '500' }, [flatTrade]), prices, dear)).toBe(
      '121.212121212121212121',
    );
  });

  it('is not reachable for USDT, for what is priced as it, and for what does not count', () => {
    const state = account({ USDT: '101', EARN: '5', XYZ: '7' }, [flatTrade]);
    const prices = market({ XYZ: '1', BTCUSDT: '1000' });
    for (const asset of ['USDT', 'EARN', 'XYZ']) expect(ofAsset(asset, state, prices, of)).toBe('NOT_REACHABLE');
  });

  it('says why there is none', () => {
    const prices = market({ ETH: '100', BTCUSDT: '1000' });
    expect(ofAsset('ETH', account({ ETH: '1' }), prices, of)).toBe('NO_EXPOSURE');
    expect(ofAsset('ETH', account({ ETH: '1' }, [flatTrade]), prices, of)).toBe('ALREADY_LIQUIDATABLE');
    expect(ofAsset('ETH', account({ ETH: '1' }, [flatTrade]), market({ ETH: '1' }), of)).toBe('UNPRICED');
    expect(ofAsset('XYZ', account({ XYZ: '1', USDT: '500' }, [flatTrade]), prices, of)).toBe('UNPRICED');
  });
});
