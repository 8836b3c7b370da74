/** Accounts that other processes have changed are found in the database: each change once, however late it commits. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { readChangedSince, readSnapshot } from '../../src/ledger/account-rows.js';
import type { Database, OpenDatabase, Transaction } from '../../src/platform/database/database.js';
import { SERVER_URL, createTestDatabase, type TestDatabase } from '../support/services/database.js';

// Skipped without TEST_DATABASE_URL: PGlite has one connection, so that no transaction overtakes another.
const shared = SERVER_URL === null ? it.skip : it;

let database: TestDatabase;
let opened: OpenDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  opened = await database.open();
  ({ db } = opened);
});
afterAll(async () => {
  await opened.close();
  await database.drop();
});

async function openAccount(tx: Transaction): Promise<string> {
  const [row] = await tx.$queryRaw<{ id: string }[]>`
    INSERT INTO accounts (id, name, owner, venue_code, collateral_mode, position_mode, opened_at)
    VALUES (${randomUUID()}::uuid, 'a', 'alice', 'BITGET', 'SINGLE_ASSET', 'ONE_WAY', now()) RETURNING id::text AS id`;
  const id = row?.id ?? '';
  await raise(tx, id, 1);
  return id;
}

async function raise(tx: Transaction, id: string, version: number): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO account_versions (account_id, version, at, collateral_mode, position_mode)
    VALUES (${id}::uuid, ${version}, now(), 'SINGLE_ASSET', 'ONE_WAY')`;
}

shared('finds a change once, with its newest version, and one that commits after later ones', async () => {
  const [early, late] = [await openAccount(db), await openAccount(db)];
  let snapshot = await readSnapshot(db);
  const look = async (): Promise<unknown> => {
    const found = await readChangedSince(db, snapshot);
    snapshot = found.snapshot;
    return found.versions.map(({ id, version }) => ({ id, version }));
  };
  expect(await look()).toEqual([]);

  let commit = (): void => undefined;
  let written = (): void => undefined;
  const isWritten = new Promise<void>((resolve) => (written = resolve));
  const slow = db.$transaction(async (tx) => {
    await raise(tx, late, 2);
    written();
    await new Promise<void>((resolve) => (commit = resolve));
  });
  await isWritten;
  await raise(db, early, 2);
  await raise(db, early, 3);
  expect(await look()).toEqual([{ id: early, version: 3 }]);
  expect(await look()).toEqual([]);
  await raise(db, early, 4);
  commit();
  await slow;
  expect(await look()).toEqual(
    expect.arrayContaining([
      { id: early, version: 4 },
      { id: late, version: 2 },
    ]),
  );
  expect(await look()).toEqual([]);
});

shared('passes over rows of a database that was copied from one with higher numbers', async () => {
  const id = await openAccount(db);
  const snapshot = await readSnapshot(db);
  await db.$executeRaw`
    INSERT INTO account_versions (account_id, version, at, collateral_mode, position_mode, written_by)
    VALUES (${id}::uuid, 2, now(), 'SINGLE_ASSET', 'ONE_WAY', 9000000000000000000)`;
  expect((await readChangedSince(db, snapshot)).versions).toEqual([]);
});
