/** The price board's memory on disk: what was acknowledged is there again after a restart. */
import { decimal, toPlain, type Decimal } from '../margin/decimal.js';
import type { Database } from '../platform/database.js';
import type { Prisma } from '../platform/prisma/client.js';
import type { IndexPrice, IndexQuote, MarkQuote, StoredPrices } from './quote.js';

/**
 * One statement a table, in one transaction. A newer row stands, of equal instants the later round. Rows go in the
 * order of their keys, so that two processes that store at once wait for each other instead of deadlocking.
 */
export async function savePrices(db: Database, { quotes, indexes, marks }: StoredPrices): Promise<void> {
  // Prisma's promises run when they are awaited, here inside the transaction.
  await db.$transaction([
    ...(quotes.length > 0 ? [saveQuotes(db, quotes)] : []),
    ...(indexes.length > 0 ? [saveIndexes(db, indexes)] : []),
    ...(marks.length > 0 ? [saveMarks(db, marks)] : []),
  ]);
}

function saveQuotes(db: Database, quotes: readonly IndexQuote[]): Prisma.PrismaPromise<number> {
  const rows = columns(quotes, ({ asset, source, price, at }) => [asset, source, toPlain(price), iso(at)]);
  return db.$executeRaw`
    INSERT INTO index_quotes (asset_symbol, source, price, at)
    SELECT asset_symbol, source, price::numeric, at::timestamptz
    FROM unnest(${rows[0]}::text[], ${rows[1]}::text[], ${rows[2]}::text[], ${rows[3]}::text[])
      AS row (asset_symbol, source, price, at)
    ON CONFLICT (asset_symbol, source) DO UPDATE SET price = excluded.price, at = excluded.at
    WHERE excluded.at >= index_quotes.at`;
}

function saveIndexes(db: Database, indexes: readonly IndexPrice[]): Prisma.PrismaPromise<number> {
  const rows = columns(indexes, ({ asset, price, at }) => [asset, toPlain(price), iso(at)]);
  return db.$executeRaw`
    INSERT INTO index_prices (asset_symbol, price, at)
    SELECT asset_symbol, price::numeric, at::timestamptz
    FROM unnest(${rows[0]}::text[], ${rows[1]}::text[], ${rows[2]}::text[]) AS row (asset_symbol, price, at)
    ON CONFLICT (asset_symbol) DO UPDATE SET price = excluded.price, at = excluded.at
    WHERE excluded.at >= index_prices.at`;
}

function saveMarks(db: Database, marks: readonly MarkQuote[]): Prisma.PrismaPromise<number> {
  const rows = columns(marks, ({ venue, instrument, source, price, at }) => {
    return [venue, instrument, source, toPlain(price), iso(at)];
  });
  return db.$executeRaw`
    INSERT INTO mark_prices (venue_code, instrument, source, price, at)
    SELECT venue_code, instrument, source, price::numeric, at::timestamptz
    FROM unnest(${rows[0]}::text[], ${rows[1]}::text[], ${rows[2]}::text[], ${rows[3]}::text[], ${rows[4]}::text[])
      AS row (venue_code, instrument, source, price, at)
    ON CONFLICT (venue_code, instrument)
    DO UPDATE SET source = excluded.source, price = excluded.price, at = excluded.at
    WHERE excluded.at >= mark_prices.at`;
}

export async function loadPrices(db: Database): Promise<StoredPrices> {
  const [quotes, indexes, marks] = await Promise.all([
    db.indexQuote.findMany(),
    db.indexPrice.findMany(),
    db.markPrice.findMany(),
  ]);
  return {
    quotes: quotes.map((row) => ({ ...priced(row), asset: row.assetSymbol, source: row.source })),
    indexes: indexes.map((row) => ({ ...priced(row), asset: row.assetSymbol })),
    marks: marks.map((row) => ({
      ...priced(row),
      venue: row.venueCode,
      instrument: row.instrument,
      source: row.source,
    })),
  };
}

function priced(row: { price: { toFixed(): string }; at: Date }): { price: Decimal; at: number } {
  return { price: decimal(row.price.toFixed()), at: row.at.getTime() };
}

/** The rows' values column by column, in the order of the rows' keys, which come first in each. */
function columns<T>(rows: readonly T[], valuesOf: (row: T) => string[]): string[][] {
  const values = rows.map(valuesOf).sort((a, b) => (a.join('\0') < b.join('\0') ? -1 : 1));
  return (values[0] ?? []).map((_, column) => values.map((row) => row[column] ?? ''));
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
