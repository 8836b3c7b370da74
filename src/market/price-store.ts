/** Price batches in the database. Acknowledged prices outlast a restart, and other processes read them here. */
import { decimal, toPlain } from '../margin/decimal.js';
import { COMMON_UNIT } from '../margin/model.js';
import type { Database, Transaction } from '../platform/database/database.js';
import { Prisma } from '../platform/prisma/client.js';
import type { PriceBatch } from './price-board.js';
import { indexKey, type IndexQuote, type MarkPrice, type NewerPrices } from './quote.js';

/** Key of the advisory lock. A transaction that stores a price batch holds the lock to its end. */
const PRICE_BATCHES_LOCK = 0x70_72_69_63_65_73n;

/** As `indexKey` has it, of a row with `asset_symbol` and `unit`. */
export const INDEX_SYMBOL = Prisma.sql`'index/' || asset_symbol || CASE unit WHEN ${COMMON_UNIT} THEN '' ELSE '/' || unit END`;

/** No other process stores a batch until the transaction ends. Reads after the lock therefore see the newest prices. */
export async function lockPriceBatches(tx: Transaction): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(${PRICE_BATCHES_LOCK})`;
}

/** Marks a batch as taken for alerts. SQL text, since the leader takes the batch in the same statement. */
export function takingOfPriceBatch(seq: bigint): Prisma.Sql {
  return Prisma.sql`UPDATE price_rounds SET taken = true WHERE seq = ${seq}`;
}

/** Milliseconds since the first batch after this one was stored; 0 if there is none. */
export async function ageOfBatchAfter(db: Database, seq: bigint): Promise<number> {
  const [next] = await db.$queryRaw<{ ms: number }[]>`
    SELECT GREATEST(extract(epoch FROM now() - at) * 1000, 0)::float8 AS ms
    FROM price_rounds WHERE seq > ${seq} ORDER BY seq LIMIT 1`;
  return next?.ms ?? 0;
}

/**
 * Stores all of a batch or nothing, in one statement. The statement takes the lock first, so that batches are committed
 * in the order of their numbers. It writes prices only if the number was free and the batch before it is the newest one,
 * which it is not where the database went back; otherwise it returns false. Older batches may be dated ahead by a clock
 * that was set back since. They get the instant of this one: instants rise with numbers.
 */
export async function storePriceBatch(db: Database | Transaction, { seq, at, stored }: PriceBatch): Promise<boolean> {
  const { quotes, indexes, marks } = stored;
  const taken = await db.$queryRaw<unknown[]>`
    WITH lock AS MATERIALIZED (SELECT pg_advisory_xact_lock(${PRICE_BATCHES_LOCK})),
    round AS (
      INSERT INTO price_rounds (seq, at) SELECT ${seq}, ${iso(at)}::timestamptz FROM lock
      WHERE ${seq - 1n} = (SELECT COALESCE(max(seq), 0) FROM price_rounds)
      ON CONFLICT DO NOTHING RETURNING seq, at
    ),
    dated_ahead AS (UPDATE price_rounds AS ahead SET at = round.at FROM round WHERE ahead.at > round.at),
    changed_ahead AS (UPDATE price_changes AS ahead SET at = round.at FROM round WHERE ahead.at > round.at),
    quotes AS (
      INSERT INTO index_quotes (asset_symbol, unit, source, price, at, dated_ahead, round)
      SELECT asset_symbol, unit, source, price::numeric, quote.at::timestamptz, quote.ahead::boolean, round.seq
      FROM round, unnest(
        ${quotes.map(({ asset }) => asset)}::text[], ${quotes.map(({ unit }) => unit)}::text[],
        ${quotes.map(({ source }) => source)}::text[],
        ${quotes.map(({ price }) => toPlain(price))}::text[], ${quotes.map((quote) => iso(quote.at))}::text[],
        ${quotes.map(({ datedAhead }) => String(datedAhead))}::text[]
      ) AS quote (asset_symbol, unit, source, price, at, ahead)
      ON CONFLICT (asset_symbol, unit, source)
      DO UPDATE SET price = excluded.price, at = excluded.at, dated_ahead = excluded.dated_ahead, round = excluded.round
    ),
    index_row AS (
      SELECT asset_symbol, unit, symbol, price::numeric, row.at::timestamptz, stale::boolean, round.seq AS round,
        round.at AS round_at
      FROM round, unnest(
        ${indexes.map(({ asset }) => asset)}::text[], ${indexes.map(({ unit }) => unit)}::text[],
        ${indexes.map(({ asset, unit }) => `index/${indexKey(asset, unit)}`)}::text[],
        ${indexes.map(({ price }) => toPlain(price))}::text[],
        ${indexes.map((index) => iso(index.at))}::text[], ${indexes.map(({ stale }) => String(stale))}::text[]
      ) AS row (asset_symbol, unit, symbol, price, at, stale)
    ),
    mark_row AS (
      SELECT venue_code, instrument, source, price::numeric, row.at::timestamptz, ahead::boolean AS ahead,
        stale::boolean, round.seq AS round, round.at AS round_at
      FROM round, unnest(
        ${marks.map(({ venue }) => venue)}::text[], ${marks.map(({ instrument }) => instrument)}::text[],
        ${marks.map(({ source }) => source)}::text[], ${marks.map(({ price }) => toPlain(price))}::text[],
        ${marks.map((mark) => iso(mark.at))}::text[], ${marks.map(({ datedAhead }) => String(datedAhead))}::text[],
        ${marks.map(({ stale }) => String(stale))}::text[]
      ) AS row (venue_code, instrument, source, price, at, ahead, stale)
    ),
    indexes AS (
      INSERT INTO index_prices (asset_symbol, unit, price, at, round)
      SELECT asset_symbol, unit, price, at, round FROM index_row
      ON CONFLICT (asset_symbol, unit) DO UPDATE SET price = excluded.price, at = excluded.at, round = excluded.round
    ),
    marks AS (
      INSERT INTO mark_prices (venue_code, instrument, source, price, at, dated_ahead, round)
      SELECT venue_code, instrument, source, price, at, ahead, round FROM mark_row
      ON CONFLICT (venue_code, instrument)
      DO UPDATE SET source = excluded.source, price = excluded.price, at = excluded.at,
        dated_ahead = excluded.dated_ahead, round = excluded.round
    ),
    changes AS (
      INSERT INTO price_changes (symbol, round, at, price, priced_at, stale)
      SELECT symbol, round, round_at, price, at, stale FROM index_row
      UNION ALL
      SELECT 'mark/' || venue_code || '/' || instrument, round, round_at, price, at, stale FROM mark_row
    )
    SELECT seq FROM round`;
  return taken.length > 0;
}

/** The number of the newest price batch; 0: there is none. */
export async function lastPriceBatch(db: Database | Transaction): Promise<bigint> {
  const [last] = await db.$queryRaw<{ seq: bigint }[]>`/* prepared */
    SELECT seq FROM price_rounds ORDER BY seq DESC LIMIT 1`;
  return last?.seq ?? 0n;
}

/** What the batches after this one have written, read in one statement. */
export async function readNewer(db: Database | Transaction, after: bigint): Promise<NewerPrices> {
  const rows = await db.$queryRaw<NewerRow[]>`
    SELECT 'BATCH' AS kind, '' AS venue, '' AS symbol, '' AS unit, '' AS source, '0' AS price, at, at AS "batchAt", false AS ahead,
      false AS stale, seq
    FROM (SELECT seq, at FROM price_rounds ORDER BY seq DESC LIMIT 1) AS last
    UNION ALL
    SELECT 'QUOTE', '', asset_symbol, unit, source, price::text, at, at, dated_ahead, false, round
    FROM index_quotes WHERE round > ${after}
    UNION ALL
    SELECT 'INDEX', '', asset_symbol, unit, '', row.price::text, row.at, change.at, false, stale, row.round
    FROM index_prices AS row
    JOIN price_changes AS change ON change.round = row.round
      AND symbol = ${INDEX_SYMBOL}
    WHERE row.round > ${after}
    UNION ALL
    SELECT 'MARK', venue_code, instrument, '', source, row.price::text, row.at, change.at, dated_ahead, stale, row.round
    FROM mark_prices AS row
    JOIN price_changes AS change ON symbol = 'mark/' || venue_code || '/' || instrument AND change.round = row.round
    WHERE row.round > ${after}`;
  const newer = { seq: 0n, at: -Infinity };
  const [quotes, indexes, marks]: [IndexQuote[], NewerPrices['indexes'][number][], MarkPrice[]] = [[], [], []];
  for (const { kind, venue, symbol, unit, source, ahead: datedAhead, stale, seq, batchAt, ...row } of rows) {
    const at = row.at.getTime();
    const price = decimal(row.price);
    if (kind === 'BATCH') Object.assign(newer, { seq, at });
    else if (kind === 'QUOTE') quotes.push({ asset: symbol, unit, source, price, at, datedAhead });
    else if (kind === 'INDEX') {
      indexes.push({ index: { asset: symbol, unit, price, at, stale }, composedAt: batchAt.getTime() });
    } else marks.push({ venue, instrument: symbol, source, price, at, datedAhead, stale });
  }
  return { ...newer, quotes, indexes, marks };
}

interface NewerRow {
  readonly kind: 'BATCH' | 'QUOTE' | 'INDEX' | 'MARK';
  readonly venue: string;
  /** Asset or instrument. */
  readonly symbol: string;
  /** Of an index and of its quotes. */
  readonly unit: string;
  readonly source: string;
  readonly price: string;
  readonly at: Date;
  readonly batchAt: Date;
  readonly ahead: boolean;
  readonly stale: boolean;
  readonly seq: bigint;
}

/**
 * Makes a first price batch of the prices in a database that is older than price batches. Does nothing without prices,
 * or if there is a batch. Old rows do not say whether an index is stale: it counts as stale until the second batch.
 */
export async function recordFirstPriceBatch(db: Database, at: number): Promise<void> {
  await db.$executeRaw`
    WITH lock AS MATERIALIZED (SELECT pg_advisory_xact_lock(${PRICE_BATCHES_LOCK})),
    round AS (
      INSERT INTO price_rounds (seq, at) SELECT 1, ${iso(at)}::timestamptz FROM lock
      WHERE EXISTS (SELECT FROM index_quotes) OR EXISTS (SELECT FROM mark_prices)
      ON CONFLICT DO NOTHING RETURNING seq, at
    ),
    quotes AS (UPDATE index_quotes SET round = round.seq FROM round),
    indexes AS (UPDATE index_prices SET round = round.seq FROM round),
    marks AS (UPDATE mark_prices SET round = round.seq FROM round)
    INSERT INTO price_changes (symbol, round, at, price, priced_at, stale)
    SELECT ${INDEX_SYMBOL}, round.seq, round.at, price, row.at, true FROM round, index_prices AS row
    UNION ALL
    SELECT 'mark/' || venue_code || '/' || instrument, round.seq, round.at, price, row.at, false
    FROM round, mark_prices AS row`;
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
