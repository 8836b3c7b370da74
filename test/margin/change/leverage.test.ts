import { describe, expect, it } from '@jest/globals';

import { decimal, toPlain } from '../../../src/margin/decimal.js';
import { checkLeverage, maxLeverage, startingLeverage, withLeverage } from '../../../src/margin/change/leverage.js';
import type { AccountState, Market, Policy } from '../../../src/margin/model.js';
import {
  account,
  BTC_PERP,
  instrument,
  market,
  orders,
  policy,
  position,
} from '../../support/oracle/margin-builders.js';

const FLAT = policy({ instruments: [BTC_PERP], maintenanceMethod: 'FLAT', isolatedInMultiAsset: true });
const at = (price: string): Market => market({ 'BTC-PERP': price });
const held = (text: Omit<Parameters<typeof position>[0], 'instrument'>) =>
  position({ instrument: 'BTC-PERP', ...text });

/** What is set is the leverage of the first position; 20 without one. */
function check(state: AccountState, leverage: string, prices: Market = at('10000')) {
  const present = state.positions[0]?.leverage ?? decimal(20);
  return checkLeverage(BTC_PERP, decimal(leverage), present, state, prices, FLAT);
}

describe('leverage (rules: 7)', () => {
  it("starts at 20, or at the instrument's maximum where that is less", () => {
    expect(toPlain(startingLeverage(BTC_PERP))).toBe('20');
    expect(toPlain(startingLeverage(instrument('X', 'X', [['0', '0.1', '0', '5']])))).toBe('5');
  });

  it('goes up to the maximum of the tier of the worst side, where the policy weighs orders', () => {
    const WEIGHED: Policy = { ...FLAT, openOrders: { ...FLAT.openOrders, initial: 'WORST_SIDE' } };
    const resting = orders({ instrument: 'BTC-PERP', buys: ['4', '10000'] });
    const most = (state: AccountState, rules = WEIGHED): string =>
      toPlain(maxLeverage(BTC_PERP, state, at('10000'), rules));
    const small = held({ size: '1', entry: '10000' });
    // 40,000 alone is in tier 1; with 10,000 of the position it is at the floor of tier 2.
    expect(most(account({}, [], { openOrders: [resting] }))).toBe('100');
    expect(most(account({}, [small], { openOrders: [resting] }))).toBe('50');
    expect(most(account({}, [small], { openOrders: [resting] }), FLAT)).toBe('100');
  });

  it('is that of the orders too, once it is set', () => {
    const resting = orders({ instrument: 'BTC-PERP', buys: ['4', '10000'] });
    const { openOrders } = withLeverage(account({}, [], { openOrders: [resting] }), 'BTC-PERP', decimal(7));
    expect(openOrders.map(({ leverage }) => toPlain(leverage))).toEqual(['7']);
  });

  it('goes up to the maximum of the tier of the present notional, of the larger side', () => {
    // 1 at 10,000: tier 1; 20 at 10,000 = 200,000: tier 3.
    const small = held({ size: '1', entry: '10000' });
    const large = held({ side: 'SHORT', size: '20', entry: '10000' });
    expect(toPlain(maxLeverage(BTC_PERP, account({}), at('10000'), FLAT))).toBe('100');
    expect(toPlain(maxLeverage(BTC_PERP, account({}, [small]), at('10000'), FLAT))).toBe('100');
    expect(toPlain(maxLeverage(BTC_PERP, account({}, [small, large]), at('10000'), FLAT))).toBe('25');
    // Without a mark, what it was filled for: 200,000.
    expect(toPlain(maxLeverage(BTC_PERP, account({}, [large]), market({}), FLAT))).toBe('25');
  });

  it.each(['0', '-1', '20.5', '101', '201'])('is not %s', (leverage) => {
    expect(check(account({}), leverage)).toMatchObject({ code: 'LEVERAGE_OUT_OF_RANGE', available: decimal(100) });
  });

  it('is 1 and the maximum', () => {
    expect(check(account({}), '1')).toBeNull();
    expect(check(account({}), '100')).toBeNull();
  });

  it('rises in cross margin whatever the balance, and falls while the balance covers it', () => {
    // 10,000 at 20x: 500. At 10x: 1,000; at 9x: 1,111.11….
    const state = account({ USDT: '1000' }, [held({ size: '1', entry: '10000' })]);
    expect(check(state, '10')).toBeNull();
    expect(check(state, '9')).toMatchObject({
      code: 'INSUFFICIENT_MARGIN',
      required: decimal('1111.111111111111111112'),
      available: decimal(1000),
    });
    const poor = account({ USDT: '400' }, [held({ size: '1', entry: '10000' })]);
    expect(check(poor, '21')).toBeNull();
    expect(check(poor, '20')).toBeNull();
    expect(check(poor, '19')?.code).toBe('INSUFFICIENT_MARGIN');
  });

  it('needs margin less loss over the new initial margin to fall in isolated margin', () => {
    // Margin 1,000, entry 10,000. At 10,000: 9x needs 1,111.11…. At 9,000: nothing is left of it, and 9x needs 1,000.
    const isolated = {
      size: '1',
      entry: '10000',
      leverage: '10',
      marginMode: 'ISOLATED',
      isolatedMargin: '1000',
    } as const;
    const state = account({ USDT: '1000000' }, [held(isolated)]);
    expect(check(state, '9')?.code).toBe('INSUFFICIENT_MARGIN');
    expect(check(state, '9', at('9000'))).toMatchObject({ required: decimal(1000), available: decimal(0) });
    // A profit does not help: at 18,000 9x needs 2,000, and 1,000 is set aside.
    expect(check(state, '9', at('18000'))).toMatchObject({ required: decimal(2000), available: decimal(1000) });
    const rich = account({}, [held({ ...isolated, isolatedMargin: '1112' })]);
    expect(check(rich, '9')).toBeNull();
    expect(check(rich, '8')?.code).toBe('INSUFFICIENT_MARGIN');
  });

  it('rises in isolated margin up to the maximum of the tier, and what is set already always passes', () => {
    // 3.6 at 2,500, 4x: margin 2,250. At 2,900 4x would need 2,610; at 2,100 5x needs 1,512 of 2,250 - 1,440 = 810.
    const rules = instrument('BTC-PERP', 'ETH', [['0', '0.01', '0', '50'], ['50000', '0.02', '0', '3']]); // prettier-ignore
    const own = { size: '3.6', entry: '2500', leverage: '4', marginMode: 'ISOLATED', isolatedMargin: '2250' } as const;
    const state = account({ USDT: '0' }, [held(own)]);
    const checked = (leverage: string, price: string) =>
      checkLeverage(rules, decimal(leverage), decimal(4), state, at(price), FLAT)?.code ?? null;
    expect(checked('4', '2900')).toBeNull();
    expect(checked('5', '2100')).toBeNull();
    expect(checked('50', '2100')).toBeNull();
    expect(checked('51', '2100')).toBe('LEVERAGE_OUT_OF_RANGE');
    expect(checked('3', '2100')).toBe('INSUFFICIENT_MARGIN');
    // Above what the tier allows by now: 3.6 x 14,000 = 50,400.
    expect([checked('4', '14000'), checked('5', '14000')]).toEqual([null, 'LEVERAGE_OUT_OF_RANGE']);
    const unpriced = checkLeverage(rules, decimal(4), decimal(4), state, market({}), FLAT);
    expect(unpriced).toBeNull();
  });

  it('is not known without the mark of a position', () => {
    expect(check(account({ USDT: '1' }, [held({ size: '1', entry: '1' })]), '10', market({}))?.code).toBe(
      'PRICE_UNAVAILABLE',
    );
  });

  it('is set on both sides of its instrument and on no other', () => {
    const state = account({}, [held({ size: '1', entry: '1' }), position({ size: '1', entry: '1' })]);
    expect(withLeverage(state, 'BTC-PERP', decimal(3)).positions.map(({ leverage }) => toPlain(leverage))).toEqual([
      '3',
      '20',
    ]);
  });
});
