/** Position mode and collateral mode, set by traders through the API; and whose all settings are (rules: 6 and 7). */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { readAccount, settingOf } from '../../support/calls/account-reader.js';
import { fingerprint } from '../../support/calls/fingerprint.js';
import {
  balancesOf,
  call,
  ledgerOf,
  mutationOf,
  refusal,
  refusals,
  type Mutation,
} from '../../support/calls/trader-calls.js';
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
let ahead = 0;

beforeAll(async () => {
  app = await startTestApp({ clock: () => Date.now() + ahead });
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

it('setPositionMode is locked while the account has a position', async () => {
  const id = await openAccount(service, { venue: 'ASCENDEX' });
  await prices();
  await recordTransfers(service, transfer(id, 'USDT', '5000'));
  const set = (positionMode: string) => call(alice, 'setPositionMode', { accountId: id, positionMode });
  expect(await set('HEDGE')).toEqual({ account: { version: 3, positionMode: 'HEDGE' }, errors: [] });
  await recordFills(
    service,
    fill(id, 'BTC-PERP', 'BUY', '1', '10000', { positionSide: 'LONG' }),
    fill(id, 'BTC-PERP', 'SELL', '1', '10000', { positionSide: 'SHORT' }),
  );
  expect(refusals(await set('ONE_WAY'))).toEqual([refusal('POSITION_MODE_LOCKED', 'positionMode')]);
  expect((await set('HEDGE')).errors).toEqual([]);
  await recordFills(
    service,
    fill(id, 'BTC-PERP', 'SELL', '1', '10000', { positionSide: 'LONG' }),
    fill(id, 'BTC-PERP', 'BUY', '1', '10000', { positionSide: 'SHORT' }),
  );
  expect((await set('ONE_WAY')).account).toMatchObject({ positionMode: 'ONE_WAY' });
});

describe('setCollateralMode', () => {
  const set = (accountId: string, collateralMode: string) =>
    call(alice, 'setCollateralMode', { accountId, collateralMode });

  it('goes both ways, and other assets stop and start to count', async () => {
    // 003: "In single-asset mode, only USDT is used as margin"; "In multi-asset mode, other cryptocurrencies can also".
    const id = await openAccount(service);
    await prices();
    await recordTransfers(service, transfer(id, 'BTC', '10'), transfer(id, 'USDT', '5'));
    const value = () => readAccount(alice, id, 'margin { collateralValue }');
    expect(await value()).toEqual({ margin: { collateralValue: '582005' } });
    expect(await set(id, 'SINGLE_ASSET')).toEqual({
      account: { version: 3, collateralMode: 'SINGLE_ASSET' },
      errors: [],
    });
    expect(await value()).toEqual({ margin: { collateralValue: '5' } });
    expect((await set(id, 'MULTI_ASSET')).account).toMatchObject({ version: 4, collateralMode: 'MULTI_ASSET' });
    expect(await set(id, 'MULTI_ASSET')).toMatchObject({ account: { version: 4 }, errors: [] });
  });

  it('to single-asset is refused while something but USDT is owed, or while USDT alone does not cover', async () => {
    const id = await openAccount(service, { venue: 'ASTER', chain: 'BNB_CHAIN' });
    await prices();
    await recordTransfers(service, transfer(id, 'USDT', '400'), transfer(id, 'BTC', '1'));
    await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '10000'));
    // 10,000 / 20 = 500; the BTC does not count any more.
    expect(refusals(await set(id, 'SINGLE_ASSET'))).toEqual([
      refusal('INSUFFICIENT_MARGIN', 'collateralMode', '500', '400'),
    ]);
    await call(service, 'recordLedgerEntries', {
      entries: [
        { entryId: `owed-${id}`, accountId: id, asset: 'USD1', quantity: '-7', kind: 'ADJUSTMENT', at: new Date() },
      ],
    });
    expect(refusals(await set(id, 'SINGLE_ASSET'))).toEqual([
      refusal('COLLATERAL_MODE_LOCKED', 'collateralMode', '7', '0'),
    ]);
  });

  it('to multi-asset is refused while an isolated position stands, and then resets what is left to cross', async () => {
    // 000: "Please note that Multi-Assets Mode only supports Cross Margin Mode."
    const id = await openAccount(service, { venue: 'ASTER', chain: 'BNB_CHAIN', collateralMode: 'SINGLE_ASSET' });
    await prices();
    await recordTransfers(service, transfer(id, 'USDT', '5000'));
    for (const instrument of ['BTCUSDT', 'ETHUSDT']) {
      await call(alice, 'setMarginMode', { accountId: id, instrument, marginMode: 'ISOLATED' });
      await call(alice, 'setLeverage', { accountId: id, instrument, leverage: '7' });
    }
    await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '7000'));
    expect(refusals(await set(id, 'MULTI_ASSET'))).toEqual([refusal('COLLATERAL_MODE_LOCKED', 'collateralMode')]);
    await recordFills(service, fill(id, 'BTCUSDT', 'SELL', '1', '7000'));
    expect((await set(id, 'MULTI_ASSET')).errors).toEqual([]);
    for (const instrument of ['BTCUSDT', 'ETHUSDT']) {
      expect(await settingOf(alice, id, instrument)).toEqual({ leverage: '7', marginMode: 'CROSS' });
    }
  });

  it('to multi-asset exchanges what is owed past a threshold', async () => {
    // 001: "If the balance of a specific asset falls below a required threshold, the system automatically converts other
    // assets in your wallet into the one needed".
    const id = await openAccount(service, { venue: 'ASTER', chain: 'BNB_CHAIN', collateralMode: 'SINGLE_ASSET' });
    await prices();
    await recordTransfers(service, transfer(id, 'BTC', '1'));
    await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '10000', { fee: '19000' }));
    await recordFills(service, fill(id, 'BTCUSDT', 'SELL', '1', '10000'));
    expect(await balancesOf(alice, id)).toEqual({ BTC: '1', USDT: '-19000' });
    expect((await set(id, 'MULTI_ASSET')).errors).toEqual([]);
    // 1 BTC at 60,000 counts 57,000; a third of it is sold: 1 x 19,000 / 57,000, rounded up; and 60,000 times that.
    expect((await ledgerOf(alice, id)).slice(0, 2)).toEqual([
      'AUTO_EXCHANGE USDT 20000.00000000000004 1000.00000000000004 collateralMode:MULTI_ASSET',
      'AUTO_EXCHANGE BTC -0.333333333333333334 0.666666666666666666 collateralMode:MULTI_ASSET',
    ]);
  });

  it('waits for fresh mark prices', async () => {
    const id = await openAccount(service, { venue: 'ASTER', chain: 'BNB_CHAIN' });
    await prices();
    await recordTransfers(service, transfer(id, 'USDT', '1000'));
    await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '10000'));
    ahead = 61_000;
    try {
      expect(refusals(await set(id, 'SINGLE_ASSET'))).toEqual([refusal('PRICE_UNAVAILABLE', 'collateralMode')]);
    } finally {
      ahead = 0;
    }
  });
});

describe('all of them', () => {
  const inputs: readonly [Mutation, object][] = [
    ['setLeverage', { instrument: 'BTC-PERP', leverage: '10' }],
    ['setMarginMode', { instrument: 'BTC-PERP', marginMode: 'ISOLATED' }],
    ['setPositionMode', { positionMode: 'HEDGE' }],
    ['setCollateralMode', { collateralMode: 'SINGLE_ASSET' }],
  ];

  it.each(inputs)(
    "%s is for the owner and the venue's systems, and says no more of others than of none",
    async (name, input) => {
      const id = await openAccount(service, { venue: 'ASCENDEX' });
      const before = await fingerprint(app.app.services.db);
      const none = await call(alice, name, { ...input, accountId: 'nonsense' });
      expect(refusals(none)).toEqual([refusal('ACCOUNT_NOT_FOUND', 'accountId')]);
      for (const api of [await app.as('bob', 'TRADER'), await app.as('boss', 'TRADER', 'ADMIN')]) {
        expect(await call(api, name, { ...input, accountId: id })).toEqual(none);
      }
      const admin = await app.as('root', 'ADMIN');
      const { errors } = await admin.send(mutationOf(name), { input: { ...input, accountId: id } });
      expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['FORBIDDEN']);
      expect(await fingerprint(app.app.services.db)).toEqual(before);
    },
  );

  it('are answered one after the other within one request', async () => {
    const id = await openAccount(service, { venue: 'ASCENDEX' });
    const { first, second } = await alice.ask<Record<string, { account: object }>>(
      `mutation ($id: ID!) {
        first: setLeverage(input: {accountId: $id, instrument: "BTC-PERP", leverage: "3"}) { account { version } }
        second: setPositionMode(input: {accountId: $id, positionMode: HEDGE}) { account { version positionMode } }
      }`,
      { id },
    );
    expect([first?.account, second?.account]).toEqual([{ version: 2 }, { version: 3, positionMode: 'HEDGE' }]);
  });
});
