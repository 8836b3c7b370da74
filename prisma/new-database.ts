/**
 * Makes the migrated and empty PGlite database that the first start on a new folder begins with. It is made when the
 * code is built, since that takes PGlite seconds, and made anew when migrations or PGlite have changed.
 */
import { createHash } from 'node:crypto';
import { readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { NEW_DATABASE } from '../src/platform/database/new-database.js';
import { PACKAGE_ROOT } from '../src/platform/package-root.js';

const FOLDER = join(PACKAGE_ROOT, 'prisma', 'migrations');
const KEY = `${NEW_DATABASE}.key`;

const key = await keyOf();
const known = await Promise.all([readFile(KEY, 'utf8'), readFile(NEW_DATABASE)]).catch(() => null);
if (known?.[0] !== key) {
  await make();
  await writeFile(KEY, key);
}

/** What the database depends on. */
async function keyOf(): Promise<string> {
  const hash = createHash('sha256');
  // The package does not export its package.json.
  const manifest = join(createRequire(import.meta.url).resolve('@electric-sql/pglite'), '..', '..', 'package.json');
  hash.update((JSON.parse(await readFile(manifest, 'utf8')) as { readonly version: string }).version);
  for (const name of (await readdir(FOLDER)).sort()) {
    if (name.endsWith('.toml')) continue;
    hash.update(name).update(await readFile(join(FOLDER, name, 'migration.sql')));
  }
  return hash.digest('hex');
}

async function make(): Promise<void> {
  // Loading these takes longer than the look at the key.
  const { PGlite } = await import('@electric-sql/pglite');
  const { PrismaPGlite } = await import('pglite-prisma-adapter');
  const { applyMigrations } = await import('../src/platform/database/migrate.js');
  console.log('Preparing an empty database, once for these migrations.');
  const pglite = await PGlite.create();
  await applyMigrations(new PrismaPGlite(pglite));
  const dump = await pglite.dumpDataDir('gzip');
  await pglite.close();
  // Two builds at one moment write the same: neither reads half a file.
  const draft = `${NEW_DATABASE}.${process.pid}`;
  await writeFile(draft, new Uint8Array(await dump.arrayBuffer()));
  await rename(draft, NEW_DATABASE);
}
