/** A margin state as an alert stores it, rounded as the API rounds it (rules: 1). */
import { decimal, roundDown, roundUp, toPlain, type Decimal } from '../../margin/decimal.js';
import type { UnitState } from './margin-units.js';

export interface MarginColumns {
  readonly marginRatio: string | null;
  readonly marginBalance: string;
  readonly maintenanceMargin: string;
}

/** The largest number with 30 integer and 18 fraction digits. */
const MAX_STORED = decimal('999999999999999999999999999999.999999999999999999');

/**
 * @param overflow called with an amount that the database cannot store. The largest one is stored instead, since one
 * absurd account must not hold up the alerts of all others.
 */
export function columnsOf(unitState: UnitState, overflow: (amount: string) => void): MarginColumns {
  const column = (amount: Decimal): string => {
    if (amount.abs().lte(MAX_STORED)) return toPlain(amount);
    overflow(toPlain(amount));
    return toPlain(amount.isNegative() ? MAX_STORED.negated() : MAX_STORED);
  };
  return {
    marginRatio: unitState.marginRatio === null ? null : column(unitState.marginRatio),
    marginBalance: column(roundDown(unitState.marginBalance)),
    maintenanceMargin: column(roundUp(unitState.maintenanceMargin)),
  };
}
