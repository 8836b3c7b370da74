/** Stored alerts: read by account, by owner or all, newest or oldest first; and acknowledged. */
import { decimal, type Decimal } from '../../margin/decimal.js';
import type { MarginStatus, PositionSide } from '../../margin/model.js';
import { refuse } from '../../margin/refusal.js';
import type { Database } from '../../platform/database/database.js';
import {
  orderInSql,
  rangeInSql,
  readPages,
  timesInSql,
  type SequenceRange,
  type TimeRange,
} from '../../platform/database/sequence-pages.js';
import { Prisma } from '../../platform/prisma/client.js';
import type { RiskAlertKind } from '../../platform/prisma/enums.js';
import type { Refusal } from './refusal.js';

export interface AlertRecord {
  /** In the order of storing; without gaps within one history of the database. */
  readonly seq: bigint;
  readonly accountId: string;
  /** Of the account; never changes. */
  readonly owner: string;
  readonly venue: string;
  readonly kind: RiskAlertKind;
  /** The isolated position; both null: the cross account. */
  readonly instrument: string | null;
  readonly side: PositionSide | null;
  readonly status: MarginStatus;
  readonly previousStatus: MarginStatus | null;
  readonly marginRatio: Decimal | null;
  readonly marginBalance: Decimal;
  readonly maintenanceMargin: Decimal;
  /** Null if no rule fired, or the rule was removed. */
  readonly ruleId: string | null;
  readonly ratioId: string | null;
  readonly effectiveAt: Date | null;
  /** Numbers of ledger entries. */
  readonly entries: readonly bigint[];
  readonly at: Date;
  readonly acknowledgedAt: Date | null;
}

/** Both null: all alerts. With both, an account must be named and be the owner's. */
export interface AlertFilter {
  readonly owner: string | null;
  readonly accountIds: readonly string[] | null;
}

/** Which stored alerts; null: all. */
export interface AlertChoice extends TimeRange {
  readonly kinds: readonly RiskAlertKind[] | null;
  readonly isAcknowledged: boolean | null;
}

/** One page of an account's alerts, newest first. */
export interface AlertPage extends SequenceRange {
  readonly accountId: string;
  readonly choice: AlertChoice;
}

/** Alerts that one acknowledgement or count covers at most. */
export const MAX_ACKNOWLEDGED = 10_000;

interface AlertRow extends Omit<AlertRecord, 'marginRatio' | 'marginBalance' | 'maintenanceMargin' | 'entries'> {
  readonly marginRatio: string | null;
  readonly marginBalance: string;
  readonly maintenanceMargin: string;
  readonly entries: readonly string[];
}

// Decimals are read as text, which keeps all their digits.
const COLUMNS = Prisma.sql`
  alert.seq, alert.account_id::text AS "accountId", account.owner, account.venue_code AS venue, alert.kind::text,
  alert.instrument, alert.side::text, alert.status::text, alert.previous_status::text AS "previousStatus",
  alert.margin_ratio::text AS "marginRatio", alert.margin_balance::text AS "marginBalance",
  alert.maintenance_margin::text AS "maintenanceMargin", alert.rule_id::text AS "ruleId",
  alert.ratio_id::text AS "ratioId", alert.effective_at AS "effectiveAt", alert.entries::text[] AS entries, alert.at,
  alert.acknowledged_at AS "acknowledgedAt"`;

/** The number of the last stored alert; 0: there is none. */
export async function readLastAlert(db: Database): Promise<bigint> {
  const [row] = await db.$queryRaw<{ last: bigint }[]>`SELECT last_alert AS last FROM duty WHERE id = 1`;
  return row?.last ?? 0n;
}

/** The lowest number of an alert that is kept; if none is, the number of the next one. */
export async function firstKeptAlert(db: Database): Promise<bigint> {
  const [row] = await db.$queryRaw<{ first: bigint }[]>`
    SELECT coalesce((SELECT min(seq) FROM risk_alerts), last_alert + 1) AS first FROM duty WHERE id = 1`;
  return row?.first ?? 1n;
}

/** Up to `limit` alerts with numbers above `after`, up to `through`, oldest first. */
export async function readAlertsAfter(
  db: Database,
  filter: AlertFilter,
  { after, through, limit }: { readonly after: bigint; readonly through: bigint; readonly limit: number },
): Promise<AlertRecord[]> {
  return select(db, filter, Prisma.sql`seq > ${after} AND seq <= ${through}`, Prisma.sql`ASC`, limit);
}

/** The alerts of the range, newest first. */
export async function findAlerts(
  db: Database,
  filter: AlertFilter,
  choice: AlertChoice,
  range: SequenceRange,
): Promise<AlertRecord[]> {
  const { below, above, most } = rangeInSql(range);
  const condition = Prisma.sql`seq < ${below}::bigint AND seq > ${above}::bigint AND ${chosen(choice)}`;
  const found = await select(db, filter, condition, orderInSql(range.isOldest), Number(most));
  return range.isOldest ? found.reverse() : found;
}

function chosen({ kinds, isAcknowledged, ...times }: AlertChoice): Prisma.Sql {
  const { since, until } = timesInSql(times);
  return Prisma.sql`
    at >= ${since}::timestamptz AND at < ${until}::timestamptz
    AND (${kinds === null} OR kind::text = ANY(${[...(kinds ?? [])]}::text[]))
    ${seenInSql(isAcknowledged)}`;
}

async function select(
  db: Database,
  { owner, accountIds }: AlertFilter,
  condition: Prisma.Sql,
  order: Prisma.Sql,
  limit: number,
): Promise<AlertRecord[]> {
  if (owner === null && accountIds === null) {
    const rows = await db.$queryRaw<AlertRow[]>`
      SELECT ${COLUMNS} FROM risk_alerts AS alert JOIN accounts AS account ON account.id = alert.account_id
      WHERE ${condition} ORDER BY seq ${order} LIMIT ${limit}`;
    return rows.map(alertRecord);
  }
  const owned = owner === null ? Prisma.sql`TRUE` : Prisma.sql`account.owner = ${owner}`;
  const named = accountIds === null ? Prisma.sql`TRUE` : Prisma.sql`account.id = ANY(${[...accountIds]}::uuid[])`;
  // By account, each by its index: a scan of all alerts is long for an owner with few.
  const rows = await db.$queryRaw<AlertRow[]>`
    SELECT ${COLUMNS} FROM accounts AS account
    CROSS JOIN LATERAL (
      SELECT * FROM risk_alerts WHERE account_id = account.id AND ${condition} ORDER BY seq ${order} LIMIT ${limit}
    ) AS alert
    WHERE ${owned} AND ${named} ORDER BY seq ${order} LIMIT ${limit}`;
  return rows.map(alertRecord);
}

function seenInSql(isAcknowledged: boolean | null): Prisma.Sql {
  if (isAcknowledged === null) return Prisma.empty;
  return isAcknowledged ? Prisma.sql`AND acknowledged_at IS NOT NULL` : Prisma.sql`AND acknowledged_at IS NULL`;
}

/** Each page newest first; a statement for all pages, and one more for each further shape of page. */
export async function readAlertPages(db: Database, pages: readonly AlertPage[]): Promise<AlertRecord[][]> {
  const shapeOf = ({ choice }: AlertPage): string => String(choice.isAcknowledged);
  const found = await readPages(pages, shapeOf, (some, order) => {
    const asked = JSON.stringify(
      some.map((page) => {
        const { kinds, from, to } = page.choice;
        const { number, accountId } = page;
        return { number, of: accountId, kinds, ...timesInSql({ from, to }), ...rangeInSql(page) };
      }),
    );
    return db.$queryRaw<(AlertRow & { readonly page: number })[]>`
      SELECT page.number AS page, ${COLUMNS}
      FROM jsonb_to_recordset(${asked}::jsonb)
        AS page(number int, "of" uuid, below bigint, above bigint, most int, since timestamptz, until timestamptz,
          kinds text[])
      JOIN accounts AS account ON account.id = page.of
      CROSS JOIN LATERAL (
        SELECT * FROM risk_alerts
        WHERE account_id = page.of AND seq < page.below AND seq > page.above AND at >= page.since AND at < page.until
          AND (page.kinds IS NULL OR kind::text = ANY(page.kinds))
          ${seenInSql(some[0].choice.isAcknowledged)}
        ORDER BY seq ${order} LIMIT page.most
      ) AS alert`;
  });
  return found.map((rows) => rows.map(({ page: _page, ...row }) => alertRecord(row)));
}

/** Alerts of each account that nobody has acknowledged, at most `MAX_ACKNOWLEDGED` of each, in the order asked. */
export async function countUnacknowledged(db: Database, accountIds: readonly string[]): Promise<number[]> {
  const rows = await db.$queryRaw<{ id: string; count: number }[]>`
    SELECT asked.id::text AS id, alerts.count::int AS count
    FROM unnest(${[...accountIds]}::uuid[]) AS asked (id)
    CROSS JOIN LATERAL (
      SELECT count(*) AS count FROM (
        SELECT 1 FROM risk_alerts WHERE account_id = asked.id AND acknowledged_at IS NULL LIMIT ${MAX_ACKNOWLEDGED}
      ) AS unseen
    ) AS alerts`;
  const counts = new Map(rows.map(({ id, count }) => [id, count]));
  return accountIds.map((id) => counts.get(id) ?? 0);
}

export async function readAlerts(db: Database, seqs: readonly bigint[]): Promise<AlertRecord[]> {
  const rows = await db.$queryRaw<AlertRow[]>`
    SELECT ${COLUMNS} FROM risk_alerts AS alert JOIN accounts AS account ON account.id = alert.account_id
    WHERE seq = ANY(${seqs.map(String)}::bigint[])`;
  return rows.map(alertRecord);
}

/** Acknowledges an alert of the owner. An alert that was acknowledged before keeps its instant. */
export async function acknowledgeAlert(
  db: Database,
  { seq, owner }: { readonly seq: bigint | null; readonly owner: string },
  now: Date,
): Promise<Refusal | null> {
  const found =
    seq === null
      ? 0
      : await db.$executeRaw`
          UPDATE risk_alerts SET acknowledged_at = COALESCE(acknowledged_at, ${now})
          FROM accounts WHERE accounts.id = account_id AND owner = ${owner} AND seq = ${seq}`;
  return found === 1 ? null : refuse('ALERT_NOT_FOUND', 'There is no such alert.', ['id']);
}

/**
 * Acknowledges the owner's alerts up to a number, the newest first, at most `MAX_ACKNOWLEDGED`.
 *
 * @param accountIds null: of all accounts of the owner
 * @returns how many were not acknowledged before
 */
export async function acknowledgeThrough(
  db: Database,
  { owner, accountIds, through }: AlertFilter & { readonly owner: string; readonly through: bigint },
  now: Date,
): Promise<number> {
  const named = accountIds === null ? Prisma.sql`TRUE` : Prisma.sql`account.id = ANY(${[...accountIds]}::uuid[])`;
  return db.$executeRaw`
    UPDATE risk_alerts SET acknowledged_at = ${now} FROM (
      SELECT alert.seq FROM accounts AS account
      CROSS JOIN LATERAL (
        SELECT seq FROM risk_alerts
        WHERE account_id = account.id AND acknowledged_at IS NULL AND seq <= ${through}
        ORDER BY seq DESC LIMIT ${MAX_ACKNOWLEDGED}
      ) AS alert
      WHERE account.owner = ${owner} AND ${named}
      ORDER BY alert.seq DESC LIMIT ${MAX_ACKNOWLEDGED}
    ) AS unseen
    WHERE risk_alerts.seq = unseen.seq AND acknowledged_at IS NULL`;
}

function alertRecord(row: AlertRow): AlertRecord {
  return {
    ...row,
    marginRatio: row.marginRatio === null ? null : decimal(row.marginRatio),
    marginBalance: decimal(row.marginBalance),
    maintenanceMargin: decimal(row.maintenanceMargin),
    entries: row.entries.map(BigInt),
  };
}
