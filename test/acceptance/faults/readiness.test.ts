/** Readiness tells the truth: the problems of the database and of the leader, each brought about on PostgreSQL. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';

import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { SERVER_URL, createTestDatabase, type TestDatabase } from '../../support/services/database.js';
import { openAccount, publishPrices, recordTransfers, transfer } from '../../support/calls/venue-system.js';
import { until } from '../../support/until.js';

const withServer = SERVER_URL === null ? describe.skip : describe;

interface Place {
  readonly database: TestDatabase;
  readonly app: TestApp;
  readonly service: Api;
  /** A session of somebody else with the same database. */
  readonly psql: pg.Client;
  readonly name: string;
}

async function openPlace(): Promise<Place> {
  const database = await createTestDatabase();
  const app = await startTestApp({ database });
  const psql = new pg.Client({ connectionString: database.env.DATABASE_URL });
  await psql.connect();
  const name = new URL(database.env.DATABASE_URL ?? '').pathname.slice(1);
  return { database, app, service: await app.as('venue', 'SERVICE'), psql, name };
}

async function closePlace({ app, psql, database }: Place): Promise<void> {
  await psql.end();
  await app.close();
  await database.drop();
}

async function names({ app }: Place): Promise<[code: number, status: string, names: string[]]> {
  const response = await fetch(`${app.url}/readyz`);
  const { status, problems } = (await response.json()) as { status: string; problems: { name: string }[] };
  return [response.status, status, problems.map(({ name }) => name).sort()];
}

/** As an administrator does, or a failover: sessions begin anew. */
async function setReadOnly({ psql, name }: Place, value: 'on' | 'off'): Promise<void> {
  await psql.query(
    `SET default_transaction_read_only = off; ALTER DATABASE ${name} SET default_transaction_read_only = ${value}`,
  );
  await psql.query(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  );
}

withServer('readiness (with TEST_DATABASE_URL)', () => {
  let readOnly: Place;
  let locked: Place;

  beforeAll(async () => {
    [readOnly, locked] = await Promise.all([openPlace(), openPlace()]);
    for (const place of [readOnly, locked]) {
      const accountId = await openAccount(place.service);
      await recordTransfers(place.service, transfer(accountId, 'USDT', '100'));
      expect(await names(place)).toEqual([200, 'ok', []]);
    }
    // Both faults at once: each takes ten seconds to show.
    await setReadOnly(readOnly, 'on');
    await locked.psql.query('BEGIN; SELECT FROM duty FOR UPDATE');
    await publishPrices(locked.service, { BTC: '60000' });
  });
  afterAll(() => Promise.all([closePlace(readOnly), closePlace(locked)]));

  it('names a database that takes no writes at once, and later that nobody leads', async () => {
    await until(async () => (await names(readOnly))[2].includes('DATABASE_READ_ONLY'));
    expect((await names(readOnly))[0]).toBe(200);
    await until(async () => (await names(readOnly))[2].join() === 'DATABASE_READ_ONLY,NO_LEADER');
    await setReadOnly(readOnly, 'off');
    await until(async () => (await names(readOnly))[1] === 'ok');
  });

  it('names a leader that ends no cycle, and that alerts are late', async () => {
    await until(async () => (await names(locked))[2].join() === 'ALERTS_LATE,CYCLE_LATE');
    expect((await names(locked)).slice(0, 2)).toEqual([200, 'degraded']);
    await locked.psql.query('ROLLBACK');
    await until(async () => (await names(locked))[1] === 'ok');
  });

  it('does not name prices that are stale', async () => {
    const at = new Date(Date.now() - 3_600_000).toISOString();
    await publishPrices(locked.service, { ETH: '2500' }, { at });
    expect(await names(locked)).toEqual([200, 'ok', []]);
  });
});
