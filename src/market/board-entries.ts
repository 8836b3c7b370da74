/** What a price board holds, and what the entries of a batch change in it. */
import type { IndexPrice, IndexQuote, MarkPrice, PriceChanges, PricedSymbols } from './quote.js';
import { whyStale, type StaleReason } from './staleness.js';

export interface IndexEntry {
  /** By source. */
  readonly quotes: ReadonlyMap<string, IndexQuote>;
  /** Null: the asset never had an index. */
  readonly index: IndexPrice | null;
  readonly used: readonly string[];
  /** The same quotes give the same index until this instant. Later the index has to be composed again. */
  readonly until: number;
}

/** Maps are replaced and never changed: a snapshot holds them. */
export interface Entries {
  /** By `indexKey`. */
  readonly indexes: ReadonlyMap<string, IndexEntry>;
  readonly marks: ReadonlyMap<string, MarkPrice>;
}

/** Prices that are stale now, and were fresh or missing before. */
export function becameStale(
  { indexes, marks }: Entries,
  next: Entries,
  at: number,
  maxAge: number,
): { readonly symbol: string; readonly reason: StaleReason }[] {
  const indexSymbols = [...next.indexes]
    .filter(([key, { index }]) => index?.stale === true && indexes.get(key)?.index?.stale !== true)
    .map(([key, { quotes }]) => ({ symbol: `index/${key}`, quotes: [...quotes.values()] }));
  const markSymbols = [...next.marks]
    .filter(([key, mark]) => mark.stale && marks.get(key)?.stale !== true)
    .map(([, mark]) => ({ symbol: `mark/${mark.venue}/${mark.instrument}`, quotes: [mark] }));
  return [...indexSymbols, ...markSymbols].map(({ symbol, quotes }) => ({
    symbol,
    reason: whyStale(quotes, at, maxAge),
  }));
}

/** Prices that the next entries change, in any unit, and assets that take the price of another one. */
export function changesBetween({ indexes, marks }: Entries, next: Entries, { assets }: PricedSymbols): PriceChanges {
  const isChanged = (before: IndexPrice | MarkPrice | null, now: IndexPrice | MarkPrice): boolean =>
    before === null || !before.price.eq(now.price) || before.stale !== now.stale;
  const changed = [...next.indexes].flatMap(([key, { index }]) => {
    return index !== null && isChanged(indexes.get(key)?.index ?? null, index) ? [index.asset] : [];
  });
  const symbols = new Set(changed);
  // Read each time: assets come with new reference data.
  for (const [symbol, { pricedAs }] of changed.length === 0 ? [] : assets) {
    if (pricedAs !== null && symbols.has(pricedAs)) symbols.add(symbol);
  }
  const moved = [...next.marks].filter(([key, mark]) => isChanged(marks.get(key) ?? null, mark));
  return {
    assets: [...symbols],
    marks: moved.map(([, { venue, instrument }]) => ({ venue, instrument })),
  };
}
