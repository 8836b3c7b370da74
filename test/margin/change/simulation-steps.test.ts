/** Steps of a simulation that move margin or rest on prices (rules: 14). */
import { describe, expect, it } from '@jest/globals';

import { decimal, toPlain } from '../../../src/margin/decimal.js';
import type { AccountState, Market } from '../../../src/margin/model.js';
import { simulate, type Simulation, type SimulatedChanges } from '../../../src/margin/change/simulate.js';
import type { InstrumentSetting, SimulatedTrade } from '../../../src/margin/change/simulation-steps.js';
import { account, flat, instrument, market, policy, position } from '../../support/oracle/margin-builders.js';

/** The first tiers of Binance's BTCUSDT. */
const BTC = instrument('BTCUSDT', 'BTC', [
  ['0', '0.004', '0', '125'],
  ['50000', '0.005', '50', '100'],
  ['600000', '0.0065', '950', '75'],
  ['3000000', '0.01', '11450', '50'],
]);
const RULES = policy({
  instruments: [BTC, instrument('ETHUSDT', 'ETH', [['0', '0.01', '0', '10']])],
  ratios: { BTC: flat('0.9'), USD1: flat('1') },
  isolatedInMultiAsset: true,
});
const NOTHING: SimulatedChanges = {
  ...{
    collateralMode: null,
    collateralAssets: [],
    marginModes: [],
    leverages: [],
    transfers: [],
    margins: [],
    orders: [],
    trades: [],
  },
  prices: [],
};
const PRICES = { BTC: '60000', USD1: '1', BTCUSDT: '60000', ETHUSDT: '3000' };

function trial(
  state: AccountState,
  changes: Partial<SimulatedChanges>,
  prices: Market = market(PRICES),
  settings: ReadonlyMap<string, InstrumentSetting> = new Map(),
): Simulation {
  return simulate(state, { ...NOTHING, ...changes }, prices, RULES, { settings, platformRoom: new Map() });
}

function buy(size: string, more: Partial<SimulatedTrade> = {}): SimulatedTrade {
  const side = 'BUY' as const;
  return {
    instrument: 'BTCUSDT',
    side,
    positionSide: null,
    size: decimal(size),
    price: null,
    fee: decimal(0),
    ...more,
  };
}

const ISOLATED = [{ instrument: 'BTCUSDT', marginMode: 'ISOLATED' as const }];

describe('a trade that opens or adds to an isolated position', () => {
  it('is refused where its margin would not cover its initial margin: 198 BTC at 125x', () => {
    // 198 x 60,000 / 125 = 95,040; 11,880,000 x 0.01 - 11,450 = 107,350, which initial margin is never below. At 50x of
    // its tier 237,600.
    const { refusal, account: left } = trial(account({ USDT: '1000000' }), {
      marginModes: ISOLATED,
      leverages: [{ instrument: 'BTCUSDT', leverage: decimal(125) }],
      trades: [buy('198')],
    });
    expect(refusal).toMatchObject({
      ...{ code: 'INSUFFICIENT_MARGIN', field: ['trades', '0'] },
      ...{ required: decimal(237600), available: decimal(95040) },
    });
    expect(toPlain(left.positions[0]?.isolatedMargin ?? decimal(0))).toBe('95040');
  });

  it('is refused where it loses at once, and passes where it covers', () => {
    const state = account({ USDT: '1000000' });
    const marginModes = ISOLATED;
    expect(trial(state, { marginModes, trades: [buy('1')] }).refusal).toBeNull();
    // Margin 3,000.05, a loss of 1, and 3,000 needed.
    expect(trial(state, { marginModes, trades: [buy('1', { price: decimal('60001') })] }).refusal).toMatchObject({
      required: decimal(3000),
      available: decimal('2999.05'),
    });
    expect(trial(state, { marginModes, trades: [buy('1', { price: decimal('59000') })] }).refusal).toMatchObject({
      available: decimal(2950), // a profit does not help
    });
    const priced = trial(state, { marginModes, trades: [buy('1', { price: decimal(1) })] }, market({}));
    expect(priced.refusal?.code).toBe('PRICE_UNAVAILABLE');
  });

  it('is refused even where another position shrinks', () => {
    const thin = { size: '1', entry: '60000', marginMode: 'ISOLATED', isolatedMargin: '1' } as const;
    const state = account({ USDT: '1000000' }, [position(thin)]);
    expect(trial(state, { trades: [buy('0.001')] }).refusal?.code).toBe('INSUFFICIENT_MARGIN');
    // What closes asks nothing of it.
    expect(trial(state, { trades: [buy('0.5', { side: 'SELL' })] }).refusal).toBeNull();
  });
});

describe('a margin mode', () => {
  it('is set before leverages and trades, by its own rule', () => {
    const { account: left, refusal } = trial(account({ USDT: '9000' }), { marginModes: ISOLATED, trades: [buy('1')] });
    expect(refusal).toBeNull();
    expect(left.positions[0]).toMatchObject({ marginMode: 'ISOLATED', isolatedMargin: decimal(3000) });
    const open = account({ USDT: '9000' }, [position({ size: '1', entry: '60000' })]);
    expect(trial(open, { marginModes: ISOLATED }).refusal).toMatchObject({
      ...{ code: 'MARGIN_MODE_LOCKED', field: ['marginModes', '0'] },
    });
    expect(trial(open, { marginModes: [{ instrument: 'BTCUSDT', marginMode: 'CROSS' }] }).refusal).toBeNull();
    expect(trial(open, { marginModes: [{ instrument: 'NONE', marginMode: 'CROSS' }] }).refusal).toMatchObject({
      ...{ code: 'INSTRUMENT_NOT_FOUND', field: ['marginModes', '0'] },
    });
  });
});

describe('isolated margin', () => {
  const own = position({ size: '1', entry: '60000', marginMode: 'ISOLATED', isolatedMargin: '4000' });
  const move = (quantity: string, more = {}) => ({
    margins: [{ instrument: 'BTCUSDT', positionSide: null, quantity: decimal(quantity), ...more }],
  });
  const shown = ({ account: left, refusal }: Simulation): unknown[] => [
    refusal?.code ?? null,
    toPlain(left.balances[0]?.quantity ?? decimal(0)),
    left.positions.map(({ isolatedMargin }) => toPlain(isolatedMargin)).join(),
  ];
  const state = account({ USDT: '100' }, [own]);

  it('moves in and out as it really would', () => {
    expect(shown(trial(state, move('100')))).toEqual([null, '0', '4100']);
    expect(shown(trial(state, move('-1000')))).toEqual([null, '1100', '3000']);
  });

  it('shows what lacks, but not what cannot be', () => {
    expect(shown(trial(state, move('101')))).toEqual(['INSUFFICIENT_BALANCE', '-1', '4101']);
    expect(shown(trial(state, move('-1001')))).toEqual(['INSUFFICIENT_MARGIN', '1101', '2999']);
    expect(shown(trial(state, move('-4000')))).toEqual(['BELOW_MAINTENANCE_MARGIN', '4100', '0']);
    expect(shown(trial(state, move('-4001')))).toEqual(['BELOW_MAINTENANCE_MARGIN', '100', '4000']);
    expect(shown(trial(state, move('1', { positionSide: 'SHORT' })))).toEqual(['POSITION_NOT_FOUND', '100', '4000']);
    const cross = account({ USDT: '100' }, [position({ size: '1', entry: '60000' })]);
    expect(shown(trial(cross, move('1')))).toEqual(['ISOLATED_ONLY', '100', '0']);
    const short = { ...own, side: 'SHORT' as const };
    const hedged = account({ USDT: '100' }, [own, short], { positionMode: 'HEDGE' });
    expect(trial(hedged, move('1')).refusal).toMatchObject({ field: ['margins', '0', 'positionSide'] });
    expect(shown(trial(hedged, move('1', { positionSide: 'SHORT' })))).toEqual([null, '99', '4000,4001']);
  });

  it('moves after transfers and before trades', () => {
    const changes = { transfers: [{ asset: 'USDT', quantity: decimal(50) }], trades: [buy('1', { side: 'SELL' })] };
    expect(shown(trial(state, { ...changes, ...move('150') }))).toEqual([null, '4150', '']);
  });
});

describe('a stale price', () => {
  const stale = (...symbols: string[]): Market => market(PRICES, symbols);

  it('by which alone a trade passes is named', () => {
    const state = account({ USDT: '3000', BTC: '1' });
    expect(trial(state, { trades: [buy('1')] }, stale('BTC')).stale).toEqual([]);
    expect(trial(state, { trades: [buy('2')] }, stale('BTC'))).toMatchObject({ refusal: null, stale: ['BTC'] });
    expect(trial(state, { trades: [buy('1')] }, stale('BTCUSDT'))).toMatchObject({ refusal: null, stale: ['BTCUSDT'] });
    const priced = { trades: [buy('1', { price: decimal(60000) })] };
    expect(trial(state, priced, stale('BTCUSDT')).stale).toEqual(['BTCUSDT']);
    expect(trial(account({ USDT: '9000', USD1: '-1' }), priced, stale('USD1')).stale).toEqual(['USD1']);
    expect(trial(account({ USDT: '9000', USD1: '1' }), priced, stale('USD1')).stale).toEqual([]);
  });

  it('is not named where nothing rests on it', () => {
    const open = account({ USDT: '1' }, [position({ size: '1', entry: '60000' })]);
    const close = { trades: [buy('0.5', { side: 'SELL', price: decimal(60000) })] };
    expect(trial(open, close, stale('BTCUSDT'))).toMatchObject({ refusal: null, stale: [] });
    // A trade that is refused.
    expect(trial(account({ USDT: '1' }), { trades: [buy('1')] }, stale('BTCUSDT')).stale).toEqual([]);
  });

  it('of an isolated position that is opened is named', () => {
    const changes = { marginModes: ISOLATED, trades: [buy('1', { price: decimal(60000) })] };
    expect(trial(account({ USDT: '9000' }), changes, stale('BTCUSDT')).stale).toEqual(['BTCUSDT']);
  });
});

describe('a trade whose fee is in another asset', () => {
  it('is paid by the balance of that asset, as the fill would be', () => {
    const { refusal, account: left } = trial(account({ USDT: '10000', USD1: '5' }), {
      trades: [buy('1', { fee: decimal('7'), feeAsset: 'USD1' })],
    });
    expect(refusal).toBeNull();
    expect(left.balances.map(({ asset, quantity }) => `${asset} ${toPlain(quantity)}`)).toEqual([
      'USDT 10000',
      'USD1 -2',
    ]);
  });

  it('is refused, and left out, where there is no such asset', () => {
    const state = account({ USDT: '10000' });
    const made = trial(state, { trades: [buy('1', { feeAsset: 'NOPE' })] });
    expect(made.refusal).toMatchObject({ code: 'ASSET_NOT_FOUND', field: ['trades', '0', 'feeAsset'] });
    expect(made.account).toBe(state);
  });

  it('is refused where its rebate would count and never had a price (rules: 2); where it is paid, nothing is credited', () => {
    const unpriced = market({ BTCUSDT: '60000', BTC: '60000' });
    const state = account({ USDT: '10000' });
    const made = trial(state, { trades: [buy('1', { fee: decimal('-1'), feeAsset: 'USD1' })] }, unpriced);
    expect(made.refusal).toMatchObject({ code: 'PRICE_UNAVAILABLE', field: ['trades', '0', 'fee'] });
    expect(made.account).toBe(state);
    const owing = account({ USDT: '10000', USD1: '-1' });
    const covered = trial(owing, { trades: [buy('0.1', { fee: decimal('-1'), feeAsset: 'USD1' })] }, unpriced);
    expect(covered.account.balances.at(-1)).toMatchObject({ asset: 'USD1' });
    expect(covered.account.balances.at(-1)?.quantity.isZero()).toBe(true);
  });
});
