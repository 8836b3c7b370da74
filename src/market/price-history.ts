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

/** Instants of one statement: a chart has hundreds, and its statements hold a connection one after another. */
const INSTANTS_AT_ONCE = 32;

/**
 * The prices of each instant, by its milliseconds: those of the last price batch until then, stale or fresh as of that
 * instant. Where only one batch a minute is kept, the prices are those of the last kept batch, as of the batch's own
 * instant. Left out: instants for which no batch of then or before is kept.
 */
export async function pricesAt(
  db: Database,
  instants: readonly number[],
  terms: PastPrices,
): Promise<Map<number, PriceSnapshot>> {
  const found = new Map<number, PriceSnapshot>();
  for (let from = 0; from < instants.length; from += INSTANTS_AT_ONCE) {
    const some = instants.slice(from, from + INSTANTS_AT_ONCE);
    const asked = JSON.stringify(some.map((at, place) => ({ place, at: new Date(at).toISOString() })));
    const batches = Prisma.sql`
      SELECT asked.place, batch.seq, batch.at FROM jsonb_to_recordset(${asked}::jsonb) AS asked(place int, at timestamptz)
      CROSS JOIN LATERAL (
        SELECT seq, at FROM price_rounds WHERE price_rounds.at <= asked.at
        ORDER BY price_rounds.at DESC, seq DESC LIMIT 1
      ) AS batch`;
    for (const batch of await readPriceBatches(db, batches)) {
      for (const place of batch.places) {
        const at = some[place] as number;
        found.set(at, snapshotAt(batch, batch.thinned ? batch.at : new Date(at), terms));
      }
    }
  }
  return found;
}

/** The prices of exactly this batch, as of its instant. Null: the batch is not kept. */
export async function pricesOfBatch(db: Database, seq: bigint, terms: PastPrices): Promise<PriceSnapshot | null> {
  const batches = Prisma.sql`SELECT 0 AS place, seq, at FROM price_rounds WHERE seq = ${seq}`;
  const [batch] = await readPriceBatches(db, batches);
  return batch === undefined ? null : snapshotAt(batch, batch.at, terms);
}

interface PriceBatch {
  readonly seq: bigint;
  readonly at: Date;
  /** The batch right after it is not kept. */
  readonly thinned: boolean;
  /** Which of the instants it is the last one of. */
  readonly places: readonly number[];
  readonly prices: Map<string, BatchPrice>;
}

interface HistoryRow extends Omit<PriceBatch, 'prices'> {
  /** Null, as are the columns that follow: there was no price at all. */
  readonly symbol: string | null;
  readonly price: string;
  readonly pricedAt: Date;
  readonly stale: boolean;
}

/** @param batches statement that names them: place, number, instant */
async function readPriceBatches(db: Database, batches: Prisma.Sql): Promise<PriceBatch[]> {
  const rows = await db.$queryRaw<HistoryRow[]>`
    WITH kept AS (SELECT array_agg(place) AS places, seq, at FROM (${batches}) AS named GROUP BY seq, at)
    SELECT kept.places, kept.seq, kept.at, symbol, price, "pricedAt", stale,
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
  const found = new Map<bigint, PriceBatch>();
  for (const { seq, at, thinned, places, symbol, price, pricedAt, stale } of rows) {
    const batch = found.get(seq) ?? { seq, at, thinned, places, prices: new Map<string, BatchPrice>() };
    found.set(seq, batch);
    if (symbol !== null) batch.prices.set(symbol, { price: decimal(price), at: pricedAt.getTime(), stale });
  }
  return [...found.values()];
}

function snapshotAt({ seq, prices }: PriceBatch, at: Date, { maxAge, venues }: PastPrices): PriceSnapshot {
  const known = {
    index: (asset: string, unit: string): BatchPrice | null => prices.get(`index/${indexKey(asset, unit)}`) ?? null,
    mark: (venue: string, instrument: string): BatchPrice | null => prices.get(`mark/${venue}/${instrument}`) ?? null,
  };
  return snapshotOf(known, venues, seq, at, maxAge);
}
