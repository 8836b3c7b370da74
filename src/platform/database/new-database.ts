/** A PGlite folder, which begins with the database that the build has prepared (prisma/new-database.ts). */
import { readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { PGlite } from '@electric-sql/pglite';

import { PACKAGE_ROOT } from '../package-root.js';

/** Migrated and empty; later migrations are applied on top. */
export const NEW_DATABASE = join(PACKAGE_ROOT, 'dist', 'prisma', 'new-database.tar.gz');

/** Opens the folder, and makes it first if it is not there. The caller holds the lock of the folder around it. */
export async function openPGlite(folder: string): Promise<PGlite> {
  if (!(await exists(folder))) await make(folder);
  return PGlite.create(folder);
}

/** A process that is killed meanwhile leaves a draft behind, which the next one takes away. */
async function make(folder: string): Promise<void> {
  const prepared = await readFile(NEW_DATABASE).catch(() => null);
  const draft = `${folder}.new`;
  await rm(draft, { recursive: true, force: true });
  const loaded = prepared === null ? {} : { loadDataDir: new Blob([new Uint8Array(prepared)]) };
  const pglite = await PGlite.create(draft, loaded);
  await pglite.close();
  await rename(draft, folder);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
