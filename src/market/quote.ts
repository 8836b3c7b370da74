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
  /** As it was composed; a price that was fresh then also ages by itself. */
  readonly stale: boolean;
}

export interface MarkPrice extends MarkQuote {
  /** As it was in its round. */
  readonly stale: boolean;
}

/** What can have a price. */
export interface PricedSymbols {
  readonly assets: ReadonlyMap<string, { readonly pricedAs: string | null }>;
  readonly venues: ReadonlyMap<string, unknown>;
  /** By venue, then symbol. */
  readonly instruments: ReadonlyMap<string, ReadonlyMap<string, unknown>>;
}

/** What a round writes. */
export interface StoredPrices {
  readonly quotes: readonly IndexQuote[];
  readonly indexes: readonly IndexPrice[];
  readonly marks: readonly MarkPrice[];
}

/** What rounds have written that a board does not know yet, with the newest round. */
export interface NewerPrices {
  /** 0: there is none. */
  readonly round: bigint;
  /** Of the newest round, in milliseconds since 1970. */
  readonly at: number;
  readonly quotes: readonly IndexQuote[];
  /** Each with the instant of its round, as of which it was composed. */
  readonly indexes: readonly { readonly index: IndexPrice; readonly composedAt: number }[];
  readonly marks: readonly MarkPrice[];
}

/** What has another price now, or has become stale or fresh; assets that take a changed price are listed too. */
export interface PriceChanges {
  readonly assets: readonly string[];
  readonly marks: readonly { readonly venue: string; readonly instrument: string }[];
}
