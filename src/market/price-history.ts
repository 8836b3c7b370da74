/**
 * Prices of the past (rules: 12). A price batch has a row for each price that it changed. The price at a batch is the
 * newest row up to that batch. Its key finds the row, however many batches there are.
 */
import { decimal } from '../margin/decimal.js';
import type { Database } from '../platform/database/database.js';
import { Prisma } from '../platform/prisma/client.js';
import { INDEX_SYMBOL } from './price-store.js';
import { snapshotOf, type PriceSnapshot } from './price-snapshot.js';
import { indexKey, type BatchPrice, type PricedSymbols } from './quote.js';

/** What a board goes by. */
export interface PastPrices {
  /** Milliseconds; an older price was stale. */
  readonly maxAge: number;
  readonly venues: PricedSymbols['venues'];
}

/**
 * The prices of an instant: those of the last price batch until then, stale or fresh as of that instant. Where only one
 * batch a minute is kept, the prices are those of the last kept batch, as of the batch's own instant.
 *
 * @returns null when no batch of that instant or before is kept
 */
export async function pricesAt(db: Database, at: Date, terms: PastPrices): Promise<PriceSnapshot | null> {
  return readPriceBatch(db, Prisma.sql`at <= ${at.toISOString()}::timestamptz`, at, terms);
}

/** The prices of exactly this batch, as of its instant. Null: the batch is not kept. */
export async function pricesOfBatch(db: Database, seq: bigint, terms: PastPrices): Promise<PriceSnapshot | null> {
  return readPriceBatch(db, Prisma.sql`seq = ${seq}`, null, terms);
}

interface HistoryRow {
  readonly seq: bigint;
  readonly batchAt: Date;
  /** The batch right after it is not kept. */
  readonly thinned: boolean;
  /** Null, as are the columns that follow: there was no price at all. */
  readonly symbol: string | null;
  readonly price: string;
  readonly pricedAt: Date;
  readonly stale: boolean;
}

async function readPriceBatch(
  db: Database,
  condition: Prisma.Sql,
  at: Date | null,
  { maxAge, venues }: PastPrices,
): Promise<PriceSnapshot | null> {
  const rows = await db.$queryRaw<HistoryRow[]>`
    WITH kept AS (SELECT seq, at FROM price_rounds WHERE ${condition} ORDER BY at DESC, seq DESC LIMIT 1)
    SELECT kept.seq, kept.at AS "batchAt", symbol, price, "pricedAt", stale,
      COALESCE((SELECT seq FROM price_rounds WHERE seq > kept.seq ORDER BY seq LIMIT 1) > kept.seq + 1, false) AS thinned
    FROM kept LEFT JOIN LATERAL (
      SELECT known.symbol, price::text AS price, priced_at AS "pricedAt", stale
      FROM (
        SELECT ${INDEX_SYMBOL} AS symbol
        FROM index_prices
        UNION ALL SELECT 'mark/' || venue_code || '/' || instrument FROM mark_prices
      ) AS known CROSS JOIN LATERAL (
        SELECT price, priced_at, stale FROM price_changes
        WHERE symbol = known.symbol AND round <= kept.seq ORDER BY round DESC LIMIT 1
      ) AS change
    ) AS price ON true`;
  const [first] = rows;
  if (first === undefined) return null;
  const prices = new Map<string, BatchPrice>();
  for (const { symbol, price, pricedAt, stale } of rows) {
    if (symbol !== null) prices.set(symbol, { price: decimal(price), at: pricedAt.getTime(), stale });
  }
  const known = {
    index: (asset: string, unit: string): BatchPrice | null => prices.get(`index/${indexKey(asset, unit)}`) ?? null,
    mark: (venue: string, instrument: string): BatchPrice | null => prices.get(`mark/${venue}/${instrument}`) ?? null,
  };
  return snapshotOf(known, venues, first.seq, at === null || first.thinned ? first.batchAt : at, maxAge);
}
