/**
 * How long `marginAt` takes for an account with 10,000 fills, next to `margin` now of the same account, both by the
 * loaders that the API calls; and a chart of 200 such points next to one. Also whether they grow with what other accounts
 * have done. In turns in one process, so that one machine judges all.
 *
 *   npm run build && node dist/bench/margin-at.js
 *
 * PGlite, or PostgreSQL with DATABASE_URL (a server on which databases may be made). OTHERS: fills of other accounts,
 * 1,000,000 unless named.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

import { createLoaders, type Loaders } from '../src/api/execution/loaders.js';
import { openAccount, type NewAccount } from '../src/ledger/accounts.js';
import type { LedgerParts } from '../src/ledger/ledger-checks.js';
import { readHoldings, type AccountRecord } from '../src/ledger/records.js';
import { decimal } from '../src/margin/decimal.js';
import { Prices } from '../src/market/prices.js';
import { createBus } from '../src/platform/events.js';
import { Lanes } from '../src/platform/lanes.js';
import { openDatabase, type Database } from '../src/platform/database/database.js';
import { PACKAGE_ROOT } from '../src/platform/package-root.js';
import { createLogger } from '../src/platform/log.js';
import { readReferenceData } from '../src/policy/reference/reference-data.js';
import { storeReferenceData } from '../src/policy/reference/reference-store.js';
import { Rulebook } from '../src/policy/rulebook/rulebook.js';
import { createDatabase } from './database.js';

const log = createLogger('error');

const FILLS = 10_000;
const OTHERS = Number(process.env['OTHERS'] ?? 1_000_000);
/** Rows of one statement, so that progress shows. */
const AT_ONCE = 100_000;
const OTHER_ACCOUNTS = 1_000;
const ROUNDS = 300;
const TURNS = 300;
/** Points of a chart, and charts that are drawn. */
const POINTS = 200;
const CHARTS = 20;
const START = Date.parse('2026-01-01T00:00:00Z');
const SECOND = 1_000;
const END = START + FILLS * SECOND;
const SYMBOLS = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'];
const ASSETS = ['USDT', 'BTC', 'ETH', 'SOL'];

/**
 * Fills numbered `from` to `to`, one a second, those of one second each of another account. They are stored as
 * `recordFills` would leave them: a version of the account, a version of a position and an entry each.
 */
async function insertFills(db: Database, ids: readonly string[], from: number, to: number): Promise<void> {
  await db.$executeRaw`
    WITH fill AS (
      SELECT number, (${[...ids]}::uuid[])[1 + number % ${ids.length}] AS account, 2 + number / ${ids.length} AS version,
        to_timestamp(${START / SECOND} + number / ${ids.length}) AS at
      FROM generate_series(${from}::int, ${to - 1}::int) AS number
    ), entries AS (
      INSERT INTO ledger_entries (account_id, asset_symbol, quantity, balance_after, kind, reference, at)
      SELECT account, (${ASSETS}::text[])[1 + version % ${ASSETS.length}], 1, 1000 + version, 'FEE', 'fill', at
      FROM fill ORDER BY number
    ), positions AS (
      INSERT INTO position_versions (account_id, instrument, side, version, size, cost, isolated_margin)
      SELECT account, (${SYMBOLS}::text[])[1 + version % ${SYMBOLS.length}], 'LONG', version, 1 + version, 100 * version, 0
      FROM fill
    )
    INSERT INTO account_versions (account_id, version, at, collateral_mode, position_mode)
    SELECT account, version, at, 'MULTI_ASSET', 'ONE_WAY' FROM fill`;
}

/** The fills make versions of these. */
async function insertPositions(db: Database, ids: readonly string[]): Promise<void> {
  await db.$executeRaw`
    INSERT INTO positions (account_id, venue_code, instrument, side, size, cost)
    SELECT account, 'BITGET', symbol, 'LONG', 0, 0
    FROM unnest(${[...ids]}::uuid[]) AS account, unnest(${SYMBOLS}::text[]) AS symbol`;
}

/** Holdings after all fills: those of the last versions. */
async function insertHoldings(db: Database, ids: readonly string[]): Promise<void> {
  await db.$executeRaw`
    INSERT INTO balances (account_id, asset_symbol, quantity)
    SELECT account, asset, (SELECT balance_after FROM ledger_entries
      WHERE account_id = account AND asset_symbol = asset ORDER BY seq DESC LIMIT 1)
    FROM unnest(${[...ids]}::uuid[]) AS account, unnest(${ASSETS}::text[]) AS asset`;
  await db.$executeRaw`
    UPDATE positions SET (size, cost) = (
      SELECT size, cost FROM position_versions AS past
      WHERE past.account_id = positions.account_id AND past.instrument = positions.instrument AND past.side = 'LONG'
      ORDER BY version DESC LIMIT 1)
    WHERE account_id = ANY(${[...ids]}::uuid[])`;
  await db.$executeRaw`
    UPDATE accounts SET (version, changed_at) = (
      SELECT version, at FROM account_versions WHERE account_id = accounts.id ORDER BY version DESC LIMIT 1)
    WHERE id = ANY(${[...ids]}::uuid[])`;
}

async function open(parts: LedgerParts, name: string): Promise<AccountRecord> {
  const input: NewAccount = {
    ...{ name, owner: 'bench', venue: 'BITGET', chain: null },
    ...{ collateralMode: 'MULTI_ASSET', positionMode: 'ONE_WAY' },
  };
  const request = { viewer: 'bench', key: randomUUID(), mutation: 'openAccount', input };
  const { account } = await openAccount(parts, input, request, new Date(START));
  if (account === null) throw new Error('The account was refused.');
  return account;
}

async function publish(prices: Prices, round: number, at: number): Promise<void> {
  const quote = (price: number) => ({ source: 'bench', price: decimal(price + round), at: new Date(at) });
  await prices.publish([
    ...ASSETS.slice(1).map((asset) => ({ ...quote(1_000), asset })),
    ...SYMBOLS.map((instrument) => ({ ...quote(1_000), venue: 'BITGET', instrument })),
  ]);
}

interface Row {
  readonly others: number;
  readonly now: number;
  readonly then: number;
  /** A chart: the states at regular instants. */
  readonly chart: number;
}

/** Medians, in milliseconds; the two alternate. */
function loadersOf(parts: LedgerParts): Loaders {
  const hotAccounts = { read: (ids: readonly string[]) => readHoldings(parts.db, parts.rulebook, ids) };
  return createLoaders({ ...parts, hotAccounts, clock: () => END }, new Date(END));
}

async function measure(parts: LedgerParts, account: AccountRecord, others: number): Promise<Row> {
  const now: number[] = [];
  const then: number[] = [];
  for (let turn = 0; turn < TURNS + 20; turn++) {
    const at = new Date(START + Math.floor((FILLS - 1) * SECOND * Math.random()) + SECOND);
    const started = performance.now();
    const present = await loadersOf(parts).margin.load(account.id);
    const between = performance.now();
    const past = await loadersOf(parts).marginAt.load({ account, at });
    const ended = performance.now();
    if (present?.report.positions.length !== 3) throw new Error('The account has not three positions now.');
    if (past.margin === null) throw new Error(`There is nothing of ${at.toISOString()}: ${past.reason}.`);
    // The first calls are slower in any case.
    if (turn < 20) continue;
    now.push(between - started);
    then.push(ended - between);
  }
  return { others, now: median(now), then: median(then), chart: median(await drawCharts(parts, account)) };
}

async function drawCharts(parts: LedgerParts, account: AccountRecord): Promise<number[]> {
  const times: number[] = [];
  for (let turn = 0; turn < CHARTS + 2; turn++) {
    const { marginAt } = loadersOf(parts);
    const started = performance.now();
    const points = await Promise.all(
      Array.from({ length: POINTS }, (_, place) =>
        marginAt.load({
          account,
          at: new Date(START + SECOND + Math.floor(((END - START - SECOND) * place) / POINTS)),
        }),
      ),
    );
    if (turn >= 2) times.push(performance.now() - started);
    if (points.some(({ margin }) => margin === null)) throw new Error('A point of the chart has no state.');
  }
  return times;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

/** Only the last columns compare across rows: the machine may have had other work meanwhile. */
function print(rows: readonly Row[]): void {
  console.log(
    `| fills of others | margin, ms | marginAt, ms | chart of ${POINTS}, ms | marginAt / margin | chart / marginAt |`,
  );
  console.log('| ---: | ---: | ---: | ---: | ---: | ---: |');
  for (const { others, now, then, chart } of rows) {
    const times = [now, then, chart].map((time) => time.toFixed(2)).join(' | ');
    console.log(`| ${others} | ${times} | ${(then / now).toFixed(2)} | ${(chart / then).toFixed(1)} |`);
  }
}

const database = await createDatabase();
const { db, close } = await openDatabase({ ...database, poolSize: 4 });
try {
  await storeReferenceData(db, await readReferenceData([join(PACKAGE_ROOT, 'prisma', 'reference')]));
  const rulebook = await Rulebook.load(db);
  let clock = START;
  const options = { symbols: rulebook, maxAge: 60_000, clock: () => clock, onPrices: () => undefined, log };
  const prices = await Prices.open({ db, ...options });
  const parts: LedgerParts = { db, rulebook, board: prices.board, bus: createBus(), lanes: new Lanes(8) };
  for (let round = 0; round < ROUNDS; round++) {
    clock = START + Math.floor(((END - START) * round) / ROUNDS);
    await publish(prices, round, clock);
  }
  const account = await open(parts, 'With 10,000 fills');
  await insertPositions(db, [account.id]);
  await insertFills(db, [account.id], 0, FILLS);
  await insertHoldings(db, [account.id]);
  const rows = [await measure(parts, account, 0)];

  const others: string[] = [];
  for (let index = 0; index < OTHER_ACCOUNTS; index++) others.push((await open(parts, `Other ${index}`)).id);
  await insertPositions(db, others);
  for (let from = 0; from < OTHERS; from += AT_ONCE) {
    await insertFills(db, others, from, Math.min(from + AT_ONCE, OTHERS));
    console.error(`${Math.min(from + AT_ONCE, OTHERS)} fills of ${OTHER_ACCOUNTS} other accounts are recorded.`);
  }
  await insertHoldings(db, others);
  rows.push(await measure(parts, account, OTHERS));
  print(rows);
} finally {
  await close();
  await database.drop();
}
