/** Prices that no longer change: those of the board at one instant, or those of the past. */
import type { Decimal } from '../margin/decimal.js';
import type { Market, PriceState } from '../margin/model.js';
import { isStale } from './staleness.js';

/** All prices of one round, as of an instant; what comes later does not change it. */
export interface PriceSnapshot {
  /** The newest round that it contains. */
  readonly round: bigint;
  /** As of when it is said what is stale. Unless the clock is set back, no later round is of this instant or before it. */
  readonly asOf: Date;
  /** For accounts of one venue. */
  marketOf(venue: string): Market;
}

/** A price as its round has left it. */
export interface BatchPrice {
  readonly price: Decimal;
  /** Of the newest quote that it was made of, in milliseconds since 1970. */
  readonly at: number;
  /** It was stale when it was composed; a price that was fresh then also ages by itself. */
  readonly stale: boolean;
}

/** Null where there never was one. */
export interface BatchPrices {
  index(asset: string): BatchPrice | null;
  mark(venue: string, instrument: string): BatchPrice | null;
}

/**
 * Prices as the rules see them, for accounts of one venue; what is stale is said as of `now`. Each price is looked up
 * once, however many accounts take it.
 *
 * @param prices must not change any more
 */
export function marketOf(prices: BatchPrices, venue: string, now: number, maxAge: number): Market {
  const state = (known: BatchPrice | null): PriceState | null =>
    known === null ? null : { price: known.price, stale: isStale(known, now, maxAge) };
  return {
    index: remembered((asset) => state(prices.index(asset))),
    mark: remembered((instrument) => state(prices.mark(venue, instrument))),
  };
}

function remembered(look: (symbol: string) => PriceState | null): (symbol: string) => PriceState | null {
  const known = new Map<string, PriceState | null>();
  return (symbol) => {
    let state = known.get(symbol);
    if (state === undefined) known.set(symbol, (state = look(symbol)));
    return state;
  };
}

/** @param prices must not change any more */
export function snapshotOf(prices: BatchPrices, round: bigint, asOf: Date, maxAge: number): PriceSnapshot {
  return { round, asOf, marketOf: (venue) => marketOf(prices, venue, asOf.getTime(), maxAge) };
}
