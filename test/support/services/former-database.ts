/** A database of the former server, with rows in every table, as it was dumped (test/fixtures/former-database.sql). */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import pg from 'pg';

import { openDatabase } from '../../../src/platform/database/database.js';
import { openPGlite } from '../../../src/platform/database/new-database.js';
import { PACKAGE_ROOT } from '../../../src/platform/package-root.js';
import { SERVER_URL, onServer, urlOf, type TestDatabase } from './database.js';

const DUMP = join(PACKAGE_ROOT, 'test', 'fixtures', 'former-database.sql');

/** When the former server stopped. */
export const FORMER_END: number = Date.parse('2026-11-20T11:00:40Z');

export interface FormerDatabase extends TestDatabase {
  /** Texts that SQL answered of it before it was migrated. */
  readonly texts: string[];
}

/** @param sql answers one column, `text`, of what stands in it before it is opened, and so migrated */
export async function restoreFormerDatabase(sql: string): Promise<FormerDatabase> {
  const dump = await readFile(DUMP, 'utf8');
  const dataDir = await mkdtemp(join(tmpdir(), 'plimsoll-former-'));
  const name = `plimsoll_former_${randomUUID().replaceAll('-', '')}`;
  const url = SERVER_URL === null ? null : urlOf(name);
  if (url !== null) await onServer(`CREATE DATABASE ${name}`);
  const texts = url === null ? await restoreFolder(dataDir, dump, sql) : await restoreServer(url, dump, sql);
  return {
    texts,
    env: { DATA_DIR: dataDir, ...(url === null ? {} : { DATABASE_URL: url }) },
    open: (onStatement) => openDatabase({ url, dataDir, poolSize: 10, onStatement }),
    drop: async () => {
      if (url !== null) await onServer(`DROP DATABASE ${name} WITH (FORCE)`);
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

interface Row {
  readonly text: string;
}

async function restoreFolder(dataDir: string, dump: string, sql: string): Promise<string[]> {
  const pglite = await openPGlite(join(dataDir, 'postgres'));
  await pglite.exec('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  await pglite.exec(dump);
  await pglite.exec(`SET TIME ZONE 'UTC'`);
  const { rows } = await pglite.query<Row>(sql);
  await pglite.close();
  return rows.map(({ text }) => text);
}

async function restoreServer(url: string, dump: string, sql: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url, options: '-c TimeZone=UTC' });
  await client.connect();
  try {
    await client.query(dump);
    const { rows } = await client.query<Row>(sql);
    return rows.map(({ text }) => text);
  } finally {
    await client.end();
  }
}
