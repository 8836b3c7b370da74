/** The index of an asset in the unit of a venue (rules: 16). */
import type { BatchPrice, BatchPrices } from './quote.js';
import { COMMON_UNIT } from '../margin/model.js';
import { isStale } from './staleness.js';

/**
 * The composite in the unit while that is fresh; else the product of the composite in the common unit and that of the
 * common unit in the unit, exact, while both are fresh (rules: 16). While neither is fresh, the product goes on moving
 * with its fresh factor, stale, so that a feed that has ended stops no liquidation; once both of its factors are stale,
 * the one with the newer instant stands. Null where there never was either.
 *
 * @param now milliseconds since 1970
 */
export function indexInUnit(
  asset: string,
  unit: string,
  prices: Pick<BatchPrices, 'index'>,
  now: number,
  maxAge: number,
): BatchPrice | null {
  const isFresh = (price: BatchPrice): boolean => !isStale(price, now, maxAge);
  const own = prices.index(asset, unit);
  if (unit === COMMON_UNIT || asset === COMMON_UNIT || (own !== null && isFresh(own))) return own;
  const [inCommon, rate] = [prices.index(asset, COMMON_UNIT), prices.index(COMMON_UNIT, unit)];
  if (inCommon === null || rate === null) return own;
  const at = Math.min(inCommon.at, rate.at);
  if (own !== null && own.at >= at && !isFresh(inCommon) && !isFresh(rate)) return own;
  return { price: inCommon.price.times(rate.price), at, stale: !(isFresh(inCommon) && isFresh(rate)) };
}
