/**
 * What waits for the leader, as the database tells it: every server sees by it that nobody leads, or that the leader
 * does not get on. Looked at every few seconds.
 */
import { leadershipState } from '../../cluster/leadership.js';
import { ageOfBatchAfter } from '../../market/price-store.js';
import type { Database } from '../../platform/database/database.js';
import { outboxDepth, type OutboxDepth } from '../../platform/outbox.js';
import type { Problem } from '../../platform/problems.js';
import { sleep } from '../../platform/retry.js';

const LOOK_MS = 2_000;
/** A leader takes over within this time, and finishes a cycle within it. */
const LATE_MS = 10_000;

export interface Backlog {
  readonly outbox: OutboxDepth;
  /** Since the oldest price batch was stored whose alerts are not stored yet; 0 without one. In milliseconds. */
  readonly oldestBatchMs: number;
  /** The number of the last alert that is stored. */
  readonly lastAlert: bigint;
}

export class AlertBacklog {
  /** Null while the database does not tell. */
  last: Backlog | null = null;
  private readonly closing = new AbortController();
  private readonly running: Promise<void>;

  /** @param setAside accounts whose rows wait on, for a problem of its own name */
  constructor(
    private readonly db: Database,
    private readonly setAside: () => readonly string[],
  ) {
    this.running = this.run();
  }

  problem(): Problem | null {
    if (this.last === null) return null;
    const oldestMs = Math.max(this.last.outbox.oldestMs, this.last.oldestBatchMs);
    if (oldestMs < LATE_MS) return null;
    const message = `Alerts are late: the oldest work for the leader has waited for ${Math.round(oldestMs / 1_000)} s.`;
    return { message, status: 'degraded' };
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.closing;
    while (!signal.aborted) {
      // A database that is away is a problem of its own name.
      this.last = await this.read().catch(() => null);
      await sleep(LOOK_MS, signal);
    }
  }

  private async read(): Promise<Backlog> {
    const [outbox, { doneSeq, lastAlert }] = await Promise.all([
      outboxDepth(this.db, this.setAside()),
      leadershipState(this.db),
    ]);
    return { outbox, oldestBatchMs: await ageOfBatchAfter(this.db, doneSeq), lastAlert };
  }
}
