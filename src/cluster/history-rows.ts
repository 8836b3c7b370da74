/** Histories of the database (table `histories`), and what tells one from another. */
import { transact, type Database, type Transaction } from '../platform/database/database.js';
import { Prisma } from '../platform/prisma/client.js';

export interface History {
  /** Rises by one. A history that is lost leaves its number to another one. */
  readonly number: number;
  /** Of this history alone. */
  readonly id: string;
  readonly place: string;
  /** The number of the last alert that it shares with the history before. */
  readonly lastAlert: bigint;
}

/** Numbers that only rise within a history. */
export interface StoredNumbers {
  readonly term: bigint;
  readonly lastAlert: bigint;
}

/**
 * Where the database is, as SQL: the cluster, its timeline, the database in it and the table in that. A promoted standby
 * and a recovered backup are on a timeline of their own; what was restored from a dump has tables of its own.
 */
export const PLACE = `(
  (SELECT system_identifier FROM pg_control_system()) || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8)
  || '/' || (SELECT oid FROM pg_database WHERE datname = current_database()) || '/' || 'histories'::regclass::oid)`;

/**
 * How far the numbers of alerts leap: farther than any history can have come that was lost. A number that was used is
 * not used again, so that a cursor or an id of a lost alert means no other one.
 */
const LEAP = 1_000_000_000n;
/** Terms that may have begun since this server read the last one. */
const TERMS = 1_000n;

export interface FoundHistory {
  readonly place: string;
  /** The newest one that is stored; null: none. */
  readonly history: History | null;
  readonly numbers: StoredNumbers;
}

interface FoundRow extends StoredNumbers {
  readonly here: string;
  readonly number: number | null;
  readonly id: string | null;
  readonly place: string | null;
  readonly sharedAlert: bigint | null;
}

export async function readHistory(db: Database | Transaction): Promise<FoundHistory> {
  const [row] = await db.$queryRaw<FoundRow[]>`
    SELECT ${Prisma.raw(PLACE)} AS here, duty.term, duty.last_alert AS "lastAlert",
      newest.number, newest.id::text AS id, newest.place, newest.last_alert AS "sharedAlert"
    FROM duty LEFT JOIN LATERAL (SELECT * FROM histories ORDER BY number DESC LIMIT 1) AS newest ON TRUE
    WHERE duty.id = 1`;
  if (row === undefined)
    throw new Error('Expected the one row of the table duty, got none; are the migrations applied?');
  const { here, number, id, place, sharedAlert, term, lastAlert } = row;
  const history =
    number === null || id === null || place === null || sharedAlert === null
      ? null
      : { number, id, place, lastAlert: sharedAlert };
  return { place: here, history, numbers: { term, lastAlert } };
}

export interface NewHistory {
  /** The history that this server knew; null: none. */
  readonly known: History | null;
  /** The greatest that it knew. */
  readonly numbers: StoredNumbers;
  /** For the operator: what was not as it was. */
  readonly why: string;
}

/** Begins a new history, unless another server has done so already; returns the newest one. */
export async function beginHistory(db: Database, { known, numbers, why }: NewHistory): Promise<History> {
  return transact(db, async (tx) => {
    // The leader's transactions lock this row, too: none is under way, and those to come find their term ended.
    await tx.$queryRaw`SELECT FROM duty WHERE id = 1 FOR UPDATE`;
    const found = await readHistory(tx);
    const { history } = found;
    // One of a lower number is older than the one that is lost.
    const isNewer = history !== null && history.id !== known?.id && history.number >= (known?.number ?? 0);
    if (isNewer && history.place === found.place) return history;
    const isFirst = history === null && known === null;
    const number = Math.max(history?.number ?? 0, known?.number ?? 0) + 1;
    const { lastAlert } = found.numbers;
    const [row] = await tx.$queryRaw<{ id: string }[]>`
      INSERT INTO histories (number, id, begun_at, place, why, last_alert)
      VALUES (${number}, gen_random_uuid(), now(), ${found.place}, ${why}, ${lastAlert})
      RETURNING id::text AS id`;
    if (row === undefined) throw new Error('Expected the row of the new history, got none.');
    if (!isFirst) {
      const term = (found.numbers.term > numbers.term ? found.numbers.term : numbers.term) + TERMS;
      await tx.$executeRaw`UPDATE duty SET term = ${term}, last_alert = ${lastAlert + LEAP} WHERE id = 1`;
    }
    return { number, id: row.id, place: found.place, lastAlert };
  });
}
