import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { openDatabase, type Database } from '../../src/platform/database.js';
import { PACKAGE_ROOT } from '../../src/platform/package-root.js';
import { readReferenceData } from '../../src/policy/reference-data.js';
import { storeReferenceData } from '../../src/policy/reference-store.js';

export const SEED_FOLDER: string = join(PACKAGE_ROOT, 'prisma', 'reference');

export interface ScratchDatabase {
  readonly db: Database;
  close(): Promise<void>;
}

/** An empty, migrated database of its own. */
export async function scratchDatabase(): Promise<ScratchDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-db-'));
  const { db, close } = await openDatabase({ url: null, dataDir: folder, poolSize: 1 });
  return {
    db,
    close: async (): Promise<void> => {
      await close();
      await rm(folder, { recursive: true });
    },
  };
}

/** The same, with the seeded venues in it. */
export async function seededDatabase(): Promise<ScratchDatabase> {
  const scratch = await scratchDatabase();
  await storeReferenceData(scratch.db, await readReferenceData([SEED_FOLDER]));
  return scratch;
}
