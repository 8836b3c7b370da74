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

import { PACKAGE_ROOT } from './package-root.js';

const PRISMA_FOLDER = join(PACKAGE_ROOT, 'prisma');
const NO_FILTER = { externalTables: [], externalEnums: [] };

/**
 * Brings the database to the newest migration, and returns the names of the applied ones. The engine leaves a timer of
 * ten seconds behind: a process that does nothing else ends that much later.
 */
export async function applyMigrations(factory: SqlMigrationAwareDriverAdapterFactory): Promise<string[]> {
  return withSchemaEngine(factory, async (engine) => {
    const done = await engine.applyMigrations({ migrationsList: await migrationList(), filters: NO_FILTER });
    return done.appliedMigrationNames;
  });
}

/**
 * The SQL that leads from the committed migrations to schema.prisma; empty if they agree. The comparison may fill the
 * database of `factory`.
 */
export async function migrationDrift(factory: SqlMigrationAwareDriverAdapterFactory): Promise<string> {
  return withSchemaEngine(factory, async (engine) => {
    const path = join(PRISMA_FOLDER, 'schema.prisma');
    const result = await engine.diff({
      from: { tag: 'migrations', ...(await migrationList()) },
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
  const glue = bindings as unknown as { __wbg_set_wasm(exports: Exports): void };
  const wasm = await readFile(join(require.resolve('@prisma/schema-engine-wasm'), '..', 'schema_engine_bg.wasm'));
  const { instance } = await WebAssembly.instantiate(wasm, { './schema_engine_bg.js': glue });
  glue.__wbg_set_wasm(instance.exports);
  (instance.exports['__wbindgen_start'] as () => void)();
  return bindings;
}

async function withSchemaEngine<T>(
  factory: SqlMigrationAwareDriverAdapterFactory,
  work: (engine: SchemaEngine) => Promise<T>,
): Promise<T> {
  loaded ??= loadEngine();
  const { SchemaEngine: Engine } = await loaded;
  // The engine closes its shadow databases only. An open database can neither be copied nor dropped.
  const opened: SqlDriverAdapter[] = [];
  const keeping: SqlMigrationAwareDriverAdapterFactory = {
    provider: factory.provider,
    adapterName: factory.adapterName,
    connect: async () => {
      const adapter = await factory.connect();
      opened.push(adapter);
      return wholeScripts(adapter);
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
    } finally {
      engine.free();
    }
  } finally {
    for (const adapter of opened) await adapter.dispose();
  }
}

/** The part of the `pg` adapter that is used here. */
interface Pooled {
  underlyingDriver(): { query(script: string): Promise<unknown> };
}

/**
 * Sends a script as one query, and so as one transaction. The adapter of `pg` would cut it at every semicolon, also
 * within the body of a function.
 */
function wholeScripts(adapter: SqlDriverAdapter): SqlDriverAdapter {
  if (!('underlyingDriver' in adapter)) return adapter;
  const pool = (adapter as SqlDriverAdapter & Pooled).underlyingDriver();
  return Object.assign(adapter, { executeScript: async (script: string) => void (await pool.query(script)) });
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
