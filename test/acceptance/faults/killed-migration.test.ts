/** `kill -9` while migrations are applied: the next start waits for what the killed one left behind, and goes on. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';

import { PACKAGE_ROOT } from '../../../src/platform/package-root.js';
import { SERVER_URL, onServer, urlOf } from '../../support/services/database.js';
import { launch, runToExit, startServerProcess } from '../../support/services/process.js';
import { until } from '../../support/until.js';

const undo: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function emptyDatabase(): Promise<{ url: string; client: pg.Client }> {
  const name = `plimsoll_killed_${randomUUID().replaceAll('-', '')}`;
  await onServer(`CREATE DATABASE ${name}`);
  undo.push(() => onServer(`DROP DATABASE ${name} WITH (FORCE)`));
  const client = new pg.Client({ connectionString: urlOf(name) });
  await client.connect();
  undo.push(() => client.end());
  return { url: urlOf(name), client };
}

async function migrations(): Promise<string[]> {
  const entries = await readdir(join(PACKAGE_ROOT, 'prisma', 'migrations'), { withFileTypes: true });
  return entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).sort();
}

async function finished(client: pg.Client): Promise<string[]> {
  const sql = 'SELECT migration_name AS name FROM _prisma_migrations WHERE finished_at IS NOT NULL ORDER BY 1';
  return (await client.query<{ name: string }>(sql)).rows.map(({ name }) => name);
}

const EMPTY = `CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL,
  finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,
  started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0)`;
const UNFINISHED = 'SELECT 1 FROM _prisma_migrations WHERE finished_at IS NULL AND rolled_back_at IS NULL';

/** Locks the row of the migration that is under way, so that it can neither end nor be recorded as ended. */
async function hold(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query(`SELECT to_regclass('_prisma_migrations')::text AS name`);
  if ((rows as { name: string | null }[])[0]?.name === null) return false;
  await client.query('BEGIN');
  if ((await client.query(`${UNFINISHED} FOR UPDATE`)).rowCount === 1) return true;
  await client.query('ROLLBACK');
  return false;
}

// Skipped without TEST_DATABASE_URL: PGlite is killed with its process, and has no session that outlives it.
(SERVER_URL === null ? describe.skip : describe)('on PostgreSQL', () => {
  it('whether the migration is made in the end or not, the next server starts, and each is applied once', async () => {
    const { url, client } = await emptyDatabase();
    const env = { DATABASE_URL: url, LOG_LEVEL: 'error' };
    const { child } = launch(env);
    let isHeld = false;
    await until(async () => (isHeld ||= await hold(client)));
    const blocked = `SELECT 1 FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name = 'plimsoll'`;
    await until(async () => (await client.query(blocked)).rowCount === 1);
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;

    let isUp = false;
    const starting = startServerProcess(env).then((server) => {
      isUp = true;
      undo.push(() => server.kill());
    });
    await sleep(1_000);
    expect(isUp).toBe(false);
    await client.query('ROLLBACK');
    await starting;
    expect(await finished(client)).toEqual(await migrations());
  });

  it('what a former server has left unfinished is begun again', async () => {
    const { url, client } = await emptyDatabase();
    const [first = ''] = await migrations();
    await client.query(EMPTY);
    await client.query(`INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ('x', 'y', $1)`, [first]);
    const server = await startServerProcess({ DATABASE_URL: url, LOG_LEVEL: 'error' });
    undo.push(() => server.kill());
    expect(await finished(client)).toEqual(await migrations());
  });

  it('one that cannot be applied is named with the reason, at each start', async () => {
    const { url, client } = await emptyDatabase();
    await client.query(`${EMPTY}; CREATE TABLE accounts (id integer)`);
    for (let start = 0; start < 2; start++) {
      const { code, output } = await runToExit({ DATABASE_URL: url });
      expect(code).toBe(1);
      expect(output).toMatch(
        /Plimsoll did not start\. The migration \d+_init failed, and nothing of it was kept: .*exists/,
      );
      expect(output).not.toMatch(/P3009|node_modules|\bat .*:\d+:\d+/);
    }
  });
});
