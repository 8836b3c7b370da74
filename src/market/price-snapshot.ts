/** Prices that no longer change: of the board at one instant, or of the past. */
import type { Decimal } from '../margin/decimal.js';
import type { Market, PriceState } from '../margin/model.js';
import { isStale } from './staleness.js';

/** All prices after one price batch, as of an instant. Later batches do not change it. */
export interface PriceSnapshot {
  /** Number of the newest price batch that it contains. */
  readonly seq: bigint;
  /** The instant as of which prices are stale. Later batches are of later instants, unless the clock is set back. */
  readonly asOf: Date;
  /** For accounts of one venue. */
  marketOf(venue: string): Market;
}

/** A price as its batch has left it. */
export interface BatchPrice {
  readonly price: Decimal;
  /** Instant of its newest quote, in milliseconds since 1970. */
  readonly at: number;
  /** Whether it was stale when it was composed. A price that was fresh then grows stale by its age. */
  readonly stale: boolean;
}

/** Null: there never was a price. */
export interface BatchPrices {
  index(asset: string): BatchPrice | null;
  mark(venue: string, instrument: string): BatchPrice | null;
}

/**
 * Prices as the margin rules see them, for accounts of one venue. They are stale or fresh as of `now`. Each price is
 * looked up once, however many accounts need it.
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
export function snapshotOf(prices: BatchPrices, seq: bigint, asOf: Date, maxAge: number): PriceSnapshot {
  return { seq, asOf, marketOf: (venue) => marketOf(prices, venue, asOf.getTime(), maxAge) };
}
