/** Rows of fills, however they were reported: by themselves, as a side of a trade, or as the reversal of another fill. */
import { toPlain, type Decimal } from '../../margin/decimal.js';
import type { PositionSide, TradeSide } from '../../margin/model.js';
import { columnOf } from '../../platform/database/columns.js';
import type { Transaction } from '../../platform/database/database.js';
import type { FillKind, TradePart } from '../../platform/prisma/enums.js';
import type { LockedAccount, NumberedFill } from '../locked-accounts.js';

/** A fill that is booked to a locked account, and not stored yet. */
export interface NewFillRow {
  /** Gets its number when it is stored. */
  readonly numbered: NumberedFill;
  /** The venue's id of the fill, or of the trade. */
  readonly fillId: string;
  readonly part: TradePart;
  readonly locked: LockedAccount;
  readonly instrument: string;
  readonly side: TradeSide;
  readonly positionSide: PositionSide | null;
  readonly size: Decimal;
  readonly price: Decimal;
  readonly fee: Decimal;
  readonly feeAsset: string;
  readonly kind: FillKind;
  readonly realizedPnl: Decimal;
  readonly at: Date;
}

/** Stores those that are not stored yet, in their order, which numbers an account's fills; returns how many these are. */
export async function insertFills(tx: Transaction, rows: readonly NewFillRow[], now: Date): Promise<number> {
  const inserted = await tx.$queryRaw<{ seq: bigint; venue: string; id: string; part: TradePart }[]>`/* prepared */
    INSERT INTO fills (venue_code, fill_id, trade_part, account_id, instrument, side, position_side, size, price, fee,
      fee_asset, realized_pnl, kind, version, at, recorded_at)
    SELECT venue_code, fill_id, trade_part, account_id, instrument, side, position_side, size, price, fee, fee_asset,
      realized_pnl, kind, version, at, recorded_at
    FROM unnest(
      ${columnOf(rows, ({ locked }) => locked.account.venue)}::text[],
      ${columnOf(rows, ({ fillId }) => fillId)}::text[],
      ${columnOf(rows, ({ part }) => part)}::"TradePart"[],
      ${columnOf(rows, ({ locked }) => locked.account.id)}::uuid[],
      ${columnOf(rows, ({ instrument }) => instrument)}::text[],
      ${columnOf(rows, ({ side }) => side)}::"TradeSide"[],
      ${columnOf(rows, ({ positionSide }) => positionSide)}::"PositionSide"[],
      ${columnOf(rows, ({ size }) => toPlain(size))}::numeric[],
      ${columnOf(rows, ({ price }) => toPlain(price))}::numeric[],
      ${columnOf(rows, ({ fee }) => toPlain(fee))}::numeric[],
      ${columnOf(rows, ({ feeAsset }) => feeAsset)}::text[],
      ${columnOf(rows, ({ realizedPnl }) => toPlain(realizedPnl))}::numeric[],
      ${columnOf(rows, ({ kind }) => kind)}::"FillKind"[],
      ${columnOf(rows, ({ locked }) => locked.account.version + 1)}::int[],
      ${columnOf(rows, ({ at }) => at.toISOString())}::timestamptz[],
      ${columnOf(rows, ({ locked }) => locked.recordedAt(now).toISOString())}::timestamptz[]
    ) WITH ORDINALITY AS row (venue_code, fill_id, trade_part, account_id, instrument, side, position_side, size, price,
      fee, fee_asset, realized_pnl, kind, version, at, recorded_at, position)
    ORDER BY position
    ON CONFLICT DO NOTHING
    RETURNING seq, venue_code AS venue, fill_id AS id, trade_part::text AS part`;
  const numbers = new Map(inserted.map(({ seq, venue, id, part }) => [`${venue}/${part}/${id}`, seq]));
  for (const { numbered, locked, part, fillId } of rows) {
    numbered.seq = numbers.get(`${locked.account.venue}/${part}/${fillId}`) ?? null;
  }
  return inserted.length;
}
