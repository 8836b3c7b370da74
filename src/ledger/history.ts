/** Fills and ledger entries of an account, newest first. */
import { decimal, type Decimal } from '../margin/decimal.js';
import type { PositionSide, TradeSide } from '../margin/model.js';
import type { Database } from '../platform/database.js';
import type { LedgerKind } from '../platform/prisma/enums.js';

export interface LedgerEntryRecord {
  readonly seq: bigint;
  readonly accountId: string;
  readonly asset: string;
  readonly quantity: Decimal;
  readonly balanceAfter: Decimal;
  readonly kind: LedgerKind;
  readonly reference: string;
  readonly at: Date;
  readonly reportedAt: Date | null;
}

export interface FillRecord {
  readonly seq: bigint;
  readonly fillId: string;
  readonly accountId: string;
  readonly venue: string;
  readonly instrument: string;
  readonly side: TradeSide;
  readonly positionSide: PositionSide | null;
  readonly size: Decimal;
  readonly price: Decimal;
  readonly fee: Decimal;
  readonly realizedPnl: Decimal;
  readonly at: Date;
  readonly recordedAt: Date;
}

export interface HistoryPage {
  readonly accountId: string;
  /** Of the last row seen; null: from the newest on. */
  readonly before: bigint | null;
  readonly limit: number;
}

export async function readLedger(db: Database, page: HistoryPage, asset: string | null): Promise<LedgerEntryRecord[]> {
  const rows = await db.ledgerEntry.findMany({
    where: {
      accountId: page.accountId,
      ...(asset === null ? {} : { assetSymbol: asset }),
      ...(page.before === null ? {} : { seq: { lt: page.before } }),
    },
    orderBy: { seq: 'desc' },
    take: page.limit,
  });
  return rows.map(ledgerEntryRecord);
}

export async function readLedgerEntries(db: Database, seqs: readonly bigint[]): Promise<LedgerEntryRecord[]> {
  return (await db.ledgerEntry.findMany({ where: { seq: { in: [...seqs] } } })).map(ledgerEntryRecord);
}

export async function readFillHistory(
  db: Database,
  page: HistoryPage,
  instrument: string | null,
): Promise<FillRecord[]> {
  const rows = await db.fill.findMany({
    where: {
      accountId: page.accountId,
      ...(instrument === null ? {} : { instrument }),
      ...(page.before === null ? {} : { seq: { lt: page.before } }),
    },
    orderBy: { seq: 'desc' },
    take: page.limit,
  });
  return rows.map(fillRecord);
}

export async function readFills(db: Database, seqs: readonly bigint[]): Promise<FillRecord[]> {
  return (await db.fill.findMany({ where: { seq: { in: [...seqs] } } })).map(fillRecord);
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
