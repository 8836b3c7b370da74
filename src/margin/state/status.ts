/**
 * Where a margin balance stands against what is required (rules: 5; sources: 002 and 004). Both amounts are in one asset, whichever.
 */
import { ZERO, quotientDown, quotientUp, type Decimal } from '../decimal.js';
import { Fraction } from '../fraction.js';
import { MARGIN_STATUSES, type MarginStatus, type Policy } from '../model.js';

/** The policy's ratios of maintenance margin to margin balance from which a status holds. */
export type Thresholds = Pick<Policy, 'warningRatio' | 'marginCallRatio' | 'liquidationRatio'>;

/**
 * The ratio from which on the status holds.
 *
 * @throws RangeError for a status that no ratio decides
 */
export function thresholdOf(status: MarginStatus, thresholds: Thresholds): Fraction {
  if (status === 'WARNING') return Fraction.of(thresholds.warningRatio);
  if (status === 'MARGIN_CALL') return Fraction.of(thresholds.marginCallRatio);
  if (status === 'LIQUIDATION') return thresholds.liquidationRatio;
  throw new RangeError(`${status} has no threshold.`);
}

/** Every ratio at which a status changes, lowest first. */
export function statusBoundaries({ warningRatio, marginCallRatio, liquidationRatio }: Thresholds): Fraction[] {
  return [Fraction.of(warningRatio), Fraction.of(marginCallRatio), liquidationRatio];
}

/**
 * The status of one margin unit (rules: 5). Thresholds are compared by cross-multiplication, so that a value exactly on
 * a boundary is on it. `liquidatesAtEquality` says on which side of its boundary liquidation lies.
 */
export function statusOf(marginBalance: Decimal, maintenanceMargin: Decimal, policy: Policy): MarginStatus {
  if (maintenanceMargin.isZero()) return marginBalance.lt(ZERO) ? 'LIQUIDATION' : 'NO_EXPOSURE';
  const side = policy.liquidationRatio.sideOf(maintenanceMargin, marginBalance);
  if (side > 0 || (side === 0 && policy.liquidatesAtEquality)) return 'LIQUIDATION';
  if (maintenanceMargin.gte(marginBalance.times(policy.marginCallRatio))) return 'MARGIN_CALL';
  if (maintenanceMargin.gte(marginBalance.times(policy.warningRatio))) return 'WARNING';
  return 'HEALTHY';
}

/**
 * The status when a positive balance that would count has no price (rules: 2). The margin balance is then a lower bound:
 * a calm status stands, and anything worse is unknown.
 */
export function statusOfLowerBound(status: MarginStatus): MarginStatus {
  return status === 'NO_EXPOSURE' || status === 'HEALTHY' ? status : 'UNPRICED';
}

/** Whether a comes after b in the order from calm to lost (rules: 5). */
export function isWorse(a: MarginStatus, b: MarginStatus): boolean {
  return MARGIN_STATUSES.indexOf(a) > MARGIN_STATUSES.indexOf(b);
}

/**
 * maintenance / balance, rounded up at 18 digits; liquidation is at the policy's liquidation ratio (rules: 5). Null when
 * nothing is required, or when the balance is not positive: the ratio is then infinite.
 */
export function marginRatio(marginBalance: Decimal, maintenanceMargin: Decimal): Decimal | null {
  if (maintenanceMargin.isZero() || !marginBalance.gt(ZERO)) return null;
  return quotientUp(maintenanceMargin, marginBalance);
}

/** balance / maintenance, rounded down at 18 digits: the inverse (rules: 5). Null when nothing is required. */
export function healthFactor(marginBalance: Decimal, maintenanceMargin: Decimal): Decimal | null {
  return maintenanceMargin.isZero() ? null : quotientDown(marginBalance, maintenanceMargin);
}

/** The worst of the cross state and of every isolated position (rules: 5 and 6). */
export function worstStatus(report: {
  readonly status: MarginStatus;
  readonly positions: readonly { readonly status: MarginStatus }[];
}): MarginStatus {
  let worst = report.status;
  for (const position of report.positions) if (isWorse(position.status, worst)) worst = position.status;
  return worst;
}

/** Whether a ratio means the same status under both policies. */
export function haveSameThresholds(a: Policy, b: Policy): boolean {
  return (
    a.liquidatesAtEquality === b.liquidatesAtEquality &&
    a.liquidationRatio.cmp(b.liquidationRatio) === 0 &&
    a.warningRatio.eq(b.warningRatio) &&
    a.marginCallRatio.eq(b.marginCallRatio)
  );
}
