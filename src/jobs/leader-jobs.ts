/**
 * Jobs of the leader: it writes alerts, charges interest and thins the price history. They begin and end with the term.
 */
import { once } from 'node:events';

import type { LedgerParts } from '../ledger/ledger-checks.js';
import type { Parts } from '../platform/parts.js';
import { retry } from '../platform/retry.js';
import { AlertWriter } from '../risk/alerts/alert-writer.js';
import { LeadershipLostError, type Term } from '../cluster/leadership.js';
import { InterestJob } from './interest-job.js';
import { thinPrices } from './price-thinning.js';
import type { MarginLoop } from '../risk/engine/margin-loop.js';

export interface LeaderOptions {
  readonly loop: MarginLoop;
  /** How long every price batch is kept. */
  readonly priceHistoryMs: number;
  /** Other processes write to the outbox, too. */
  readonly isShared: boolean;
}

const RETRY_MS = 500;
/** How often the outbox is read when other processes write to it. */
const OUTBOX_MS = 200;
/** How often the price history is thinned, and rows of one transaction. */
const THIN_MS = 60_000;
const THIN_ROWS = 500;

/** Resolves when the term is over and none of its work is under way. */
export async function runLeaderJobs(parts: LedgerParts & Parts & LeaderOptions, term: Term): Promise<void> {
  const { loop, isShared } = parts;
  const interest = new InterestJob(parts);
  const outbox = isShared ? setInterval(() => loop.wake(), OUTBOX_MS) : undefined;
  let thinned = 0n;
  let thinning: Promise<void> = Promise.resolve();
  let isThinning = false;
  const thinningTimer = setInterval(() => {
    if (isThinning) return;
    isThinning = true;
    thinning = thin(parts, term, thinned).then((after) => {
      thinned = after;
      isThinning = false;
    });
  }, THIN_MS);
  await startAlertWriter(parts, term);
  if (!term.ended.aborted) await once(term.ended, 'abort');
  clearInterval(outbox);
  clearInterval(thinningTimer);
  loop.setAlertWriter(null);
  await interest.close();
  await thinning;
}

async function startAlertWriter(parts: Parts & Pick<LeaderOptions, 'loop'>, term: Term): Promise<void> {
  try {
    const alertWriter = await retry(() => AlertWriter.begin(parts, term), {
      pause: RETRY_MS,
      signal: term.ended,
      onError: (error) => {
        if (error instanceof LeadershipLostError) throw error;
        parts.log.error({ err: error }, 'Alerts could not be taken over; trying again.');
      },
    });
    if (!term.ended.aborted) parts.loop.setAlertWriter(alertWriter);
  } catch (error) {
    if (!term.ended.aborted && !(error instanceof LeadershipLostError)) throw error;
  }
}

/** Returns where the next run goes on. */
async function thin(
  { db, log, clock, priceHistoryMs, isShared }: Parts & LeaderOptions,
  term: Term,
  from: bigint,
): Promise<bigint> {
  let after = from;
  let deleted = 0;
  try {
    while (!term.ended.aborted) {
      const asked = { now: new Date(clock()), fullMs: priceHistoryMs, after, limit: THIN_ROWS };
      const thinned = await thinPrices(db, asked);
      after = thinned.after;
      deleted += thinned.deleted;
      if (thinned.deleted === 0) break;
    }
    // PGlite has no autovacuum.
    if (deleted > 0 && !isShared) {
      for (const table of ['price_changes', 'price_rounds', 'outbox']) await db.$executeRawUnsafe(`VACUUM ${table}`);
    }
  } catch (error) {
    if (!term.ended.aborted) log.error({ err: error }, 'The price history could not be thinned; trying again.');
  }
  return after;
}
