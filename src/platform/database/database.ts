/**
 * The database behind Prisma: PGlite in a folder by default, a PostgreSQL server with a URL. Same schema, same
 * migrations, same code above.
 */
import { join } from 'node:path';
import { setImmediate as yieldToEventLoop } from 'node:timers/promises';

import { PrismaPg } from '@prisma/adapter-pg';
import type { IsolationLevel, SqlDriverAdapterFactory, SqlQueryable } from '@prisma/driver-adapter-utils';
import { PrismaPGlite } from 'pglite-prisma-adapter';

import {
  DatabaseUnavailableError,
  NotRecordedError,
  isLocked,
  isPoolBusy,
  isRetryable,
  isTooLong,
} from './database-errors.js';
import { checkRoom, watchDisk } from './disk-watch.js';
import { lockFolder } from './folder-lock.js';
import { joinParsers } from './joined-parsers.js';
import type { Logger } from '../log.js';
import { applyMigrations } from './migrate.js';
import { openPGlite } from './new-database.js';
import { Pools, adapterOver, sharesOf } from './pools.js';
import { type Prisma, PrismaClient } from '../prisma/client.js';
import { retry } from '../retry.js';
import { MEANING, LOCK_WAIT_MS, TRANSACTION_MS, WAIT_MS, expectOwnBackends, settle, type Settings } from './session.js';
import { Wait } from './wait.js';

export type Database = PrismaClient;
/** A transaction, or the database itself where none is needed. */
export type Transaction = Prisma.TransactionClient;

export interface OpenDatabase {
  /** What clients ask for. */
  readonly db: Database;
  /** Prices. As the next one it has connections of its own, so that nothing which clients do keeps them waiting. */
  readonly pricesDb: Database;
  /** Live risk, the leader, and notices of other servers. */
  readonly liveDb: Database;
  readonly applied: readonly string[];
  /** Why the database takes no writes now, for the operator; null: it takes them. */
  readonly problem: () => string | null;
  readonly close: () => Promise<void>;
}

export interface DatabaseOptions {
  /** A PostgreSQL server; without it PGlite in `dataDir`. */
  readonly url: string | null;
  readonly dataDir: string;
  /** Connections to a PostgreSQL server, of all pools together; at least one for each of them. */
  readonly poolSize: number;
  /** Called with every SQL statement and its parameters as JSON; tests count and explain them. */
  readonly onStatement?: ((sql: string, parameters: string) => void) | undefined;
  readonly log?: Logger;
}

/** Opens and migrates the database. Throws FolderLockedError, DiskFullError or DatabaseUnavailableError. */
export async function openDatabase(options: DatabaseOptions): Promise<OpenDatabase> {
  return options.url === null ? openFolder(options) : openServer(options.url, options);
}

async function openFolder(options: DatabaseOptions): Promise<OpenDatabase> {
  const lock = await lockFolder(options.dataDir);
  try {
    await checkRoom(options.dataDir);
    const pglite = joinParsers(await openPGlite(join(options.dataDir, 'postgres')));
    await settle((sql) => pglite.query(sql), MEANING);
    const factory = new PrismaPGlite(pglite);
    const applied = await applyMigrations(factory);
    const db = connect(givingWay(factory), options);
    const disk = watchDisk(pglite, options.dataDir, options.log);
    const close = async (): Promise<void> => {
      await disk.stop();
      await db.$disconnect();
      await pglite.close();
      await lock.release();
    };
    const problem = (): string | null =>
      disk.isShort() ? 'The disk of DATA_DIR is nearly full: writes are refused until there is room.' : null;
    return { db, pricesDb: db, liveDb: db, applied, problem, close };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function openServer(url: string, options: DatabaseOptions): Promise<OpenDatabase> {
  const applied = await prepare(url);
  const pools = new Pools(url);
  const shares = sharesOf(options.poolSize);
  const [reads, writes] = [pools.open(shares.reads), pools.open(shares.writes, OF_WRITES)];
  const [prices, live] = [pools.open(shares.prices), pools.open(shares.live)];
  const clients = {
    db: connect(adapterOver(reads, writes), options),
    pricesDb: connect(adapterOver(prices, prices), options),
    liveDb: connect(adapterOver(live, live), options),
  };
  const close = async (): Promise<void> => {
    for (const client of Object.values(clients)) await client.$disconnect();
    await pools.close();
  };
  return { ...clients, applied, problem: () => null, close };
}

/** Finds out whether the server can be used, and migrates it. Returns the names of the migrations applied. */
async function prepare(url: string): Promise<string[]> {
  try {
    await expectOwnBackends(url);
  } catch (error) {
    // The schema engine would report the same with its internal stack.
    throw new DatabaseUnavailableError(url, error);
  }
  const pools = new Pools(url);
  try {
    // One session, which holds the lock of the migrations.
    return await applyMigrations(new PrismaPg(pools.open(1, MIGRATION)));
  } finally {
    await pools.close();
  }
}

/**
 * PGlite answers inside the process, so that statements in a row would never let the event loop go round. Each one does
 * first, and what has come meanwhile is not kept waiting.
 */
function givingWay(factory: SqlDriverAdapterFactory): SqlDriverAdapterFactory {
  return {
    ...{ provider: factory.provider, adapterName: factory.adapterName },
    connect: async () => {
      const adapter = giveWay(await factory.connect());
      const start = adapter.startTransaction.bind(adapter);
      return Object.assign(adapter, {
        startTransaction: async (level?: IsolationLevel) => giveWay(await start(level)),
      });
    },
  };
}

function giveWay<T extends SqlQueryable>(queryable: T): T {
  const [query, execute] = [queryable.queryRaw.bind(queryable), queryable.executeRaw.bind(queryable)];
  const queryRaw: SqlQueryable['queryRaw'] = async (sql) => (await yieldToEventLoop(), query(sql));
  const executeRaw: SqlQueryable['executeRaw'] = async (sql) => (await yieldToEventLoop(), execute(sql));
  return Object.assign(queryable, { queryRaw, executeRaw });
}

function connect(adapter: SqlDriverAdapterFactory, options: DatabaseOptions): Database {
  const { onStatement } = options;
  const transactionOptions = { maxWait: WAIT_MS, timeout: TRANSACTION_MS };
  if (onStatement === undefined) return new PrismaClient({ adapter, transactionOptions });
  const db = new PrismaClient({ adapter, transactionOptions, log: [{ emit: 'event', level: 'query' }] });
  db.$on('query', (event) => onStatement(event.query, event.params));
  return db;
}

const ATTEMPTS = 6;

/** Settings of sessions that take the writes of clients. */
const OF_WRITES: Settings = { lock_timeout: `${LOCK_WAIT_MS}ms` };
/** What has waited for longer looks at least this often whether what it needs is free, and waits this long with it. */
const LOOK_MS = 100;
const LATE = '20ms';

/**
 * A migration may take long. It may not wait long for a table, since whatever comes after it waits as well. The session
 * of a dead machine must not keep the lock of the migrations.
 */
const MIGRATION: Settings = { statement_timeout: '0', idle_session_timeout: '1min' };

/**
 * Runs one transaction. Tries again, a few times, after a serialisation failure, a deadlock, or a unique key that
 * another transaction took at the same moment: the next try then sees its row. After a lock that it did not get it tries
 * again while its wait lasts. Throws NotRecordedError where it waited too long for a connection or for a lock.
 *
 * @param wait has begun already, for a write that has waited elsewhere
 */
export async function transact<T>(
  db: Database,
  work: (tx: Transaction) => Promise<T>,
  wait: Wait | null = null,
): Promise<T> {
  const waited = wait ?? new Wait();
  let hasBegun = false;
  let tries = 0;
  const attempt = (): Promise<T> => {
    hasBegun = false;
    return db.$transaction(
      async (tx) => {
        hasBegun = true;
        if (waited.isLate) await tx.$executeRaw`SELECT set_config('lock_timeout', ${LATE}, true)`;
        return work(tx);
      },
      // Its last moment too is enough for a connection that is free.
      wait === null ? undefined : { maxWait: Math.max(LOCK_WAIT_MS, wait.leftMs) },
    );
  };
  return retry(attempt, {
    pause: (failures) => (waited.isLate ? LOOK_MS * (0.5 + Math.random() / 2) : failures * 5 * Math.random()),
    // A stop lets requests finish, and no wait is longer than WRITE_WAIT_MS.
    signal: null,
    onError: (error) => {
      if (isLocked(error) && waited.leftMs > LOOK_MS) return;
      if (isTooLong(error) || (!hasBegun && isPoolBusy(error))) throw new NotRecordedError(error);
      tries += 1;
      if (tries === ATTEMPTS || !isRetryable(error)) throw error;
    },
  });
}
