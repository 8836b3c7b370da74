/** The prefilter's float sums without its error bounds: the least that looking at every account can cost. */
import type { AccountColumns } from '../src/risk/columns/account-columns.js';
import {
  UNIT_HALVES,
  UNIT_WORDS,
  QUIET_RANGE,
  FIRST_HOLDING,
  FIRST_POSITION,
  HOLDINGS,
  POSITIONS,
  POSITION_AMOUNTS,
} from '../src/risk/columns/columns.js';
import { COLLATERAL_STRIDE, MAINTENANCE_STRIDE } from '../src/risk/columns/curve-rows.js';

/** Counts the margin units whose ratio has left its quiet range, as far as floats can tell. */
export function withoutBounds(columns: AccountColumns, units: Uint32Array, count: number): number {
  const { words, halves, quietRanges } = columns.units;
  const { row: holdingRow, quantity: quantities } = columns.holdings;
  const { row: positionRow, amounts } = columns.positions;
  const { liabilityTier, collateralPrice, collateralTier, collateralTiers, userCap, inCoins } = columns.rules;
  const { instrumentPrice, maintenanceTier, maintenanceTiers } = columns.rules;
  const { values: prices } = columns.rules.prices;
  let outside = 0;
  for (let index = 0; index < count; index++) {
    const unit = units[index] as number;
    const word = unit * UNIT_WORDS;
    const half = unit * UNIT_HALVES;
    let balance = 0;
    let maintenance = 0;
    const firstItem = words[word + FIRST_HOLDING] as number;
    const endOfHoldings = firstItem + (halves[half + HOLDINGS] as number);
    for (let item = firstItem; item < endOfHoldings; item++) {
      const row = holdingRow[item] as number;
      const quantity = quantities[item] as number;
      const price = prices[collateralPrice[row] as number] as number;
      if (quantity < 0) {
        balance += quantity * price;
        const rate = liabilityTier[row] === 0 ? 0 : (collateralTiers[(liabilityTier[row] as number) + 1] as number);
        maintenance -= quantity * price * rate;
        continue;
      }
      const cap = userCap[row] as number;
      const counted = quantity < cap ? quantity : cap;
      const coins = inCoins[row] === 1;
      const amount = coins ? counted : counted * price;
      let tier = collateralTier[row] as number;
      while (amount >= (collateralTiers[tier] as number)) tier += COLLATERAL_STRIDE;
      const value = (collateralTiers[tier + 1] as number) * amount + (collateralTiers[tier + 2] as number);
      balance += coins ? value * price : value;
    }
    const firstOpen = words[word + FIRST_POSITION] as number;
    const endOfPositions = firstOpen + (halves[half + POSITIONS] as number);
    for (let item = firstOpen; item < endOfPositions; item++) {
      const row = positionRow[item] as number;
      const exposure =
        (amounts[item * POSITION_AMOUNTS] as number) * (prices[instrumentPrice[row] as number] as number);
      const notional = Math.abs(exposure);
      balance += exposure + (amounts[item * POSITION_AMOUNTS + 1] as number);
      let tier = maintenanceTier[row] as number;
      while (notional >= (maintenanceTiers[tier] as number)) tier += MAINTENANCE_STRIDE;
      maintenance += notional * (maintenanceTiers[tier + 2] as number) + (maintenanceTiers[tier + 3] as number);
    }
    if (
      maintenance <= (quietRanges[unit * QUIET_RANGE] as number) * balance ||
      maintenance >= (quietRanges[unit * QUIET_RANGE + 1] as number) * balance
    )
      outside++;
  }
  return outside;
}
