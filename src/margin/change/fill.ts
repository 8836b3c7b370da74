/**
 * What a fill does to an account (rules: 1 and 6). Amounts are in the instrument's settlement asset, with which its quote
 * asset is at par (rules: 16), but for a fee in another asset. Entries have 18 digits, rounded against the client.
 */
import type { BalanceChange, BalanceChangeKind } from '../state/account.js';
import { ZERO, min, quotientDown, quotientUp, roundDown, type Decimal } from '../decimal.js';
import { type AccountState, type MarginMode, type PositionSide, type PositionState, type TradeSide } from '../model.js';
import { refuse, refuseAmount, type Refusal } from '../refusal.js';
import { settleIsolated } from './settle-isolated.js';

export interface Fill {
  readonly instrument: string;
  readonly settlementAsset: string;
  readonly side: TradeSide;
  /** Which side of a hedged account; not looked at in one-way mode. */
  readonly positionSide: PositionSide | null;
  /** In the base asset, greater than 0. */
  readonly size: Decimal;
  /** In the quote asset, greater than 0. */
  readonly price: Decimal;
  /** In units of the fee asset; positive: paid, negative: a rebate. */
  readonly fee: Decimal;
  /** Null, or left out: the settlement asset. */
  readonly feeAsset?: string | null;
  /** What is set for the instrument: leverage and margin mode of a position that the fill newly opens. */
  readonly leverage: Decimal;
  readonly marginMode: MarginMode;
}

export interface FillEffect {
  readonly refusal: null;
  /** The positions that changed, as they are now; size 0: closed. What was closed comes before what was opened. */
  readonly positions: readonly PositionState[];
  /** To be booked in this order; they add up to what the balances change by. */
  readonly changes: readonly BalanceChange[];
  /** Without the fee; rounded down at 18 digits. */
  readonly realizedPnl: Decimal;
}

/**
 * Applies one fill (rules: 1 and 6). One-way: a fill against the position closes it, and the excess opens the other side
 * at the fill price. Hedge: the fill opens or closes the side that it names.
 *
 * Cross: the balance takes PnL and fee. Isolated: opening sets margin aside out of the balance, which also pays the
 * fee and may go negative; closing settles against the margin (see `settleIsolated`). The fee of a fill that does
 * both is shared by size. Margin is in the settlement asset alone: a fee in another asset is paid by its balance,
 * whatever the fill closes.
 *
 * Refused in hedge mode, with INVALID_INPUT: no side named, or more closed than there is.
 */
export function applyFill(account: AccountState, fill: Fill): FillEffect | { readonly refusal: Refusal } {
  const opens: PositionSide = fill.side === 'BUY' ? 'LONG' : 'SHORT';
  const hedged = account.positionMode === 'HEDGE';
  if (hedged && fill.positionSide === null) {
    return { refusal: refuse('INVALID_INPUT', 'In hedge mode a fill names its position side.') };
  }
  const held = (side: PositionSide): PositionState | undefined =>
    account.positions.find((position) => position.instrument === fill.instrument && position.side === side);
  const against = hedged && fill.positionSide === opens ? undefined : held(opens === 'LONG' ? 'SHORT' : 'LONG');
  const closedSize = min(fill.size, against?.size ?? ZERO);
  const openedSize = fill.size.minus(closedSize);
  if (hedged && fill.positionSide !== opens && !openedSize.isZero()) {
    const message = 'In hedge mode a fill cannot close more than its side holds.';
    return { refusal: refuseAmount('INVALID_INPUT', message, fill.size, closedSize) };
  }

  const closed = against === undefined ? null : close(against, closedSize, fill);
  const opened = openedSize.isZero() ? null : open(held(opens), opens, openedSize, fill);
  const realizedPnl = closed === null ? ZERO : closed.realizedPnl;
  const change = (kind: BalanceChangeKind, quantity: Decimal): BalanceChange => ({
    asset: fill.settlementAsset,
    quantity,
    kind,
  });
  const changes = [
    change('MARGIN_ADJUSTMENT', closed === null ? ZERO : closed.outOfMargin),
    change('REALIZED_PNL', realizedPnl),
    { asset: feeAssetOf(fill), quantity: fill.fee.negated(), kind: 'FEE' } as const,
    change('INSURANCE', closed === null ? ZERO : closed.insurance),
    change('MARGIN_ADJUSTMENT', opened === null ? ZERO : opened.setAside.negated()),
  ];
  return {
    refusal: null,
    positions: [closed, opened].flatMap((part) => (part === null ? [] : [part.position])),
    changes: changes.filter(({ quantity }) => !quantity.isZero()),
    realizedPnl,
  };
}

/** The asset in which the fee is: that of settlement, unless the fill names another one. */
export function feeAssetOf({ feeAsset, settlementAsset }: Pick<Fill, 'feeAsset' | 'settlementAsset'>): string {
  return feeAsset ?? settlementAsset;
}

interface Closed {
  readonly position: PositionState;
  readonly realizedPnl: Decimal;
  readonly outOfMargin: Decimal;
  readonly insurance: Decimal;
}

/** Closing c of s releases cost x c/s, rounded against the client; closing all releases exactly what is left. */
function close(position: PositionState, size: Decimal, fill: Fill): Closed {
  const whole = size.eq(position.size);
  const proceeds = size.times(fill.price);
  const share = position.cost.times(size);
  let released: Decimal;
  let pnl: Decimal;
  if (position.side === 'LONG') {
    // Rounding up must not release more than the cost of dust.
    released = whole ? position.cost : min(position.cost, quotientUp(share, position.size));
    pnl = proceeds.minus(released);
  } else {
    released = whole ? position.cost : quotientDown(share, position.size);
    pnl = released.minus(proceeds);
  }
  const realizedPnl = roundDown(pnl);
  const left = { ...position, size: position.size.minus(size), cost: position.cost.minus(released) };
  if (position.marginMode === 'CROSS') return { position: left, realizedPnl, outOfMargin: ZERO, insurance: ZERO };

  const margin = position.isolatedMargin;
  const releasedMargin = whole ? margin : quotientDown(margin.times(size), position.size);
  const fee = feeAssetOf(fill) === fill.settlementAsset ? quotientDown(fill.fee.times(size), fill.size) : ZERO;
  const settled = settleIsolated(margin, releasedMargin, realizedPnl.minus(fee));
  return { position: { ...left, isolatedMargin: settled.margin }, realizedPnl, ...settled };
}

/** Adds to a position or opens one; in isolated margin size x price / leverage, rounded up, is set aside. */
function open(
  position: PositionState | undefined,
  side: PositionSide,
  size: Decimal,
  { instrument, price, leverage, marginMode }: Fill,
): { position: PositionState; setAside: Decimal } {
  const before = position ?? {
    instrument,
    side,
    size: ZERO,
    cost: ZERO,
    leverage,
    marginMode,
    isolatedMargin: ZERO,
  };
  const cost = size.times(price);
  const setAside = before.marginMode === 'ISOLATED' ? quotientUp(cost, before.leverage) : ZERO;
  return {
    position: {
      ...before,
      size: before.size.plus(size),
      cost: before.cost.plus(cost),
      isolatedMargin: before.isolatedMargin.plus(setAside),
    },
    setAside,
  };
}
