/**
 * Moving margin in and out of an isolated position (rules: 6; source: 004, section IV). Leverage stays, and the
 * liquidation price follows. Amounts are in the position's settlement asset.
 */
import { isolatedMarginBalance, type PositionReport } from '../state/assess.js';
import { ZERO, max, min, roundDown, type Decimal } from '../decimal.js';
import type { AccountState, Market, Policy } from '../model.js';
import { refuse, refuseAmount, type Refusal } from '../refusal.js';
import { checkTransferOut } from '../solve/transferable.js';

/**
 * What can be taken out: max(0, min(margin - maintenance, margin + PnL - initial margin)), rounded down at 18 digits
 * (rules: 6). 0 while the mark price is stale or missing. Null in cross margin.
 */
export function maxRemovableMargin(position: PositionReport): Decimal | null {
  if (position.marginMode === 'CROSS') return null;
  const { isolatedMargin, unrealizedPnl, initialMargin, maintenanceMargin } = position;
  if (unrealizedPnl === null || initialMargin === null || maintenanceMargin === null) return ZERO;
  if (position.isMarkStale) return ZERO;
  const overMaintenance = isolatedMargin.minus(maintenanceMargin);
  const overInitial = isolatedMarginBalance(position).minus(initialMargin);
  return max(ZERO, roundDown(min(overMaintenance, overInitial)));
}

/**
 * Why margin may not be moved (rules: 6); null: it may. Taking out: at most `maxRemovableMargin`. Putting in: at most
 * what could be withdrawn of the settlement asset. Refused with ISOLATED_ONLY, PRICE_UNAVAILABLE, BELOW_MAINTENANCE_MARGIN,
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
  const removable = maxRemovableMargin(position);
  if (removable === null) {
    return refuse('ISOLATED_ONLY', 'Margin is set aside only for positions in isolated margin.');
  }
  if (quantity.gt(ZERO)) return checkTransferOut(position.settlementAsset, quantity, account, market, policy);
  const asked = quantity.negated();
  if (asked.lte(removable)) return null;
  if (position.settlementPrice === null) {
    return refuse('PRICE_UNAVAILABLE', `${position.settlementAsset}, the settlement asset, never had a price.`);
  }
  if (position.markPrice === null || position.isMarkStale) {
    return refuse('PRICE_UNAVAILABLE', `The mark price of ${position.instrument} is too old to take margin out.`);
  }
  const left = position.isolatedMargin.minus(asked);
  return left.lt(position.maintenanceMargin ?? ZERO)
    ? refuseAmount('BELOW_MAINTENANCE_MARGIN', 'What is left would be below the maintenance margin.', asked, removable)
    : refuseAmount('INSUFFICIENT_MARGIN', 'What is left would not cover the initial margin.', asked, removable);
}
