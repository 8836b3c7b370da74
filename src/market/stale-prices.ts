/** The prices that are stale now, of all that there are. */
import type { PriceBoard } from './price-board.js';
import type { PricedSymbols } from './quote.js';
import type { StaleReason } from './staleness.js';

export interface StalePrice {
  /** "index/BTC", "mark/BITGET/BTCUSDT". */
  readonly symbol: string;
  readonly reason: StaleReason;
}

export function stalePrices(board: PriceBoard, { assets, instruments }: PricedSymbols, now: number): StalePrice[] {
  const indexes = [...assets]
    .filter(([, { pricedAs }]) => pricedAs === null)
    .map(([asset]) => [`index/${asset}`, board.indexDetail(asset, now)] as const);
  const marks = [...instruments].flatMap(([venue, own]) =>
    [...own.keys()].map((symbol) => [`mark/${venue}/${symbol}`, board.markDetail(venue, symbol, now)] as const),
  );
  return [...indexes, ...marks].flatMap(([symbol, detail]) =>
    detail?.staleReason == null ? [] : [{ symbol, reason: detail.staleReason }],
  );
}
