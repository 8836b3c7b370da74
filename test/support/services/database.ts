/**
 * Databases for tests: PGlite in a folder of its own, or, with TEST_DATABASE_URL, a database of its own on that server.
 * Both are copies of one that was migrated and seeded once, in global-setup.js.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import pg from 'pg';

import type { Database, OpenDatabase, Transaction } from '../../../src/platform/database/database.js';

const run = promisify(execFile);

export const SERVER_URL: string | null = process.env['TEST_DATABASE_URL'] ?? null;

/** Of the seeded database that every test copies; set by global-setup.js. */
const TEMPLATE = 'PLIMSOLL_TEST_TEMPLATE';

export interface TestDatabase {
  /** For the configuration of a server on it. */
  readonly env: { readonly DATA_DIR: string; readonly DATABASE_URL?: string };
  open(onStatement?: (sql: string) => void): Promise<OpenDatabase>;
  /** All of its data goes. */
  drop(): Promise<void>;
}

/** A database with the seeded venues, for one test file. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const dataDir = await mkdtemp(join(tmpdir(), 'plimsoll-test-'));
  const name = `plimsoll_test_${randomUUID().replaceAll('-', '')}`;
  if (SERVER_URL === null) await copyTemplate(dataDir);
  else await onServer(`CREATE DATABASE ${name} TEMPLATE ${template()}`);
  const url = SERVER_URL === null ? null : urlOf(name);
  return {
    env: { DATA_DIR: dataDir, ...(url === null ? {} : { DATABASE_URL: url }) },
    open: async (onStatement) => {
      // Most tests open none: their server does.
      const { openDatabase } = await import('../../../src/platform/database/database.js');
      return openDatabase({ url, dataDir, poolSize: 10, onStatement });
    },
    drop: async () => {
      if (url !== null) await onServer(`DROP DATABASE ${name} WITH (FORCE)`);
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

function template(): string {
  const place = process.env[TEMPLATE];
  if (place === undefined) throw new Error(`${TEMPLATE} is not set; jest runs global-setup.js first.`);
  return place;
}

/** PGlite's. A thousand files: ten times quicker by the system's own command than by Node's. */
export async function copyTemplate(dataDir: string): Promise<void> {
  await run('cp', ['-R', `${template()}/.`, dataDir]);
}

/** The same, opened. */
export async function openTestDatabase(): Promise<{ db: Database; close(): Promise<void> }> {
  const database = await createTestDatabase();
  const { db, close } = await database.open();
  return {
    db,
    close: async () => {
      await close();
      await database.drop();
    },
  };
}

/** What the database refuses to everybody, such as changing what is append-only: no trigger or foreign key looks on. */
export async function withoutGuards<T>(db: Database, work: (tx: Transaction) => Promise<T>): Promise<T> {
  return db.$transaction(async (tx) => {
    await tx.$executeRaw`SET LOCAL session_replication_role = replica`;
    return work(tx);
  });
}

export function urlOf(database: string): string {
  const url = new URL(SERVER_URL ?? '');
  url.pathname = `/${database}`;
  return url.href;
}

/** One statement that cannot run inside the database that it is about. */
export async function onServer(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: SERVER_URL ?? '' });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
