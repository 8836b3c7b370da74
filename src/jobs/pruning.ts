/**
 * Deletes what has been kept long enough, in small steps: idempotency keys, alerts, and former versions of accounts. Rule
 * versions, audit and ledger entries stay for ever. Each step may be repeated, and be left out.
 */
import { pruneVersions, type PrunedVersions } from '../ledger/margin-at.js';
import { transact, type Database } from '../platform/database/database.js';
import { forgetKeys } from '../platform/idempotency.js';
import { sleep } from '../platform/retry.js';
import { pruneAlerts } from '../risk/alerts/alert-store.js';

export interface Retention {
  readonly alertRetentionMs: number;
  readonly accountHistoryMs: number;
}

/** Rows of one transaction. */
const ROWS = 1_000;
/** Accounts of one transaction, and transactions without a deletion of one run: a run is short, and the next goes on. */
const ACCOUNTS = 200;
const PAGES = 50;
/** Between two transactions, so that others come in between. */
const PAUSE_MS = 20;

export interface Pruned {
  readonly deleted: number;
  /** The account after which the next run goes on; null: from the first one. */
  readonly after: string | null;
}

/** One run. It ends when nothing is left, when it has looked at its share of the accounts, or with the signal. */
export async function prune(
  db: Database,
  { alertRetentionMs, accountHistoryMs }: Retention,
  now: Date,
  after: string | null,
  signal: AbortSignal,
): Promise<Pruned> {
  const before = (milliseconds: number): Date => new Date(now.getTime() - milliseconds);
  let deleted = 0;
  for (const step of [() => forgetKeys(db, now, ROWS), () => pruneAlerts(db, before(alertRetentionMs), ROWS)]) {
    for (let rows = ROWS; rows === ROWS && !signal.aborted; deleted += rows) {
      rows = await step();
      await sleep(PAUSE_MS, signal);
    }
  }
  let last = after;
  for (let pages = 0; pages < PAGES && !signal.aborted;) {
    const pruned = await prunePage(db, before(accountHistoryMs), last);
    deleted += pruned.deleted;
    if (pruned.deleted === 0) {
      pages += 1;
      last = pruned.last;
      if (last === null) break;
    }
    await sleep(PAUSE_MS, signal);
  }
  return { deleted, after: last };
}

function prunePage(db: Database, before: Date, after: string | null): Promise<PrunedVersions> {
  return transact(db, async (tx) => {
    await tx.$executeRaw`SELECT set_config('plimsoll.thinning', 'on', true)`;
    return pruneVersions(tx, before, { after, accounts: ACCOUNTS, limit: ROWS });
  });
}
