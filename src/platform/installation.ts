/** What makes one installation differ from the next: all servers on one database share it, through every restart. */
import { randomBytes } from 'node:crypto';

import type { Database } from './database/database.js';

interface Installation {
  /** 32 random bytes that no client learns. Ids and cursors are sealed with it; another one would void them all. */
  readonly secret: Uint8Array;
}

/** Made by the server that is started first on a database. */
export async function openInstallation(db: Database): Promise<Installation> {
  const find = (): Promise<Installation | null> => db.installation.findUnique({ where: { id: 1 } });
  const known = await find();
  if (known !== null) return known;
  // Another server may do so at the same moment; then its row stands.
  await db.installation.createMany({ data: { secret: randomBytes(32) }, skipDuplicates: true });
  const made = await find();
  if (made === null) throw new Error('The row of the installation is missing.');
  return made;
}
