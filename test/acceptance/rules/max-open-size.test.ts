/** How much may be traded, asked of a server, and what a simulation says of it (rules: 22). */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { decimal, roundUp } from '../../../src/margin/decimal.js';
import { configure, readAccount, simulate, tryAccount } from '../../support/calls/account-reader.js';
import { fill, openHolding, publishPrices, recordFills } from '../../support/calls/venue-system.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';

let app: TestApp;
let service: Api;

beforeAll(async () => {
  // A clock that stands still, with no full hour in sight: no price ages, and no interest falls due.
  const standing = Math.ceil(Date.now() / 3_600_000) * 3_600_000 + 1_800_000;
  app = await startTestApp({ env: { PRICE_MAX_AGE: '86400' }, clock: () => standing });
  service = await app.as('venue', 'SERVICE');
  await publishPrices(service, { BTC: '60000', 'BITGET/BTCUSDT': '60000', 'ASCENDEX/BTC-PERP': '60000' });
});

afterAll(() => app.close());

async function maxOpenSize(id: string, args: string): Promise<string> {
  return (await readAccount<{ maxOpenSize: string }>(service, id, `maxOpenSize(${args})`)).maxOpenSize;
}

/** Accepted at the answer and refused at one unit of the last digit more. */
async function expectBound(id: string, size: string, trade: object, more: object = {}): Promise<void> {
  const next = decimal(size).plus('0.000000000000000001').toFixed();
  const at = async (each: string): Promise<unknown> => {
    const { accepted, refusal } = await simulate(service, id, { ...more, trades: [{ ...trade, size: each }] });
    return [accepted, refusal?.code ?? null];
  };
  expect([await at(size), await at(next)]).toEqual([
    [true, null],
    [false, 'INSUFFICIENT_MARGIN'],
  ]);
}

describe('the largest size', () => {
  it('is what leverage makes of the margin, as a simulation agrees', async () => {
    const id = await openHolding(service, { USDT: '10000' });
    const size = await maxOpenSize(id, 'instrument: "BTCUSDT", side: BUY');
    expect(size).toBe('3.333333333333333333');
    await expectBound(id, size, { instrument: 'BTCUSDT', side: 'BUY' });
  });

  it('follows leverage, price and fee as they are named', async () => {
    const id = await openHolding(service, { USDT: '10000' });
    // 6,000 of margin, 1,000 of loss at once, and 36.6 of fee for each BTC.
    const size = await maxOpenSize(
      id,
      'instrument: "BTCUSDT", side: BUY, leverage: "10", price: "61000", feeRate: "0.0006"',
    );
    expect(size).toBe('1.421140891908023761');
    const fee = roundUp(decimal(size).times('36.6')).toFixed();
    const trade = { instrument: 'BTCUSDT', side: 'BUY', price: '61000', size, fee };
    const leverages = [{ instrument: 'BTCUSDT', leverage: '10' }];
    expect((await simulate(service, id, { leverages, trades: [trade] })).accepted).toBe(true);
  });

  it('closes a position first, and then opens the other side', async () => {
    const id = await openHolding(service, { USDT: '10000' });
    await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '60000'));
    expect(await maxOpenSize(id, 'instrument: "BTCUSDT", side: BUY')).toBe('2.333333333333333333');
    const size = await maxOpenSize(id, 'instrument: "BTCUSDT", side: SELL');
    expect(size).toBe('4.333333333333333333');
    await expectBound(id, size, { instrument: 'BTCUSDT', side: 'SELL' });
  });

  it('is that of a margin mode which could be set, and of no other', async () => {
    const id = await openHolding(service, { USDT: '1000' }, { venue: 'ASCENDEX' });
    const isolated = 'instrument: "BTC-PERP", side: SELL, marginMode: ISOLATED';
    const size = await maxOpenSize(id, isolated);
    const marginModes = [{ instrument: 'BTC-PERP', marginMode: 'ISOLATED' }];
    await expectBound(id, size, { instrument: 'BTC-PERP', side: 'SELL' }, { marginModes });
    await configure(app, id, 'BTC-PERP', 10, 'ISOLATED');
    await recordFills(service, fill(id, 'BTC-PERP', 'SELL', '0.01', '60000'));
    const { errors } = await tryAccount(
      service,
      id,
      'maxOpenSize(instrument: "BTC-PERP", side: SELL, marginMode: CROSS)',
    );
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
    expect(errors?.[0]?.message).toContain('`marginMode`');
  });

  it.each([
    ['instrument: "NO", side: BUY', 'BITGET has no instrument "NO".'],
    ['instrument: "BTCUSDT", side: BUY, leverage: "126"', '`leverage`'],
    ['instrument: "BTCUSDT", side: BUY, leverage: "0"', '`leverage`'],
    ['instrument: "BTCUSDT", side: BUY, leverage: "1.5"', '`leverage`'],
    ['instrument: "BTCUSDT", side: BUY, price: "0"', '`price`'],
    ['instrument: "BTCUSDT", side: BUY, price: "1000000000001"', '`price`'],
    ['instrument: "BTCUSDT", side: BUY, feeRate: "-0.1"', '`feeRate`'],
    ['instrument: "BTCUSDT", side: BUY, feeRate: "1.1"', '`feeRate`'],
    ['instrument: "BTCUSDT", side: BUY, marginMode: ISOLATED', '`marginMode`'],
  ])('is refused as bad input: %s', async (args, named) => {
    const id = await openHolding(service, { USDT: '10000' });
    const { errors } = await tryAccount(service, id, `maxOpenSize(${args})`);
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
    expect(errors?.[0]?.message).toContain(named);
  });
});
