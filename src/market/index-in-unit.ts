/** The index of an asset in the unit of a venue (rules: 16). */
import type { BatchPrice, BatchPrices } from './quote.js';
import { COMMON_UNIT } from '../margin/model.js';
import { isStale } from './staleness.js';

/**
 * The composite in the unit while that is fresh; else the product of the composite in the common unit and that of the
 * common unit in the unit, exact, while both are fresh (rules: 16). While neither is fresh, the one with the newer
 * instant stands, stale: a product goes on moving with its fresh factor, so that a feed of the unit that has ended stops
 * no liquidation. Null where there never was either.
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
  const own = prices.index(asset, unit);
  if (unit === COMMON_UNIT || (own !== null && !isStale(own, now, maxAge))) return own;
  const product = productOf(asset, unit, prices, now, maxAge);
  if (own === null || product === null) return own ?? product;
  return product.stale && own.at >= product.at ? own : product;
}

function productOf(
  asset: string,
  unit: string,
  prices: Pick<BatchPrices, 'index'>,
  now: number,
  maxAge: number,
): BatchPrice | null {
  const rate = prices.index(COMMON_UNIT, unit);
  if (rate === null || asset === COMMON_UNIT) return null;
  const inCommon = prices.index(asset, COMMON_UNIT);
  if (inCommon === null) return null;
  return {
    price: inCommon.price.times(rate.price),
    at: Math.min(inCommon.at, rate.at),
    stale: isStale(inCommon, now, maxAge) || isStale(rate, now, maxAge),
  };
}
