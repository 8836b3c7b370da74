/** The largest size that may be traded (rules: 22). */
import { describe, expect, it } from '@jest/globals';

import { maxOpenSize, type OpenSizeQuestion } from '../../../src/margin/change/max-open-size.js';
import { decimal } from '../../../src/margin/decimal.js';
import type { AccountState, MarginMode, Market, Policy } from '../../../src/margin/model.js';
import {
  BTC_PERP,
  account,
  flat,
  market,
  orders,
  policy,
  position,
  table,
} from '../../support/oracle/margin-builders.js';

const PRICES = market({ BTCUSDT: '60000', BTC: '60000', 'BTC-PERP': '60000' });

interface Asked extends Partial<OpenSizeQuestion> {
  readonly set?: string;
  readonly mode?: MarginMode;
}

function answer(
  state: AccountState,
  { set = '20', mode = 'CROSS', ...question }: Asked = {},
  rules: Policy = policy(),
  prices: Market = PRICES,
): string {
  const nothing = { leverage: null, price: null, marginMode: null, feeRate: decimal(0), step: null };
  const asked: OpenSizeQuestion = { instrument: 'BTCUSDT', side: 'BUY', ...nothing, ...question };
  const { size, refusal } = maxOpenSize(state, asked, { leverage: decimal(set), marginMode: mode }, prices, rules);
  return refusal === null ? size.toFixed() : `${refusal.code} ${refusal.field?.join('.') ?? ''}`;
}

describe('the largest size', () => {
  it('is 3.333333333333333333 BTC at 60,000 for 10,000 USDT at 20x, whole steps of it where there are larger ones', () => {
    expect(answer(account({ USDT: '10000' }))).toBe('3.333333333333333333');
    expect(answer(account({ USDT: '10000' }), { step: decimal('0.001') })).toBe('3.333');
    expect(answer(account({ USDT: '10000' }), { step: decimal('4') })).toBe('0');
  });

  it('ends at the tier that allows less leverage, or jumps', () => {
    const perp = policy({ maintenanceMethod: 'FLAT', instruments: [BTC_PERP] });
    const at = (usdt: string): string => answer(account({ USDT: usdt }), { instrument: 'BTC-PERP', set: '100' }, perp);
    // Below 50,000 of notional 1 % is required, and 2 % from there on.
    expect(at('900')).toBe('0.833333333333333333');
    expect(at('1200')).toBe('1');
  });

  it('closes first, and opens what is left; an account that is under water may not add', () => {
    const long = position({ size: '1', entry: '60000' });
    expect(answer(account({ USDT: '10000' }, [long]), { side: 'SELL' })).toBe('4.333333333333333333');
    // The other side may be opened as long as initial margin falls.
    const lost = position({ size: '1', entry: '69000' });
    expect(answer(account({ USDT: '10000' }, [lost]), { side: 'BUY' })).toBe('0');
    expect(answer(account({ USDT: '10000' }, [lost]), { side: 'SELL' })).toBe('1.999999999999999999');
    const hedged = account({ USDT: '10000' }, [long], { positionMode: 'HEDGE' });
    expect(answer(hedged, { side: 'SELL' })).toBe('2.333333333333333333');
  });

  it('pays the loss of a price and the fee, and counts the gain', () => {
    const state = account({ USDT: '10000' });
    // 3,000 of margin and 1,000 of loss, and 36.6 of fee.
    expect(answer(state, { price: decimal('61000') })).toBe('2.5');
    expect(answer(state, { price: decimal('61000'), feeRate: decimal('0.0006') })).toBe('2.477332408462567507');
    expect(answer(state, { price: decimal('59000') })).toBe('5');
    // A gain of all the margin ends only at the largest size there is.
    expect(answer(state, { price: decimal('57000') })).toBe('1000000000000000');
  });

  it('sets margin aside out of the settlement balance, into a debt where other collateral covers it', () => {
    const rules = policy({ ratios: { USDT: flat('1'), BTC: flat('0.5') }, isolatedInMultiAsset: true });
    expect(answer(account({ USDT: '9000' }), { mode: 'ISOLATED' }, rules)).toBe('3');
    const more = account({ USDT: '9000', BTC: '0.2' });
    expect(answer(more, { mode: 'ISOLATED' }, rules)).toBe('5');
    // 15,000 are covered; a debt d takes 0.1 d beside it: 3,000 x - 9,000 = 6,000 / 1.1.
    const indebted = { ...rules, debtMarginRate: decimal('0.1') };
    expect(answer(more, { mode: 'ISOLATED' }, indebted)).toBe('4.818181818181818181');
  });

  it('counts by initial tiers', () => {
    const tiers = { ...flat('0.95'), initialTiers: table([['0', '0.9']]).tiers };
    const rules = policy({ ratios: { USDT: flat('1'), BTC: tiers } });
    // 54,000 count, not 57,000.
    expect(answer(account({ BTC: '1' }), {}, rules)).toBe('18');
  });

  it('leaves to orders what they require', () => {
    const rules = policy({ openOrders: { initial: 'WORST_SIDE', maintenance: 'NONE', openLoss: 'NONE' } });
    const resting = account({ USDT: '10000' }, [], { openOrders: [orders({ sells: ['2', '60000'] })] });
    // What is bought up to 1 BTC takes as much from the sells: max(P, 120,000 - P) / 20.
    expect(answer(resting, { side: 'BUY' }, rules)).toBe('3.333333333333333333');
    expect(answer(resting, { side: 'SELL' }, rules)).toBe('1.333333333333333333');
  });

  it('is 0 while a price that it rests on is stale or missing; what is positive and stale counts 0', () => {
    const rules = policy({ ratios: { USDT: flat('1'), BTC: flat('0.95'), ETH: flat('0.9') } });
    const prices = { BTCUSDT: '60000', BTC: '60000', ETH: '3000' };
    const state = account({ USDT: '6000', ETH: '1' });
    expect(answer(state, {}, rules, market(prices))).toBe('2.9');
    expect(answer(state, {}, rules, market(prices, ['ETH']))).toBe('2');
    expect(answer(state, {}, rules, market(prices, ['BTCUSDT']))).toBe('0');
    expect(answer(account({ USDT: '60000', ETH: '-1' }), {}, rules, market(prices, ['ETH']))).toBe('0');
    expect(answer(state, {}, rules, market({ ETH: '3000' }))).toBe('0');
  });

  it('refuses what could not be set, and is 0 where the leverage lacks margin', () => {
    const long = account({ USDT: '3500' }, [position({ size: '1', entry: '60000' })]);
    expect(answer(long, { leverage: decimal(10) })).toBe('0');
    expect(answer(long, { leverage: decimal(40) })).toBe('1.333333333333333333');
    expect(answer(long, { leverage: decimal(126) })).toBe('LEVERAGE_OUT_OF_RANGE leverage');
    expect(answer(long, { marginMode: 'ISOLATED' })).toBe('ISOLATED_NOT_ALLOWED marginMode');
    const single = { ...long, collateralMode: 'SINGLE_ASSET' as const };
    expect(answer(single, { marginMode: 'ISOLATED' })).toBe('MARGIN_MODE_LOCKED marginMode');
    expect(answer(long, { instrument: 'NO' })).toBe('INSTRUMENT_NOT_FOUND instrument');
  });
});

describe('beside a balance without a price', () => {
  const rules = policy({
    ...{ maintenanceMethod: 'FLAT', instruments: [BTC_PERP], liquidationFeeRate: decimal('0.002') },
    ratios: { XYZ: flat('0.9') },
  });
  // At 100x 0.8 of the initial margin is maintenance: the account is not HEALTHY at its largest size.
  const asked = { instrument: 'BTC-PERP', set: '100' };

  it.each([
    ['that counts nothing in single-asset mode', { collateralMode: 'SINGLE_ASSET' as const }],
    ['that is switched off', { switchedOff: ['XYZ'] }],
  ])('%s is as large as without it, and soon', (_what, modes) => {
    const held = account({ USDT: '300', XYZ: '1' }, [], modes);
    expect(answer(held, asked, rules)).toBe(answer(account({ USDT: '300' }, [], modes), asked, rules));
  });

  it('that would count keeps the account HEALTHY', () => {
    const size = answer(account({ USDT: '300', XYZ: '1' }), asked, rules);
    // Below 150 / (60,000 x 0.008): WARNING begins at half.
    expect(size).toBe('0.312499999999999999');
    expect(answer(account({ USDT: '300' }), asked, rules)).toBe('0.5');
  });
});
