/** The servers on one database, each with a row of its own (table `servers`). */
import type { Database } from '../platform/database/database.js';

export interface ServerRow {
  readonly id: string;
  /** For the operator. */
  readonly name: string;
  /** Rises as long as the server runs. */
  readonly beat: bigint;
  /** Servers that it does not hear. */
  readonly unheard: readonly string[];
}

/** Writes the own row, removes those of servers that are gone, and returns the others. */
export async function exchangeBeats(db: Database, { id, name, beat, unheard }: ServerRow): Promise<ServerRow[]> {
  return db.$queryRaw<ServerRow[]>`
    WITH own AS (
      INSERT INTO servers (id, name, beat, unheard, at)
      VALUES (${id}::uuid, ${name}, ${beat}, ${[...unheard]}::uuid[], now())
      ON CONFLICT (id) DO UPDATE SET beat = excluded.beat, unheard = excluded.unheard, at = excluded.at
    ), gone AS (
      DELETE FROM servers WHERE at < now() - interval '1 minute' AND id <> ${id}::uuid
    )
    SELECT id::text AS id, name, beat, unheard::text[] AS unheard
    FROM servers WHERE at >= now() - interval '1 minute' AND id <> ${id}::uuid`;
}

export async function removeBeats(db: Database, id: string): Promise<void> {
  await db.$executeRaw`DELETE FROM servers WHERE id = ${id}::uuid`;
}
