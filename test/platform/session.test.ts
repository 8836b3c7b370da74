/** Sessions have the settings on which the server relies, whatever stands between, or they are not used. */
import { randomUUID } from 'node:crypto';

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';

import { PooledTransactionsError, Session, expectOwnBackends } from '../../src/platform/database/session.js';
import { SERVER_URL, onServer, urlOf } from '../support/services/database.js';
import { HAS_PGBOUNCER, startOwnPgbouncer, type OwnPgbouncer } from '../support/services/own-pgbouncer.js';

const EXPECTED = {
  zone: 'UTC',
  style: 'ISO, MDY',
  isolation: 'read committed',
  ...{ lock: '5s', statement: '20s', idle: '25s' },
};
const SETTINGS = `SELECT current_setting('TimeZone') AS zone, current_setting('DateStyle') AS style,
  current_setting('default_transaction_isolation') AS isolation, current_setting('lock_timeout') AS lock,
  current_setting('statement_timeout') AS statement,
  current_setting('idle_in_transaction_session_timeout') AS idle`;

const name = `plimsoll_session_${randomUUID().replaceAll('-', '')}`;
const undo: (() => Promise<void>)[] = [];

// Skipped without TEST_DATABASE_URL: PGlite has no sessions.
(SERVER_URL === null ? describe.skip : describe)('of a database with settings of its own', () => {
  beforeAll(async () => {
    await onServer(`CREATE DATABASE ${name}`);
    await onServer(`ALTER DATABASE ${name} SET TimeZone = 'America/New_York'`);
    await onServer(`ALTER DATABASE ${name} SET DateStyle = 'SQL, DMY'`);
    await onServer(`ALTER DATABASE ${name} SET default_transaction_isolation = 'serializable'`);
    await onServer(`ALTER DATABASE ${name} SET statement_timeout = '1h'`);
  });

  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) await step();
  });

  afterAll(() => onServer(`DROP DATABASE ${name} WITH (FORCE)`));

  async function open(url: string): Promise<Session> {
    const session = new Session({ connectionString: url, application_name: name });
    undo.push(() => session.end());
    await session.connect();
    return session;
  }

  async function pgbouncer(settings: Record<string, string | number>): Promise<OwnPgbouncer> {
    const started = await startOwnPgbouncer(settings);
    undo.push(() => started.stop());
    return started;
  }

  it('have their own settings, and in place of these where they are given', async () => {
    const session = await open(urlOf(name));
    expect((await session.query(SETTINGS)).rows).toEqual([EXPECTED]);
    const other = new Session({ connectionString: urlOf(name), settings: { statement_timeout: '3s' } });
    undo.push(() => other.end());
    await other.connect();
    expect((await other.query(SETTINGS)).rows).toEqual([{ ...EXPECTED, statement: '3s' }]);
  });

  (HAS_PGBOUNCER ? describe : describe.skip)('through PgBouncer', () => {
    it.each([
      ['is reset in between', {}],
      ['is not', { server_reset_query: '' }],
    ])('have them on a backend that another client had, where it %s', async (_what, settings) => {
      // One backend for all.
      const url = (await pgbouncer({ pool_mode: 'session', default_pool_size: 1, ...settings })).urlOf(name);
      const backendOf = async (client: pg.Client): Promise<unknown> =>
        (await client.query('SELECT pg_backend_pid()')).rows;
      const first = await open(url);
      const backend = await backendOf(first);
      await first.end();

      const other = new pg.Client({ connectionString: url });
      await other.connect();
      expect(await backendOf(other)).toEqual(backend);
      await other.query(`SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'; SET lock_timeout = 0`);
      await other.end();

      const second = await open(url);
      expect([await backendOf(second), (await second.query(SETTINGS)).rows]).toEqual([backend, [EXPECTED]]);
      const { rows } = await second.query(`SELECT '2026-11-27 12:00'::timestamptz::text AS at`);
      expect(rows).toEqual([{ at: '2026-11-27 12:00:00+00' }]);
    });

    it('are refused where it shares them among transactions', async () => {
      const url = (await pgbouncer({ pool_mode: 'transaction' })).urlOf(name);
      await expect(expectOwnBackends(url)).rejects.toThrow(PooledTransactionsError);
      await expectOwnBackends((await pgbouncer({ pool_mode: 'session' })).urlOf(name));
    });

    it('are closed before they are used where what was set is lost, and the setting is named', async () => {
      const settings = { pool_mode: 'transaction', server_reset_query_always: 1 };
      const session = new Session({ connectionString: (await pgbouncer(settings)).urlOf(name) });
      await expect(session.connect()).rejects.toThrow(
        'a session kept default_transaction_isolation = "serializable" when it was set to "read committed"',
      );
      await expect(session.query('SELECT 1')).rejects.toThrow('not queryable');
    });
  });
});
