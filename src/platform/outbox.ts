/**
 * The outbox holds what transactions leave for the leader: accounts to evaluate, and alerts to store. The leader
 * deletes a row in the transaction that stores its alerts.
 */
import type { Database, Transaction } from './database.js';
import { Prisma } from './prisma/client.js';
import type { OutboxKind } from './prisma/enums.js';

export type OutboxItem = { readonly accountId: string } & (
  | { readonly kind: 'CHANGED' }
  | { readonly kind: 'RATIO_SCHEDULED'; readonly ratioId: string; readonly effectiveAt: Date }
  /** With the numbers of the ledger entries. */
  | { readonly kind: 'INTEREST_STARTED' | 'AUTO_EXCHANGED'; readonly entries: readonly string[] }
);

export interface OutboxRow {
  readonly seq: bigint;
  readonly accountId: string;
  readonly kind: OutboxKind;
  readonly ratioId: string | null;
  readonly effectiveAt: Date | null;
  readonly entries: readonly string[];
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

/** The oldest rows, by number, without those of some accounts. */
export async function readOutbox(db: Database, limit: number, without: readonly string[]): Promise<OutboxRow[]> {
  return db.$queryRaw<OutboxRow[]>`
    SELECT seq, account_id::text AS "accountId", kind::text AS kind, ratio_id::text AS "ratioId",
      effective_at AS "effectiveAt", entries::text[] AS entries
    FROM outbox WHERE account_id <> ALL(${[...without]}::uuid[]) ORDER BY seq LIMIT ${limit}`;
}

/** Deletes rows by number. SQL text, since it may be a part of the statement that stores their alerts. */
export function outboxDeletion(seqs: readonly bigint[]): Prisma.Sql {
  return Prisma.sql`DELETE FROM outbox WHERE seq = ANY(${seqs.map(String)}::bigint[])`;
}
