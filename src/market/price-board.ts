/**
 * The newest prices in memory: of every asset the newest quote of each source and the index composed of them, of every
 * instrument its mark. Reads are synchronous. Writes have two steps, so that what is stored and what is on the board
 * are the same: `compose` says what a round of quotes would change, `apply` puts it on the board.
 */
import { compositeIndex } from '../margin/composite-index.js';
import { ONE, type Decimal } from '../margin/decimal.js';
import { SETTLEMENT_ASSET, type Market, type PriceState } from '../margin/model.js';
import type { IndexPrice, IndexQuote, MarkQuote, PriceChanges, PricedSymbols, StoredPrices } from './quote.js';

/** A price with where it comes from. */
export interface PriceDetail {
  readonly price: Decimal;
  readonly at: Date;
  readonly stale: boolean;
  readonly sources: readonly {
    readonly source: string;
    readonly price: Decimal;
    readonly at: Date;
    /** False: dropped as an extreme or as stale. */
    readonly used: boolean;
  }[];
}

interface IndexEntry {
  /** By source. */
  readonly quotes: ReadonlyMap<string, IndexQuote>;
  /** Null: there never was one. */
  readonly index: IndexPrice | null;
  readonly used: readonly string[];
  /** As it was composed; a price that was fresh then also ages by itself. */
  readonly stale: boolean;
  /** Until this instant the same quotes give the same index. */
  readonly until: number;
}

interface MarkEntry {
  readonly quote: MarkQuote;
  /** As it was when it was last looked at. */
  readonly stale: boolean;
}

/** What a set of quotes, or the passing of time, changes. Its `stored` part goes to the database before the board. */
export interface Round {
  readonly stored: StoredPrices;
  readonly changes: PriceChanges;
  readonly indexEntries: ReadonlyMap<string, IndexEntry>;
  readonly markEntries: ReadonlyMap<string, MarkEntry>;
}

export class PriceBoard {
  private readonly indexes = new Map<string, IndexEntry>();
  private readonly marks = new Map<string, MarkEntry>();
  /** By the asset whose price they take. */
  private readonly followers = new Map<string, string[]>();

  /** @param maxAge milliseconds; a price of exactly this age is fresh */
  constructor(
    private readonly symbols: PricedSymbols,
    private readonly maxAge: number,
  ) {
    for (const [symbol, { pricedAs }] of symbols.assets) {
      if (pricedAs !== null) this.followers.set(pricedAs, [...(this.followers.get(pricedAs) ?? []), symbol]);
    }
  }

  /** Puts on the board what was stored, as it stands at `now`. */
  load(prices: StoredPrices, now: number): void {
    const last = new Map(prices.indexes.map((index) => [index.asset, index]));
    const quotes = new Map<string, Map<string, IndexQuote>>(prices.indexes.map(({ asset }) => [asset, new Map()]));
    for (const quote of prices.quotes) {
      quotes.set(quote.asset, (quotes.get(quote.asset) ?? new Map<string, IndexQuote>()).set(quote.source, quote));
    }
    for (const [asset, bySource] of quotes) {
      this.indexes.set(asset, this.composeIndex(asset, bySource, last.get(asset) ?? null, now));
    }
    for (const quote of prices.marks) {
      this.marks.set(markKey(quote.venue, quote.instrument), { quote, stale: this.isOld(quote.at, now) });
    }
  }

  /**
   * What a round would change, and what would have changed by the passing of time alone. Of a source, and of a mark, the
   * newest quote wins; of two of one instant, the later in the list. Nothing is changed yet.
   */
  compose(quotes: readonly IndexQuote[], marks: readonly MarkQuote[], now: number): Round {
    const taken = new Map<string, Map<string, IndexQuote>>();
    for (const quote of quotes) {
      const bySource = taken.get(quote.asset) ?? new Map<string, IndexQuote>();
      const known = bySource.get(quote.source) ?? this.indexes.get(quote.asset)?.quotes.get(quote.source);
      if (known === undefined || quote.at >= known.at) taken.set(quote.asset, bySource.set(quote.source, quote));
    }
    const indexEntries = new Map<string, IndexEntry>();
    for (const [asset, { until }] of this.indexes) {
      if (now > until && !taken.has(asset)) taken.set(asset, new Map());
    }
    for (const [asset, bySource] of taken) {
      const known = this.indexes.get(asset);
      const all = new Map([...(known?.quotes ?? []), ...bySource]);
      indexEntries.set(asset, this.composeIndex(asset, all, known?.index ?? null, now));
    }
    const markEntries = new Map<string, MarkEntry>();
    for (const quote of marks) {
      const key = markKey(quote.venue, quote.instrument);
      const known = (markEntries.get(key) ?? this.marks.get(key))?.quote;
      if (known === undefined || quote.at >= known.at)
        markEntries.set(key, { quote, stale: this.isOld(quote.at, now) });
    }
    const stored = {
      quotes: [...taken.values()].flatMap((bySource) => [...bySource.values()]),
      indexes: [...indexEntries].flatMap(([asset, { index }]) => {
        return index === null || index === this.indexes.get(asset)?.index ? [] : [index];
      }),
      marks: [...markEntries.values()].map(({ quote }) => quote),
    };
    for (const [key, { quote, stale }] of this.marks) {
      if (!stale && this.isOld(quote.at, now) && !markEntries.has(key)) markEntries.set(key, { quote, stale: true });
    }
    return { stored, changes: this.changes(indexEntries, markEntries), indexEntries, markEntries };
  }

  apply(round: Round): void {
    for (const [asset, entry] of round.indexEntries) this.indexes.set(asset, entry);
    for (const [key, entry] of round.markEntries) this.marks.set(key, entry);
  }

  /** The index of an asset, or of the one that it is priced as; null when there never was one. */
  indexDetail(asset: string, now: number): PriceDetail | null {
    const priced = this.symbols.assets.get(asset)?.pricedAs ?? asset;
    if (priced === SETTLEMENT_ASSET) return { price: ONE, at: new Date(now), stale: false, sources: [] };
    const entry = this.indexes.get(priced);
    if (entry === undefined || entry.index === null) return null;
    const sources = [...entry.quotes.values()].sort((a, b) => (a.source < b.source ? -1 : 1));
    return {
      price: entry.index.price,
      at: new Date(entry.index.at),
      stale: this.isStale(entry, entry.index, now),
      sources: sources.map(({ source, price, at }) => {
        const used = entry.used.includes(source) && !this.isOld(at, now);
        return { source, price, at: new Date(at), used };
      }),
    };
  }

  /** Null when the instrument never had a mark. */
  markDetail(venue: string, instrument: string, now: number): PriceDetail | null {
    const quote = this.marks.get(markKey(venue, instrument))?.quote;
    if (quote === undefined) return null;
    const { source, price } = quote;
    const at = new Date(quote.at);
    const stale = this.isOld(quote.at, now);
    return { price, at, stale, sources: [{ source, price, at, used: !stale }] };
  }

  /** Prices as the rules see them, for accounts of one venue; what is stale is said as of `now`. */
  marketOf(venue: string, now: number): Market {
    return {
      index: (asset): PriceState | null => {
        const entry = this.indexes.get(asset);
        if (entry === undefined || entry.index === null) return null;
        return { price: entry.index.price, stale: this.isStale(entry, entry.index, now) };
      },
      mark: (instrument): PriceState | null => {
        const quote = this.marks.get(markKey(venue, instrument))?.quote;
        return quote === undefined ? null : { price: quote.price, stale: this.isOld(quote.at, now) };
      },
    };
  }

  private composeIndex(
    asset: string,
    quotes: ReadonlyMap<string, IndexQuote>,
    last: IndexPrice | null,
    now: number,
  ): IndexEntry {
    const all = [...quotes.values()];
    const fresh = all.filter(({ at }) => !this.isOld(at, now));
    const until = Math.min(...fresh.map(({ at }) => at + this.maxAge));
    const composite = compositeIndex(all, now, this.maxAge);
    if (composite !== null) {
      // Of all fresh quotes, not of those that were used: this instant never goes back, whichever are dropped.
      const at = Math.max(...fresh.map((quote) => quote.at));
      return { quotes, index: { asset, price: composite.price, at }, used: composite.used, stale: false, until };
    }
    if (last !== null) return { quotes, index: last, used: [], stale: true, until };
    // An asset whose first quote is old already takes it, stale at once: a last price that is listed as stale says more
    // than none. Sources that disagree are no last price, however old they are.
    const old = fresh.length === 0 ? compositeIndex(all, now, Infinity) : null;
    const index = old === null ? null : { asset, price: old.price, at: Math.max(...all.map((quote) => quote.at)) };
    return { quotes, index, used: [], stale: true, until };
  }

  private changes(
    indexEntries: ReadonlyMap<string, IndexEntry>,
    markEntries: ReadonlyMap<string, MarkEntry>,
  ): PriceChanges {
    const assets = [...indexEntries].filter(([asset, { index, stale }]) => {
      const before = this.indexes.get(asset);
      if (index === null) return false;
      return (
        before === undefined || before.index === null || !before.index.price.eq(index.price) || before.stale !== stale
      );
    });
    const marks = [...markEntries].filter(([key, { quote, stale }]) => {
      const before = this.marks.get(key);
      return before === undefined || !before.quote.price.eq(quote.price) || before.stale !== stale;
    });
    return {
      assets: [...new Set(assets.flatMap(([asset]) => [asset, ...(this.followers.get(asset) ?? [])]))],
      marks: marks.map(([, { quote }]) => ({ venue: quote.venue, instrument: quote.instrument })),
    };
  }

  private isStale(entry: IndexEntry, index: IndexPrice, now: number): boolean {
    return entry.stale || this.isOld(index.at, now);
  }

  private isOld(at: number, now: number): boolean {
    return now - at > this.maxAge;
  }
}

/** Codes hold no NUL, so that no two pairs share a key. */
function markKey(venue: string, instrument: string): string {
  return `${venue}\0${instrument}`;
}
