import { describe, expect, it } from '@jest/globals';

import { decimal } from '../../../src/margin/decimal.js';
import { checkCollateralMode, checkMarginMode, checkPositionMode } from '../../../src/margin/change/modes.js';
import { account, flat, market, orders, policy, position } from '../../support/oracle/margin-builders.js';

const long = position({ size: '1', entry: '10000' });
const isolated = position({ size: '1', entry: '10000', marginMode: 'ISOLATED', isolatedMargin: '500' });
const RULES = policy({ ratios: { BTC: flat('0.95') } });
const prices = market({ BTC: '10000', BTCUSDT: '10000' });

describe('margin mode (rules: 6 and 7)', () => {
  // 001: "Multi-Asset Mode operates in cross margin only."
  it('is isolated in multi-asset mode only where the policy says so', () => {
    expect(checkMarginMode('BTCUSDT', 'ISOLATED', 'CROSS', account({}), RULES)?.code).toBe('ISOLATED_NOT_ALLOWED');
    expect(
      checkMarginMode('BTCUSDT', 'ISOLATED', 'CROSS', account({}), { ...RULES, isolatedInMultiAsset: true }),
    ).toBeNull();
    const single = account({}, [], { collateralMode: 'SINGLE_ASSET' });
    expect(checkMarginMode('BTCUSDT', 'ISOLATED', 'CROSS', single, RULES)).toBeNull();
  });

  // 002: "You cannot change the margin mode after you've submitted a position."
  it('is locked while the instrument has a position, and only then', () => {
    expect(checkMarginMode('BTCUSDT', 'CROSS', 'ISOLATED', account({}, [long]), RULES)?.code).toBe(
      'MARGIN_MODE_LOCKED',
    );
    expect(checkMarginMode('ETHUSDT', 'CROSS', 'ISOLATED', account({}, [long]), RULES)).toBeNull();
    expect(checkMarginMode('BTCUSDT', 'ISOLATED', 'ISOLATED', account({}, [isolated]), RULES)).toBeNull();
  });
});

// 002: "You cannot change the margin mode after you've submitted a position or opened an order."
describe('every mode', () => {
  it('is locked while an order rests in the instrument, or in the account', () => {
    const state = account({}, [], { collateralMode: 'SINGLE_ASSET', openOrders: [orders({ buys: ['1', '9000'] })] });
    const code = (refusal: { readonly code: string } | null): string | undefined => refusal?.code;
    expect(code(checkMarginMode('BTCUSDT', 'ISOLATED', 'CROSS', state, RULES))).toBe('MARGIN_MODE_LOCKED');
    expect(checkMarginMode('ETHUSDT', 'ISOLATED', 'CROSS', state, RULES)).toBeNull();
    expect(checkMarginMode('BTCUSDT', 'CROSS', 'CROSS', state, RULES)).toBeNull();
    expect(code(checkPositionMode(state))).toBe('POSITION_MODE_LOCKED');
    expect(code(checkCollateralMode('MULTI_ASSET', state, prices, RULES))).toBe('COLLATERAL_MODE_LOCKED');
    expect(checkCollateralMode('SINGLE_ASSET', state, prices, RULES)).toBeNull();
    expect(checkCollateralMode('MULTI_ASSET', { ...state, openOrders: [] }, prices, RULES)).toBeNull();
  });
});

describe('position mode', () => {
  it('is locked while the account has any position', () => {
    expect(checkPositionMode(account({}))).toBeNull();
    expect(checkPositionMode(account({}, [isolated]))?.code).toBe('POSITION_MODE_LOCKED');
  });
});

describe('collateral mode', () => {
  it('does not become multi-asset over an isolated position where that mode has none', () => {
    const state = account({}, [isolated], { collateralMode: 'SINGLE_ASSET' });
    expect(checkCollateralMode('MULTI_ASSET', state, prices, RULES)?.code).toBe('COLLATERAL_MODE_LOCKED');
    expect(checkCollateralMode('MULTI_ASSET', state, prices, { ...RULES, isolatedInMultiAsset: true })).toBeNull();
    expect(checkCollateralMode('MULTI_ASSET', { ...state, positions: [long] }, market({}), RULES)).toBeNull();
  });

  it('does not become multi-asset while a balance would begin to count that never had a price', () => {
    const single = { collateralMode: 'SINGLE_ASSET' } as const;
    const of = policy({ ratios: { BTC: flat('0.95'), DUST: flat('0') } });
    const state = account({ BTC: '1', DUST: '1' }, [], single);
    expect(checkCollateralMode('MULTI_ASSET', state, market({}), of)?.code).toBe('PRICE_UNAVAILABLE');
    expect(checkCollateralMode('MULTI_ASSET', state, market({ BTC: '1' }, ['BTC']), of)).toBeNull();
    expect(
      checkCollateralMode('MULTI_ASSET', account({ BTC: '-1', DUST: '1' }, [], single), market({}), of),
    ).toBeNull();
  });

  it('does not become single-asset while anything but USDT is owed', () => {
    const owing = account({ USDT: '1000', USD1: '-1' });
    expect(checkCollateralMode('SINGLE_ASSET', owing, prices, RULES)?.code).toBe('COLLATERAL_MODE_LOCKED');
    expect(checkCollateralMode('SINGLE_ASSET', account({ USDT: '1', BTC: '1' }), market({}), RULES)).toBeNull();
    // USDT itself may be owed, but then the margin balance is negative.
    expect(checkCollateralMode('SINGLE_ASSET', account({ USDT: '-1', BTC: '1' }), prices, RULES)).toMatchObject({
      code: 'INSUFFICIENT_MARGIN',
      required: decimal(0),
      available: decimal(-1),
    });
  });

  it('becomes single-asset only when USDT alone covers the initial margin', () => {
    // 10,000 / 20 = 500.
    expect(checkCollateralMode('SINGLE_ASSET', account({ USDT: '500', BTC: '1' }, [long]), prices, RULES)).toBeNull();
    expect(checkCollateralMode('SINGLE_ASSET', account({ USDT: '499', BTC: '1' }, [long]), prices, RULES)?.code).toBe(
      'INSUFFICIENT_MARGIN',
    );
  });

  it('takes fresh marks for single-asset, and no index', () => {
    const state = account({ USDT: '500', BTC: '1' }, [long]);
    const stale = (symbol: string) => market({ BTC: '10000', BTCUSDT: '10000' }, [symbol]);
    expect(checkCollateralMode('SINGLE_ASSET', state, stale('BTCUSDT'), RULES)?.code).toBe('PRICE_UNAVAILABLE');
    expect(checkCollateralMode('SINGLE_ASSET', state, stale('BTC'), RULES)).toBeNull();
    expect(checkCollateralMode('SINGLE_ASSET', state, market({ BTC: '1' }), RULES)?.code).toBe('PRICE_UNAVAILABLE');
  });

  it('may be what it is', () => {
    expect(checkCollateralMode('MULTI_ASSET', account({ USD1: '-1' }, [isolated]), market({}), RULES)).toBeNull();
  });
});
