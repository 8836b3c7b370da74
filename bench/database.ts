/**
 * The database of a benchmark: a new one on the server of DATABASE_URL, where the role must be allowed to create
 * databases, or PGlite in a new folder. Either is deleted afterwards, so that no benchmark finds another's rows.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import pg from 'pg';

export interface BenchDatabase {
  /** Null: PGlite. */
  readonly url: string | null;
  readonly dataDir: string;
  drop(): Promise<void>;
}

export async function createDatabase(): Promise<BenchDatabase> {
  const dataDir = await mkdtemp(join(tmpdir(), 'plimsoll-bench-'));
  const removeFolder = (): Promise<void> => rm(dataDir, { recursive: true, force: true });
  const server = process.env['DATABASE_URL'];
  if (server === undefined) return { url: null, dataDir, drop: removeFolder };
  const name = `plimsoll_bench_${randomUUID().slice(0, 8)}`;
  const url = new URL(server);
  url.pathname = `/${name}`;
  await onServer(server, `CREATE DATABASE ${name}`);
  const drop = async (): Promise<void> => {
    await onServer(server, `DROP DATABASE ${name} WITH (FORCE)`);
    await removeFolder();
  };
  return { url: url.href, dataDir, drop };
}

async function onServer(server: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
