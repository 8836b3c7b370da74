/**
 * What a position must be backed with (rules: 4; sources: 002 and 004).
 */
import { max, min, quotientUp, type Decimal } from '../decimal.js';
import type { InstrumentRules, MaintenanceTier, Policy } from '../model.js';

export interface Requirement {
  readonly tier: MaintenanceTier;
  /** In USDT, rounded up at 18 digits; never below the maintenance margin. */
  readonly initialMargin: Decimal;
  /** In USDT, exact; with the policy's liquidation fee. */
  readonly maintenanceMargin: Decimal;
}

/** The tier with floor <= notional < cap; above the last cap the last tier goes on. */
export function tierOf(notional: Decimal, tiers: readonly MaintenanceTier[]): MaintenanceTier {
  const last = tiers.length - 1;
  for (let index = 0; index < last; index++) {
    const tier = tiers[index] as MaintenanceTier;
    if (tier.cap !== null && notional.lt(tier.cap)) return tier;
  }
  return tiers[last] as MaintenanceTier;
}

/**
 * PROGRESSIVE: notional x rate - amount; FLAT: notional x rate; the liquidation fee adds notional x fee rate.
 * In USDT, exact.
 */
export function maintenanceMargin(notional: Decimal, tier: MaintenanceTier, policy: Policy): Decimal {
  const rate = tier.maintenanceRate.plus(policy.liquidationFeeRate);
  const gross = notional.times(rate);
  return policy.maintenanceMethod === 'PROGRESSIVE' ? gross.minus(tier.maintenanceAmount) : gross;
}

/**
 * Initial margin = notional / min(leverage, the tier's maximum), rounded up at 18 digits, and never below the
 * maintenance margin: a position that was just opened must not be liquidatable at once.
 */
export function requirement(
  notional: Decimal,
  leverage: Decimal,
  instrument: InstrumentRules,
  policy: Policy,
): Requirement {
  const tier = tierOf(notional, instrument.tiers);
  const maintenance = maintenanceMargin(notional, tier, policy);
  const initial = quotientUp(notional, min(leverage, tier.maxLeverage));
  return { tier, initialMargin: max(initial, maintenance), maintenanceMargin: maintenance };
}
