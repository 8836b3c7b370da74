/** The prices that are stale now, of all that there are. */
import type { PriceBoard } from './price-board.js';
import { indexKey, unitsOf, type PricedSymbols } from './quote.js';
import type { StaleReason } from './staleness.js';

export interface StalePrice {
  /** "index/BTC", "index/BTC/USDC", "mark/BITGET/BTCUSDT". */
  readonly symbol: string;
  readonly reason: StaleReason;
}

/** Indexes are those in the common unit, and in the unit of each venue. */
export function stalePrices(
  board: PriceBoard,
  { assets, venues, instruments }: PricedSymbols,
  now: number,
): StalePrice[] {
  const priced = [...assets].filter(([, { pricedAs }]) => pricedAs === null).map(([asset]) => asset);
  const indexes = [...unitsOf(venues)].flatMap((unit) =>
    priced.map((asset) => [`index/${indexKey(asset, unit)}`, board.indexDetail(asset, now, unit)] as const),
  );
  const marks = [...instruments].flatMap(([venue, own]) =>
    [...own.keys()].map((symbol) => [`mark/${venue}/${symbol}`, board.markDetail(venue, symbol, now)] as const),
  );
  return [...indexes, ...marks].flatMap(([symbol, detail]) =>
    detail?.staleReason == null ? [] : [{ symbol, reason: detail.staleReason }],
  );
}
