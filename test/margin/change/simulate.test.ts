import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { withBalanceChanges, withPositions } from '../../../src/margin/state/account.js';
import { assessMargin, type MarginReport } from '../../../src/margin/state/assess.js';
import { autoExchange } from '../../../src/margin/change/auto-exchange.js';
import { decimal, toPlain } from '../../../src/margin/decimal.js';
import { applyFill } from '../../../src/margin/change/fill.js';
import type { AccountState, Market, Policy } from '../../../src/margin/model.js';
import { simulate, type SimulatedChanges, type SimulationContext } from '../../../src/margin/change/simulate.js';
import type { SimulatedTrade } from '../../../src/margin/change/simulation-steps.js';
import { account, flat, instrument, market, policy, position } from '../../support/oracle/margin-builders.js';

/** Initial margin a tenth, maintenance a hundredth of the notional. */
const TENFOLD = instrument('BTCUSDT', 'BTC', [['0', '0.01', '0', '10']]);
const RULES = policy({
  instruments: [TENFOLD],
  ratios: { BTC: flat('0.9') },
  assets: { BonusUSD: { transferable: false }, 'BTC-S': { pricedAs: 'BTC' } },
});
const PRICES = market({ BTC: '10000', BTCUSDT: '10000' });
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
const CONTEXT: SimulationContext = { settings: new Map(), platformRoom: new Map() };

function trial(
  state: AccountState,
  changes: Partial<SimulatedChanges>,
  more: { prices?: Market; rules?: Policy; context?: Partial<SimulationContext> } = {},
) {
  const context = { ...CONTEXT, ...more.context };
  return simulate(state, { ...NOTHING, ...changes }, more.prices ?? PRICES, more.rules ?? RULES, context);
}

function trade(
  text: Partial<Record<'size' | 'price' | 'fee', string>> &
    Partial<Pick<SimulatedTrade, 'side' | 'instrument' | 'positionSide'>>,
): SimulatedTrade {
  return {
    instrument: text.instrument ?? 'BTCUSDT',
    side: text.side ?? 'BUY',
    positionSide: text.positionSide ?? null,
    size: decimal(text.size ?? '1'),
    price: text.price === undefined ? null : decimal(text.price),
    fee: decimal(text.fee ?? '0'),
  };
}

/** Every number of a report as text. */
function digits(report: MarginReport): string {
  return JSON.stringify(report);
}

describe('a simulation (rules: 14)', () => {
  it('shows before and after, and changes nothing', () => {
    const state = account({ USDT: '2000' });
    const { before, after, refusal } = trial(state, { trades: [trade({ fee: '5' })] });
    expect(refusal).toBeNull();
    expect([toPlain(before.marginBalance), before.status]).toEqual(['2000', 'NO_EXPOSURE']);
    // 10,000 at 10x: 1,000; 10,000 x 0.01 = 100; 100 / 1,995 is healthy.
    expect([after.status, ...[after.marginBalance, after.initialMargin, after.maintenanceMargin].map(toPlain)]).toEqual(
      ['HEALTHY', '1995', '1000', '100'],
    );
    expect(state.positions).toEqual([]);
  });

  it('refuses a deposit of what would count and never had a price', () => {
    const more = { prices: market({ BTCUSDT: '10000' }) };
    const deposit = (asset: string): Partial<SimulatedChanges> => ({ transfers: [{ asset, quantity: decimal(1) }] });
    const { refusal, account: left } = trial(account({ USDT: '1' }), deposit('BTC'), more);
    expect(refusal).toMatchObject({ code: 'PRICE_UNAVAILABLE', field: ['transfers', '0'] });
    expect(left.balances).toHaveLength(1);
    expect(trial(account({ BTC: '-2' }), deposit('BTC'), more).refusal).toBeNull();
    expect(trial(account({}), deposit('BonusUSD'), more).refusal).toBeNull();
    expect(trial(account({}, [], { collateralMode: 'SINGLE_ASSET' }), deposit('BTC'), more).refusal).toBeNull();
  });

  it('trades at the present mark unless priced, and values at the simulated prices afterwards', () => {
    const { after, account: left } = trial(account({ USDT: '5000' }), {
      trades: [trade({}), trade({ price: '9000' })],
      prices: [{ symbol: 'BTCUSDT', price: decimal(11000) }],
    });
    expect(toPlain(left.positions[0]?.cost ?? decimal(0))).toBe('19000');
    // 2 x 11,000 - 19,000.
    expect(toPlain(after.unrealizedPnl)).toBe('3000');
  });

  it('accepts before the simulated prices: what they ruin is no refusal', () => {
    const { after, refusal } = trial(account({ USDT: '2000' }), {
      trades: [trade({})],
      prices: [{ symbol: 'BTCUSDT', price: decimal(1) }],
    });
    expect([refusal, after.status]).toEqual([null, 'LIQUIDATION']);
  });

  it('goes in order: mode, leverages, transfers, trades', () => {
    // 1 BTC (9,000) and -1,000 USDT; single-asset mode is refused for the debt's balance of -1,000 < 0, and is applied:
    // the transfer of 3,000 then makes 2,000 USDT, at leverage 5 enough for 10,000.
    const { after, refusal } = trial(account({ BTC: '1', USDT: '-1000' }), {
      collateralMode: 'SINGLE_ASSET',
      leverages: [{ instrument: 'BTCUSDT', leverage: decimal(5) }],
      transfers: [{ asset: 'USDT', quantity: decimal(3000) }],
      trades: [trade({})],
    });
    expect(refusal).toMatchObject({ code: 'INSUFFICIENT_MARGIN', field: ['collateralMode'] });
    expect([after.marginBalance, after.initialMargin].map(toPlain)).toEqual(['2000', '2000']);
  });

  it('names the first step that is refused, and shows what lacks', () => {
    const { after, refusal } = trial(account({ USDT: '900' }), {
      transfers: [
        { asset: 'USDT', quantity: decimal(50) },
        { asset: 'USDT', quantity: decimal(-1000) },
      ],
      trades: [trade({})],
    });
    expect(refusal).toMatchObject({ code: 'INSUFFICIENT_BALANCE', field: ['transfers', '1'] });
    expect([after.marginBalance, after.initialMargin].map(toPlain)).toEqual(['-50', '1000']);
  });

  it('refuses a trade that the margin balance does not cover, but never one by which initial margin falls', () => {
    expect(trial(account({ USDT: '999' }), { trades: [trade({})] }).refusal).toMatchObject({
      code: 'INSUFFICIENT_MARGIN',
      required: decimal(1000),
      available: decimal(999),
    });
    expect(trial(account({ USDT: '1000' }), { trades: [trade({})] }).refusal).toBeNull();
    const poor = account({ USDT: '10' }, [position({ size: '2', entry: '10000', leverage: '10' })]);
    expect(trial(poor, { trades: [trade({ side: 'SELL' })] }).refusal).toBeNull();
    expect(trial(poor, { trades: [trade({ side: 'SELL', size: '4' })] }).refusal?.code).toBe('INSUFFICIENT_MARGIN');
  });

  it('lets an isolated position be closed by an account that has nothing', () => {
    const own = position({ size: '1', entry: '10000', leverage: '10', marginMode: 'ISOLATED', isolatedMargin: '1000' });
    const state = account({ USDT: '-5' }, [own], { collateralMode: 'SINGLE_ASSET' });
    expect(trial(state, { trades: [trade({ side: 'SELL', size: '0.001' })] }).refusal).toBeNull();
  });

  it('leaves out what cannot be', () => {
    const state = account({ USDT: '5000' }, [], { positionMode: 'HEDGE' });
    const refused = (changes: Partial<SimulatedChanges>, prices?: Market) => {
      const result = trial(state, changes, prices === undefined ? {} : { prices });
      expect(digits(result.after)).toBe(digits(result.before));
      return result.refusal?.code;
    };
    expect(refused({ trades: [trade({})] })).toBe('INVALID_INPUT');
    expect(refused({ trades: [trade({ positionSide: 'SHORT' })] })).toBe('INVALID_INPUT');
    expect(refused({ trades: [trade({ instrument: 'NONE' })] })).toBe('INSTRUMENT_NOT_FOUND');
    expect(refused({ trades: [trade({ positionSide: 'LONG' })] }, market({}))).toBe('PRICE_UNAVAILABLE');
    expect(refused({ leverages: [{ instrument: 'BTCUSDT', leverage: decimal(11) }] })).toBe('LEVERAGE_OUT_OF_RANGE');
    expect(refused({ leverages: [{ instrument: 'NONE', leverage: decimal(1) }] })).toBe('INSTRUMENT_NOT_FOUND');
    expect(refused({ transfers: [{ asset: 'NONE', quantity: decimal(1) }] })).toBe('ASSET_NOT_FOUND');
    expect(refused({ prices: [{ symbol: 'NONE', price: decimal(1) }] })).toBe('ASSET_NOT_FOUND');
    expect(refused({ prices: [{ symbol: 'USDT', price: decimal(2) }] })).toBe('INVALID_INPUT');
  });

  it('respects the platform cap on deposits and on the way to multi-asset mode', () => {
    const context = { platformRoom: new Map([['BTC', decimal(2)]]) };
    const deposit = (quantity: string) => ({ transfers: [{ asset: 'BTC', quantity: decimal(quantity) }] });
    expect(trial(account({}), deposit('2'), { context }).refusal).toBeNull();
    expect(trial(account({}), deposit('2.1'), { context }).refusal).toMatchObject({
      code: 'PLATFORM_CAP_REACHED',
      required: decimal('2.1'),
      available: decimal(2),
    });
    const single = account({ BTC: '3' }, [], { collateralMode: 'SINGLE_ASSET' });
    expect(trial(single, deposit('5'), { context }).refusal).toBeNull();
    expect(trial(single, { collateralMode: 'MULTI_ASSET' }, { context }).refusal?.code).toBe('PLATFORM_CAP_REACHED');
  });

  it('opens by the settings of the instrument, which a switch to multi-asset mode resets', () => {
    const context = { settings: new Map([['BTCUSDT', { leverage: decimal(4), marginMode: 'ISOLATED' as const }]]) };
    const single = account({ USDT: '9000' }, [], { collateralMode: 'SINGLE_ASSET' });
    const isolated = trial(single, { trades: [trade({})] }, { context });
    expect(toPlain(isolated.account.positions[0]?.isolatedMargin ?? decimal(0))).toBe('2500');
    const cross = trial(single, { collateralMode: 'MULTI_ASSET', trades: [trade({})] }, { context });
    expect(cross.account.positions[0]).toMatchObject({
      marginMode: 'CROSS',
      isolatedMargin: decimal(0),
      leverage: decimal(4),
    });
  });

  it('exchanges what a fill leaves below its threshold', () => {
    const rules = { ...RULES, autoExchange: [{ asset: 'USDT', balance: decimal(-100) }] };
    const { account: left } = trial(account({ BTC: '1' }), { trades: [trade({ fee: '101' })] }, { rules });
    // 101 / 9,000 of 1 BTC: 0.011222…223 BTC, worth 112.222…23; 11.222…23 USDT are left.
    expect(left.balances.map(({ asset, quantity }) => `${asset} ${toPlain(quantity)}`)).toEqual([
      'BTC 0.988777777777777777',
      'USDT 11.22222222222223',
    ]);
  });

  it('moves only what it names, and all that is priced as that', () => {
    const state = account({ BTC: '1', 'BTC-S': '1' });
    const wallet = (symbol: string) =>
      toPlain(trial(state, { prices: [{ symbol, price: decimal(1) }] }).after.walletValue);
    expect([wallet('BTC'), wallet('BTC-S'), wallet('BTCUSDT')]).toEqual(['2', '2', '20000']);
  });

  it('gives the numbers of the same trades made for real, to the last digit', () => {
    const rules = { ...RULES, autoExchange: [{ asset: 'USDT', balance: decimal(-100) }] };
    const text = (lowest: number, scale: number) =>
      fc.integer({ min: lowest, max: 10 ** 7 }).map((n) => decimal(n).times(`1e-${scale}`));
    const trades = fc.array(
      fc.record({
        side: fc.constantFrom('BUY' as const, 'SELL' as const),
        size: text(1, 7),
        price: text(1, 3),
        fee: text(0, 6),
      }),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(trades, fc.constantFrom('CROSS' as const, 'ISOLATED' as const), (list, marginMode) => {
        const state = account({ USDT: '500', BTC: '1' });
        const setting = { leverage: decimal(7), marginMode, settlementAsset: 'USDT' };
        let real = state;
        for (const { side, size, price, fee } of list) {
          const fill = { instrument: 'BTCUSDT', side, positionSide: null, size, price, fee, ...setting };
          const effect = applyFill(real, fill);
          if (effect.refusal !== null) throw new Error('refused');
          real = withBalanceChanges(withPositions(real, effect.positions), effect.changes);
          real = withBalanceChanges(real, autoExchange(real, PRICES, rules));
        }
        const simulated = trial(
          state,
          { trades: list.map((one) => ({ instrument: 'BTCUSDT', positionSide: null, ...one })) },
          { rules, context: { settings: new Map([['BTCUSDT', setting]]) } },
        );
        expect(digits(simulated.after)).toBe(digits(assessMargin(real, PRICES, rules)));
      }),
      { numRuns: 100 },
    );
  });
});
