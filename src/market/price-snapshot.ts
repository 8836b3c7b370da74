/** Prices that no longer change: of the board at one instant, or of the past. */
import { COMMON_UNIT, type Market, type PriceState } from '../margin/model.js';
import { indexInUnit } from './index-in-unit.js';
import type { BatchPrice, BatchPrices, PricedSymbols } from './quote.js';
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

/** Whose accounts are valued, and in what. */
export interface VenueOfPrices {
  readonly venue: string;
  readonly unit: string;
}

/** The unit of a venue; nobody holds anything at an unknown one. */
export function unitOf(venue: string, venues: PricedSymbols['venues']): string {
  return venues.get(venue)?.unit ?? COMMON_UNIT;
}

/**
 * Prices as the margin rules see them, for accounts of one venue, in its unit. They are stale or fresh as of `now`. Each
 * price is looked up once, however many accounts need it.
 *
 * @param prices must not change any more
 */
export function marketOf(prices: BatchPrices, { venue, unit }: VenueOfPrices, now: number, maxAge: number): Market {
  const state = (known: BatchPrice | null): PriceState | null =>
    known === null ? null : { price: known.price, stale: isStale(known, now, maxAge) };
  return {
    index: remembered((asset) => state(indexInUnit(asset, unit, prices, now, maxAge))),
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

/**
 * @param prices must not change any more
 * @param venues with the unit of each
 */
export function snapshotOf(
  prices: BatchPrices,
  venues: PricedSymbols['venues'],
  seq: bigint,
  asOf: Date,
  maxAge: number,
): PriceSnapshot {
  const place = (venue: string): VenueOfPrices => ({ venue, unit: unitOf(venue, venues) });
  return { seq, asOf, marketOf: (venue) => marketOf(prices, place(venue), asOf.getTime(), maxAge) };
}
