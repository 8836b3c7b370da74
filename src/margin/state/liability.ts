/** What debts must be backed with (rules: 18; source: 003, and the rates of borrowing that venues publish). */
import { liabilityCurve, pieceAt, unitValue, valueAt } from '../curve.js';
import type { Decimal } from '../decimal.js';
import type { Policy } from '../model.js';
import { NOTHING_REQUIRED, type Requirement } from './requirement.js';

/**
 * What a debt requires: the amount owed through the tiers of its asset, progressively, in the venue's unit, exact
 * (rules: 18). Each asset goes through its tiers by itself.
 *
 * @param owed in units of the asset, from 0
 * @param price the index of the asset, in the venue's unit
 */
export function requirementOfDebt(asset: string, owed: Decimal, price: Decimal, policy: Policy): Requirement {
  const curve = owed.isZero() ? null : liabilityCurve(asset, policy);
  if (curve === null) return NOTHING_REQUIRED;
  const amount = curve.tierUnit === 'QUANTITY' ? owed : owed.times(price);
  const unit = unitValue(price, curve);
  return {
    initialMargin: valueAt(pieceAt(curve.initial, amount), amount).times(unit),
    maintenanceMargin: valueAt(pieceAt(curve.maintenance, amount), amount).times(unit),
  };
}
