/** Leverage and margin mode of an instrument, set by traders through the API (rules: 6 and 7). */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { configure, readAccount, settingOf, tryAccount } from '../../support/calls/account-reader.js';
import { fingerprint } from '../../support/calls/fingerprint.js';
import { balancesOf, call, refusal, refusals, versionOf, type Outcome } from '../../support/calls/trader-calls.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';

let app: TestApp;
let service: Api;
let alice: Api;

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
  alice = await app.as('alice', 'TRADER');
});

afterAll(() => app.close());

async function prices(): Promise<void> {
  await publishPrices(service, {
    ...{ BTC: '60000', USD1: '1', 'ASCENDEX/BTC-PERP': '10000', 'ASCENDEX/ETH-PERP': '1000' },
    ...{ 'BITGET/ETHUSDT': '2500', 'ASTER/BTCUSDT': '10000' },
  });
}

describe('setLeverage', () => {
  const set = (accountId: string, leverage: string, instrument = 'BTC-PERP') =>
    call(alice, 'setLeverage', { accountId, instrument, leverage });

  it('goes up to the maximum of the present notional, and not above', async () => {
    // 004: "the system will allow the adjustment if the new leverage is lower than the available maximum leverage based
    // on the margin requirement of the current position value. After the adjustment, the collateral required for the
    // position will be decreased."
    const id = await openAccount(service, { venue: 'ASCENDEX' });
    await prices();
    expect(await settingOf(alice, id, 'BTC-PERP')).toEqual({ leverage: '20', marginMode: 'CROSS' });
    expect(refusals(await set(id, '101'))).toEqual([refusal('LEVERAGE_OUT_OF_RANGE', 'leverage', '101', '100')]);
    await recordTransfers(service, transfer(id, 'USDT', '20000'));
    // 30 BTC at 10,000 = 300,000: 25x at most.
    await recordFills(service, fill(id, 'BTC-PERP', 'BUY', '30', '10000'));
    expect(refusals(await set(id, '26'))).toEqual([refusal('LEVERAGE_OUT_OF_RANGE', 'leverage', '26', '25')]);
    const before = await versionOf(alice, id);
    expect(await set(id, '25')).toEqual({ account: { version: before + 1 }, errors: [] });
    expect(await settingOf(alice, id, 'BTC-PERP')).toEqual({ leverage: '25', marginMode: 'CROSS' });
    // 300,000 / 25; the same leverage again changes nothing.
    expect(await readAccount(alice, id, 'margin { initialMargin }')).toEqual({ margin: { initialMargin: '12000' } });
    expect(await set(id, '25')).toEqual({ account: { version: before + 1 }, errors: [] });
  });

  it('goes down while the balance covers it', async () => {
    // 004: "When a user decreases leverage, the required collateral will be increased. The system will allow the
    // adjustment if there is sufficient balance in the account."
    const id = await openAccount(service, { venue: 'ASCENDEX' });
    await prices();
    await recordTransfers(service, transfer(id, 'USDT', '1000'));
    await recordFills(service, fill(id, 'BTC-PERP', 'BUY', '1', '10000'));
    expect((await set(id, '10')).errors).toEqual([]);
    // 10,000 / 9 = 1,111.11…, rounded up.
    expect(refusals(await set(id, '9'))).toEqual([
      refusal('INSUFFICIENT_MARGIN', 'leverage', '1111.111111111111111112', '1000'),
    ]);
    expect(await settingOf(alice, id, 'BTC-PERP')).toEqual({ leverage: '10', marginMode: 'CROSS' });
  });

  it('moves no margin of an isolated position', async () => {
    // 004: "In isolated margin mode, adjusting the leverage will cause a change in the collateral used by the position
    // without affecting the overall collateral in the isolated margin account."
    const id = await openAccount(service, { venue: 'ASCENDEX' });
    await prices();
    await recordTransfers(service, transfer(id, 'USDT', '5000'));
    await call(alice, 'setMarginMode', { accountId: id, instrument: 'BTC-PERP', marginMode: 'ISOLATED' });
    expect((await set(id, '10')).errors).toEqual([]);
    await recordFills(service, fill(id, 'BTC-PERP', 'BUY', '1', '10000'));
    expect((await set(id, '50')).errors).toEqual([]);
    expect(await readAccount(alice, id, 'positions { leverage isolatedMargin initialMargin }')).toEqual({
      positions: [{ leverage: '50', isolatedMargin: '1000', initialMargin: '200' }],
    });
    // 10,000 / 8 = 1,250 is more than the 1,000 that are set aside.
    expect(refusals(await set(id, '8'))).toEqual([refusal('INSUFFICIENT_MARGIN', 'leverage', '1250', '1000')]);
    expect(await balancesOf(alice, id)).toEqual({ USDT: '4000' });
  });

  it.each(['0', '-1', '20.5', '201', '999999999999999999999999999999', '0.000000000000000001'])(
    'refuses %s',
    async (leverage) => {
      const id = await openAccount(service, { venue: 'ASCENDEX' });
      const before = await fingerprint(app.app.services.db);
      expect(refusals(await set(id, leverage))).toEqual([
        refusal('LEVERAGE_OUT_OF_RANGE', 'leverage', leverage, '100'),
      ]);
      expect(await fingerprint(app.app.services.db)).toEqual(before);
    },
  );

  it('refuses an instrument of another venue', async () => {
    const id = await openAccount(service, { venue: 'ASCENDEX' });
    for (const instrument of ['BTCUSDT', '__proto__', '', '\0']) {
      expect(refusals(await set(id, '10', instrument))).toEqual([refusal('INSTRUMENT_NOT_FOUND', 'instrument')]);
    }
  });
});

describe('setMarginMode', () => {
  const set = (accountId: string, marginMode: string, instrument = 'BTC-PERP') =>
    call(alice, 'setMarginMode', { accountId, instrument, marginMode });

  it('is locked while the instrument has a position; what holds already is no change', async () => {
    const id = await openAccount(service, { venue: 'ASCENDEX' });
    await prices();
    await recordTransfers(service, transfer(id, 'USDT', '5000'));
    expect(await set(id, 'ISOLATED')).toEqual({ account: { version: 3 }, errors: [] });
    await recordFills(service, fill(id, 'BTC-PERP', 'BUY', '1', '10000'));
    expect(refusals(await set(id, 'CROSS'))).toEqual([refusal('MARGIN_MODE_LOCKED', 'marginMode')]);
    expect(await set(id, 'ISOLATED')).toEqual({ account: { version: 4 }, errors: [] });
    // Another instrument is free.
    expect((await set(id, 'ISOLATED', 'ETH-PERP')).errors).toEqual([]);
    await recordFills(service, fill(id, 'BTC-PERP', 'SELL', '1', '10000'));
    expect((await set(id, 'CROSS')).errors).toEqual([]);
    expect(await settingOf(alice, id, 'BTC-PERP')).toEqual({ leverage: '20', marginMode: 'CROSS' });
  });

  it('to isolated is not allowed in multi-asset mode where the venue says so', async () => {
    // 001: "Multi-Asset Mode operates in cross margin only."
    const id = await openAccount(service, { venue: 'ASTER', chain: 'BNB_CHAIN' });
    expect(refusals(await set(id, 'ISOLATED', 'BTCUSDT'))).toEqual([refusal('ISOLATED_NOT_ALLOWED', 'marginMode')]);
    const single = await openAccount(service, { venue: 'ASTER', chain: 'BNB_CHAIN', collateralMode: 'SINGLE_ASSET' });
    expect((await set(single, 'ISOLATED', 'BTCUSDT')).errors).toEqual([]);
  });
});

describe('the leverage of an isolated position', () => {
  it('may be set to what it is, and rises up to the maximum of the tier', async () => {
    const id = await openAccount(service, { collateralMode: 'SINGLE_ASSET' });
    const set = (leverage: string): Promise<Outcome> =>
      call(alice, 'setLeverage', { accountId: id, instrument: 'ETHUSDT', leverage });
    const margin = async (): Promise<unknown> =>
      (await readAccount<{ positions: object[] }>(alice, id, 'positions { leverage isolatedMargin }')).positions;
    await publishPrices(service, { 'BITGET/ETHUSDT': '2500' });
    await recordTransfers(service, transfer(id, 'USDT', '2250'));
    await call(alice, 'setMarginMode', { accountId: id, instrument: 'ETHUSDT', marginMode: 'ISOLATED' });
    await set('4');
    await recordFills(service, fill(id, 'ETHUSDT', 'BUY', '3.6', '2500'));
    await publishPrices(service, { 'BITGET/ETHUSDT': '2900' });
    const version = await versionOf(alice, id);
    expect((await set('4')).errors).toEqual([]);
    expect(await versionOf(alice, id)).toBe(version);
    await publishPrices(service, { 'BITGET/ETHUSDT': '2100' });
    expect((await set('5')).errors).toEqual([]);
    expect(await margin()).toEqual([{ leverage: '5', isolatedMargin: '2250' }]);
    // 7,560 / 4 = 1,890 of 2,250 less a loss of 1,440.
    expect(refusals(await set('4'))).toEqual([refusal('INSUFFICIENT_MARGIN', 'leverage', '1890', '810')]);
  });
});

interface Setting {
  readonly instrument: { symbol: string };
  readonly leverage: string;
  readonly maxLeverage: string;
  readonly marginMode: string;
}

async function settings(id: string, symbols?: readonly string[]): Promise<string[]> {
  const argument = symbols === undefined ? '' : `(instruments: ${JSON.stringify(symbols)})`;
  const { instrumentSettings } = await readAccount<{ instrumentSettings: Setting[] }>(
    service,
    id,
    `instrumentSettings${argument} { instrument { symbol } leverage maxLeverage marginMode }`,
  );
  return instrumentSettings.map(({ instrument, leverage, maxLeverage, marginMode }) =>
    [instrument.symbol, leverage, maxLeverage, marginMode].join(' '),
  );
}

describe('instrumentSettings', () => {
  it('starts at 20x in cross margin, for all of the venue, by symbol', async () => {
    const id = await openAccount(service, { venue: 'BITGET' });
    expect(await settings(id)).toEqual(['BTCUSDT 20 125 CROSS', 'ETHUSDT 20 125 CROSS', 'SOLUSDT 20 100 CROSS']);
  });

  it('answers those that are named, once each, and leaves out unknown ones', async () => {
    const id = await openAccount(service, { venue: 'BITGET' });
    const asked = ['SOLUSDT', 'NONE', 'BTC-PERP', 'BTCUSDT', 'SOLUSDT', '__proto__'];
    expect(await settings(id, asked)).toEqual(['BTCUSDT 20 125 CROSS', 'SOLUSDT 20 100 CROSS']);
    expect(await settings(id, [])).toEqual([]);
  });

  it('takes 100 symbols and refuses 101', async () => {
    const id = await openAccount(service);
    const symbols = (count: number) => JSON.stringify(Array.from({ length: count }, () => 'BTCUSDT'));
    expect(await settings(id, JSON.parse(symbols(100)) as string[])).toHaveLength(1);
    const { errors } = await tryAccount(service, id, `instrumentSettings(instruments: ${symbols(101)}) { leverage }`);
    expect(errors).toMatchObject([{ extensions: { code: 'LIMIT_EXCEEDED' } }]);
  });

  it('says what the trader has set, and what the present notional allows', async () => {
    const id = await openAccount(service, { venue: 'ASCENDEX', positionMode: 'HEDGE' });
    await configure(app, id, 'BTC-PERP', 5, 'ISOLATED');
    await publishPrices(service, { 'ASCENDEX/BTC-PERP': '50000' });
    expect(await settings(id)).toEqual(['BTC-PERP 5 100 ISOLATED', 'ETH-PERP 20 100 CROSS']);
    await recordFills(
      service,
      fill(id, 'BTC-PERP', 'BUY', '3', '50000', { positionSide: 'LONG' }),
      fill(id, 'BTC-PERP', 'SELL', '60', '50000', { positionSide: 'SHORT' }),
    );
    // The larger side: 3,000,000 lies in the tier from 2,000,000 on.
    expect(await settings(id, ['BTC-PERP'])).toEqual(['BTC-PERP 5 10 ISOLATED']);
  });
});
