/**
 * Thins the price history (rules: 12): every price batch is kept for a while, then the last one of each minute, for 400
 * days. Of each price the last row of a minute stays, and the newest row before the 400 days, so that every kept batch
 * has all its prices. The database lets rows go only in transactions that jobs/ allows to thin.
 */
import type { Transaction } from '../platform/database/database.js';

export interface Thinning {
  readonly now: Date;
  /** Milliseconds for which every batch is kept. */
  readonly fullMs: number;
  /** Nothing is left to thin up to this batch: the `after` of the last result, 0 at first. */
  readonly after: bigint;
  /** How many rows of prices are deleted, about: a batch goes as a whole. */
  readonly limit: number;
}

export interface Thinned {
  /** Rows; 0: nothing is left to do. */
  readonly deleted: number;
  /** Where the next call goes on. Without it the next call looks at all kept batches. */
  readonly after: bigint;
}

const MINUTE_MS = 60_000;
const KEPT_MS = 400 * 24 * 60 * MINUTE_MS;
/** Batches that one statement looks at. */
const PAGE = 10_000;

/** Deletes a bounded number of rows. Call it again until nothing is deleted. */
export async function thinPriceHistory(tx: Transaction, { now, fullMs, after, limit }: Thinning): Promise<Thinned> {
  // A minute that is not over has no last batch yet.
  const full = new Date(Math.floor((now.getTime() - fullMs) / MINUTE_MS) * MINUTE_MS).toISOString();
  const expired = await deleteExpired(tx, new Date(now.getTime() - KEPT_MS).toISOString(), limit);
  if (expired > 0) return { deleted: expired, after };
  for (let from = after; ;) {
    const page = await overtakenBatches(tx, from, full);
    if (page.overtaken.length > 0) return deletePriceBatches(tx, page.overtaken.slice(0, limit), limit);
    // The last batch of a page is looked at again, with the batches that follow.
    from = page.last === null ? from : page.last - 1n;
    if (page.batches < PAGE) return { deleted: 0, after: from };
  }
}

interface Page {
  readonly batches: number;
  readonly last: bigint | null;
  /** Batches that another one of the same minute follows. */
  readonly overtaken: readonly bigint[];
}

async function overtakenBatches(tx: Transaction, after: bigint, full: string): Promise<Page> {
  const [page] = await tx.$queryRaw<[Page]>`
    SELECT count(*)::int AS batches, max(seq) AS last,
      COALESCE(array_agg(seq ORDER BY seq) FILTER (WHERE next < date_trunc('minute', at) + interval '1 minute'), '{}')
        AS overtaken
    FROM (
      SELECT seq, at, lead(at) OVER (ORDER BY seq) AS next
      FROM (
        SELECT seq, at FROM price_rounds WHERE seq > ${after} AND at < ${full}::timestamptz ORDER BY seq LIMIT ${PAGE}
      ) AS page
    ) AS round`;
  return page;
}

async function deletePriceBatches(tx: Transaction, batches: readonly bigint[], limit: number): Promise<Thinned> {
  const [thinned] = await tx.$queryRaw<[Thinned]>`
    WITH reach AS (
      SELECT max(at) AS at FROM (
        SELECT at FROM price_changes
        WHERE at >= (SELECT at FROM price_rounds WHERE seq = ${batches[0]}) ORDER BY at LIMIT ${limit}
      ) AS row
    ),
    overtaken AS (
      SELECT seq, round.at FROM price_rounds AS round, reach
      WHERE seq = ANY(${[...batches]}::bigint[]) AND (reach.at IS NULL OR round.at <= reach.at)
    ),
    changes AS (
      DELETE FROM price_changes AS change USING overtaken
      WHERE change.round = overtaken.seq AND change.at = overtaken.at AND (
        SELECT at FROM price_changes AS next
        WHERE next.symbol = change.symbol AND next.round > change.round ORDER BY next.round LIMIT 1
      ) < date_trunc('minute', change.at) + interval '1 minute'
      RETURNING 1
    ),
    rounds AS (DELETE FROM price_rounds USING overtaken WHERE price_rounds.seq = overtaken.seq RETURNING 1)
    SELECT ((SELECT count(*) FROM changes) + (SELECT count(*) FROM rounds))::int AS deleted,
      (SELECT max(seq) FROM overtaken) AS after`;
  return thinned;
}

async function deleteExpired(tx: Transaction, horizon: string, limit: number): Promise<number> {
  const [{ deleted }] = await tx.$queryRaw<[{ deleted: number }]>`
    WITH changes AS (
      DELETE FROM price_changes WHERE (symbol, round) IN (
        SELECT symbol, round FROM price_changes AS change
        WHERE at < ${horizon}::timestamptz AND (
          SELECT at FROM price_changes AS next
          WHERE next.symbol = change.symbol AND next.round > change.round ORDER BY next.round LIMIT 1
        ) <= ${horizon}::timestamptz
        ORDER BY at LIMIT ${limit}
      ) RETURNING 1
    ),
    rounds AS (
      DELETE FROM price_rounds WHERE seq IN (
        SELECT seq FROM price_rounds
        WHERE seq < (SELECT seq FROM price_rounds WHERE at <= ${horizon}::timestamptz ORDER BY at DESC, seq DESC LIMIT 1)
        ORDER BY seq LIMIT ${limit}
      ) RETURNING 1
    )
    SELECT ((SELECT count(*) FROM changes) + (SELECT count(*) FROM rounds))::int AS deleted`;
  return deleted;
}
