/** PgBouncer before a database outside UTC whose dates are not ISO: the server starts, twice, and instants are right. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';

import { startTestApp, type TestApp } from '../../support/services/app.js';
import { SERVER_URL, onServer, urlOf } from '../../support/services/database.js';
import { HAS_PGBOUNCER, startOwnPgbouncer, type OwnPgbouncer } from '../../support/services/own-pgbouncer.js';
import { runToExit } from '../../support/services/process.js';
import { openAccount, recordTransfers, transfer } from '../../support/calls/venue-system.js';
import { until } from '../../support/until.js';

const undo: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** Such as no client of PgBouncer expects. */
async function databaseElsewhere(): Promise<string> {
  const name = `plimsoll_elsewhere_${randomUUID().replaceAll('-', '')}`;
  await onServer(`CREATE DATABASE ${name}`);
  undo.push(() => onServer(`DROP DATABASE ${name} WITH (FORCE)`));
  await onServer(`ALTER DATABASE ${name} SET TimeZone = 'America/New_York'`);
  await onServer(`ALTER DATABASE ${name} SET DateStyle = 'SQL, DMY'`);
  return name;
}

async function pgbouncer(poolMode: string): Promise<OwnPgbouncer> {
  const started = await startOwnPgbouncer({ pool_mode: poolMode });
  undo.push(() => started.stop());
  return started;
}

async function start(url: string): Promise<TestApp> {
  const dataDir = await mkdtemp(join(tmpdir(), 'plimsoll-elsewhere-'));
  undo.push(() => rm(dataDir, { recursive: true }));
  const nothing = async (): Promise<never> => Promise.reject(new Error('The test opens it by itself.'));
  const env = { DATA_DIR: dataDir, DATABASE_URL: url };
  return startTestApp({ database: { env, open: nothing, drop: async () => undefined } });
}

/** When the transfers were made, by the database's own count, in milliseconds since 1970. */
async function instants(url: string): Promise<number[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const sql = 'SELECT (extract(epoch FROM at) * 1000)::float AS at FROM ledger_entries ORDER BY seq';
  const { rows } = await client.query<{ at: number }>(sql);
  await client.end();
  return rows.map(({ at }) => at);
}

interface Ledger {
  readonly account: { readonly ledger: { readonly nodes: { readonly at: string }[] } };
}
const LEDGER = 'query ($id: ID!) { account(id: $id) { ledger { nodes { at } } } }';

const hasBoth = SERVER_URL !== null && HAS_PGBOUNCER;

// Skipped without TEST_DATABASE_URL and PgBouncer.
(hasBoth ? describe : describe.skip)('behind PgBouncer', () => {
  it.each([
    ['that pools sessions', async () => (await pgbouncer('session')).urlOf(await databaseElsewhere())],
    ['that is not there', async () => urlOf(await databaseElsewhere())],
  ])('%s: starts on a database of another zone, twice, and every instant is right', async (_what, address) => {
    const url = await address();
    const before = Date.now();
    const first = await start(url);
    let service = await first.as('venue', 'SERVICE');
    const id = await openAccount(service);
    await recordTransfers(service, transfer(id, 'USDT', '10'));
    await until(async () => (await fetch(`${first.url}/readyz`)).status === 200);
    await first.close();

    const second = await start(url);
    undo.push(() => second.close());
    service = await second.as('venue', 'SERVICE');
    await recordTransfers(service, transfer(id, 'USDT', '20'));
    const { account } = await service.ask<Ledger>(LEDGER, { id });
    const told = account.ledger.nodes.map(({ at }) => Date.parse(at)).reverse();
    expect(told).toHaveLength(2);
    expect(told).toEqual(await instants(url));
    for (const at of told) expect([at >= before, at <= Date.now()]).toEqual([true, true]);
  });

  it('that pools transactions: the server does not start, and says why in a sentence', async () => {
    const url = (await pgbouncer('transaction')).urlOf(await databaseElsewhere());
    const { code, output } = await runToExit({ DATABASE_URL: url });
    expect(code).toBe(1);
    expect(output).toContain('a pooler in between shares sessions among transactions');
    expect(output).not.toMatch(/node_modules|\bat .*:\d+:\d+/);
  });
});
