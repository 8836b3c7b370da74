/**
 * The outbox holds what transactions leave for the leader: accounts to evaluate, and alerts to store. The leader
 * deletes a row in the transaction that stores its alerts.
 */
import { columnOf } from './database/columns.js';
import type { Database, Transaction } from './database/database.js';
import { Prisma } from './prisma/client.js';
import { OutboxKind, type MarginStatus } from './prisma/enums.js';

export type OutboxItem = { readonly accountId: string } & (
  | { readonly kind: 'CHANGED' }
  | { readonly kind: 'RATIO_SCHEDULED'; readonly ratioId: string; readonly effectiveAt: Date }
  /** With the numbers of the ledger entries. */
  | { readonly kind: 'INTEREST_STARTED' | 'AUTO_EXCHANGED'; readonly entries: readonly string[] }
);

/** A status of a margin unit that was alerted in a history of the database that is lost. */
export interface LostStatus {
  readonly accountId: string;
  readonly unit: string;
  readonly status: MarginStatus;
}

export interface OutboxRow {
  readonly seq: bigint;
  readonly accountId: string;
  readonly kind: OutboxKind;
  readonly ratioId: string | null;
  readonly effectiveAt: Date | null;
  readonly entries: readonly string[];
  /** Of STATUS_LOST: the margin unit and its status; else null. */
  readonly unit: string | null;
  readonly status: MarginStatus | null;
}

/** Rows of one statement. */
const ROWS = 10_000;

/** Adds items in the order given: the alerts of an account keep that order. */
export async function addToOutbox(tx: Transaction, items: readonly OutboxItem[], at: Date): Promise<void> {
  for (let from = 0; from < items.length; from += ROWS) {
    const rows = items.slice(from, from + ROWS).map((item, position) => ({
      position,
      account_id: item.accountId,
      kind: item.kind,
      ratio_id: 'ratioId' in item ? item.ratioId : null,
      effective_at: 'effectiveAt' in item ? item.effectiveAt.toISOString() : null,
      entries: 'entries' in item ? item.entries : [],
    }));
    await tx.$executeRaw`
      INSERT INTO outbox (account_id, kind, ratio_id, effective_at, entries, at)
      SELECT account_id, kind, ratio_id, effective_at, entries, ${at}::timestamptz
      FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS item(
        position int, account_id uuid, kind "OutboxKind", ratio_id uuid, effective_at timestamptz, entries bigint[])
      ORDER BY position`;
  }
}

/**
 * Adds what a part of the same statement has made, in its order. SQL text.
 *
 * @param rows a SELECT of `account_id`, `kind` and `entries`
 */
export function outboxAddition(rows: Prisma.Sql, at: Date): Prisma.Sql {
  return Prisma.sql`
    INSERT INTO outbox (account_id, kind, entries, at)
    SELECT account_id, kind, entries, ${at}::timestamptz FROM (${rows}) AS item`;
}

/**
 * Asks the leader to say how these units stand now. Servers have sent different parts of the lost history: clients of one
 * may believe another status of a unit than those of the next, so each status has a row of its own.
 */
export async function addLostStatuses(tx: Transaction, lost: readonly LostStatus[], at: Date): Promise<void> {
  const rows = lost.map(({ accountId, unit, status }) => ({ account_id: accountId, level: unit, status }));
  await tx.$executeRaw`
    INSERT INTO outbox (account_id, kind, level, status, at)
    SELECT account_id, 'STATUS_LOST', level, status, ${at}::timestamptz
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS item(account_id uuid, level text, status "MarginStatus")
    WHERE NOT EXISTS (
      SELECT FROM outbox AS waiting
      WHERE waiting.kind = 'STATUS_LOST' AND waiting.account_id = item.account_id AND waiting.level = item.level
        AND waiting.status = item.status)`;
}

/** Rows of a kind that a newer server has added are left to it. */
const KNOWN_KINDS: readonly string[] = Object.values(OutboxKind);

/** The oldest rows, by number, without those of some accounts. */
export async function readOutbox(db: Database, limit: number, without: readonly string[]): Promise<OutboxRow[]> {
  return db.$queryRaw<OutboxRow[]>`/* prepared */
    SELECT seq, account_id::text AS "accountId", kind::text AS kind, ratio_id::text AS "ratioId",
      effective_at AS "effectiveAt", entries::text[] AS entries, level AS unit, status::text AS status
    FROM outbox
    WHERE account_id <> ALL(${columnOf(without, (id) => id)}::uuid[])
      AND kind::text = ANY(${columnOf(KNOWN_KINDS, (kind) => kind)}::text[])
    ORDER BY seq LIMIT ${limit}`;
}

export interface OutboxDepth {
  readonly rows: number;
  /** Since the oldest row was left, in milliseconds; 0 without rows. */
  readonly oldestMs: number;
}

/**
 * How much waits for the leader, without the rows of some accounts. Counts up to a bound: an outbox that grows must not
 * make its count slow.
 */
export async function outboxDepth(db: Database, without: readonly string[]): Promise<OutboxDepth> {
  const [depth] = await db.$queryRaw<OutboxDepth[]>`
    SELECT count(*)::int AS rows, COALESCE(GREATEST(extract(epoch FROM now() - min(at)) * 1000, 0), 0)::float8 AS "oldestMs"
    FROM (
      SELECT at FROM outbox WHERE account_id <> ALL(${[...without]}::uuid[]) ORDER BY seq LIMIT ${ROWS}
    ) AS oldest`;
  return depth ?? { rows: 0, oldestMs: 0 };
}

/** Deletes rows by number. SQL text, since it may be a part of the statement that stores their alerts. */
export function outboxDeletion(seqs: readonly bigint[]): Prisma.Sql {
  return Prisma.sql`DELETE FROM outbox WHERE seq = ANY(${columnOf(seqs, String)}::bigint[])`;
}
