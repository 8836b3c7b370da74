/**
 * A crash of all marks by 40 %, at which every account changes its status: when the first alert is stored, those of all
 * LIQUIDATIONs, and all; when 1,000 watched accounts are pushed; and what memory it takes. Before it and after it, how
 * long the overview of the venue takes. The loop and the alert writer run without HTTP.
 *
 *   DATABASE_URL=postgresql://... node dist/bench/crash.js [accounts ...]
 *
 * On the server of the URL databases may be made; the benchmark makes one of its own and drops it.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

import { readConfig } from '../src/config.js';
import type { AccountRow, PositionRow } from '../src/ledger/account-rows.js';
import { stateOf } from '../src/ledger/account-text.js';
import { decimal, quotientDown, toPlain, type Decimal } from '../src/margin/decimal.js';
import { assessMargin } from '../src/margin/state/assess.js';
import { Prices } from '../src/market/prices.js';
import { openDatabase, type Database } from '../src/platform/database/database.js';
import { createBus } from '../src/platform/events.js';
import { createLogger } from '../src/platform/log.js';
import { readReferenceData } from '../src/policy/reference/reference-data.js';
import { storeReferenceData } from '../src/policy/reference/reference-store.js';
import { Rulebook } from '../src/policy/rulebook/rulebook.js';
import { AlertWriter } from '../src/risk/alerts/alert-writer.js';
import { MarginLoop } from '../src/risk/engine/margin-loop.js';
import { UpdateStream } from '../src/risk/streams/watch-stream.js';
import { createDatabase } from './database.js';
import { MARKS, accountId, quotes } from './portfolios.js';

const log = createLogger('error');

if (process.env['DATABASE_URL'] === undefined) {
  console.log('A crash of all marks: not measured, since DATABASE_URL is not set.');
  process.exit(0);
}
const sizes = process.argv.slice(2).map(Number);
/** Of a hundred accounts, how many the crash brings to LIQUIDATION and to MARGIN_CALL; the others to WARNING. */
const LIQUIDATED = 9;
const CALLED = 31;
const WATCHED = 1_000;
/** Portfolios differ by so many steps of size. */
const STEPS = 1_000;

const CRASHED = marksTimes(0.6);

function marksTimes(factor: number): Record<string, string> {
  const moved = Object.entries(MARKS).map(([of, mark]) => [of, (Number(mark) * factor).toFixed(4)] as const);
  return Object.fromEntries(moved);
}

function positionsOf(number: number): PositionRow[] {
  const step = decimal(number % STEPS).times('0.001');
  const position = (instrument: string, side: 'LONG' | 'SHORT', size: string, cost: string): PositionRow => {
    const exact = [decimal(size).plus(step), decimal(cost).plus(step.times(MARKS[instrument] ?? '0'))].map(toPlain);
    return [instrument, side, exact[0] ?? '', exact[1] ?? '', '0'];
  };
  return [
    position('BTCUSDT', 'LONG', '1.5', '89000.15'),
    position('BTCUSDT', 'SHORT', '0.25', '15111.125'),
    position('ETHUSDT', 'LONG', '20', '59500'),
    position('ETHUSDT', 'SHORT', '3', '9000.5'),
    position('SOLUSDT', 'LONG', '300', '45000'),
  ];
}

function coinsOf(number: number): string[] {
  const step = decimal(number % STEPS).times('0.001');
  return ['BTC', toPlain(decimal('10.123').plus(step)), 'ETH', '25.5', 'BNB', '12.75', 'SOL', '150.25'];
}

/** The margin balance without USDT, and the maintenance margin, of each step after the crash. */
type AfterCrash = readonly { readonly balance: Decimal; readonly required: Decimal }[];

function afterCrash(loop: MarginLoop, rulebook: Rulebook): AfterCrash {
  const policy = rulebook.policy('BITGET', null, new Date());
  const market = loop.snapshot.marketOf('BITGET');
  const crashed = {
    index: (asset: string) => market.index(asset),
    mark: (symbol: string) => ({ price: decimal(CRASHED[symbol] ?? '0'), stale: false }),
  };
  return Array.from({ length: STEPS }, (_, number) => {
    const open = positionsOf(number).map(([instrument, side, size, cost]) => {
      return [instrument, side, size, cost, '20', 'CROSS', '0'] as const;
    });
    const report = assessMargin(stateOf(['MULTI_ASSET', 'HEDGE', coinsOf(number), open]), crashed, policy);
    return { balance: report.marginBalance, required: report.maintenanceMargin };
  });
}

/** Owes so much USDT that the crash leaves it with the ratio that its number says. */
function rowOf(number: number, after: AfterCrash): AccountRow {
  const now = new Date().toISOString();
  const place = number % 100;
  const within = (Math.floor(number / 100) % 90) / 100;
  const ratio =
    place < LIQUIDATED ? 1.05 + within : place < LIQUIDATED + CALLED ? 0.81 + within * 0.2 : 0.51 + within * 0.3;
  const { balance, required } = after[number % STEPS] ?? { balance: decimal(0), required: decimal(1) };
  const usdt = decimal(
    quotientDown(required, decimal(ratio.toFixed(6)))
      .minus(balance)
      .toNumber()
      .toFixed(4),
  );
  const held = [
    'MULTI_ASSET',
    'HEDGE',
    ['USDT', toPlain(usdt), ...coinsOf(number)],
    positionsOf(number),
    [],
    [],
    [],
  ] as const;
  return [accountId(number), 1, 'BITGET', null, 'Bench', 'bench', now, now, held, null];
}

/** Spread over all accounts, and so over all statuses. */
function watchedOf(count: number): number[] {
  return Array.from({ length: WATCHED }, (_, index) => Math.floor((index * count) / WATCHED));
}

/** What alerts refer to, and what the watched accounts hold; what the others hold is in memory only. */
async function insertAccounts(db: Database, count: number, after: AfterCrash): Promise<void> {
  await db.$executeRawUnsafe(`
    INSERT INTO accounts (id, name, owner, venue_code, collateral_mode, position_mode, opened_at)
    SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(number), 12, '0'))::uuid, 'Bench', 'bench', 'BITGET',
      'MULTI_ASSET', 'HEDGE', '2026-01-01T00:00:00Z'
    FROM generate_series(0, ${count} - 1) AS number`);
  for (const number of watchedOf(count)) {
    const [id, , , , , , , , [, , balances, positions]] = rowOf(number, after);
    const held = balances.flatMap((asset, item) =>
      item % 2 === 0 ? [`('${id}', '${asset}', ${balances[item + 1]})`] : [],
    );
    await db.$executeRawUnsafe(`INSERT INTO balances (account_id, asset_symbol, quantity) VALUES ${held.join(', ')}`);
    const open = positions.map(
      ([instrument, side, size, cost]) => `('${id}', 'BITGET', '${instrument}', '${side}', ${size}, ${cost})`,
    );
    await db.$executeRawUnsafe(`
      INSERT INTO positions (account_id, venue_code, instrument, side, size, cost) VALUES ${open.join(', ')}`);
  }
  await db.$executeRawUnsafe('ANALYZE');
}

async function newTerm(db: Database): Promise<bigint> {
  const rows = await db.$queryRaw<{ term: bigint }[]>`UPDATE duty SET term = term + 1 RETURNING term`;
  return rows[0]?.term ?? 0n;
}

/** Milliseconds, and in brackets those of the process's CPU. */
async function timed(work: () => Promise<unknown>): Promise<string> {
  const [started, cpu] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return `${(performance.now() - started).toFixed(0)} (${((user + system) / 1_000).toFixed(0)})`;
}

/** First, prices still, and after a tick that touches all accounts. */
async function overviews(loop: MarginLoop, tick: () => Promise<void>): Promise<Record<string, string>> {
  const ask = () => loop.allAccounts.overviews.of(loop.snapshot, 'BITGET');
  const [first, still] = [await timed(ask), await timed(ask)];
  await tick();
  const ticked = await timed(ask);
  const { accounts } = await ask();
  const liquidated = accounts.find(({ status }) => status === 'LIQUIDATION')?.accounts ?? 0;
  return {
    'in LIQUIDATION': liquidated.toLocaleString('en'),
    'first, ms': first,
    'prices still, ms': still,
    'after a tick, ms': ticked,
  };
}

/** When each alert was known to be stored: milliseconds since the crash, by the number of the last one. */
type Stored = readonly { readonly ms: number; readonly last: bigint }[];

async function seconds(db: Database, stored: Stored): Promise<Record<string, string | number>> {
  const [found] = await db.$queryRaw<{ alerts: number; liquidations: number; last: bigint; accounts: number }[]>`
    SELECT count(*)::int AS alerts, count(*) FILTER (WHERE status = 'LIQUIDATION')::int AS liquidations,
      count(DISTINCT account_id)::int AS accounts,
      COALESCE(max(seq) FILTER (WHERE status = 'LIQUIDATION'), 0) AS last FROM risk_alerts`;
  const at = (last: bigint): string => ((stored.find((one) => one.last >= last)?.ms ?? NaN) / 1_000).toFixed(2);
  return {
    alerts: found?.alerts ?? 0,
    'of accounts': found?.accounts ?? 0,
    LIQUIDATIONs: found?.liquidations ?? 0,
    'first, s': at(1n),
    'LIQUIDATIONs, s': at(found?.last ?? 0n),
    'all, s': at(stored.at(-1)?.last ?? 0n),
  };
}

/** The state of each watched account after the crash is taken; the time of the last. */
async function pushed(loop: MarginLoop, count: number): Promise<() => Promise<number>> {
  const ids = watchedOf(count).map(accountId);
  const stream = loop.watch(new UpdateStream({ accountIds: ids, minChange: decimal('0.1'), everyMs: null }));
  for (let read = 0; read < ids.length; read++) await stream.next();
  return async () => {
    for (let read = 0; read < ids.length; read++) await stream.next();
    const at = performance.now();
    await stream.return();
    return at;
  };
}

async function measure(count: number): Promise<void> {
  const database = await createDatabase();
  const { db, close } = await openDatabase({ ...database, poolSize: 4 });
  await storeReferenceData(db, await readReferenceData(readConfig({}).referenceFolders));
  const rulebook = await Rulebook.load(db);
  const bus = createBus();
  const prices = await Prices.open({
    ...{ db, symbols: rulebook, maxAge: 3_600_000, clock: Date.now, log },
    onPrices: (changes) => bus.emit('prices', changes),
  });
  const loop = new MarginLoop({ db, rulebook, prices, bus, log });
  await prices.publish(quotes());
  const after = afterCrash(loop, rulebook);
  for (let number = 0; number < count; number++) loop.accounts.put(rowOf(number, after), new Date());
  await loop.start();
  await insertAccounts(db, count, after);
  const term = { number: await newTerm(db), ended: new AbortController().signal };
  loop.setAlertWriter(await AlertWriter.begin({ db, log, bus }, term));
  await loop.idle();
  const tick = async (marks: Readonly<Record<string, string>>): Promise<void> => {
    await prices.publish(quotes(marks));
    await loop.idle();
  };
  const calm = await overviews(loop, () => tick(marksTimes(1.0001)));

  const received = await pushed(loop, count);
  await loop.idle();
  const stored: { ms: number; last: bigint }[] = [];
  let peak = 0;
  const memory = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 50);
  (globalThis as { gc?: () => void }).gc?.();
  const before = process.memoryUsage.rss();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const [started, cpu] = [performance.now(), process.cpuUsage()];
  bus.on('alerts', ({ last }) => stored.push({ ms: performance.now() - started, last }));
  const pushing = received();
  await tick(CRASHED);
  const { user, system } = process.cpuUsage(cpu);
  delay.disable();
  clearInterval(memory);
  crashes[count.toLocaleString('en')] = {
    ...(await seconds(db, stored)),
    'watched, s': (((await pushing) - started) / 1_000).toFixed(2),
    'cycle, s': ((performance.now() - started) / 1_000).toFixed(1),
    'CPU, s': ((user + system) / 1e6).toFixed(1),
    'before, MB': Math.round(before / 2 ** 20),
    'peak, MB': Math.round(peak / 2 ** 20),
    'p99, ms': (delay.percentile(99) / 1e6).toFixed(0),
    'longest, ms': (delay.max / 1e6).toFixed(0),
  };
  const crashed = await overviews(loop, () => tick(marksTimes(0.60001)));
  for (const [label, row] of [
    ['calm', calm],
    ['crashed', crashed],
  ] as const) {
    asked[`${count.toLocaleString('en')}, ${label}`] = row;
  }
  await loop.close();
  await sleep(100);
  await close();
  await database.drop();
}

const crashes: Record<string, object> = {};
const asked: Record<string, object> = {};
for (const accounts of sizes.length > 0 ? sizes : [100_000]) await measure(accounts);
console.log('\nThe overview of the venue; in brackets CPU (limits at 1,000,000 accounts: 1,500, 50 and 500 ms).');
console.table(asked);
console.log('\nA crash by which all accounts change their status (limits at 1,000,000: 1, 20 and 120 s; 1,600 MB).');
console.table(crashes);
process.exit(process.exitCode ?? 0);
