/** What has been kept long enough is deleted, and what is asked for of later instants is answered as before. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { startApp } from '../../src/app.js';
import { prune } from '../../src/jobs/pruning.js';
import type { Api } from '../support/services/api.js';
import { startTestApp, type TestApp } from '../support/services/app.js';
import { withoutGuards } from '../support/services/database.js';
import { uuidOf } from '../support/calls/global-ids.js';
import { fill, openAccount, recordFills, recordTransfers, transfer } from '../support/calls/venue-system.js';

const DAY_MS = 86_400_000;
const KEPT = { alertRetentionMs: 400 * DAY_MS, accountHistoryMs: 400 * DAY_MS };

let app: TestApp;
let service: Api;
let id: string;
let local: string;

beforeAll(async () => {
  app = await startTestApp({ startApp });
  service = await app.as('venue', 'SERVICE');
  id = await openAccount(service);
  local = uuidOf(id);
  for (let change = 0; change < 10; change++) {
    await recordTransfers(service, transfer(id, 'USDT', '100'));
    await recordFills(service, fill(id, change % 5 === 0 ? 'ETHUSDT' : 'BTCUSDT', 'BUY', '0.001', '20000'));
  }
  // The account is opened on day 500 before now; each change is 25 days later: version 5 is of day 400.
  await withoutGuards(app.app.services.db, async (tx) => {
    await tx.$executeRaw`UPDATE accounts SET opened_at = now() - interval '500 days 1 hour', changed_at = now()`;
    await tx.$executeRaw`
      UPDATE account_versions SET at = now() - interval '500 days 1 hour' + (version - 1) * interval '25 days'`;
  });
  // No version says that the past is another one.
  app.app.services.hotAccounts.clear();
});

afterAll(() => app.close());

const run = (now = new Date()): Promise<{ deleted: number; after: string | null }> =>
  prune(app.app.services.db, KEPT, now, null, new AbortController().signal);

async function versions(table: string): Promise<number[]> {
  const rows = await app.app.services.db.$queryRawUnsafe<{ version: number }[]>(
    `SELECT version FROM ${table} WHERE account_id = '${local}' ORDER BY version`,
  );
  return rows.map(({ version }) => version);
}

/** By days before now: what the account was, or why that is not known. Nothing has a price here. */
async function past(days: number): Promise<unknown> {
  const at = new Date(Date.now() - days * DAY_MS).toISOString();
  const { account } = await service.ask<{ account: { marginAt: object } }>(
    `query ($id: ID!, $at: DateTime!) { account(id: $id) { marginAt(at: $at) { reason margin { accountVersion status } } } }`,
    { id, at },
  );
  return account.marginAt;
}

it('keeps the versions that held at the beginning of the history, and all later ones', async () => {
  const held = await versions('account_versions');
  expect(held).toEqual(Array.from({ length: 21 }, (_, index) => index + 1));
  const positions = await versions('position_versions');
  const { deleted, after } = await run();
  expect(after).toBeNull();
  // Version 5 began an hour before the history does. BTCUSDT is of version 5, ETHUSDT of version 3.
  expect(await versions('account_versions')).toEqual(held.filter((version) => version >= 5));
  expect(await versions('position_versions')).toEqual(positions);
  expect(deleted).toBe(4);
  // A year later all but the newest are over.
  await run(new Date(Date.now() + 401 * DAY_MS));
  expect(await versions('account_versions')).toEqual([21]);
  expect(await versions('position_versions')).toHaveLength(2);
});

it('says of an earlier instant that nothing is kept of it', async () => {
  expect(await past(450)).toEqual({ reason: 'PRICES_NOT_KEPT', margin: null });
});

it('leaves the database guarded', async () => {
  for (const table of [
    'account_versions',
    'position_versions',
    'setting_versions',
    'switched_off_versions',
    'open_order_versions',
  ]) {
    await expect(app.app.services.db.$executeRawUnsafe(`DELETE FROM ${table}`)).rejects.toThrow('is append-only');
  }
});

it('deletes keys and alerts that are past their time, oldest first, and no others', async () => {
  const { db } = app.app.services;
  await db.$executeRaw`
    INSERT INTO risk_alerts (seq, account_id, kind, status, margin_balance, maintenance_margin, at)
    SELECT number, ${local}::uuid, 'AUTO_EXCHANGED', 'HEALTHY', 0, 0, now() - (2001 - number) * interval '1 day'
    FROM generate_series(1, 2000) AS number`;
  await db.$executeRaw`UPDATE duty SET last_alert = 2000`;
  await db.$executeRaw`
    INSERT INTO idempotency_keys (viewer, key, mutation, input_hash, result, created_at)
    SELECT 'zed', number::text, 'withdraw', '', '', now() - number * interval '1 hour' - interval '1 minute'
    FROM generate_series(1, 1500) AS number`;
  await run();
  const { _min: first, _count: count } = await db.riskAlert.aggregate({ _min: { seq: true }, _count: true });
  expect([first.seq, count]).toEqual([1602n, 399]);
  expect(await db.idempotencyKey.count({ where: { viewer: 'zed' } })).toBe(23);
});

it('refuses a trader whose account has had 200 alerts within an hour, but not added margin', async () => {
  const { db } = app.app.services;
  const alice = await app.as('alice', 'TRADER');
  const rule = async (): Promise<unknown> =>
    (
      await alice.send(
        `mutation ($input: SetAlertRuleInput!) { setAlertRule(input: $input) { rule { id } errors { code } } }`,
        { input: { accountId: id, marginRatio: '0.5' } },
      )
    ).errors?.[0];
  expect(await rule()).toBeUndefined();
  await db.$executeRaw`UPDATE risk_alerts SET at = now() WHERE seq > 1800`;
  expect(await rule()).toMatchObject({ extensions: { code: 'RATE_LIMITED', retryAfter: expect.any(Number) } });
  const bob = await app.as('bob', 'TRADER');
  const { errors } = await bob.send(
    'mutation ($input: SetLeverageInput!) { setLeverage(input: $input) { errors { code } } }',
    { input: { accountId: id, instrument: 'BTCUSDT', leverage: '5' } },
  );
  expect(errors).toBeUndefined();
  await db.$executeRaw`UPDATE risk_alerts SET at = now() - interval '2 hours' WHERE seq <= 1801`;
  expect(await rule()).toBeUndefined();
});
