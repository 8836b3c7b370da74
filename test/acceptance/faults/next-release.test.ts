/**
 * This release beside the next one, which is made up here: it adds a column, a table and values of enums, as the policy in
 * docs/operations.md allows, and writes a value that this release does not know, as the policy forbids.
 */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { startTestApp, type TestApp } from '../../support/services/app.js';
import { createTestDatabase, type TestDatabase } from '../../support/services/database.js';
import { uuidOf } from '../../support/calls/global-ids.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';
import { CALM } from '../../support/calls/long-position.js';

const NEXT = [
  'ALTER TABLE accounts ADD COLUMN nickname text',
  'CREATE TABLE vaults (id uuid PRIMARY KEY, account_id uuid NOT NULL REFERENCES accounts (id))',
  `ALTER TYPE "LedgerKind" ADD VALUE 'REBATE'`,
  `INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, started_at, applied_steps_count)
   VALUES ('${randomUUID()}', 'made up', now(), '20990101000000_next-release', now(), 1)`,
];

let database: TestDatabase;
let app: TestApp;

beforeAll(async () => {
  database = await createTestDatabase();
  app = await startTestApp({ database });
});

afterAll(async () => {
  await app.close();
  await database.drop();
});

interface Ledger {
  readonly account: { readonly balances: unknown; readonly ledger: { readonly nodes: { readonly kind: string }[] } };
}
const LEDGER = `query ($id: ID!) { account(id: $id) {
  balances { quantity } margin { status } ledger { nodes { kind } } } }`;

it('serves on beside it, leaves out what it does not know alone, and starts again', async () => {
  let service = await app.as('venue', 'SERVICE');
  await publishPrices(service, CALM);
  const id = await openAccount(service);
  await recordTransfers(service, transfer(id, 'USDT', '1000'));

  const { db } = app.app.services;
  for (const statement of NEXT) await db.$executeRawUnsafe(statement);
  await db.$executeRawUnsafe(`INSERT INTO ledger_entries (account_id, asset_symbol, quantity, balance_after, kind, reference, at)
    SELECT account_id, asset_symbol, 1, balance_after, 'REBATE', 'made up', at FROM ledger_entries
    WHERE account_id = '${uuidOf(id)}'`);

  for (let start = 0; start < 2; start++) {
    await recordTransfers(service, transfer(id, 'USDT', '1'));
    await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '0.001', '20000', { fee: '0' }));
    await publishPrices(service, CALM);
    const { account } = await service.ask<Ledger>(LEDGER, { id });
    expect(account).toMatchObject({ balances: [{ quantity: String(1001 + start) }], margin: { status: 'HEALTHY' } });
    expect(account.ledger.nodes.map(({ kind }) => kind)).toEqual(Array.from({ length: 2 + start }, () => 'DEPOSIT'));
    await app.close();
    app = await startTestApp({ database });
    service = await app.as('venue', 'SERVICE');
  }
});
