/** Fills as they are stored, by the ids that the venue gave them. */
import { decimal, type Decimal } from '../../margin/decimal.js';
import type { PositionSide, TradeSide } from '../../margin/model.js';
import type { Database, Transaction } from '../../platform/database/database.js';
import type { FillKind, TradePart } from '../../platform/prisma/enums.js';

/** A fill by itself, or both sides of a trade. */
export type FillOrTrade = 'fill' | 'trade';

export const PARTS_OF: Readonly<Record<FillOrTrade, readonly TradePart[]>> = {
  fill: ['NONE'],
  trade: ['BUYER', 'SELLER'],
};

export interface StoredFill {
  readonly seq: bigint;
  readonly venue: string;
  readonly id: string;
  readonly part: TradePart;
  readonly accountId: string;
  readonly instrument: string;
  readonly side: TradeSide;
  readonly positionSide: PositionSide | null;
  readonly size: Decimal;
  readonly price: Decimal;
  readonly fee: Decimal;
  readonly feeAsset: string;
  readonly kind: FillKind;
  /** The version of the account that it made; null: recorded before fills named it. */
  readonly version: number | null;
  readonly recordedAt: Date;
}

interface Row extends Omit<StoredFill, 'size' | 'price' | 'fee'> {
  readonly size: string;
  readonly price: string;
  readonly fee: string;
}

/** The fill, or both of the trade, the buyer's first; empty: the venue has recorded none under the id. */
export async function findFills(
  db: Database | Transaction,
  venue: string,
  what: FillOrTrade,
  id: string,
): Promise<StoredFill[]> {
  const rows = await db.$queryRaw<Row[]>`
    SELECT seq, venue_code AS venue, fill_id AS id, trade_part::text AS part, account_id::text AS "accountId", instrument,
      side::text AS side, position_side::text AS "positionSide", size::text AS size, price::text AS price,
      fee::text AS fee, fee_asset AS "feeAsset", kind::text AS kind, version, recorded_at AS "recordedAt"
    FROM fills
    WHERE venue_code = ${venue} AND fill_id = ${id} AND trade_part::text = ANY(${[...PARTS_OF[what]]}::text[])
    ORDER BY trade_part`;
  return rows.map((row) => {
    return { ...row, size: decimal(row.size), price: decimal(row.price), fee: decimal(row.fee) };
  });
}
