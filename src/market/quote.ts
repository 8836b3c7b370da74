import type { Decimal } from '../margin/decimal.js';

/** What one source says an asset is worth. */
export interface IndexQuote {
  readonly asset: string;
  readonly source: string;
  /** In USDT, greater than 0. */
  readonly price: Decimal;
  /** Milliseconds since 1970, as the source says. */
  readonly at: number;
}

/** What a venue says an instrument is worth; there is one at a time, whatever its source. */
export interface MarkQuote {
  readonly venue: string;
  readonly instrument: string;
  readonly source: string;
  /** In USDT, greater than 0. */
  readonly price: Decimal;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** An index composed of quotes. */
export interface IndexPrice {
  readonly asset: string;
  /** In USDT, greater than 0, 18 digits. */
  readonly price: Decimal;
  /** Of the newest quote that was fresh when it was composed, in milliseconds since 1970. */
  readonly at: number;
}

/** What can have a price. */
export interface PricedSymbols {
  readonly assets: ReadonlyMap<string, { readonly pricedAs: string | null }>;
  readonly venues: ReadonlyMap<string, unknown>;
  /** By venue, then symbol. */
  readonly instruments: ReadonlyMap<string, ReadonlyMap<string, unknown>>;
}

/** Everything that the board knows, as it is stored. */
export interface StoredPrices {
  readonly quotes: readonly IndexQuote[];
  readonly indexes: readonly IndexPrice[];
  readonly marks: readonly MarkQuote[];
}

/** What has another price now, or has become stale or fresh; assets that take a changed price are listed too. */
export interface PriceChanges {
  readonly assets: readonly string[];
  readonly marks: readonly { readonly venue: string; readonly instrument: string }[];
}
