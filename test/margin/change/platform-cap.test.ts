import { describe, expect, it } from '@jest/globals';

import { decimal, toPlain } from '../../../src/margin/decimal.js';
import { checkPlatformCaps, platformUse } from '../../../src/margin/change/platform-cap.js';
import { account, flat, table } from '../../support/oracle/margin-builders.js';

// 003: "The individual upper limit for BTC in multi-asset mode is 100 BTC, and the platform-wide upper limit is 5000 BTC."
const CAPPED = table([['0', '1']], { userCap: '100' });

function check(before: string, after: string, left: string) {
  const holding = (quantity: string) => account({ BTC: quantity });
  const room = new Map([['BTC', decimal(left)]]);
  return checkPlatformCaps(holding(before), holding(after), new Map([['BTC', CAPPED]]), room);
}

describe('the platform cap (rules: 8)', () => {
  it('is used up by min(max(quantity, 0), userCap)', () => {
    const uses = ['-5', '0', '99', '100', '250'].map((quantity) => toPlain(platformUse(decimal(quantity), CAPPED)));
    expect(uses).toEqual(['0', '0', '99', '100', '100']);
    expect(toPlain(platformUse(decimal(250), flat('1')))).toBe('250');
  });

  it('takes in what there is room for, and not one unit more', () => {
    expect(check('0', '3', '3')).toBeNull();
    expect(check('0', '3.000000000000000001', '3')).toMatchObject({
      code: 'PLATFORM_CAP_REACHED',
      available: decimal(3),
    });
  });

  it('does not count coins above the cap of the account, nor what covers a debt', () => {
    expect(check('98', '500', '2')).toBeNull();
    expect(check('-10', '2', '2')).toBeNull();
  });

  it('lets go and stay whatever the cap says', () => {
    expect(check('50', '40', '-20')).toBeNull();
    expect(check('50', '50', '-20')).toBeNull();
    expect(check('50', '51', '-20')).toMatchObject({ required: decimal(1), available: decimal(0) });
  });
});
