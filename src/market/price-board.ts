/**
 * The newest prices in memory: per asset and unit the newest quote of each source and the index composed of them, per
 * instrument its mark. Reads are synchronous. Writes have two steps, so that the board never shows a price that is not stored:
 * `compose` makes a price batch of quotes, and `apply` puts it on the board after the database has it.
 */
import { compositeIndex } from '../margin/state/composite-index.js';
import type { Decimal } from '../margin/decimal.js';
import { COMMON_UNIT, UNIT_PRICE, type Market } from '../margin/model.js';
import { becameStale, changesBetween, type Entries, type IndexEntry } from './board-entries.js';
import { indexInUnit } from './index-in-unit.js';
import { marketOf, snapshotOf, unitOf, type PriceSnapshot } from './price-snapshot.js';
import { indexKey, markKey } from './quote.js';
import type {
  BatchPrices,
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
    const composed = new Map(newer.indexes.map((each) => [keyOf(each.index), each]));
    const quotes = new Map<string, Map<string, IndexQuote>>([...composed.keys()].map((key) => [key, new Map()]));
    for (const quote of newer.quotes) {
      const key = keyOf(quote);
      quotes.set(key, (quotes.get(key) ?? new Map<string, IndexQuote>()).set(quote.source, quote));
    }
    const indexEntries = new Map<string, IndexEntry>();
    for (const [key, bySource] of quotes) {
      const known = this.entries.indexes.get(key);
      const all = new Map([...(known?.quotes ?? []), ...bySource]);
      const { index, composedAt } = composed.get(key) ?? { index: known?.index ?? null, composedAt: null };
      // Without a composed index no batch says when the quotes were last composed: the next batch composes them again.
      if (index === null || index.stale || composedAt === null) {
        indexEntries.set(key, { quotes: all, index, used: [], until: -Infinity });
      } else indexEntries.set(key, { ...this.composeIndex(all, index, composedAt), index });
    }
    const markEntries = new Map(newer.marks.map((mark) => [markKey(mark.venue, mark.instrument), mark]));
    const changes = changesBetween(this.entries, { indexes: indexEntries, marks: markEntries }, this.symbols);
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
      const key = keyOf(quote);
      const bySource = taken.get(key) ?? new Map<string, IndexQuote>();
      const known = bySource.get(quote.source) ?? knownIndexes.get(key)?.quotes.get(quote.source);
      if (outranks(quote, known, at)) taken.set(key, bySource.set(quote.source, quote));
      else ignored.add(quote);
    }
    const stored = { quotes: [...taken.values()].flatMap((bySource) => [...bySource.values()]) };
    for (const [key, { until, index }] of knownIndexes) {
      const hasAged = at > until || (index !== null && !index.stale && isAhead(index.at, at));
      if (hasAged && !taken.has(key)) taken.set(key, new Map());
    }
    const indexEntries = new Map<string, IndexEntry>();
    for (const [key, bySource] of taken) {
      const known = knownIndexes.get(key);
      const all = new Map([...(known?.quotes ?? []), ...bySource]);
      indexEntries.set(key, this.composeIndex(all, known?.index ?? null, at));
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
    const indexes = [...indexEntries].flatMap(([key, { index }]) => {
      return index === null || index === knownIndexes.get(key)?.index ? [] : [index];
    });
    return {
      seq: this.seq + 1n,
      at,
      stored: { ...stored, indexes, marks: [...markEntries.values()] },
      changes: changesBetween(this.entries, { indexes: indexEntries, marks: markEntries }, this.symbols),
      becameStale: becameStale(this.entries, { indexes: indexEntries, marks: markEntries }, at, this.maxAge),
      ignored,
      indexEntries,
      markEntries,
    };
  }

  apply(batch: PriceBatch): void {
    this.put(batch.indexEntries, batch.markEntries, batch);
  }

  /**
   * The index of an asset in a unit, or of the asset that it is priced as. Null: it never had one. Its sources are those
   * in the unit; a product with the common unit shows none.
   */
  indexDetail(asset: string, now: number, unit: string = COMMON_UNIT): PriceDetail | null {
    const priced = this.symbols.assets.get(asset)?.pricedAs ?? asset;
    if (priced === unit) return { ...UNIT_PRICE, at: new Date(now), staleReason: null, sources: [] };
    const index = indexInUnit(priced, unit, pricesOf(this.entries), now, this.maxAge);
    if (index === null) return null;
    const entry = this.entries.indexes.get(indexKey(priced, unit));
    const stale = isStale(index, now, this.maxAge);
    if (entry === undefined || index !== entry.index) {
      const factors = [indexKey(priced, COMMON_UNIT), indexKey(COMMON_UNIT, unit)];
      const staleReason = stale ? this.whyStaleFactor(factors, now) : null;
      return { price: index.price, at: new Date(index.at), stale, staleReason, sources: [] };
    }
    const sources = [...entry.quotes.values()].sort((a, b) => (a.source < b.source ? -1 : 1));
    return {
      price: index.price,
      at: new Date(index.at),
      stale,
      staleReason: stale ? whyStale(sources, now, this.maxAge) : null,
      sources: sources.map(({ source, price, at }) => {
        const used = entry.used.includes(source) && !isOld(at, now, this.maxAge);
        return { source, price, at: new Date(at), used };
      }),
    };
  }

  /** Why the first stale one of these indexes is stale, at least one of which is. */
  private whyStaleFactor(keys: readonly string[], now: number): StaleReason {
    const entries = keys.flatMap((key) => this.entries.indexes.get(key) ?? []);
    const stale = entries.find(({ index }) => index !== null && isStale(index, now, this.maxAge));
    return whyStale([...(stale?.quotes.values() ?? [])], now, this.maxAge);
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
    return marketOf(pricesOf(this.entries), { venue, unit: unitOf(venue, this.symbols.venues) }, now, this.maxAge);
  }

  /** The board as it is now. Later batches do not change the snapshot. Prices are stale or fresh as of `asOf`. */
  snapshot(asOf: Date): PriceSnapshot {
    return snapshotOf(pricesOf(this.entries), this.symbols.venues, this.seq, asOf, this.maxAge);
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

  /** @param quotes at least one, all of one asset in one unit */
  private composeIndex(quotes: ReadonlyMap<string, IndexQuote>, last: IndexPrice | null, now: number): IndexEntry {
    const all = [...quotes.values()];
    const fresh = all.filter(({ at }) => !isOld(at, now, this.maxAge));
    const until = Math.min(...fresh.map(({ at }) => at + this.maxAge));
    const composite = compositeIndex(fresh, now, this.maxAge);
    const [{ asset, unit }] = all as [IndexQuote, ...IndexQuote[]];
    if (composite !== null) {
      // Of all fresh quotes, not of those that were used: this instant never goes back, whichever are dropped.
      const at = Math.max(...fresh.map((quote) => quote.at));
      return { quotes, index: { asset, unit, price: composite.price, at, stale: false }, used: composite.used, until };
    }
    if (last !== null) return { quotes, index: last.stale ? last : { ...last, stale: true }, used: [], until };
    // An asset whose first quote is old already takes it, stale at once: a last price that is listed as stale says more
    // than none. Sources that disagree are no last price, however old they are.
    const old = fresh.length === 0 ? compositeIndex(all, now, Infinity) : null;
    if (old === null) return { quotes, index: null, used: [], until };
    const at = Math.max(...all.map((quote) => quote.at));
    return { quotes, index: { asset, unit, price: old.price, at, stale: true }, used: [], until };
  }
}

function keyOf({ asset, unit }: { readonly asset: string; readonly unit: string }): string {
  return indexKey(asset, unit);
}

function pricesOf({ indexes, marks }: Entries): BatchPrices {
  return {
    index: (asset, unit) => indexes.get(indexKey(asset, unit))?.index ?? null,
    mark: (venue, instrument) => marks.get(markKey(venue, instrument)) ?? null,
  };
}
