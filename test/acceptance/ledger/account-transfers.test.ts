/** Transfers between two accounts: one fact with two sides, recorded on both or on neither, however often it is sent. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { readAccount } from '../../support/calls/account-reader.js';
import { unchanged } from '../../support/calls/fingerprint.js';
import { globalIdOf, uuidOf } from '../../support/calls/global-ids.js';
import { balancesOf, ledgerOf, versionOf, wrongBalances } from '../../support/calls/trader-calls.js';
import {
  fill,
  openAccount,
  openHolding,
  publishPrices,
  recordAccountTransfer,
  recordFills,
  type AccountTransferChoice,
  type AccountTransferred,
} from '../../support/calls/venue-system.js';
import type { Api } from '../../support/services/api.js';
import { startTestApps, type TestApp } from '../../support/services/app.js';
import { createTestDatabase, type TestDatabase } from '../../support/services/database.js';

let database: TestDatabase;
let apps: [TestApp, ...TestApp[]];
let services: Api[];
let app: TestApp;
let service: Api;
let alice: Api;

beforeAll(async () => {
  database = await createTestDatabase();
  apps = await startTestApps({ database });
  services = await Promise.all(apps.map((each) => each.as('venue', 'SERVICE')));
  [app, service] = [apps[0], services[0] as Api];
  alice = await app.as('alice', 'TRADER');
  await publishPrices(service, { BTC: '60000', 'BITGET/BTCUSDT': '60000' });
});

afterAll(async () => {
  for (const each of apps) await each.close();
  await database.drop();
});

const transfer = (from: string, to: string, quantity = '40', choice: Partial<AccountTransferChoice> = {}) => ({
  ...{ transferId: randomUUID(), fromAccountId: from, toAccountId: to, asset: 'USDT', quantity },
  ...{ at: new Date().toISOString(), ...choice },
});

async function two(): Promise<[string, string]> {
  return [await openHolding(service, { USDT: '100' }), await openAccount(service)];
}

describe('a transfer between two accounts', () => {
  it('stands in both ledgers under its id, and its sum is 0', async () => {
    const [from, to] = await two();
    const input = transfer(from, to);
    expect(await recordAccountTransfer(service, input)).toEqual({
      from: { id: from, version: 3 },
      to: { id: to, version: 2 },
      alreadyKnown: false,
      errors: [],
    });
    expect((await ledgerOf(alice, from))[0]).toBe(`TRANSFER USDT -40 60 ${input.transferId}`);
    expect(await ledgerOf(alice, to)).toEqual([`TRANSFER USDT 40 40 ${input.transferId}`]);
    const { ledger } = await readAccount<{ ledger: object }>(alice, to, 'ledger { nodes { reportedAt } }');
    expect(ledger).toEqual({ nodes: [{ reportedAt: input.at }] });
  });

  it('has one instant on both sides, though one account changed later than its request began', async () => {
    const [from, to] = await two();
    const { db, hotAccounts } = app.app.services;
    await db.$executeRaw`UPDATE accounts SET changed_at = now() + interval '3 seconds' WHERE id = ${uuidOf(to)}::uuid`;
    hotAccounts.clear();
    expect((await recordAccountTransfer(service, transfer(from, to))).errors).toEqual([]);
    const instants = await db.$queryRaw<{ at: Date }[]>`
      SELECT DISTINCT at FROM ledger_entries
      WHERE kind = 'TRANSFER' AND account_id IN (${uuidOf(from)}::uuid, ${uuidOf(to)}::uuid)`;
    expect(instants).toHaveLength(1);
  });

  it('that comes again is known, though the sender has nothing left', async () => {
    const [from, to] = await two();
    const input = transfer(from, to, '100');
    await recordAccountTransfer(service, input);
    const again = await unchanged(app, () => recordAccountTransfer(service, input));
    expect(again).toEqual({
      from: { id: from, version: 3 },
      to: { id: to, version: 2 },
      alreadyKnown: true,
      errors: [],
    });
  });

  it('is refused with other content under its id', async () => {
    const [from, to] = await two();
    const third = await openAccount(service);
    const input = transfer(from, to);
    await recordAccountTransfer(service, input);
    for (const other of [
      { quantity: '41' },
      { asset: 'BTC' },
      { toAccountId: third },
      { fromAccountId: to, toAccountId: from },
      { at: new Date(Date.now() - 1_000).toISOString() },
    ]) {
      const { errors, ...rest } = await unchanged(app, () => recordAccountTransfer(service, { ...input, ...other }));
      expect(rest).toEqual({ from: null, to: null, alreadyKnown: false });
      expect(errors).toMatchObject([{ code: 'IDEMPOTENCY_KEY_REUSED', field: ['input', 'transferId'] }]);
    }
  });

  it('may come again under its id after it was refused', async () => {
    const [from, to] = await two();
    const input = transfer(from, to, '101');
    const { errors } = await recordAccountTransfer(service, input);
    expect(errors).toMatchObject([
      { code: 'INSUFFICIENT_BALANCE', field: ['input', 'fromAccountId'], required: '101', available: '100' },
    ]);
    expect((await recordAccountTransfer(service, { ...input, quantity: '100' })).errors).toEqual([]);
    expect([await balancesOf(alice, from), await balancesOf(alice, to)]).toEqual([{}, { USDT: '100' }]);
  });
});

describe('the side that refuses is named, and nothing is written:', () => {
  type Case = [what: string, code: string, field: string, input: () => Promise<object>];
  const nobodys = globalIdOf('Account', randomUUID());
  const between = async (quantity: string, choice: Partial<AccountTransferChoice> = {}): Promise<object> =>
    transfer(...(await two()), quantity, choice);
  const cases: Case[] = [
    [
      'a sender that is not there',
      'ACCOUNT_NOT_FOUND',
      'fromAccountId',
      () => between('1', { fromAccountId: nobodys }),
    ],
    ['a receiver that is not there', 'ACCOUNT_NOT_FOUND', 'toAccountId', () => between('1', { toAccountId: nobodys })],
    [
      'one account twice',
      'INVALID_INPUT',
      'toAccountId',
      async () => {
        const [from] = await two();
        return transfer(from, from);
      },
    ],
    [
      'a receiver at another venue',
      'INVALID_INPUT',
      'toAccountId',
      async () => between('1', { toAccountId: await openAccount(service, { venue: 'ASCENDEX' }) }),
    ],
    ['more than the sender has', 'INSUFFICIENT_BALANCE', 'fromAccountId', () => between('100.000000000000000001')],
    ['an asset that never had a price at the receiver', 'PRICE_UNAVAILABLE', 'toAccountId', unpricedAtReceiver],
    ['more than the sender can do without', 'INSUFFICIENT_MARGIN', 'fromAccountId', margined],
    ['an asset that there is not', 'ASSET_NOT_FOUND', 'asset', () => between('1', { asset: 'NONE' })],
    ['no quantity', 'INVALID_INPUT', 'quantity', () => between('0')],
    ['a negative quantity', 'INVALID_INPUT', 'quantity', () => between('-1')],
    ['too large a quantity', 'INVALID_INPUT', 'quantity', () => between('1000000000000001')],
    ['an empty id', 'INVALID_INPUT', 'transferId', () => between('1', { transferId: '' })],
    ['an id with NUL', 'INVALID_INPUT', 'transferId', () => between('1', { transferId: 'a\0' })],
    [
      'an instant ahead',
      'INVALID_INPUT',
      'at',
      () => between('1', { at: new Date(Date.now() + 3_600_000).toISOString() }),
    ],
  ];

  /** In single-asset mode what has no price counts for nothing, and may be held. */
  async function unpricedAtReceiver(): Promise<object> {
    const place = { venue: 'ASTER', chain: 'BNB_CHAIN' };
    const from = await openHolding(service, { BNB: '5' }, { ...place, collateralMode: 'SINGLE_ASSET' });
    return transfer(from, await openAccount(service, place), '1', { asset: 'BNB' });
  }

  async function margined(): Promise<object> {
    const [from, to] = await two();
    await recordFills(service, fill(from, 'BTCUSDT', 'BUY', '0.03', '60000'));
    return transfer(from, to, '99');
  }

  it.each(cases)('%s', async (_what, code, field, inputOf) => {
    const input = await inputOf();
    const { errors, ...rest } = await unchanged(app, () => recordAccountTransfer(service, input));
    expect(errors).toMatchObject([{ code, field: ['input', field] }]);
    expect(rest).toEqual({ from: null, to: null, alreadyKnown: false });
  });
});

it('many at once, each sent twice and through every server, lose nothing and make nothing', async () => {
  const ids = await Promise.all(Array.from({ length: 6 }, () => openHolding(service, { USDT: '100', BTC: '1' })));
  // Some ask for more than there is; which ones are refused depends on who comes first.
  const inputs = Array.from({ length: 120 }, (_, index) => {
    const [from, to] = [index % 6, (index + 1 + (index % 5)) % 6];
    const isBtc = index % 4 === 0;
    const choice = { transferId: `storm-${index}`, asset: isBtc ? 'BTC' : 'USDT' };
    return transfer(ids[from] ?? '', ids[to] ?? '', isBtc ? '0.3' : String(10 + (index % 7) * 9), choice);
  });
  // Eight clients, each with one request under way: more would wait for too long on a slow machine.
  const sent = [...inputs, ...inputs].map((input, index) => ({ input, index }));
  const answers: AccountTransferred[] = [];
  const client = async (): Promise<void> => {
    for (let next = sent.shift(); next !== undefined; next = sent.shift()) {
      const api = services[next.index % services.length] as Api;
      answers[next.index] = await recordAccountTransfer(api, next.input);
    }
  };
  await Promise.all(Array.from({ length: 8 }, client));
  const codes = answers.flatMap(({ errors }) => errors.map(({ code }) => code));
  expect(codes.filter((code) => code !== 'INSUFFICIENT_BALANCE')).toEqual([]);
  const { db } = app.app.services;
  const stored = await db.$queryRaw<{ id: string; entries: number; sum: string }[]>`
    SELECT reference AS id, count(*)::int AS entries, trim_scale(sum(quantity))::text AS sum
    FROM ledger_entries WHERE kind = 'TRANSFER' AND reference LIKE 'storm-%' GROUP BY reference, asset_symbol`;
  for (const { entries, sum } of stored) expect([entries, sum]).toEqual([2, '0']);
  const [{ transfers } = { transfers: -1 }] = await db.$queryRaw<{ transfers: number }[]>`
    SELECT count(*)::int AS transfers FROM account_transfers WHERE transfer_id LIKE 'storm-%'`;
  expect(transfers).toBe(stored.length);
  // One that was answered as done, once or twice, is there.
  const done = new Set(
    answers.flatMap(({ errors }, index) => (errors.length === 0 ? [`storm-${index % inputs.length}`] : [])),
  );
  expect(new Set(stored.map(({ id }) => id))).toEqual(done);
  const held = await Promise.all(ids.map((id) => balancesOf(service, id)));
  const sumOf = (asset: string): number => held.reduce((sum, balances) => sum + Number(balances[asset] ?? 0) * 10, 0);
  expect([Math.round(sumOf('USDT')), Math.round(sumOf('BTC'))]).toEqual([6_000, 60]);
  for (const balances of held) for (const quantity of Object.values(balances)) expect(quantity).not.toContain('-');
  expect(await wrongBalances(db)).toBe(0);
  expect(await versionOf(service, ids[0] ?? '')).toBeGreaterThan(3);
});
