/** Fills and ledger entries of accounts, newest first, read for many accounts at a time. */
import { decimal, type Decimal } from '../margin/decimal.js';
import type { PositionSide, TradeSide } from '../margin/model.js';
import type { Database, Transaction } from '../platform/database/database.js';
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

/** One page of an account's history. */
export interface HistoryPage {
  readonly accountId: string;
  /** Number of the last row seen; null: from the newest on. */
  readonly before: bigint | null;
  readonly limit: number;
  /** Only this asset, or this instrument; null: all. */
  readonly only: string | null;
}

/** The pages, each newest first; two statements, however many pages. */
export async function readLedgerPages(db: Database, pages: readonly HistoryPage[]): Promise<LedgerEntryRecord[][]> {
  const rows = await db.$queryRaw<{ page: number; seq: bigint }[]>`
    SELECT page.number AS page, row.seq
    FROM jsonb_to_recordset(${asked(pages)}::jsonb)
      AS page(number int, account_id uuid, before bigint, most int, only_of text)
    CROSS JOIN LATERAL (
      SELECT seq FROM ledger_entries
      WHERE account_id = page.account_id AND (page.only_of IS NULL OR asset_symbol = page.only_of)
        AND (page.before IS NULL OR seq < page.before)
      ORDER BY seq DESC LIMIT page.most
    ) AS row`;
  return sorted(
    pages,
    rows,
    await readLedgerEntries(
      db,
      rows.map(({ seq }) => seq),
    ),
  );
}

/** The pages, each newest first; two statements, however many pages. */
export async function readFillPages(db: Database, pages: readonly HistoryPage[]): Promise<FillRecord[][]> {
  const rows = await db.$queryRaw<{ page: number; seq: bigint }[]>`
    SELECT page.number AS page, row.seq
    FROM jsonb_to_recordset(${asked(pages)}::jsonb)
      AS page(number int, account_id uuid, before bigint, most int, only_of text)
    CROSS JOIN LATERAL (
      SELECT seq FROM fills
      WHERE account_id = page.account_id AND (page.only_of IS NULL OR instrument = page.only_of)
        AND (page.before IS NULL OR seq < page.before)
      ORDER BY seq DESC LIMIT page.most
    ) AS row`;
  return sorted(
    pages,
    rows,
    await readFills(
      db,
      rows.map(({ seq }) => seq),
    ),
  );
}

function asked(pages: readonly HistoryPage[]): string {
  return JSON.stringify(
    pages.map(({ accountId, before, limit, only }, number) => ({
      number,
      account_id: accountId,
      before: before === null ? null : String(before),
      most: limit,
      only_of: only,
    })),
  );
}

/** The records of each page, newest first. */
function sorted<T extends { readonly seq: bigint }>(
  pages: readonly HistoryPage[],
  rows: readonly { readonly page: number; readonly seq: bigint }[],
  records: readonly T[],
): T[][] {
  const bySeq = new Map(records.map((record) => [record.seq, record]));
  const found = pages.map((): T[] => []);
  for (const { page, seq } of rows) {
    const record = bySeq.get(seq);
    if (record !== undefined) found[page]?.push(record);
  }
  return found.map((page) => page.sort((a, b) => (a.seq > b.seq ? -1 : 1)));
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
