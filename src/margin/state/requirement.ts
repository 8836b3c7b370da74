/**
 * What a position must be backed with (rules: 4; sources: 002 and 004).
 */
import { maintenanceCurve, pieceAt, valueAt } from '../curve.js';
import { ZERO, max, min, quotientUp, type Decimal } from '../decimal.js';
import type { InstrumentRules, Policy } from '../model.js';

export interface Requirement {
  /** In the quote asset, rounded up at 18 digits; never below maintenance margin / liquidation ratio. */
  readonly initialMargin: Decimal;
  /** In the quote asset, exact; with the policy's liquidation fee. */
  readonly maintenanceMargin: Decimal;
}

export const NOTHING_REQUIRED: Requirement = { initialMargin: ZERO, maintenanceMargin: ZERO };

/**
 * Initial margin = notional / min(leverage, the tier's maximum), rounded up at 18 digits, and never below maintenance
 * margin / liquidation ratio: a position that was just opened must not be liquidatable at once.
 *
 * @param notional size x mark, in the quote asset, not negative
 * @param leverage as set for the instrument, at least 1
 */
export function requirement(
  notional: Decimal,
  leverage: Decimal,
  instrument: InstrumentRules,
  policy: Policy,
): Requirement {
  const segment = pieceAt(maintenanceCurve(instrument.tiers, policy), notional);
  const maintenanceMargin = valueAt(segment, notional);
  const initialMargin = quotientUp(notional, min(leverage, segment.maxLeverage));
  return { initialMargin: max(initialMargin, leastBalance(maintenanceMargin, policy)), maintenanceMargin };
}

/** The margin balance at which liquidation begins, rounded up at 18 digits; exact where the liquidation ratio is 1. */
export function leastBalance(maintenanceMargin: Decimal, { liquidationRatio }: Policy): Decimal {
  if (liquidationRatio.isOne) return maintenanceMargin;
  return quotientUp(maintenanceMargin.times(liquidationRatio.denominator), liquidationRatio.numerator);
}
