/**
 * The database behind Prisma: PGlite in a folder by default, a PostgreSQL server with a URL. Same schema, same
 * migrations, same code above.
 */
import { join } from 'node:path';

import { PGlite } from '@electric-sql/pglite';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaPGlite } from 'pglite-prisma-adapter';

import { checkRoom, watchDisk } from './disk-watch.js';
import { lockFolder } from './folder-lock.js';
import type { Logger } from './log.js';
import { applyMigrations } from './migrate.js';
import { type Prisma, PrismaClient } from './prisma/client.js';
import { retry } from './retry.js';

export type Database = PrismaClient;
/** A transaction, or the database itself where none is needed. */
export type Transaction = Prisma.TransactionClient;

export interface OpenDatabase {
  readonly db: Database;
  readonly applied: readonly string[];
  /** Why the database takes no writes now, for the operator; null: it takes them. */
  readonly problem: () => string | null;
  readonly close: () => Promise<void>;
}

export interface DatabaseOptions {
  /** A PostgreSQL server; without it PGlite in `dataDir`. */
  readonly url: string | null;
  readonly dataDir: string;
  /** Connections to a PostgreSQL server. */
  readonly poolSize: number;
  /** Called with every SQL statement and its parameters as JSON; tests count and explain them. */
  readonly onStatement?: ((sql: string, parameters: string) => void) | undefined;
  readonly log?: Logger;
}

/**
 * How long a transaction may wait for a connection, and how long it may take. PGlite has one connection for all. A
 * burst of requests can keep a small machine busy for longer than Prisma's default of two seconds.
 */
const WAIT_MS = 20_000;

/** The database cannot be used at the start. The message says which one and why, and holds no password. */
export class DatabaseUnavailableError extends Error {
  constructor(url: string, cause: unknown) {
    const { hostname, port, pathname } = new URL(url);
    const place = `${hostname}:${port === '' ? '5432' : port}${pathname}`;
    super(`The database at ${place} cannot be used: ${reasonOf(cause)}. Look at DATABASE_URL.`, { cause });
    this.name = 'DatabaseUnavailableError';
  }
}

/** What the server itself said, if it said anything. */
function reasonOf(error: unknown): string {
  const links = [...chain(error)];
  const said = links.map((link) => link.originalMessage).find((text) => typeof text === 'string' && text !== '');
  if (typeof said === 'string') return said;
  if (links.some((link) => link.kind === 'DatabaseNotReachable')) return 'nothing answers there';
  return String(links.at(-1)?.message ?? links.at(-1)?.kind ?? error);
}

/** Opens and migrates the database. Throws FolderLockedError, DiskFullError or DatabaseUnavailableError. */
export async function openDatabase(options: DatabaseOptions): Promise<OpenDatabase> {
  return options.url === null ? openFolder(options) : openServer(options.url, options);
}

async function openFolder(options: DatabaseOptions): Promise<OpenDatabase> {
  const lock = await lockFolder(options.dataDir);
  try {
    await checkRoom(options.dataDir);
    const pglite = await PGlite.create(join(options.dataDir, 'postgres'));
    // The adapter writes instants without a zone and drops the zone that it reads.
    await pglite.exec(`SET TIME ZONE 'UTC'`);
    const factory = new PrismaPGlite(pglite);
    const applied = await applyMigrations(factory);
    const db = connect(factory, options);
    const disk = watchDisk(pglite, options.dataDir, options.log);
    const close = async (): Promise<void> => {
      await disk.stop();
      await db.$disconnect();
      await pglite.close();
      await lock.release();
    };
    const problem = (): string | null =>
      disk.isShort() ? 'The disk of DATA_DIR is nearly full: writes are refused until there is room.' : null;
    return { db, applied, problem, close };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/**
 * The server may end a session between two statements of a transaction. Without a listener that event would end the
 * process. The next statement of the session fails all the same.
 */
class CalmClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config);
    this.on('error', () => undefined);
  }
}

async function openServer(url: string, options: DatabaseOptions): Promise<OpenDatabase> {
  const factory = new PrismaPg({
    connectionString: url,
    Client: CalmClient,
    max: options.poolSize,
    connectionTimeoutMillis: 5_000,
    application_name: 'plimsoll',
    // The adapter writes instants without a zone and drops the zone that it reads. A process that is frozen within a
    // transaction must not hold its locks for ever: no transaction here lasts longer than this.
    options: `-c TimeZone=UTC -c idle_in_transaction_session_timeout=${WAIT_MS + 5_000}`,
  });
  await probe(factory, url);
  const applied = await applyMigrations(factory);
  const db = connect(factory, options);
  return { db, applied, problem: () => null, close: () => db.$disconnect() };
}

/** Makes one statement first: the schema engine would report the same failure with its internal stack. */
async function probe(factory: PrismaPg, url: string): Promise<void> {
  const adapter = await factory.connect();
  try {
    await adapter.executeScript('SELECT 1');
  } catch (error) {
    throw new DatabaseUnavailableError(url, error);
  } finally {
    await adapter.dispose();
  }
}

function connect(adapter: PrismaPg | PrismaPGlite, options: DatabaseOptions): Database {
  const { onStatement } = options;
  const transactionOptions = { maxWait: WAIT_MS, timeout: WAIT_MS };
  if (onStatement === undefined) return new PrismaClient({ adapter, transactionOptions });
  const db = new PrismaClient({ adapter, transactionOptions, log: [{ emit: 'event', level: 'query' }] });
  db.$on('query', (event) => onStatement(event.query, event.params));
  return db;
}

const ATTEMPTS = 6;

/**
 * Runs one transaction. Tries again, a few times, after a serialisation failure, a deadlock, or a unique key that
 * another transaction took at the same moment: the next try then sees its row.
 */
export async function transact<T>(db: Database, work: (tx: Transaction) => Promise<T>): Promise<T> {
  return retry(() => db.$transaction(work), {
    pause: (failures) => failures * 5 * Math.random(),
    // A stop lets requests finish, and all pauses of one together are shorter than 75 ms.
    signal: null,
    onError: (error, failures) => {
      if (failures === ATTEMPTS || !isRetryable(error)) throw error;
    },
  });
}

const RETRYABLE = new Set(['40001', '40P01', '23505', 'P2002', 'P2034']);
const UNAVAILABLE = new Set([
  ...['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028'],
  ...['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'ETIMEDOUT', 'EPIPE', 'ENOENT'],
  ...['57P01', '57P02', '57P03', '08000', '08001', '08003', '08006', '25006', '53100', '53300'],
]);

function isRetryable(error: unknown): boolean {
  return codesOf(error).some((code) => RETRYABLE.has(code));
}

/**
 * Whether the database is at fault, and not the request: it cannot be reached, is starting or stopping, takes no
 * writes, or has a full disk.
 */
export function isUnavailable(error: unknown): boolean {
  return (
    error instanceof DatabaseUnavailableError ||
    codesOf(error).some((code) => UNAVAILABLE.has(code)) ||
    messagesOf(error).some((message) =>
      /Connection terminated|timeout exceeded when trying to connect|not queryable|DatabaseNotReachable|Server has closed the connection/.test(
        message,
      ),
    )
  );
}

/** A number that was to be stored has more digits than its column. */
export function isTooLarge(error: unknown): boolean {
  return codesOf(error).some((code) => code === '22003' || code === 'P2020');
}

interface Chained {
  readonly code?: unknown;
  readonly originalCode?: unknown;
  readonly originalMessage?: unknown;
  readonly message?: unknown;
  readonly kind?: unknown;
  readonly cause?: unknown;
  readonly meta?: { readonly driverAdapterError?: unknown; readonly code?: unknown };
}

/** Prisma wraps the driver's errors, and the driver the network's. */
function* chain(error: unknown): Generator<Chained> {
  let next: unknown = error;
  for (let depth = 0; depth < 6 && typeof next === 'object' && next !== null; depth++) {
    const link = next as Chained;
    yield link;
    if (link.meta !== undefined) yield link.meta;
    next = link.cause ?? link.meta?.driverAdapterError;
  }
}

function codesOf(error: unknown): string[] {
  return [...chain(error)].flatMap((link) => [link.code, link.originalCode]).filter((code) => typeof code === 'string');
}

function messagesOf(error: unknown): string[] {
  return [...chain(error)].flatMap((link) => [link.message, link.kind]).filter((text) => typeof text === 'string');
}
