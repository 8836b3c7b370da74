/**
 * What writes cost: CPU time of the server's process and of its sessions in PostgreSQL, from the first request until no
 * account waits for the leader, against plain `pg` that writes the same rows in one transaction (bench/plain-writes.ts)
 * in this process. In turns; medians, and the median of the ratios of each turn.
 *
 *   DATABASE_URL=postgresql://... npm run bench -- writes [--former FOLDER] [--accounts 5000] [--turns 5]
 *     [--rows fills,callers,locks,prices] [--sizes 1,10,100,1000]
 *
 * --former: the folder of a checkout of a former version, built. PostgreSQL has to run on this machine: its sessions are
 * found in /proc.
 */
import { Agent } from 'node:http';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import pg from 'pg';

import { globalId } from '../src/api/types/global-id.js';
import { PACKAGE_ROOT } from '../src/platform/package-root.js';
import { signToken } from '../src/platform/tokens.js';
import { SECRET, cpuOf, cpuOfProcess, fill as insertAccounts, start, type Contestant } from './contestants.js';
import { createDatabase, type BenchDatabase } from './database.js';
import { send } from './load.js';
import { writeFills, writeMarks, type Fill, type Mark } from './plain-writes.js';
import { INDEX, MARKS, accountId } from './portfolios.js';

const { values: options } = parseArgs({
  options: {
    former: { type: 'string' },
    accounts: { type: 'string', default: '5000' },
    turns: { type: 'string', default: '5' },
    rows: { type: 'string', default: 'fills,callers,locks,prices' },
    sizes: { type: 'string', default: '1,10,100,1000' },
  },
});
const ACCOUNTS = Number(options.accounts);
const INSTRUMENTS = 1_000;
/** Fills of one turn, by batch size. */
const FILLS: Readonly<Record<number, number>> = { 1: 150, 10: 600, 100: 3_000, 1_000: 5_000 };
const RECORD = `mutation ($fills: [FillInput!]!) {
  recordFills(input: { fills: $fills }) { recorded alreadyKnown errors { code message } } }`;
const PUBLISH = 'mutation ($quotes: [QuoteInput!]!) { publishPrices(input: { quotes: $quotes }) { accepted } }';
const TABLES =
  'fills ledger_entries balances positions position_versions account_versions mark_prices price_rounds price_changes';

const service = await signToken(SECRET, { subject: 'bench', roles: ['SERVICE'] }, { validSeconds: 86_400 });
const agent = new Agent({ keepAlive: true });
let filled = 0;

/** Fills that add to long positions: each makes a row of `fills` and one of `ledger_entries`. */
function randomFills(count: number): Fill[] {
  const [at, instruments] = [new Date().toISOString(), Object.entries(MARKS)];
  return Array.from({ length: count }, () => {
    const [instrument = '', price = ''] = instruments[filled % instruments.length] ?? [];
    return {
      ...{ fillId: `fill ${(filled += 1)}`, account: Math.floor(Math.random() * ACCOUNTS), instrument, at },
      ...{ size: `0.0${1 + (filled % 9)}`, price, fee: `0.0${1 + (filled % 7)}` },
    };
  });
}

function randomMarks(): Mark[] {
  const at = new Date().toISOString();
  return Array.from({ length: INSTRUMENTS }, (_, index) => {
    return { instrument: symbolOf(index), price: (100 + Math.random()).toFixed(6), at };
  });
}

function symbolOf(index: number): string {
  return `BENCH${index}USDT`;
}

async function record({ url }: Contestant, fills: readonly Fill[]): Promise<void> {
  const sent = fills.map(({ account, ...fill }) => ({
    ...{ ...fill, accountId: globalId('Account', accountId(account)), side: 'BUY', positionSide: 'LONG' },
  }));
  const answer = await send(url, service, JSON.stringify({ query: RECORD, variables: { fills: sent } }), agent);
  if (!answer.includes(`"recorded":${fills.length},`)) throw new Error(`Fills were not recorded: ${answer}`);
}

async function publish({ url }: Contestant, quotes: readonly object[]): Promise<void> {
  const answer = await send(url, service, JSON.stringify({ query: PUBLISH, variables: { quotes } }), agent);
  if (!answer.includes(`"accepted":${quotes.length}`)) throw new Error(`Prices were not taken: ${answer}`);
}

/** What writes to one database. */
interface Side {
  readonly name: string;
  /** For the benchmark's own questions; its session is not counted. */
  readonly asked: pg.Client;
  /** Milliseconds of CPU time that the process which writes has taken. */
  readonly cpu: () => number;
  readonly fills: (batch: readonly Fill[]) => Promise<void>;
  readonly marks: (batch: readonly Mark[]) => Promise<void>;
}

async function openClient(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  // Its database is dropped at the end.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function serverSide(contestant: Contestant, url: string): Promise<Side> {
  return {
    ...{ name: contestant.name, asked: await openClient(url), cpu: () => cpuOf(contestant) },
    fills: (batch) => record(contestant, batch),
    marks: (batch) =>
      publish(
        contestant,
        batch.map((mark) => ({ ...mark, venue: 'BITGET', source: 'bench' })),
      ),
  };
}

async function plainSide(name: string, url: string, named: boolean): Promise<Side> {
  const client = await openClient(url);
  const cpu = (): number => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000;
  };
  return {
    ...{ name, asked: await openClient(url), cpu },
    fills: (batch) => writeFills(client, batch, named),
    marks: (batch) => writeMarks(client, batch, named),
  };
}

/** CPU time of all sessions with the database, but for the benchmark's own. */
async function sessionsOf({ asked }: Side): Promise<Map<number, number>> {
  const { rows } = await asked.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity
     WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`,
  );
  return new Map(rows.map(({ pid }) => [pid, cpuOfProcess(pid)]));
}

async function settle({ asked }: Side, isServer: boolean): Promise<void> {
  if (!isServer) return void (await asked.query('DELETE FROM outbox'));
  for (;;) {
    const { rows } = await asked.query('SELECT FROM outbox LIMIT 1');
    if (rows.length === 0) return;
    await sleep(20);
  }
}

/** CPU milliseconds, of the process and of its sessions. */
async function costOf(side: Side, work: () => Promise<void>): Promise<number> {
  const [cpu, sessions] = [side.cpu(), await sessionsOf(side)];
  await work();
  const own = side.cpu() - cpu;
  await settle(side, side.name === 'plimsoll' || side.name === 'former');
  const after = await sessionsOf(side);
  const late = side.name.startsWith('plain') ? own : side.cpu() - cpu;
  return late + [...after].reduce((sum, [pid, used]) => sum + used - (sessions.get(pid) ?? 0), 0);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

/** In turns, the first of which warms up; by side milliseconds for one item, and the ratio to the first side. */
async function compare(
  sides: readonly Side[],
  items: number,
  work: (side: Side) => () => Promise<void>,
): Promise<Record<string, string>> {
  const costs = new Map(sides.map((side) => [side, [] as number[]]));
  for (let turn = 0; turn <= Number(options.turns); turn++) {
    for (const side of sides) {
      const cost = (await costOf(side, work(side))) / items;
      if (turn > 0) costs.get(side)?.push(cost);
    }
  }
  const own = [...costs.values()][0] ?? [];
  return Object.fromEntries(
    [...costs].map(([{ name }, each], index) => {
      const ratio = median(own.map((cost, turn) => cost / (each[turn] ?? NaN))).toFixed(2);
      return [name, `${median(each).toFixed(3)} ms${index === 0 ? '' : `, ratio ${ratio}`}`];
    }),
  );
}

async function inBatches(side: Side, fills: readonly Fill[], size: number): Promise<void> {
  for (let from = 0; from < fills.length; from += size) await side.fills(fills.slice(from, from + size));
}

/** Fills a second of so many callers, each with one fill at a time. */
async function rateOf(side: Side, callers: number, seconds: number): Promise<number> {
  const begun = performance.now();
  let done = 0;
  const caller = async (): Promise<void> => {
    for (; performance.now() - begun < seconds * 1_000; done++) await side.fills(randomFills(1));
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return (done / (performance.now() - begun)) * 1_000;
}

/** The share of looks at the sessions in which at least one waits for a row, while 8 callers write batches of 100. */
async function waitingShare(side: Side, seconds: number): Promise<{ readonly share: number; readonly rate: number }> {
  const begun = performance.now();
  const isOver = (): boolean => performance.now() - begun > seconds * 1_000;
  let [looks, waits, done] = [0, 0, 0];
  const caller = async (): Promise<void> => {
    for (; !isOver(); done += 100) await side.fills(randomFills(100));
  };
  const looker = async (): Promise<void> => {
    for (; !isOver(); looks++) {
      const { rows } = await side.asked.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
         AND wait_event IN ('transactionid', 'tuple') LIMIT 1`,
      );
      waits += rows.length;
      await sleep(3);
    }
  };
  await Promise.all([looker(), ...Array.from({ length: 8 }, caller)]);
  return { share: waits / looks, rate: (done / (performance.now() - begun)) * 1_000 };
}

async function showFills(sides: readonly Side[]): Promise<void> {
  const table: Record<string, object> = {};
  for (const size of options.sizes.split(',').map(Number)) {
    const count = FILLS[size] ?? size;
    table[`batches of ${size}`] = await compare(sides, count, (side) => {
      const fills = randomFills(count);
      return () => inBatches(side, fills, size);
    });
  }
  console.log('\nrecordFills by one caller: CPU time for one fill, server and PostgreSQL (limit: 1.7 of plain).');
  console.table(table);
}

async function showCallers(servers: readonly Side[]): Promise<void> {
  const table: Record<string, object> = {};
  for (const side of servers) {
    const [one, many]: [number[], number[]] = [[], []];
    for (let turn = 0; turn < Number(options.turns); turn++) {
      one.push(await rateOf(side, 1, 2));
      many.push(await rateOf(side, 32, 2));
    }
    const ratio = median(many.map((rate, turn) => rate / (one[turn] ?? NaN))).toFixed(1);
    table[side.name] = { '1 caller, fills/s': median(one).toFixed(0), '32 callers': median(many).toFixed(0), ratio };
  }
  console.log('\nBatches of 1: fills a second (limit: 6 times).');
  console.table(table);
}

async function showLocks(servers: readonly Side[]): Promise<void> {
  const table: Record<string, object> = {};
  for (const side of servers) {
    const { share, rate } = await waitingShare(side, 10);
    table[side.name] = { 'waits for a row': `${(share * 100).toFixed(1)} %`, 'fills/s': rate.toFixed(0) };
  }
  console.log(`\n8 callers, batches of 100 over ${ACCOUNTS} random accounts (limit: 5 %).`);
  console.table(table);
}

async function showPrices(sides: readonly Side[]): Promise<void> {
  const batches = 5;
  const costs = await compare(sides, batches, (side) => {
    const rounds = Array.from({ length: batches }, randomMarks);
    return async () => {
      for (const marks of rounds) await side.marks(marks);
    };
  });
  console.log(`\npublishPrices, ${INSTRUMENTS} marks a batch: CPU time for one batch (limit: 4 of plain).`);
  console.table({ prices: costs });
}

/** Every table has as many rows as in the server's database: the sides write the same. */
async function expectSameRows(sides: readonly Side[]): Promise<void> {
  const counts = sides.map(async ({ asked }) => {
    const sums = TABLES.split(' ').map((table) => `(SELECT count(*) FROM ${table}) AS ${table}`);
    const { rows } = await asked.query(`SELECT ${sums.join(', ')}`);
    return JSON.stringify(rows);
  });
  const [own, ...others] = await Promise.all(counts);
  for (const other of others) console.log(`rows ${own}\n     ${other}`);
}

async function openSides(): Promise<{ readonly sides: Side[]; readonly close: () => Promise<void> }> {
  const databases: BenchDatabase[] = [];
  const servers: Contestant[] = [];
  const sides: Side[] = [];
  const folders = [['plimsoll', PACKAGE_ROOT] as const, ['former', options.former] as const];
  const prepare = async (name: Contestant['name'], folder: string): Promise<BenchDatabase> => {
    const database = await createDatabase();
    databases.push(database);
    // The first start makes the tables, as that version has them.
    const first = await start(name, join(folder, 'dist/src/main.js'), database);
    first.process.kill('SIGTERM');
    await once(first.process, 'exit');
    await insertAccounts(database.url ?? '', ACCOUNTS, 50);
    const client = await openClient(database.url ?? '');
    await client.query(`
      INSERT INTO instruments (venue_code, symbol, base_asset, quote_asset, max_leverage)
      SELECT 'BITGET', 'BENCH' || number || 'USDT', 'BTC', 'USDT', 100 FROM generate_series(0, ${INSTRUMENTS} - 1) AS number`);
    await client.end();
    return database;
  };
  for (const [name, folder] of folders) {
    if (folder === undefined) continue;
    const database = await prepare(name, folder);
    const server = await start(name, join(folder, 'dist/src/main.js'), database);
    servers.push(server);
    await publish(server, quotesOf());
    sides.push(await serverSide(server, database.url ?? ''));
  }
  for (const [name, named] of [['plain', false] as const, ['plain, prepared', true] as const]) {
    const { url } = await prepare('plimsoll', PACKAGE_ROOT);
    sides.push(await plainSide(name, url ?? '', named));
  }
  const close = async (): Promise<void> => {
    for (const { process } of servers) process.kill('SIGKILL');
    await Promise.all(databases.map((database) => database.drop()));
  };
  return { sides, close };
}

function quotesOf(): object[] {
  const [at, source] = [new Date().toISOString(), 'bench'];
  return [
    ...Object.entries(INDEX).map(([asset, price]) => ({ asset, price, source, at })),
    ...Object.entries(MARKS).map(([instrument, price]) => ({ venue: 'BITGET', instrument, price, source, at })),
  ];
}

if (process.env['DATABASE_URL'] === undefined || process.platform !== 'linux') {
  console.log('Writes: not measured, since that needs DATABASE_URL, and /proc of Linux.');
  process.exit(0);
}
console.log(`Node ${process.version} on ${cpus().length} of ${cpus()[0]?.model ?? 'unknown processors'}.`);
const { sides, close } = await openSides();
const rows = options.rows.split(',');
const servers = sides.filter(({ name }) => !name.startsWith('plain'));
try {
  if (rows.includes('fills')) await showFills(sides);
  if (rows.includes('prices')) await showPrices(sides);
  await expectSameRows(sides);
  if (rows.includes('callers')) await showCallers(servers);
  if (rows.includes('locks')) await showLocks(servers);
} finally {
  await close();
}
process.exit(0);
