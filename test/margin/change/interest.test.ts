import { describe, expect, it } from '@jest/globals';

import { decimal, toPlain } from '../../../src/margin/decimal.js';
import { interestDue, interestOfOneHour } from '../../../src/margin/change/interest.js';
import { account, policy } from '../../support/oracle/margin-builders.js';

// 001: "Interest fee (hourly) = Hourly rate × (|Negative balance| − 1,000)".
const rule = { asset: 'USDT', hourlyRate: decimal('0.00000457'), freeThreshold: decimal(1000) };

function interest(balance: string): string {
  return toPlain(interestOfOneHour(decimal(balance), rule));
}

describe('interest of one hour (rules: 10)', () => {
  it('is charged on what lies past the free threshold: -2,000 at 0.00000457', () => {
    expect(interest('-2000')).toBe('0.00457');
  });

  it('is nothing within the threshold, and for what is not owed', () => {
    expect(['-1000', '-999', '0', '5000'].map(interest)).toEqual(['0', '0', '0', '0']);
  });

  it('is rounded up', () => {
    // 10^-18 x 0.00000457, far below the last digit.
    expect(interest('-1000.000000000000000001')).toBe('0.000000000000000001');
  });

  it('is due in every asset on its own, in multi-asset mode only', () => {
    const rules = policy({ interest: [rule, { ...rule, asset: 'USD1' }] });
    const balances = { USDT: '-2000', USD1: '-3000', BTC: '-5000' };
    const due = interestDue(account(balances), rules).map(({ asset, quantity, kind }) => [
      asset,
      toPlain(quantity),
      kind,
    ]);
    expect(due).toEqual([
      ['USDT', '-0.00457', 'INTEREST'],
      ['USD1', '-0.00914', 'INTEREST'],
    ]);
    expect(interestDue(account(balances, [], { collateralMode: 'SINGLE_ASSET' }), rules)).toEqual([]);
  });
});
