/** The columns that every table of versions has, by the same names. */
import { Prisma } from '../../platform/prisma/client.js';
import type { Database, Transaction } from '../../platform/database/database.js';
import { jsonTextOf, storedJsonText } from '../../platform/stored-json.js';
import type { VersionRecord } from './rule-version.js';

/** Counts from which a change shows: versions are never deleted, and are applied or cancelled once. */
export interface VersionCounts {
  readonly table: string;
  readonly stored: number;
  readonly cancelled: number;
  readonly applied: number;
}

/** The shared columns. */
type HeadRow = Omit<VersionRecord, 'kind' | 'venue' | 'impact'> & { readonly venueCode: string };

/** The fields of a row that all kinds of rules share. */
export function headOf(kind: string, row: HeadRow & { readonly impact: Prisma.JsonValue }): VersionRecord {
  return {
    kind,
    id: row.id,
    version: row.version,
    venue: row.venueCode,
    effectiveFrom: row.effectiveFrom,
    appliedAt: row.appliedAt,
    cancelledAt: row.cancelledAt,
    cancelledBy: row.cancelledBy,
    cancelReason: row.cancelReason,
    impact: jsonTextOf(row.impact),
    reason: row.reason,
    source: row.source,
    changedBy: row.changedBy,
    createdAt: row.createdAt,
  };
}

/** The same fields, as they are stored. */
export function headRow(version: VersionRecord): HeadRow & { readonly impact: ReturnType<typeof storedJsonText> } {
  return {
    id: version.id,
    version: version.version,
    venueCode: version.venue,
    effectiveFrom: version.effectiveFrom,
    appliedAt: version.appliedAt,
    cancelledAt: version.cancelledAt,
    cancelledBy: version.cancelledBy,
    cancelReason: version.cancelReason,
    impact: storedJsonText(version.impact),
    reason: version.reason,
    source: version.source,
    changedBy: version.changedBy,
    createdAt: version.createdAt,
  };
}

export async function storeCancellation(tx: Transaction, table: string, version: VersionRecord): Promise<void> {
  const { id, cancelledAt, cancelledBy, cancelReason } = version;
  await tx.$executeRaw`
    UPDATE ${Prisma.raw(table)}
    SET cancelled_at = ${cancelledAt}::timestamptz, cancelled_by = ${cancelledBy}, cancel_reason = ${cancelReason}
    WHERE id = ${id}::uuid`;
}

/** Records that the due versions have taken effect. */
export async function storeApplied(tx: Transaction, table: string, now: Date): Promise<void> {
  await tx.$executeRaw`
    UPDATE ${Prisma.raw(table)} SET applied_at = ${now}::timestamptz
    WHERE applied_at IS NULL AND cancelled_at IS NULL AND effective_from <= ${now}::timestamptz`;
}

/** Counts all tables by one statement. */
export async function countVersions(db: Database, tables: readonly string[]): Promise<VersionCounts[]> {
  const counts = tables.map(
    (table) => Prisma.sql`
      SELECT ${table} AS "table", count(*)::int AS stored, count(cancelled_at)::int AS cancelled,
        count(applied_at)::int AS applied
      FROM ${Prisma.raw(table)}`,
  );
  return db.$queryRaw<VersionCounts[]>(Prisma.join(counts, ' UNION ALL '));
}

/** The ids of versions that are unknown, or have been cancelled or applied since. */
export async function changedIds(
  db: Database,
  table: string,
  known: ReadonlyMap<string, VersionRecord>,
): Promise<string[]> {
  const rows = await db.$queryRaw<{ id: string; cancelled: boolean; applied: boolean }[]>`
    SELECT id, cancelled_at IS NOT NULL AS cancelled, applied_at IS NOT NULL AS applied FROM ${Prisma.raw(table)}`;
  return rows
    .filter(({ id, cancelled, applied }) => {
      const version = known.get(id);
      if (version === undefined) return true;
      return cancelled !== (version.cancelledAt !== null) || applied !== (version.appliedAt !== null);
    })
    .map(({ id }) => id);
}
