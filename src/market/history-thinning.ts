/**
 * What is kept of past prices (rules: 12): every round for a while, then the last one of each minute, for 400 days. Of
 * each price the last row of a minute stays, and the newest one before the 400 days, so that what is kept of rounds can
 * always be answered in full. The database lets rows go only in transactions that jobs/ allows to thin.
 */
import type { Transaction } from '../platform/database.js';

export interface Thinning {
  readonly now: Date;
  /** Milliseconds in which every round stays. */
  readonly fullMs: number;
  /** The round up to which there is nothing left to thin: the `after` of the last answer, 0 at first. */
  readonly after: bigint;
  /** Rows of prices that are deleted, about: a round goes as a whole. */
  readonly limit: number;
}

export interface Thinned {
  /** Rows; 0: there is nothing more to do. */
  readonly deleted: number;
  /** Where to go on; it may be forgotten, which costs a look at all rounds that are kept. */
  readonly after: bigint;
}

const MINUTE_MS = 60_000;
const KEPT_MS = 400 * 24 * 60 * MINUTE_MS;
/** Rounds that are looked at in one statement. */
const PAGE = 10_000;

/** One bounded batch: to be called again until nothing was deleted. */
export async function thinPriceHistory(tx: Transaction, { now, fullMs, after, limit }: Thinning): Promise<Thinned> {
  // Of a minute that is not over, nobody knows the last round.
  const full = new Date(Math.floor((now.getTime() - fullMs) / MINUTE_MS) * MINUTE_MS).toISOString();
  const expired = await deleteExpired(tx, new Date(now.getTime() - KEPT_MS).toISOString(), limit);
  if (expired > 0) return { deleted: expired, after };
  for (let from = after; ;) {
    const page = await overtakenBatches(tx, from, full);
    if (page.overtaken.length > 0) return deletePriceBatches(tx, page.overtaken.slice(0, limit), limit);
    // The last one of a page is looked at again, with what follows it.
    from = page.last === null ? from : page.last - 1n;
    if (page.rounds < PAGE) return { deleted: 0, after: from };
  }
}

interface Page {
  readonly rounds: number;
  readonly last: bigint | null;
  /** Those that another one of the same minute follows. */
  readonly overtaken: readonly bigint[];
}

async function overtakenBatches(tx: Transaction, after: bigint, full: string): Promise<Page> {
  const [page] = await tx.$queryRaw<[Page]>`
    SELECT count(*)::int AS rounds, max(seq) AS last,
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

async function deletePriceBatches(tx: Transaction, rounds: readonly bigint[], limit: number): Promise<Thinned> {
  const [thinned] = await tx.$queryRaw<[Thinned]>`
    WITH reach AS (
      SELECT max(at) AS at FROM (
        SELECT at FROM price_changes
        WHERE at >= (SELECT at FROM price_rounds WHERE seq = ${rounds[0]}) ORDER BY at LIMIT ${limit}
      ) AS row
    ),
    overtaken AS (
      SELECT seq, round.at FROM price_rounds AS round, reach
      WHERE seq = ANY(${[...rounds]}::bigint[]) AND (reach.at IS NULL OR round.at <= reach.at)
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
