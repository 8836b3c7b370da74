/**
 * From the start of a server without the demo to ready, with 100,000 accounts and their prices in PostgreSQL, against
 * reading the same rows with plain `pg`, in one process and one run.
 *
 *   DATABASE_URL=postgresql://... node dist/bench/start.js [accounts ...]
 *
 * The database of the URL has to be one in which databases may be made; the benchmark makes one of its own and drops it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import pg from 'pg';

import { startApp } from '../src/app.js';
import { readConfig } from '../src/config.js';
import { Prices } from '../src/market/prices.js';
import { openDatabase } from '../src/platform/database.js';
import { readReferenceData } from '../src/policy/reference-data.js';
import { storeReferenceData } from '../src/policy/reference-store.js';
import { Rulebook } from '../src/policy/rulebook.js';
import { insertAccounts, quotes } from './portfolios.js';

const NAME = 'plimsoll_bench_start';
const server = process.env['DATABASE_URL'];
if (server === undefined) {
  console.log('Start with accounts in PostgreSQL: not measured, since DATABASE_URL is not set.');
  process.exit(0);
}
const url = new URL(server);
url.pathname = `/${NAME}`;
const sizes = process.argv.slice(2).map(Number);

async function onServer(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  await client.query(sql);
  await client.end();
}

/** Every row that the book is made of, as `pg` gives it. */
async function readPlainly(): Promise<number> {
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  const started = performance.now();
  for (const table of ['accounts', 'balances', 'positions', 'instrument_settings']) {
    await client.query(`SELECT * FROM ${table}`);
  }
  const took = performance.now() - started;
  await client.end();
  return took;
}

const rows: Record<string, object> = {};
for (const accounts of sizes.length > 0 ? sizes : [100_000]) {
  await onServer(`DROP DATABASE IF EXISTS ${NAME} WITH (FORCE)`);
  await onServer(`CREATE DATABASE ${NAME}`);
  const { db, close } = await openDatabase({ url: url.href, dataDir: '', poolSize: 2 });
  await storeReferenceData(db, await readReferenceData(readConfig({}).referenceFolders));
  await insertAccounts(db, accounts, () => `'bench'`);
  const symbols = await Rulebook.load(db);
  const prices = await Prices.open({ db, symbols, maxAge: 60_000, clock: Date.now, onPrices: () => undefined });
  await prices.publish(quotes());
  await db.$executeRaw`ANALYZE`;
  await close();

  const dataDir = await mkdtemp(join(tmpdir(), 'plimsoll-bench-'));
  const config = readConfig({
    DATABASE_URL: url.href,
    DATA_DIR: dataDir,
    PORT: '0',
    LOG_LEVEL: 'error',
    DEMO: '0',
    HOST: '127.0.0.1',
  });
  await readPlainly();
  const plain = await readPlainly();
  const started = performance.now();
  const app = await startApp(config);
  const ready = performance.now() - started;
  await app.close();
  await rm(dataDir, { recursive: true });
  rows[accounts.toLocaleString('en')] = {
    'plain pg, ms': Math.round(plain),
    'to ready, ms': Math.round(ready),
    ratio: (ready / plain).toFixed(2),
  };
  await onServer(`DROP DATABASE ${NAME} WITH (FORCE)`);
}
console.log('From the start to ready, against reading the same rows with plain pg (limit: 3 at 100,000 accounts).');
console.table(rows);
process.exit(0);
