/** What floats leave in doubt about the tier of a notional. For the proof see `valuation.ts` and `order-valuation.ts`. */
import { MAINTENANCE_STRIDE } from './curve-rows.js';

export const UNIT_ROUNDOFF = 2 ** -53;

/** Error of the maintenance margin if the notional may still be in a lower tier. */
export function differenceBelow(notional: number, from: number, tiers: Float64Array, scale: number): number {
  let difference = 0;
  for (let tier = from; notional < (tiers[tier + 1] as number); tier -= MAINTENANCE_STRIDE) {
    const before = tier - MAINTENANCE_STRIDE;
    const here = notional * (tiers[tier + 2] as number) + (tiers[tier + 3] as number);
    const there = notional * (tiers[before + 2] as number) + (tiers[before + 3] as number);
    difference += Math.abs(here - there) + 16 * UNIT_ROUNDOFF * scale * notional;
  }
  return difference;
}
