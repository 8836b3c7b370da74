/**
 * Moving margin in and out of an isolated position (rules: 6; source: 004, section IV). Leverage stays, and the
 * liquidation price follows. Amounts are in USDT.
 */
import { isolatedMarginBalance, type PositionReport } from '../state/assess.js';
import { ZERO, max, min, roundDown, type Decimal } from '../decimal.js';
import { SETTLEMENT_ASSET, type AccountState, type Market, type Policy } from '../model.js';
import { refuse, refuseAmount, type Refusal } from '../refusal.js';
import { checkTransferOut } from '../solve/transferable.js';

/**
 * What can be taken out: max(0, min(margin - maintenance, margin + PnL - initial margin)), rounded down at 18 digits
 * (rules: 6). 0 while the mark price is stale or missing. Null in cross margin.
 */
export function maxRemovableMargin(position: PositionReport, market: Market): Decimal | null {
  if (position.marginMode === 'CROSS') return null;
  const { isolatedMargin, unrealizedPnl, initialMargin, maintenanceMargin } = position;
  if (unrealizedPnl === null || initialMargin === null || maintenanceMargin === null) return ZERO;
  if (market.mark(position.instrument)?.stale === true) return ZERO;
  const overMaintenance = isolatedMargin.minus(maintenanceMargin);
  const overInitial = isolatedMarginBalance(position).minus(initialMargin);
  return max(ZERO, roundDown(min(overMaintenance, overInitial)));
}

/**
 * Why margin may not be moved (rules: 6); null: it may. Taking out: at most `maxRemovableMargin`. Putting in: at most
 * what could be withdrawn of USDT. Refused with ISOLATED_ONLY, PRICE_UNAVAILABLE, BELOW_MAINTENANCE_MARGIN,
 * INSUFFICIENT_MARGIN, or as `checkTransferOut` refuses.
 *
 * @param quantity positive: in, negative: out
 */
export function checkMarginAdjustment(
  position: PositionReport,
  quantity: Decimal,
  account: AccountState,
  market: Market,
  policy: Policy,
): Refusal | null {
  const removable = maxRemovableMargin(position, market);
  if (removable === null) {
    return refuse('ISOLATED_ONLY', 'Margin is set aside only for positions in isolated margin.');
  }
  if (quantity.gt(ZERO)) return checkTransferOut(SETTLEMENT_ASSET, quantity, account, market, policy);
  const asked = quantity.negated();
  if (asked.lte(removable)) return null;
  const mark = market.mark(position.instrument);
  if (mark === null || mark.stale) {
    return refuse('PRICE_UNAVAILABLE', `The mark price of ${position.instrument} is too old to take margin out.`);
  }
  const left = position.isolatedMargin.minus(asked);
  return left.lt(position.maintenanceMargin ?? ZERO)
    ? refuseAmount('BELOW_MAINTENANCE_MARGIN', 'What is left would be below the maintenance margin.', asked, removable)
    : refuseAmount('INSUFFICIENT_MARGIN', 'What is left would not cover the initial margin.', asked, removable);
}
