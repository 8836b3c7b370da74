/**
 * The same migrations on PGlite and on PostgreSQL. That they lead to what prisma/schema.prisma says is shown by
 * `npm run migration -- --check`.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { openDatabase, type Database } from '../../src/platform/database/database.js';
import { PACKAGE_ROOT } from '../../src/platform/package-root.js';
import { SERVER_URL, copyTemplate, onServer, urlOf } from '../support/services/database.js';

interface Column {
  readonly place: string;
  readonly type: string;
}

/** Every column with its type, and every index and constraint, by name. */
async function shapeOf(db: Database): Promise<{ columns: Column[]; rules: Column[] }> {
  const columns = await db.$queryRaw<Column[]>`
    SELECT table_name || '.' || column_name AS place,
      concat_ws(' ', udt_name, numeric_precision, numeric_scale, datetime_precision, is_nullable, column_default) AS type
    FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1`;
  const rules = await db.$queryRaw<Column[]>`
    SELECT indexname AS place, indexdef AS type FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL
    SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
      WHERE connamespace = 'public'::regnamespace AND contype IN ('f', 'p', 'u', 'c')
    ORDER BY 1, 2`;
  return { columns, rules };
}

async function migrationNames(): Promise<string[]> {
  const entries = await readdir(join(PACKAGE_ROOT, 'prisma', 'migrations'), { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

let folder: string;
let onPglite: Awaited<ReturnType<typeof shapeOf>>;
let inOrder: readonly string[];
let applied: readonly string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plimsoll-migrations-'));
  const options = { url: null, dataDir: folder, poolSize: 2 };
  // What the tests on PGlite copy was migrated from nothing already.
  if (SERVER_URL === null) await copyTemplate(folder);
  else await (await openDatabase(options)).close();
  const opened = await openDatabase(options);
  applied = opened.applied;
  onPglite = await shapeOf(opened.db);
  const rows = await opened.db.$queryRaw<{ name: string }[]>`
    SELECT migration_name AS name FROM _prisma_migrations WHERE finished_at IS NOT NULL ORDER BY started_at`;
  inOrder = rows.map(({ name }) => name);
  await opened.close();
});

afterAll(() => rm(folder, { recursive: true }));

describe('on PGlite', () => {
  it('each migration is applied once, in the order of their names', async () => {
    expect([inOrder, applied]).toEqual([await migrationNames(), []]);
  });

  it('a process that has applied them can end at once', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    const { close } = await openDatabase({ url: null, dataDir: folder, poolSize: 2 });
    await close();
    expect(timers()).toBeLessThanOrEqual(before);
  });

  it('numbers have room for 30 integer and 18 fraction digits, and instants for milliseconds in UTC', () => {
    const numbers = onPglite.columns.filter(({ type }) => type.startsWith('numeric'));
    expect(numbers.length).toBeGreaterThan(20);
    for (const { place, type } of numbers) {
      const [, precision = 0, scale = 0] = type.split(' ').map(Number);
      expect([place, precision - scale >= 30, scale >= 18]).toEqual([place, true, true]);
    }
    const instants = onPglite.columns.filter(({ type }) => type.startsWith('timestamp'));
    expect(instants.length).toBeGreaterThan(10);
    for (const { place, type } of instants) {
      if (!place.startsWith('_prisma')) expect([place, type.slice(0, 13)]).toEqual([place, 'timestamptz 3']);
    }
  });

  it('ids of fills and transfers are unique within their venue, and accounts are referred to by foreign keys', () => {
    const rules = onPglite.rules.map(({ type }) => type);
    expect(rules).toContainEqual(
      expect.stringMatching(/UNIQUE INDEX .* ON public\.fills .*\(venue_code, fill_id, trade_part\)/),
    );
    expect(rules).toContain('PRIMARY KEY (venue_code, transfer_id)');
    for (const table of ['balances', 'positions', 'ledger_entries', 'fills', 'transfers']) {
      const keys = onPglite.rules.filter(({ place }) => place.startsWith(`${table}_account_id_fkey`));
      expect([table, keys.length]).toEqual([table, 1]);
    }
  });
});

(SERVER_URL === null ? describe.skip : describe)('on PostgreSQL (with TEST_DATABASE_URL)', () => {
  const name = `plimsoll_migrations_${randomUUID().replaceAll('-', '')}`;

  beforeAll(() => onServer(`CREATE DATABASE ${name}`));
  afterAll(() => onServer(`DROP DATABASE ${name} WITH (FORCE)`));

  it('they make the same tables, indexes and constraints, once', async () => {
    const options = { url: urlOf(name), dataDir: folder, poolSize: 2 };
    const first = await openDatabase(options);
    const shape = await shapeOf(first.db);
    await first.close();
    expect(first.applied).toEqual(await migrationNames());
    expect(shape.columns).toEqual(onPglite.columns);
    expect(shape.rules).toEqual(onPglite.rules);
    const second = await openDatabase(options);
    await second.close();
    expect(second.applied).toEqual([]);
  });

  it('two servers that start at the same moment apply them once', async () => {
    const both = `${name}_both`;
    await onServer(`CREATE DATABASE ${both}`);
    try {
      const options = { url: urlOf(both), dataDir: folder, poolSize: 2 };
      const opened = await Promise.all([openDatabase(options), openDatabase(options)]);
      for (const { close } of opened) await close();
      expect(opened.flatMap((each) => each.applied)).toEqual(await migrationNames());
    } finally {
      await onServer(`DROP DATABASE ${both} WITH (FORCE)`);
    }
  });
});
