/**
 * Jobs of the leader: it writes alerts, charges interest, thins the price history and deletes what has been kept long
 * enough. They begin and end with the term.
 */
import { once } from 'node:events';

import type { LedgerParts } from '../ledger/ledger-checks.js';
import type { Parts } from '../platform/parts.js';
import { retry } from '../platform/retry.js';
import { refreshRules } from '../policy/rulebook/rule-events.js';
import { AlertWriter } from '../risk/alerts/alert-writer.js';
import { LeadershipLostError, type Term } from '../cluster/leadership.js';
import { InterestJob } from './interest-job.js';
import { thinPrices } from './price-thinning.js';
import { prune, type Retention } from './pruning.js';
import type { AccountFollower } from '../risk/engine/account-follower.js';
import type { MarginLoop } from '../risk/engine/margin-loop.js';

export interface LeaderOptions extends Retention {
  readonly loop: MarginLoop;
  /** How long every price batch is kept. */
  readonly priceHistoryMs: number;
  /** What other processes change of accounts; null: there are none, nor do others write to the outbox. */
  readonly accounts: AccountFollower | null;
}

const RETRY_MS = 500;
/** How often the outbox is read when other processes write to it. */
const OUTBOX_MS = 200;
/** How often the price history is thinned, and rows of one transaction. */
const THIN_MS = 60_000;
const THIN_ROWS = 500;
/** How often what has been kept long enough is deleted. */
const PRUNE_MS = 600_000;

/** Resolves when the term is over and none of its work is under way. */
export async function runLeaderJobs(parts: LedgerParts & Parts & LeaderOptions, term: Term): Promise<void> {
  const { loop, accounts } = parts;
  const interest = new InterestJob(parts);
  const outbox = accounts !== null ? setInterval(() => loop.wake(), OUTBOX_MS) : undefined;
  let thinned = 0n;
  const thinning = repeat(THIN_MS, async () => {
    thinned = await thin(parts, term, thinned);
  });
  let pruned: string | null = null;
  const pruning = repeat(PRUNE_MS, async () => {
    pruned = await pruneRun(parts, term, pruned);
  });
  await startAlertWriter(parts, term);
  if (!term.ended.aborted) await once(term.ended, 'abort');
  clearInterval(outbox);
  loop.setAlertWriter(null);
  await interest.close();
  await thinning.stop();
  await pruning.stop();
}

/** Runs the work every so often, never two runs at a time. `stop` resolves after the run under way. */
function repeat(milliseconds: number, work: () => Promise<void>): { stop(): Promise<void> } {
  let running: Promise<void> | null = null;
  const timer = setInterval(() => {
    running ??= work().finally(() => (running = null));
  }, milliseconds);
  return {
    stop: async () => {
      clearInterval(timer);
      await running;
    },
  };
}

type AlertWriterParts = Parts & Pick<LedgerParts, 'rulebook'> & Pick<LeaderOptions, 'loop' | 'accounts'>;

async function startAlertWriter(parts: AlertWriterParts, term: Term): Promise<void> {
  const { db, rulebook, bus, clock, accounts } = parts;
  const begin = async (): Promise<AlertWriter> => {
    const alertWriter = await AlertWriter.begin(parts, term);
    // Alerts of predecessors may be of versions that this server does not know yet. An older one must not follow them.
    if (accounts !== null) {
      await refreshRules({ db, rulebook, bus }, new Date(clock()));
      await accounts.catchUp();
    }
    return alertWriter;
  };
  try {
    const alertWriter = await retry(begin, {
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
  { db, log, clock, priceHistoryMs, accounts }: Parts & LeaderOptions,
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
    if (deleted > 0 && accounts === null) {
      for (const table of ['price_changes', 'price_rounds', 'outbox']) await db.$executeRawUnsafe(`VACUUM ${table}`);
    }
  } catch (error) {
    if (!term.ended.aborted) log.error({ err: error }, 'The price history could not be thinned; trying again.');
  }
  return after;
}

/** Tables that have lost rows are vacuumed where there is no autovacuum. */
const PRUNED_TABLES = [
  'idempotency_keys',
  'risk_alerts',
  'account_versions',
  'position_versions',
  'setting_versions',
  'switched_off_versions',
  'open_order_versions',
];

/** Returns where the next run goes on. */
async function pruneRun(parts: Parts & LeaderOptions, term: Term, from: string | null): Promise<string | null> {
  const { db, log, clock, accounts } = parts;
  try {
    const { deleted, after } = await prune(db, parts, new Date(clock()), from, term.ended);
    if (deleted > 0 && accounts === null) {
      for (const table of PRUNED_TABLES) await db.$executeRawUnsafe(`VACUUM ${table}`);
    }
    return after;
  } catch (error) {
    if (!term.ended.aborted) log.error({ err: error }, 'What is past its time could not be deleted; trying again.');
    return from;
  }
}
