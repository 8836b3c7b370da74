/**
 * From the start of a server without the demo to ready, with 100,000 accounts and their prices in PostgreSQL, against
 * reading the same rows with plain `pg`, in one process and one run.
 *
 *   DATABASE_URL=postgresql://... node dist/bench/start.js [accounts ...]
 *
 * On the server of the URL databases may be made; the benchmark makes one of its own and drops it.
 */
import pg from 'pg';

import { startApp } from '../src/app.js';
import { readConfig } from '../src/config.js';
import { Prices } from '../src/market/prices.js';
import { openDatabase } from '../src/platform/database/database.js';
import { createLogger } from '../src/platform/log.js';
import { readReferenceData } from '../src/policy/reference/reference-data.js';
import { storeReferenceData } from '../src/policy/reference/reference-store.js';
import { Rulebook } from '../src/policy/rulebook/rulebook.js';
import { createDatabase } from './database.js';
import { insertAccounts, quotes } from './portfolios.js';

const log = createLogger('error');

if (process.env['DATABASE_URL'] === undefined) {
  console.log('Start with accounts in PostgreSQL: not measured, since DATABASE_URL is not set.');
  process.exit(0);
}
const sizes = process.argv.slice(2).map(Number);

/** Every row that the account cache is made of, as `pg` returns it. */
async function readPlainly(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const started = performance.now();
  for (const table of ['accounts', 'balances', 'positions', 'instrument_settings', 'open_orders']) {
    await client.query(`SELECT * FROM ${table}`);
  }
  const took = performance.now() - started;
  await client.end();
  return took;
}

const rows: Record<string, object> = {};
for (const accounts of sizes.length > 0 ? sizes : [100_000]) {
  const database = await createDatabase();
  const { url, dataDir } = database;
  if (url === null) throw new Error('Expected a database of PostgreSQL.');
  const { db, close } = await openDatabase({ url, dataDir, poolSize: 2 });
  await storeReferenceData(db, await readReferenceData(readConfig({}).referenceFolders));
  await insertAccounts(
    (sql) => db.$executeRawUnsafe(sql),
    accounts,
    () => `'bench'`,
  );
  const symbols = await Rulebook.load(db);
  const prices = await Prices.open({ db, symbols, maxAge: 60_000, clock: Date.now, onPrices: () => undefined, log });
  await prices.publish(quotes());
  await db.$executeRaw`ANALYZE`;
  await close();

  const config = readConfig({
    DATABASE_URL: url,
    DATA_DIR: dataDir,
    PORT: '0',
    LOG_LEVEL: 'error',
    DEMO: '0',
    HOST: '127.0.0.1',
  });
  await readPlainly(url);
  const plain = await readPlainly(url);
  const started = performance.now();
  const app = await startApp(config);
  const ready = performance.now() - started;
  await app.close();
  rows[accounts.toLocaleString('en')] = {
    'plain pg, ms': Math.round(plain),
    'to ready, ms': Math.round(ready),
    ratio: (ready / plain).toFixed(2),
  };
  await database.drop();
}
console.log('From the start to ready, against reading the same rows with plain pg (limit: 3 at 100,000 accounts).');
console.table(rows);
process.exit(0);
