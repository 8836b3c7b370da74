/** Fills and ledger entries of accounts, newest first, read for many accounts at a time. */
import { decimal, type Decimal } from '../margin/decimal.js';
import type { PositionSide, TradeSide } from '../margin/model.js';
import type { Database, Transaction } from '../platform/database/database.js';
import {
  rangeInSql,
  readPages,
  timesInSql,
  type Numbered,
  type SequenceRange,
  type TimeRange,
} from '../platform/database/sequence-pages.js';
import { Prisma } from '../platform/prisma/client.js';
import {
  FillKind,
  LedgerKind,
  TradePart,
  PositionSide as PositionSides,
  TradeSide as TradeSides,
} from '../platform/prisma/enums.js';

export interface LedgerEntryRecord {
  readonly seq: bigint;
  readonly accountId: string;
  readonly asset: string;
  readonly quantity: Decimal;
  readonly balanceAfter: Decimal;
  readonly kind: LedgerKind;
  readonly reference: string;
  /** Null: of no instrument, or recorded before entries named it; so the fill. */
  readonly instrument: string | null;
  readonly fillSeq: bigint | null;
  readonly at: Date;
  readonly reportedAt: Date | null;
}

export interface FillRecord {
  readonly seq: bigint;
  /** The venue's id of the fill, or of the trade of which it is one side. */
  readonly fillId: string;
  readonly tradePart: TradePart;
  readonly accountId: string;
  readonly venue: string;
  readonly instrument: string;
  readonly side: TradeSide;
  readonly positionSide: PositionSide | null;
  readonly size: Decimal;
  readonly price: Decimal;
  readonly fee: Decimal;
  readonly feeAsset: string;
  readonly kind: FillKind;
  readonly realizedPnl: Decimal;
  /** The version of the account that it made; null: recorded before fills named it. */
  readonly version: number | null;
  readonly at: Date;
  readonly recordedAt: Date;
}

/** A fill by itself, or both sides of a trade. */
export type FillOrTrade = 'fill' | 'trade';

export const PARTS_OF: Readonly<Record<FillOrTrade, readonly TradePart[]>> = {
  fill: ['NONE'],
  trade: ['BUYER', 'SELLER'],
};

/** Which rows of an account's history; null: all. */
export interface HistoryFilter extends TimeRange {
  /** Of ledger entries only. */
  readonly asset: string | null;
  readonly instrument: string | null;
  readonly kinds: readonly string[] | null;
}

/** One page of an account's history, newest first. */
export interface HistoryPage extends SequenceRange {
  readonly accountId: string;
  readonly filter: HistoryFilter;
}

/** The pages, each newest first; two statements, however many pages, and one more for each further shape of page. */
export async function readLedgerPages(db: Database, pages: readonly HistoryPage[]): Promise<LedgerEntryRecord[][]> {
  const found = await readPages(pages, shapeOf, (some, order) =>
    findRows(db, some, order, {
      table: Prisma.sql`ledger_entries`,
      kinds: Prisma.sql`"LedgerKind"[]`,
      at: Prisma.sql`at`,
    }),
  );
  return recordsOf(found, (seqs) => readLedgerEntries(db, seqs));
}

/** The pages, each newest first; statements as those of the ledger. */
export async function readFillPages(db: Database, pages: readonly HistoryPage[]): Promise<FillRecord[][]> {
  const found = await readPages(pages, shapeOf, (some, order) =>
    findRows(db, some, order, {
      table: Prisma.sql`fills`,
      kinds: Prisma.sql`"FillKind"[]`,
      at: Prisma.sql`recorded_at`,
    }),
  );
  return recordsOf(found, (seqs) => readFills(db, seqs));
}

function shapeOf({ filter }: HistoryPage): string {
  return [filter.asset, filter.instrument, filter.kinds].map((stated) => stated !== null).join(' ');
}

interface PageRow {
  readonly page: number;
  readonly seq: bigint;
}

/**
 * Rows of pages of one shape, each found by an index. An account's rows are recorded in order, but for what its servers'
 * clocks differ. So its first row more than a minute outside of the times that are asked for bounds the numbers.
 */
async function findRows(
  db: Database,
  pages: readonly [HistoryPage & Numbered, ...(HistoryPage & Numbered)[]],
  order: Prisma.Sql,
  { table, kinds, at }: Readonly<Record<'table' | 'kinds' | 'at', Prisma.Sql>>,
): Promise<PageRow[]> {
  const asked = JSON.stringify(
    pages.map((page) => {
      const { from, to, ...stated } = page.filter;
      const { number, accountId } = page;
      return { number, of: accountId, ...stated, ...timesInSql({ from, to }), ...rangeInSql(page) };
    }),
  );
  const [{ filter }] = pages;
  const ofAsset = filter.asset === null ? Prisma.empty : Prisma.sql`AND asset_symbol = page.asset`;
  const ofInstrument = filter.instrument === null ? Prisma.empty : Prisma.sql`AND instrument = page.instrument`;
  const rows = (ofKind: Prisma.Sql): Prisma.Sql => Prisma.sql`
    SELECT seq FROM ${table}
    WHERE account_id = page.of AND seq > bounds.above AND seq < bounds.below
      AND ${at} >= page.since AND ${at} < page.until ${ofAsset} ${ofInstrument} ${ofKind}
    ORDER BY seq ${order} LIMIT page.most`;
  // Those of each kind by themselves, which an index has in order.
  const ofKinds = Prisma.sql`
    SELECT found.seq FROM unnest(page.kinds) AS wanted (kind)
    CROSS JOIN LATERAL (${rows(Prisma.sql`AND kind = wanted.kind`)}) AS found
    ORDER BY found.seq ${order} LIMIT page.most`;
  return db.$queryRaw<PageRow[]>`
    SELECT page.number AS page, row.seq
    FROM jsonb_to_recordset(${asked}::jsonb)
      AS page(number int, "of" uuid, below bigint, above bigint, most int, since timestamptz, until timestamptz,
        asset text, instrument text, kinds ${kinds})
    CROSS JOIN LATERAL (
      SELECT
        GREATEST(page.above, (
          SELECT seq FROM ${table} WHERE account_id = page.of AND ${at} < page.since - interval '1 minute'
          ORDER BY ${at} DESC LIMIT 1)) AS above,
        LEAST(page.below, (
          SELECT seq FROM ${table} WHERE account_id = page.of AND ${at} > page.until + interval '1 minute'
          ORDER BY ${at} LIMIT 1)) AS below
    ) AS bounds
    CROSS JOIN LATERAL (${filter.kinds === null ? rows(Prisma.empty) : ofKinds}) AS row`;
}

/** The records of each page, in its order. */
async function recordsOf<T extends { readonly seq: bigint }>(
  pages: readonly (readonly PageRow[])[],
  read: (seqs: readonly bigint[]) => Promise<readonly T[]>,
): Promise<T[][]> {
  const records = await read(pages.flatMap((rows) => rows.map(({ seq }) => seq)));
  const bySeq = new Map(records.map((record) => [record.seq, record]));
  return pages.map((rows) => rows.map(({ seq }) => bySeq.get(seq)).filter((record) => record !== undefined));
}

/** Rows of a newer release with a kind or side that this one does not know are left out: Prisma would fail for all. */
const KNOWN_KIND = { kind: { in: Object.values(LedgerKind) } };
const KNOWN_FILLS = {
  kind: { in: Object.values(FillKind) },
  side: { in: Object.values(TradeSides) },
  tradePart: { in: Object.values(TradePart) },
  OR: [{ positionSide: null }, { positionSide: { in: Object.values(PositionSides) } }],
};

export async function readLedgerEntries(db: Database, seqs: readonly bigint[]): Promise<LedgerEntryRecord[]> {
  return (await db.ledgerEntry.findMany({ where: { seq: { in: [...seqs] }, ...KNOWN_KIND } })).map(ledgerEntryRecord);
}

export async function readFills(db: Database, seqs: readonly bigint[]): Promise<FillRecord[]> {
  return (await db.fill.findMany({ where: { seq: { in: [...seqs] }, ...KNOWN_FILLS } })).map(fillRecord);
}

/** The fill, or both of the trade, the buyer's first; empty: the venue has recorded none under the id. */
export async function findFills(
  db: Database | Transaction,
  venue: string,
  what: FillOrTrade,
  fillId: string,
): Promise<FillRecord[]> {
  const where = { ...KNOWN_FILLS, venueCode: venue, fillId, tradePart: { in: [...PARTS_OF[what]] } };
  return (await db.fill.findMany({ where, orderBy: { tradePart: 'asc' } })).map(fillRecord);
}

/** What takes a fill back, and what it takes back itself, by number; null: nothing. */
export interface FillReversal {
  readonly reversedBy: bigint | null;
  readonly reverses: bigint | null;
}

/** By number of the fill, in the order asked. */
export async function readReversals(db: Database, seqs: readonly bigint[]): Promise<FillReversal[]> {
  const asked = [...seqs];
  const rows = await db.reversal.findMany({
    where: { OR: [{ reversedSeq: { in: asked } }, { reversalSeq: { in: asked } }] },
  });
  const reversals = new Map(rows.map(({ reversedSeq, reversalSeq }) => [reversedSeq, reversalSeq]));
  const reversed = new Map(rows.map(({ reversedSeq, reversalSeq }) => [reversalSeq, reversedSeq]));
  return asked.map((seq) => ({ reversedBy: reversals.get(seq) ?? null, reverses: reversed.get(seq) ?? null }));
}

type LedgerRow = Awaited<ReturnType<Database['ledgerEntry']['findMany']>>[number];
type FillRow = Awaited<ReturnType<Database['fill']['findMany']>>[number];

function ledgerEntryRecord({ assetSymbol, ...row }: LedgerRow): LedgerEntryRecord {
  return {
    ...row,
    asset: assetSymbol,
    quantity: decimal(row.quantity.toFixed()),
    balanceAfter: decimal(row.balanceAfter.toFixed()),
  };
}

function fillRecord({ venueCode, ...row }: FillRow): FillRecord {
  return {
    ...row,
    venue: venueCode,
    size: decimal(row.size.toFixed()),
    price: decimal(row.price.toFixed()),
    fee: decimal(row.fee.toFixed()),
    realizedPnl: decimal(row.realizedPnl.toFixed()),
  };
}
