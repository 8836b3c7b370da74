/**
 * Applies migrations by Prisma's own schema engine in WebAssembly. Nothing is downloaded, and PGlite and PostgreSQL get
 * the same files. The table `_prisma_migrations` is Prisma's: `prisma migrate deploy` can go on from here.
 */
import { readFile, readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import {
  bindMigrationAwareSqlAdapterFactory,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils';
import type { MigrationList, SchemaEngine } from '@prisma/schema-engine-wasm/schema_engine_bg';

import { reasonOf } from './database-errors.js';
import { PACKAGE_ROOT } from '../package-root.js';

const PRISMA_FOLDER = join(PACKAGE_ROOT, 'prisma');
const NO_FILTER = { externalTables: [], externalEnums: [] };

/** A migration failed. The message says which one and why; nothing of it was kept. */
export class MigrationFailedError extends Error {
  constructor(name: string, cause: unknown) {
    super(`The migration ${name} failed, and nothing of it was kept: ${reasonOf(cause)}.`, { cause });
    this.name = 'MigrationFailedError';
  }
}

/**
 * Brings the database to the newest migration, and returns the names of the applied ones. A migration that a killed
 * server has left half-way is begun again. On a server `factory` must have one session for all, because that holds the
 * lock.
 */
export async function applyMigrations(factory: SqlMigrationAwareDriverAdapterFactory): Promise<string[]> {
  const migrationsList = await migrationList();
  const lock = await factory.connect();
  try {
    await forgetUnfinished(lock);
    return await withSchemaEngine(factory, migrationsList, async (engine) => {
      const done = await engine.applyMigrations({ migrationsList, filters: NO_FILTER });
      return done.appliedMigrationNames;
    });
  } catch (error) {
    throw await explained(lock, error);
  } finally {
    await lock.dispose();
  }
}

/** The lock that the engine takes as well, by the same session. Its owner alone applies migrations. */
const ENGINE_LOCK = 72_707_369;
const UNFINISHED = 'finished_at IS NULL AND rolled_back_at IS NULL';

/**
 * Takes the lock of the migrations, however long another server applies its own. What is unfinished then belongs to a
 * server that was killed, or whose migration failed. A migration and its end are one transaction (see `wholeScripts`), so
 * that nothing of it is in the database.
 */
async function forgetUnfinished(session: SqlDriverAdapter): Promise<void> {
  await ask(session, `SELECT set_config('lock_timeout', '0', false)`);
  await ask(session, `SELECT pg_advisory_lock(${ENGINE_LOCK})::text`);
  await ask(session, `SELECT set_config('lock_timeout', '5s', false)`);
  const found = await ask(session, `SELECT to_regclass('_prisma_migrations')::text`);
  if (found === null) return;
  await session.executeRaw(statement(`UPDATE _prisma_migrations SET rolled_back_at = now() WHERE ${UNFINISHED}`));
}

/** The failed migration by its name; or the error as it is. */
async function explained(session: SqlDriverAdapter, error: unknown): Promise<unknown> {
  const failed = `SELECT migration_name FROM _prisma_migrations WHERE ${UNFINISHED} LIMIT 1`;
  const name = await ask(session, failed).catch(() => null);
  return name === null ? error : new MigrationFailedError(name, error);
}

/** The first value of the first row, as text. */
async function ask(session: SqlDriverAdapter, sql: string): Promise<string | null> {
  const { rows } = await session.queryRaw(statement(sql));
  const value = rows[0]?.[0];
  return typeof value === 'string' ? value : null;
}

function statement(sql: string): { sql: string; args: []; argTypes: [] } {
  return { sql, args: [], argTypes: [] };
}

/**
 * The SQL that leads from the committed migrations to schema.prisma; empty if they agree. The comparison may fill the
 * database of `factory`.
 */
export async function migrationDrift(factory: SqlMigrationAwareDriverAdapterFactory): Promise<string> {
  const migrations = await migrationList();
  return withSchemaEngine(factory, migrations, async (engine) => {
    const path = join(PRISMA_FOLDER, 'schema.prisma');
    const result = await engine.diff({
      from: { tag: 'migrations', ...migrations },
      to: { tag: 'schemaDatamodel', files: [{ path, content: await readFile(path, 'utf8') }] },
      script: true,
      exitCode: null,
      filters: NO_FILTER,
    });
    const script = result.stdout ?? '';
    return script.includes('This is an empty migration') ? '' : script;
  });
}

/** The part of WebAssembly in use: TypeScript declares it only in the browser's library. */
type Exports = Record<string, unknown>;
type Glue = Record<string, unknown> & { __wbg_set_wasm(exports: Exports): void };
const { WebAssembly } = globalThis as unknown as {
  WebAssembly: {
    instantiate(wasm: Uint8Array, imports: Record<string, unknown>): Promise<{ instance: { exports: Exports } }>;
  };
};

/**
 * Loaded once per process. The glue knows one instance only, and timers of an old engine would call into a new one.
 */
let loaded: ReturnType<typeof loadEngine> | undefined;

async function loadEngine() {
  const require = createRequire(import.meta.url);
  const bindings = await import('@prisma/schema-engine-wasm/schema_engine_bg');
  const glue = bindings as unknown as Glue;
  const wasm = await readFile(join(require.resolve('@prisma/schema-engine-wasm'), '..', 'schema_engine_bg.wasm'));
  const { instance } = await WebAssembly.instantiate(wasm, { './schema_engine_bg.js': withTimers(glue) });
  glue.__wbg_set_wasm(instance.exports);
  (instance.exports['__wbindgen_start'] as () => void)();
  return bindings;
}

/** Of ten seconds, which the engine never clears. Once its work is done they keep no process alive. */
const timers = new Set<NodeJS.Timeout>();

function withTimers(glue: Glue): object {
  const name = Object.keys(glue).find((key) => key.startsWith('__wbg_setTimeout_')) ?? '';
  const setTimer = (callback: () => void, milliseconds: number): NodeJS.Timeout => {
    const timer = setTimeout(callback, milliseconds);
    timers.add(timer);
    return timer;
  };
  return { ...glue, [name]: setTimer };
}

async function withSchemaEngine<T>(
  factory: SqlMigrationAwareDriverAdapterFactory,
  { migrationDirectories }: MigrationList,
  work: (engine: SchemaEngine) => Promise<T>,
): Promise<T> {
  loaded ??= loadEngine();
  const { SchemaEngine: Engine } = await loaded;
  // The engine closes its shadow databases only. An open database can neither be copied nor dropped.
  const opened: SqlDriverAdapter[] = [];
  /** Why a migration failed. The engine has only a number for it. */
  let failure: unknown;
  const migrations = new Set(migrationDirectories.map(({ migrationFile: { content } }) => String(content.value)));
  const keeping: SqlMigrationAwareDriverAdapterFactory = {
    provider: factory.provider,
    adapterName: factory.adapterName,
    connect: async () => {
      const adapter = await factory.connect();
      opened.push(adapter);
      return wholeScripts(adapter, migrations, (error) => (failure = error));
    },
    connectToShadowDb: () => factory.connectToShadowDb(),
  };
  try {
    const engine = await Engine.new(
      { datamodels: undefined },
      () => undefined,
      bindMigrationAwareSqlAdapterFactory(keeping),
    );
    try {
      return await work(engine);
    } catch (error) {
      throw failure ?? error;
    } finally {
      engine.free();
      for (const timer of timers) timer.unref();
      timers.clear();
    }
  } finally {
    for (const adapter of opened) await adapter.dispose();
  }
}

/** The part of the `pg` adapter that is used here. */
interface Pooled {
  underlyingDriver(): { query(script: string): Promise<unknown> };
}

/** Ends the one migration that is under way. The engine says the same again, which changes nothing. */
const END = `UPDATE _prisma_migrations SET finished_at = now() WHERE ${UNFINISHED}`;

/**
 * Sends a migration and its end as one query, and so as one transaction: whenever a server is killed, either both are in
 * the database or neither. The adapter of `pg` would cut a script at every semicolon, also within the body of a function.
 */
function wholeScripts(
  adapter: SqlDriverAdapter,
  migrations: ReadonlySet<string>,
  onFailure: (error: unknown) => void,
): SqlDriverAdapter {
  const run =
    'underlyingDriver' in adapter
      ? (script: string) => (adapter as SqlDriverAdapter & Pooled).underlyingDriver().query(script)
      : adapter.executeScript.bind(adapter);
  const executeScript = async (script: string): Promise<void> => {
    try {
      await run(migrations.has(script) ? `${script}\n;\n${END};` : script);
    } catch (error) {
      onFailure(error);
      throw error;
    }
  };
  return Object.assign(adapter, { executeScript });
}

async function migrationList(): Promise<MigrationList> {
  const baseDir = join(PRISMA_FOLDER, 'migrations');
  const entries = await readdir(baseDir, { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return {
    baseDir,
    lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"\n' },
    shadowDbInitScript: '',
    migrationDirectories: await Promise.all(
      names.sort().map(async (path) => ({
        path,
        migrationFile: {
          path: 'migration.sql',
          content: { tag: 'ok' as const, value: await readFile(join(baseDir, path, 'migration.sql'), 'utf8') },
        },
      })),
    ),
  };
}
