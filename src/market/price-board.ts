/**
 * The newest prices in memory: per asset the newest quote of each source and the index composed of them, per instrument
 * its mark. Reads are synchronous. Writes have two steps, so that the board never shows a price that is not stored:
 * `compose` makes a price batch of quotes, and `apply` puts it on the board after the database has it.
 */
import { compositeIndex } from '../margin/state/composite-index.js';
import type { Decimal } from '../margin/decimal.js';
import { SETTLEMENT_ASSET, SETTLEMENT_PRICE, type Market } from '../margin/model.js';
import { marketOf, snapshotOf, type BatchPrices, type PriceSnapshot } from './price-snapshot.js';
import { markKey } from './quote.js';
import type {
  IndexPrice,
  IndexQuote,
  MarkPrice,
  MarkQuote,
  NewerPrices,
  PriceChanges,
  PricedSymbols,
  StoredPrices,
} from './quote.js';
import { outranks } from './quote-order.js';
import { isAhead, isOld, isStale, whyStale, type StaleReason } from './staleness.js';

/** A price with its sources. */
export interface PriceDetail {
  readonly price: Decimal;
  readonly at: Date;
  readonly stale: boolean;
  /** Null: it is fresh. */
  readonly staleReason: StaleReason | null;
  readonly sources: readonly {
    readonly source: string;
    readonly price: Decimal;
    readonly at: Date;
    /** False: left out as an extreme or as stale. */
    readonly used: boolean;
  }[];
}

interface IndexEntry {
  /** By source. */
  readonly quotes: ReadonlyMap<string, IndexQuote>;
  /** Null: the asset never had an index. */
  readonly index: IndexPrice | null;
  readonly used: readonly string[];
  /** The same quotes give the same index until this instant. Later the index has to be composed again. */
  readonly until: number;
}

/** What quotes, or the passing of time, change. The database stores `stored` before the board takes the rest. */
export interface PriceBatch {
  /** One more than the board's newest batch. */
  readonly seq: bigint;
  /** When it was composed, in milliseconds since 1970. */
  readonly at: number;
  readonly stored: StoredPrices;
  readonly changes: PriceChanges;
  /** Prices that are stale now, and were fresh or missing before: "index/BTC", "mark/BITGET/BTCUSDT". */
  readonly becameStale: readonly { readonly symbol: string; readonly reason: StaleReason }[];
  /** Quotes that change nothing: newer ones were known (rules: 2). */
  readonly ignored: ReadonlySet<IndexQuote | MarkQuote>;
  readonly indexEntries: ReadonlyMap<string, IndexEntry>;
  readonly markEntries: ReadonlyMap<string, MarkPrice>;
}

/** Maps are replaced and never changed: a snapshot holds them. */
interface Entries {
  readonly indexes: ReadonlyMap<string, IndexEntry>;
  readonly marks: ReadonlyMap<string, MarkPrice>;
}

export class PriceBoard {
  private entries: Entries = { indexes: new Map(), marks: new Map() };
  private newest = { seq: 0n, at: -Infinity };
  /** @param maxAge milliseconds; a price of exactly this age is fresh */
  constructor(
    private readonly symbols: PricedSymbols,
    readonly maxAge: number,
  ) {}

  /** Number of the newest price batch on the board; 0 before the first. */
  get seq(): bigint {
    return this.newest.seq;
  }

  /** Instant of that batch, in milliseconds since 1970. */
  get batchAt(): number {
    return this.newest.at;
  }

  /** Forgets all prices: the database may have others. */
  clear(): void {
    this.entries = { indexes: new Map(), marks: new Map() };
    this.newest = { seq: 0n, at: -Infinity };
  }

  /** Takes batches that other processes have composed and stored. The prices are then exactly theirs. */
  catchUp(newer: NewerPrices): PriceChanges {
    const composed = new Map(newer.indexes.map((each) => [each.index.asset, each]));
    const quotes = new Map<string, Map<string, IndexQuote>>([...composed.keys()].map((asset) => [asset, new Map()]));
    for (const quote of newer.quotes) {
      quotes.set(quote.asset, (quotes.get(quote.asset) ?? new Map<string, IndexQuote>()).set(quote.source, quote));
    }
    const indexEntries = new Map<string, IndexEntry>();
    for (const [asset, bySource] of quotes) {
      const known = this.entries.indexes.get(asset);
      const all = new Map([...(known?.quotes ?? []), ...bySource]);
      const { index, composedAt } = composed.get(asset) ?? { index: known?.index ?? null, composedAt: null };
      // Without a composed index no batch says when the quotes were last composed: the next batch composes them again.
      if (index === null || index.stale || composedAt === null) {
        indexEntries.set(asset, { quotes: all, index, used: [], until: -Infinity });
      } else indexEntries.set(asset, { ...this.composeIndex(asset, all, index, composedAt), index });
    }
    const markEntries = new Map(newer.marks.map((mark) => [markKey(mark.venue, mark.instrument), mark]));
    const changes = this.changes(indexEntries, markEntries);
    this.put(indexEntries, markEntries, { seq: newer.seq, at: newer.at });
    return changes;
  }

  /**
   * What the quotes would change, and what has changed by the passing of time alone. The board is not changed yet. The
   * newest quote of a source, or of a mark, wins; the others are `ignored` (rules: 2). Quotes are in order of receipt.
   */
  compose(quotes: readonly IndexQuote[], marks: readonly MarkQuote[], at: number): PriceBatch {
    const { indexes: knownIndexes, marks: knownMarks } = this.entries;
    const ignored = new Set<IndexQuote | MarkQuote>();
    const taken = new Map<string, Map<string, IndexQuote>>();
    for (const quote of quotes) {
      const bySource = taken.get(quote.asset) ?? new Map<string, IndexQuote>();
      const known = bySource.get(quote.source) ?? knownIndexes.get(quote.asset)?.quotes.get(quote.source);
      if (outranks(quote, known, at)) taken.set(quote.asset, bySource.set(quote.source, quote));
      else ignored.add(quote);
    }
    const stored = { quotes: [...taken.values()].flatMap((bySource) => [...bySource.values()]) };
    for (const [asset, { until, index }] of knownIndexes) {
      const hasAged = at > until || (index !== null && !index.stale && isAhead(index.at, at));
      if (hasAged && !taken.has(asset)) taken.set(asset, new Map());
    }
    const indexEntries = new Map<string, IndexEntry>();
    for (const [asset, bySource] of taken) {
      const known = knownIndexes.get(asset);
      const all = new Map([...(known?.quotes ?? []), ...bySource]);
      indexEntries.set(asset, this.composeIndex(asset, all, known?.index ?? null, at));
    }
    const markEntries = new Map<string, MarkPrice>();
    for (const quote of marks) {
      const key = markKey(quote.venue, quote.instrument);
      const known = markEntries.get(key) ?? knownMarks.get(key);
      if (outranks(quote, known, at)) {
        markEntries.set(key, { ...quote, stale: isOld(quote.at, at, this.maxAge) });
      } else ignored.add(quote);
    }
    for (const [key, mark] of knownMarks) {
      if (!mark.stale && isOld(mark.at, at, this.maxAge) && !markEntries.has(key)) {
        markEntries.set(key, { ...mark, stale: true });
      }
    }
    const indexes = [...indexEntries].flatMap(([asset, { index }]) => {
      return index === null || index === knownIndexes.get(asset)?.index ? [] : [index];
    });
    return {
      seq: this.seq + 1n,
      at,
      stored: { ...stored, indexes, marks: [...markEntries.values()] },
      changes: this.changes(indexEntries, markEntries),
      becameStale: this.becameStale(indexEntries, markEntries, at),
      ignored,
      indexEntries,
      markEntries,
    };
  }

  apply(batch: PriceBatch): void {
    this.put(batch.indexEntries, batch.markEntries, batch);
  }

  /** The index of an asset, or of the asset that it is priced as. Null: it never had one. */
  indexDetail(asset: string, now: number): PriceDetail | null {
    const priced = this.symbols.assets.get(asset)?.pricedAs ?? asset;
    if (priced === SETTLEMENT_ASSET) {
      return { ...SETTLEMENT_PRICE, at: new Date(now), staleReason: null, sources: [] };
    }
    const entry = this.entries.indexes.get(priced);
    if (entry === undefined || entry.index === null) return null;
    const stale = isStale(entry.index, now, this.maxAge);
    const sources = [...entry.quotes.values()].sort((a, b) => (a.source < b.source ? -1 : 1));
    return {
      price: entry.index.price,
      at: new Date(entry.index.at),
      stale,
      staleReason: stale ? whyStale(sources, now, this.maxAge) : null,
      sources: sources.map(({ source, price, at }) => {
        const used = entry.used.includes(source) && !isOld(at, now, this.maxAge);
        return { source, price, at: new Date(at), used };
      }),
    };
  }

  /** Null: the instrument never had a mark. */
  markDetail(venue: string, instrument: string, now: number): PriceDetail | null {
    const mark = this.entries.marks.get(markKey(venue, instrument));
    if (mark === undefined) return null;
    const { source, price } = mark;
    const at = new Date(mark.at);
    const stale = isStale(mark, now, this.maxAge);
    const staleReason = stale ? whyStale([mark], now, this.maxAge) : null;
    return { price, at, stale, staleReason, sources: [{ source, price, at, used: !stale }] };
  }

  /** Prices as the margin rules see them, for accounts of one venue. They are stale or fresh as of `now`. */
  marketOf(venue: string, now: number): Market {
    return marketOf(pricesOf(this.entries), venue, now, this.maxAge);
  }

  /** The board as it is now. Later batches do not change the snapshot. Prices are stale or fresh as of `asOf`. */
  snapshot(asOf: Date): PriceSnapshot {
    return snapshotOf(pricesOf(this.entries), this.seq, asOf, this.maxAge);
  }

  private put(
    indexEntries: ReadonlyMap<string, IndexEntry>,
    markEntries: ReadonlyMap<string, MarkPrice>,
    { seq, at }: { readonly seq: bigint; readonly at: number },
  ): void {
    const { indexes, marks } = this.entries;
    this.entries = { indexes: new Map([...indexes, ...indexEntries]), marks: new Map([...marks, ...markEntries]) };
    this.newest = { seq, at };
  }

  private composeIndex(
    asset: string,
    quotes: ReadonlyMap<string, IndexQuote>,
    last: IndexPrice | null,
    now: number,
  ): IndexEntry {
    const all = [...quotes.values()];
    const fresh = all.filter(({ at }) => !isOld(at, now, this.maxAge));
    const until = Math.min(...fresh.map(({ at }) => at + this.maxAge));
    const composite = compositeIndex(fresh, now, this.maxAge);
    if (composite !== null) {
      // Of all fresh quotes, not of those that were used: this instant never goes back, whichever are dropped.
      const at = Math.max(...fresh.map((quote) => quote.at));
      return { quotes, index: { asset, price: composite.price, at, stale: false }, used: composite.used, until };
    }
    if (last !== null) return { quotes, index: last.stale ? last : { ...last, stale: true }, used: [], until };
    // An asset whose first quote is old already takes it, stale at once: a last price that is listed as stale says more
    // than none. Sources that disagree are no last price, however old they are.
    const old = fresh.length === 0 ? compositeIndex(all, now, Infinity) : null;
    if (old === null) return { quotes, index: null, used: [], until };
    const at = Math.max(...all.map((quote) => quote.at));
    return { quotes, index: { asset, price: old.price, at, stale: true }, used: [], until };
  }

  private becameStale(
    indexEntries: ReadonlyMap<string, IndexEntry>,
    markEntries: ReadonlyMap<string, MarkPrice>,
    at: number,
  ): PriceBatch['becameStale'] {
    const { indexes, marks } = this.entries;
    const indexSymbols = [...indexEntries]
      .filter(([asset, { index }]) => index?.stale === true && indexes.get(asset)?.index?.stale !== true)
      .map(([asset, { quotes }]) => ({ symbol: `index/${asset}`, quotes: [...quotes.values()] }));
    const markSymbols = [...markEntries]
      .filter(([key, mark]) => mark.stale && marks.get(key)?.stale !== true)
      .map(([, mark]) => ({ symbol: `mark/${mark.venue}/${mark.instrument}`, quotes: [mark] }));
    return [...indexSymbols, ...markSymbols].map(({ symbol, quotes }) => ({
      symbol,
      reason: whyStale(quotes, at, this.maxAge),
    }));
  }

  private changes(
    indexEntries: ReadonlyMap<string, IndexEntry>,
    markEntries: ReadonlyMap<string, MarkPrice>,
  ): PriceChanges {
    const { indexes, marks: knownMarks } = this.entries;
    const isChanged = (before: IndexPrice | MarkPrice | null, now: IndexPrice | MarkPrice): boolean =>
      before === null || !before.price.eq(now.price) || before.stale !== now.stale;
    const changed = [...indexEntries].flatMap(([asset, { index }]) => {
      return index !== null && isChanged(indexes.get(asset)?.index ?? null, index) ? [asset] : [];
    });
    const assets = new Set(changed);
    // Read each time: assets come with new reference data.
    for (const [symbol, { pricedAs }] of changed.length === 0 ? [] : this.symbols.assets) {
      if (pricedAs !== null && assets.has(pricedAs)) assets.add(symbol);
    }
    const marks = [...markEntries].filter(([key, mark]) => isChanged(knownMarks.get(key) ?? null, mark));
    return {
      assets: [...assets],
      marks: marks.map(([, { venue, instrument }]) => ({ venue, instrument })),
    };
  }
}

function pricesOf({ indexes, marks }: Entries): BatchPrices {
  return {
    index: (asset) => indexes.get(asset)?.index ?? null,
    mark: (venue, instrument) => marks.get(markKey(venue, instrument)) ?? null,
  };
}
