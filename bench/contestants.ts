/** The servers that bench/queries.ts compares: the product, a former one, and the peers of bench/peers. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import pg from 'pg';

import { PACKAGE_ROOT } from '../src/platform/package-root.js';
import { createDatabase, type BenchDatabase } from './database.js';
import { insertAccounts } from './portfolios.js';

export const SECRET = 'a secret of the benchmark, and of nothing else';
export const OWNER = 'owner';

/** How long a server may take to start with its accounts. */
const START_MS = 600_000;
/** Of /proc, a second. */
const CLOCK_TICKS = 100;
const PEERS = ['prisma', 'sql', 'floor'] as const;

export type Name = 'plimsoll' | 'former' | (typeof PEERS)[number];

export interface Contestant {
  readonly name: Name;
  readonly url: string;
  readonly process: ChildProcess;
}

/** CPU time of the whole process since it began, in milliseconds. */
export function cpuOf({ process: { pid } }: Contestant): number {
  return cpuOfProcess(pid ?? 0);
}

export function cpuOfProcess(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [user = 0, system = 0] = stat.slice(stat.lastIndexOf(')')).split(' ').slice(12, 14).map(Number);
  return ((user + system) * 1_000) / CLOCK_TICKS;
}

export interface World {
  readonly contestants: readonly Contestant[];
  close(): Promise<void>;
}

/**
 * Starts the product, the peers on its database, and a former product on a database of its own with the same accounts.
 *
 * @param former the folder of a built checkout; null: there is none
 */
export async function openWorld(accounts: number, owners: number, former: string | null): Promise<World> {
  const databases: BenchDatabase[] = [];
  const contestants: Contestant[] = [];
  const close = async (): Promise<void> => {
    for (const { process } of contestants) process.kill('SIGKILL');
    await Promise.all(databases.map((database) => database.drop()));
  };
  try {
    for (const [name, folder] of [['plimsoll', PACKAGE_ROOT] as const, ['former', former] as const]) {
      if (folder === null) continue;
      const database = await createDatabase();
      databases.push(database);
      const main = join(folder, 'dist/src/main.js');
      // The first start makes the tables, as that version has them.
      const first = await start(name, main, database);
      first.process.kill('SIGTERM');
      await once(first.process, 'exit');
      await fill(database.url ?? '', accounts, owners);
      contestants.push(await start(name, main, database));
    }
    const [own] = databases;
    if (own !== undefined && hasPeers()) {
      for (const name of PEERS) contestants.push(await start(name, join(FOLDER, `${name}.mjs`), own));
    }
    return { contestants, close };
  } catch (error) {
    await close();
    throw error;
  }
}

const FOLDER = join(PACKAGE_ROOT, 'bench/peers');

function hasPeers(): boolean {
  if (existsSync(join(FOLDER, 'node_modules'))) return true;
  const { status } = spawnSync('npm', ['ci', '--silent'], { cwd: FOLDER, stdio: 'inherit' });
  if (status !== 0) console.log('Without the peers of bench/peers: they could not be installed.');
  return status === 0;
}

/** The same accounts in every database, no two neighbours alike, each with a debt for which it can be liquidated. */
export async function fill(url: string, accounts: number, owners: number): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await insertAccounts(
    (sql) => client.query(sql),
    accounts,
    (number) => `'${OWNER}' || ${number} % ${owners}`,
  );
  const step = `('x' || right(account_id::text, 8))::bit(32)::int % 10007 * 0.0000123`;
  await client.query(`UPDATE balances SET quantity = quantity + ${step} WHERE asset_symbol = 'BTC'`);
  await client.query(`UPDATE balances SET quantity = quantity - 550000 WHERE asset_symbol = 'USDT'`);
  await client.query(`UPDATE positions SET size = size + ${step} WHERE side = 'LONG'`);
  await client.query('VACUUM ANALYZE');
  await client.end();
}

/** Resolves once the server is ready. */
export async function start(name: Name, main: string, { url, dataDir }: BenchDatabase): Promise<Contestant> {
  const port = await freePort();
  const env = {
    ...{ PATH: process.env['PATH'], NODE_ENV: 'production', PORT: String(port), HOST: '127.0.0.1' },
    ...{ DATABASE_URL: url ?? '', DATA_DIR: dataDir, AUTH_SECRET: SECRET, DEMO: '0', LOG_LEVEL: 'error' },
    ...{ PRICE_MAX_AGE: '86400', LIMIT_COST_PER_MINUTE: '1000000000' },
  };
  const [command = '', ...args] = [...onCore(0), process.execPath, main];
  const child = spawn(command, args, { env, cwd: dataDir, stdio: ['ignore', 'ignore', 'inherit'] });
  const contestant = { name, url: `http://127.0.0.1:${port}`, process: child };
  for (const end = performance.now() + START_MS; performance.now() < end; await sleep(100)) {
    if (child.exitCode !== null) throw new Error(`${name} ended while it started.`);
    const answer = await fetch(`${contestant.url}/readyz`).catch(() => null);
    if (answer?.ok === true) return contestant;
  }
  child.kill('SIGKILL');
  throw new Error(`${name} was not ready after ${START_MS / 1_000} s.`);
}

/** What to put before a command: one core for the servers and another for the load, where the system allows it. */
export function onCore(core: number): readonly string[] {
  return spawnSync('taskset', ['--version']).status === 0 ? ['taskset', '-c', String(core)] : [];
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
