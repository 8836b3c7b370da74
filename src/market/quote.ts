import type { Decimal } from '../margin/decimal.js';
import { COMMON_UNIT } from '../margin/model.js';

/** When a quote held (rules: 2). */
interface Quoted {
  /** Milliseconds since 1970: as its source says, but not after it was received. Its age and its place are by this. */
  readonly at: number;
  /** Its source dated it after it was received: whatever is received after it outranks it. */
  readonly datedAhead: boolean;
}

/** The price of an asset by one source. */
export interface IndexQuote extends Quoted {
  readonly asset: string;
  /** The asset that the price is in. */
  readonly unit: string;
  readonly source: string;
  /** In the unit, greater than 0. */
  readonly price: Decimal;
}

/** The price of an instrument by its venue. There is one at a time, whatever its source. */
export interface MarkQuote extends Quoted {
  readonly venue: string;
  readonly instrument: string;
  readonly source: string;
  /** In the instrument's quote asset, greater than 0. */
  readonly price: Decimal;
}

/** An index composed of quotes. */
export interface IndexPrice {
  readonly asset: string;
  readonly unit: string;
  /** In the unit, greater than 0, 18 digits. */
  readonly price: Decimal;
  /** Instant of its newest fresh quote, in milliseconds since 1970. */
  readonly at: number;
  /** Whether it was stale when it was composed. A price that was fresh then grows stale by its age. */
  readonly stale: boolean;
}

export interface MarkPrice extends MarkQuote {
  /** Whether it was stale in its batch. */
  readonly stale: boolean;
}

/** Everything that can have a price. */
export interface PricedSymbols {
  readonly assets: ReadonlyMap<string, { readonly pricedAs: string | null }>;
  readonly venues: ReadonlyMap<string, { readonly unit: string }>;
  /** By venue, then symbol. */
  readonly instruments: ReadonlyMap<string, ReadonlyMap<string, unknown>>;
}

/** What a price batch writes. */
export interface StoredPrices {
  readonly quotes: readonly IndexQuote[];
  readonly indexes: readonly IndexPrice[];
  readonly marks: readonly MarkPrice[];
}

/** What batches have written that a board does not have yet. */
export interface NewerPrices {
  /** Number of the newest batch; 0: there is none. */
  readonly seq: bigint;
  /** Instant of the newest batch, in milliseconds since 1970. */
  readonly at: number;
  readonly quotes: readonly IndexQuote[];
  /** Each with the instant of its batch, as of which it was composed. */
  readonly indexes: readonly { readonly index: IndexPrice; readonly composedAt: number }[];
  readonly marks: readonly MarkPrice[];
}

/** Prices that have changed, or become stale or fresh. Includes assets that take the price of another one. */
export interface PriceChanges {
  readonly assets: readonly string[];
  readonly marks: readonly { readonly venue: string; readonly instrument: string }[];
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
  /** Composed of quotes in this unit. */
  index(asset: string, unit: string): BatchPrice | null;
  mark(venue: string, instrument: string): BatchPrice | null;
}

/** "BTC"; "BTC/USDC" where the price is not in the common unit. Symbols of assets hold no slash. */
export function indexKey(asset: string, unit: string): string {
  return unit === COMMON_UNIT ? asset : `${asset}/${unit}`;
}

/** The units that prices may be in: the common one, and those of the venues. */
export function unitsOf(venues: PricedSymbols['venues']): ReadonlySet<string> {
  return new Set([COMMON_UNIT, ...[...venues.values()].map(({ unit }) => unit)]);
}

/** Codes hold no NUL: no two pairs share a key. */
export function markKey(venue: string, instrument: string): string {
  return `${venue}\0${instrument}`;
}
