/** What can leave an account, and by whom (rules: 8). */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { fingerprint } from '../../support/calls/fingerprint.js';
import { globalIdOf } from '../../support/calls/global-ids.js';
import {
  balancesOf,
  call,
  ledgerOf,
  mutationOf,
  refusal,
  refusals,
  versionOf,
} from '../../support/calls/trader-calls.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';
import { readAccount } from '../../support/calls/account-reader.js';

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

describe('exactly what is transferable', () => {
  // 003: 10 BTC at 60,000 count 582,000. With 500,000 required (2,000 ETH at 2,500, 10x) 82,000 of the top tier can go:
  // 82,000 / 0.965 / 60,000, rounded down.
  const MOST = '1.416234887737478411';

  it('leaves, and one unit of the 18th digit more does not', async () => {
    const id = await openAccount(service);
    await publishPrices(service, { BTC: '60000', 'BITGET/ETHUSDT': '2500' });
    await recordTransfers(service, transfer(id, 'BTC', '10'));
    expect(await call(alice, 'setLeverage', { accountId: id, instrument: 'ETHUSDT', leverage: '10' })).toEqual({
      account: { version: 3 },
      errors: [],
    });
    await recordFills(service, fill(id, 'ETHUSDT', 'BUY', '2000', '2500'));

    const more = { accountId: id, asset: 'BTC', quantity: '1.416234887737478412' };
    const refused = await call(alice, 'withdraw', more);
    expect(refused).toMatchObject({ account: null, entry: null });
    expect(refusals(refused)).toEqual([refusal('INSUFFICIENT_MARGIN', 'quantity', more.quantity, MOST)]);
    expect(await versionOf(alice, id)).toBe(4);

    const done = await call(alice, 'withdraw', { ...more, quantity: MOST });
    expect(done).toMatchObject({
      account: { version: 5 },
      entry: {
        kind: 'WITHDRAWAL',
        asset: { symbol: 'BTC' },
        quantity: `-${MOST}`,
        balanceAfter: '8.583765112262521589',
      },
      errors: [],
    });
    expect(await balancesOf(alice, id)).toEqual({ BTC: '8.583765112262521589' });

    const unit = await call(alice, 'withdraw', { ...more, quantity: '0.000000000000000001' });
    expect(refusals(unit)).toEqual([refusal('INSUFFICIENT_MARGIN', 'quantity', '0.000000000000000001', '0')]);
  });

  it('leaves once, however often it is asked for with one key', async () => {
    const id = await openAccount(service);
    await recordTransfers(service, transfer(id, 'USDT', '100'));
    const input = { accountId: id, asset: 'USDT', quantity: '60', idempotencyKey: randomUUID() };
    const [first, second] = await Promise.all([call(alice, 'withdraw', input), call(alice, 'withdraw', input)]);
    expect(second).toEqual(first);
    expect(await call(alice, 'withdraw', input)).toEqual(first);
    expect(refusals(await call(alice, 'withdraw', { ...input, quantity: '40' }))).toEqual([
      refusal('IDEMPOTENCY_KEY_REUSED', 'idempotencyKey'),
    ]);
    expect(await balancesOf(alice, id)).toEqual({ USDT: '40' });
    expect(await ledgerOf(alice, id)).toHaveLength(2);
  });

  it('of two withdrawals that race for the same money one leaves', async () => {
    const id = await openAccount(service);
    await recordTransfers(service, transfer(id, 'USDT', '100'));
    const both = await Promise.all(
      [1, 2].map(() => call(alice, 'withdraw', { accountId: id, asset: 'USDT', quantity: '60' })),
    );
    expect(both.flatMap(refusals)).toEqual([refusal('INSUFFICIENT_BALANCE', 'quantity', '60', '40')]);
  });
});

it('lets other assets go entirely in single-asset mode while no USDT is owed (003)', async () => {
  // 003: "In single-asset mode, no collateral ratio is applied to non-USDT assets because they do not count toward
  // margin. These assets can be transferred to other accounts."
  const id = await openAccount(service, { collateralMode: 'SINGLE_ASSET' });
  await publishPrices(service, { BTC: '60000', 'BITGET/ETHUSDT': '2500' });
  await recordTransfers(service, transfer(id, 'BTC', '2'), transfer(id, 'USDT', '130'));
  await recordFills(service, fill(id, 'ETHUSDT', 'BUY', '1', '2500'));
  const first = await call(alice, 'withdraw', { accountId: id, asset: 'BTC', quantity: '1' });
  expect(first.errors).toEqual([]);
  // A fee of 131 leaves -1 USDT.
  await recordFills(service, fill(id, 'ETHUSDT', 'SELL', '1', '2500', { fee: '131' }));
  const owing = await call(alice, 'withdraw', { accountId: id, asset: 'BTC', quantity: '1' });
  expect(refusals(owing)).toEqual([refusal('INSUFFICIENT_MARGIN', 'quantity', '1', '0')]);
});

it('lets nothing go in single-asset mode while anything is owed, or the account is in LIQUIDATION', async () => {
  const id = await openAccount(service, { venue: 'ASCENDEX', collateralMode: 'SINGLE_ASSET' });
  await publishPrices(service, { BTC: '60000', USD1: '1', 'ASCENDEX/BTC-PERP': '2500' });
  await recordTransfers(service, transfer(id, 'USDT', '1000'), transfer(id, 'BTC', '1'));
  const most = (): Promise<object> => readAccount(alice, id, 'status maxTransferable(asset: "BTC")');
  expect(await most()).toEqual({ status: 'NO_EXPOSURE', maxTransferable: '1' });
  const owed = { accountId: id, asset: 'USD1', kind: 'ADJUSTMENT', at: new Date().toISOString() };
  const book = async (quantity: string): Promise<void> => {
    const entries = [{ ...owed, entryId: randomUUID(), quantity }];
    expect((await call(service, 'recordLedgerEntries', { entries })).errors).toEqual([]);
  };
  await book('-5000');
  expect(await most()).toEqual({ status: 'LIQUIDATION', maxTransferable: '0' });
  await book('4999.9');
  expect(await most()).toEqual({ status: 'NO_EXPOSURE', maxTransferable: '0' });
  await book('0.1');
  await recordFills(service, fill(id, 'BTC-PERP', 'BUY', '10', '2700'));
  // 1,000 and a loss of 2,000.
  expect(await most()).toEqual({ status: 'LIQUIDATION', maxTransferable: '0' });
  const refused = await call(alice, 'withdraw', { accountId: id, asset: 'BTC', quantity: '1' });
  expect(refusals(refused)).toEqual([refusal('INSUFFICIENT_MARGIN', 'quantity', '1', '0')]);
});

it('leaves unrealised profit where it is', async () => {
  // 1,000 USDT, PnL +500, 600 required: 400 (rules: 8). 4.8 ETH at 2,500 make 12,000; bought for 11,500; at 20x 600.
  const id = await openAccount(service);
  await publishPrices(service, { 'BITGET/ETHUSDT': '2500' });
  await recordTransfers(service, transfer(id, 'USDT', '1000'));
  await recordFills(service, fill(id, 'ETHUSDT', 'BUY', '4', '2400'), fill(id, 'ETHUSDT', 'BUY', '0.8', '2375'));
  const tooMuch = await call(alice, 'withdraw', { accountId: id, asset: 'USDT', quantity: '400.000000000000000001' });
  expect(refusals(tooMuch)).toEqual([refusal('INSUFFICIENT_MARGIN', 'quantity', '400.000000000000000001', '400')]);
  expect((await call(alice, 'withdraw', { accountId: id, asset: 'USDT', quantity: '400' })).errors).toEqual([]);
});

it('waits for a fresh price where it needs one', async () => {
  const id = await openAccount(service);
  await publishPrices(service, { 'BITGET/ETHUSDT': '2500' });
  await recordTransfers(service, transfer(id, 'USDT', '1000'));
  await recordFills(service, fill(id, 'ETHUSDT', 'BUY', '1', '2500'));
  ahead = 61_000;
  try {
    const stale = await call(alice, 'withdraw', { accountId: id, asset: 'USDT', quantity: '1' });
    expect(refusals(stale)).toEqual([refusal('PRICE_UNAVAILABLE', 'quantity')]);
  } finally {
    ahead = 0;
  }
});

describe('bad input', () => {
  let id: string;

  beforeAll(async () => {
    id = await openAccount(service, { venue: 'ASTER', chain: 'BNB_CHAIN' });
    await recordTransfers(service, transfer(id, 'USDT', '100'), transfer(id, 'BonusUSD', '5'));
  });

  it.each([
    [
      'more than there is',
      'USDT',
      '100.000000000000000001',
      ['INSUFFICIENT_BALANCE', 'quantity', '100.000000000000000001', '100'],
    ],
    ['nothing', 'USDT', '0', ['INVALID_INPUT', 'quantity']],
    ['less than nothing', 'USDT', '-1', ['INVALID_INPUT', 'quantity']],
    ['more than anybody has', 'USDT', '1000000000000000.1', ['INVALID_INPUT', 'quantity']],
    ['an asset that the account lacks', 'BTC', '1', ['INSUFFICIENT_BALANCE', 'quantity', '1', '0']],
    ['an asset that there is not', 'NONE', '1', ['ASSET_NOT_FOUND', 'asset']],
    ['an asset of the language', '__proto__', '1', ['ASSET_NOT_FOUND', 'asset']],
    ['bonus money', 'BonusUSD', '1', ['NOT_TRANSFERABLE', 'quantity']],
  ] as const)('%s is refused and changes nothing', async (_what, asset, quantity, expected) => {
    const before = await fingerprint(app.app.services.db);
    const refused = await call(alice, 'withdraw', { accountId: id, asset, quantity });
    expect(refused).toMatchObject({ account: null, entry: null });
    expect(refusals(refused)).toEqual([refusal(...(expected as unknown as [string, string, string?, string?]))]);
    expect(await fingerprint(app.app.services.db)).toEqual(before);
  });

  it.each([
    ['empty', ''],
    ['NUL', '\0'],
    ['endless', 'k'.repeat(201)],
  ])('a key that is %s is refused', async (_what, key) => {
    const refused = await call(alice, 'withdraw', { accountId: id, asset: 'USDT', quantity: '1', idempotencyKey: key });
    expect(refusals(refused)).toEqual([refusal('INVALID_INPUT', 'idempotencyKey')]);
  });

  it('an account of somebody else answers exactly like one that does not exist', async () => {
    const bob = await app.as('bob', 'TRADER');
    // Also to a trader who may see it as an admin: seeing is not moving.
    const boss = await app.as('boss', 'TRADER', 'ADMIN', 'SERVICE');
    const missing = globalIdOf('Account', '00000000-0000-7000-8000-000000000000');
    const input = { asset: 'USDT', quantity: '1' };
    const none = await call(bob, 'withdraw', { ...input, accountId: missing });
    expect(refusals(none)).toEqual([refusal('ACCOUNT_NOT_FOUND', 'accountId')]);
    for (const api of [bob, boss]) {
      expect(await call(api, 'withdraw', { ...input, accountId: id })).toEqual(none);
      expect(await call(api, 'withdraw', { ...input, accountId: 'nonsense' })).toEqual(none);
    }
  });

  it('admins and services move no money of traders', async () => {
    const input = { accountId: id, asset: 'USDT', quantity: '1', idempotencyKey: 'k' };
    for (const api of [service, await app.as('boss', 'ADMIN')]) {
      const { errors } = await api.send(mutationOf('withdraw'), { input });
      expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['FORBIDDEN']);
    }
  });
});

async function most(id: string, asset: string): Promise<string> {
  const { maxTransferable } = await readAccount<{ maxTransferable: string }>(
    service,
    id,
    `maxTransferable(asset: ${JSON.stringify(asset)})`,
  );
  return maxTransferable;
}

describe('through the API', () => {
  it('1,000 USDT, a profit of 500 and an initial margin of 600 let 400 go', async () => {
    const id = await openAccount(service, { venue: 'BITGET' });
    await publishPrices(service, { 'BITGET/BTCUSDT': '12000' });
    await recordTransfers(service, transfer(id, 'USDT', '1000'));
    await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '11500'));
    // 12,000 / 20 = 600 needed; unrealised profit cannot leave: 1,000 + min(0, 500) - 600.
    expect(await most(id, 'USDT')).toBe('400');
  });

  it('10 BTC at 60,000 with an initial margin of 500,000 let 1.416234887737478411 BTC go, and not a digit more', async () => {
    const id = await openAccount(service, { venue: 'BITGET' });
    await publishPrices(service, { BTC: '60000', 'BITGET/ETHUSDT': '10000' });
    await recordTransfers(service, transfer(id, 'BTC', '10'));
    await recordFills(service, fill(id, 'ETHUSDT', 'BUY', '1000', '10000'));
    // 10,000,000 / 20 = 500,000 = 97,500 + 388,000 + 14,500 of the third tier: 14,500 / 0.965 = 15,025.906735751…
    // (500,000 + 15,025.906735751…) / 60,000 = 8.583765112262521588… stay.
    expect(await most(id, 'BTC')).toBe('1.416234887737478411');
    const refused = await recordTransfers(service, transfer(id, 'BTC', '-1.416234887737478412'));
    expect(refused.errors).toMatchObject([
      { code: 'INSUFFICIENT_MARGIN', required: '1.416234887737478412', available: '1.416234887737478411' },
    ]);
    expect(await recordTransfers(service, transfer(id, 'BTC', '-1.416234887737478411'))).toMatchObject({ recorded: 1 });
    expect(await most(id, 'BTC')).toBe('0');
  });

  it('is 0 for what is not there, owed, not transferable, or does not cover the initial margin', async () => {
    const id = await openAccount(service, { venue: 'BITGET' });
    await publishPrices(service, { BonusUSD: '1', 'BITGET/ETHUSDT': '1500' });
    await recordTransfers(service, transfer(id, 'USDT', '10'), transfer(id, 'BonusUSD', '5'));
    expect([await most(id, 'USDT'), await most(id, 'BonusUSD')]).toEqual(['10', '0']);
    await recordFills(service, fill(id, 'ETHUSDT', 'BUY', '1', '1500', { fee: '11' }));
    for (const asset of ['USDT', 'BonusUSD', 'BTC']) expect(await most(id, asset)).toBe('0');
    for (const asset of ['NONE', '__proto__', '']) await expect(most(id, asset)).rejects.toThrow('There is no asset');
  });

  it('is 0 while a price that it takes is stale or missing', async () => {
    const id = await openAccount(service, { venue: 'ASCENDEX' });
    await recordTransfers(service, transfer(id, 'USDT', '1000'));
    await recordFills(service, fill(id, 'ETH-PERP', 'BUY', '1', '1500'));
    expect(await most(id, 'USDT')).toBe('0');
    const at = new Date(Date.now() - 120_000).toISOString();
    await publishPrices(service, { 'ASCENDEX/ETH-PERP': '1500' }, { at });
    expect(await most(id, 'USDT')).toBe('0');
    await publishPrices(service, { 'ASCENDEX/ETH-PERP': '1500' });
    // 1,000 - 1,500 / 20.
    expect(await most(id, 'USDT')).toBe('925');
  });

  // "Other assets can be transferred to other accounts." (Bitget, on single-asset mode)
  it('in single-asset mode is all of another asset while no USDT is owed', async () => {
    const id = await openAccount(service, { venue: 'BITGET', collateralMode: 'SINGLE_ASSET' });
    await publishPrices(service, { BTC: '60000', 'BITGET/ETHUSDT': '1500' });
    await recordTransfers(service, transfer(id, 'USDT', '100'), transfer(id, 'BTC', '2'));
    await recordFills(service, fill(id, 'ETHUSDT', 'BUY', '1', '1500'));
    expect([await most(id, 'USDT'), await most(id, 'BTC')]).toEqual(['25', '2']);
    await recordFills(service, fill(id, 'ETHUSDT', 'BUY', '0.001', '1500', { fee: '101' }));
    expect([await most(id, 'USDT'), await most(id, 'BTC')]).toEqual(['0', '0']);
  });
});
