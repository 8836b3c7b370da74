/** Resting orders of accounts, as the venue's engine reports them (rules: 20): what is taken, and how it is written. */
import { ZERO, decimal, toPlain, type Decimal } from '../margin/decimal.js';
import type { PositionSide } from '../margin/model.js';
import { refuse, within } from '../margin/refusal.js';
import { columnOf } from '../platform/database/columns.js';
import type { Transaction } from '../platform/database/database.js';
import { MAX_QUANTITY, type Refusal } from './ledger-checks.js';
import type { LockedAccount } from './locked-accounts.js';
import { isResting, ordersKey, type OpenOrdersRecord } from './records.js';

/** Sizes and notionals of all resting orders of one instrument, in hedge mode of one side, and their place in order. */
export type ReportedOrders = Omit<OpenOrdersRecord, 'instrument' | 'side'>;

/** The largest size at the highest price. */
const MAX_NOTIONAL: Decimal = decimal('1e27');
const MAX_SEQUENCE: Decimal = decimal('1e18');

/** Why the amounts can be those of no orders; null: they can. */
export function problemOfOrders(orders: ReportedOrders, field: readonly string[] = []): Refusal | null {
  const problem = problemOfAmounts(orders);
  return problem === null ? null : within(field, problem);
}

function problemOfAmounts(orders: ReportedOrders): Refusal | null {
  const { buySize, buyNotional, sellSize, sellNotional, sequence } = orders;
  return (
    problemOfSide(buySize, buyNotional, 'buySize', 'buyNotional') ??
    problemOfSide(sellSize, sellNotional, 'sellSize', 'sellNotional') ??
    (sequence.isInteger() && sequence.gte(ZERO) && sequence.lte(MAX_SEQUENCE)
      ? null
      : refuse('INVALID_INPUT', 'Expected a whole number from 0 to 1e18.', ['sequence']))
  );
}

function problemOfSide(size: Decimal, notional: Decimal, sizeField: string, notionalField: string): Refusal | null {
  if (size.isNegative() || size.gt(MAX_QUANTITY)) {
    return refuse('INVALID_INPUT', 'Expected a size from 0 to 1e15.', [sizeField]);
  }
  if (notional.isNegative() || notional.gt(MAX_NOTIONAL)) {
    return refuse('INVALID_INPUT', 'Expected a notional from 0 to 1e27.', [notionalField]);
  }
  if (size.isZero() === notional.isZero()) return null;
  return refuse('INVALID_INPUT', 'Expected a size and a notional above 0, or both 0.', [notionalField]);
}

/** The orders of an instrument that a report is of. */
export interface OrdersPlace {
  readonly instrument: string;
  /** Which side of a hedged account; not looked at in one-way mode. */
  readonly positionSide: PositionSide | null;
}

/**
 * Replaces what the account's orders were; a report of 0 clears them. False: its sequence is not above that of the last
 * report, and nothing changes.
 */
export function takeOrders(locked: LockedAccount, place: OrdersPlace, orders: ReportedOrders): boolean {
  const side = sideOf(place, locked);
  const last = locked.openOrders.get(ordersKey(place.instrument, side));
  if (last !== undefined && orders.sequence.lte(last.sequence)) return false;
  const { buySize, sellSize, buyNotional, sellNotional, sequence } = orders;
  const { instrument } = place;
  locked.setOpenOrders({ instrument, side, buySize, sellSize, buyNotional, sellNotional, sequence });
  return true;
}

/** Whether orders rest there, as far as the engine has reported. */
export function haveOrders(locked: LockedAccount, place: OrdersPlace): boolean {
  const known = locked.openOrders.get(ordersKey(place.instrument, sideOf(place, locked)));
  return known !== undefined && isResting(known);
}

/** The position side counts only in hedge mode. */
export function sideOf(
  { positionSide }: Pick<OrdersPlace, 'positionSide'>,
  { account }: LockedAccount,
): PositionSide | null {
  return account.positionMode === 'HEDGE' ? positionSide : null;
}

/** Why a report is ignored. */
export function ordersOutdated(field: readonly string[]): Refusal {
  const message =
    'A report of the same orders with this sequence or a later one is known: there is nothing to be sent again.';
  return refuse('ORDERS_OUTDATED', message, field);
}

/** A statement of its own, since few transactions change orders. */
export async function writeOpenOrders(tx: Transaction, changed: readonly LockedAccount[]): Promise<void> {
  const rows = changed.flatMap(({ account, changedOpenOrders }) =>
    [...changedOpenOrders.values()].map((orders) => ({ account, orders })),
  );
  if (rows.length === 0) return;
  await tx.$executeRaw`/* prepared */
    WITH changed AS (
      SELECT * FROM unnest(
        ${columnOf(rows, ({ account }) => account.id)}::uuid[],
        ${columnOf(rows, ({ account }) => account.venue)}::text[],
        ${columnOf(rows, ({ account }) => account.version + 1)}::int[],
        ${columnOf(rows, ({ orders }) => orders.instrument)}::text[],
        ${columnOf(rows, ({ orders }) => orders.side ?? 'BOTH')}::"OrderSide"[],
        ${columnOf(rows, ({ orders }) => toPlain(orders.buySize))}::numeric[],
        ${columnOf(rows, ({ orders }) => toPlain(orders.sellSize))}::numeric[],
        ${columnOf(rows, ({ orders }) => toPlain(orders.buyNotional))}::numeric[],
        ${columnOf(rows, ({ orders }) => toPlain(orders.sellNotional))}::numeric[],
        ${columnOf(rows, ({ orders }) => toPlain(orders.sequence))}::numeric[]
      ) AS row (account_id, venue_code, version, instrument, side, buy_size, sell_size, buy_notional, sell_notional,
        sequence)
    ), kept AS (
      INSERT INTO open_order_versions (account_id, instrument, side, version, buy_size, sell_size, buy_notional,
        sell_notional, sequence)
      SELECT account_id, instrument, side, version, buy_size, sell_size, buy_notional, sell_notional, sequence
      FROM changed
    )
    INSERT INTO open_orders (account_id, venue_code, instrument, side, buy_size, sell_size, buy_notional, sell_notional,
      sequence)
    SELECT account_id, venue_code, instrument, side, buy_size, sell_size, buy_notional, sell_notional, sequence
    FROM changed
    ON CONFLICT (account_id, instrument, side) DO UPDATE
      SET buy_size = EXCLUDED.buy_size, sell_size = EXCLUDED.sell_size, buy_notional = EXCLUDED.buy_notional,
        sell_notional = EXCLUDED.sell_notional, sequence = EXCLUDED.sequence`;
}
