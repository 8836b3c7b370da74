/**
 * Charges interest at every full hour, and after downtime for every hour that was missed. The job only finds out
 * whether an hour is due. The ledger ensures that no hour is charged twice.
 */
import type { LedgerParts } from '../ledger/ledger-checks.js';
import { chargeInterest, chargeLeft, fullHour } from '../ledger/interest.js';
import type { Parts } from '../platform/parts.js';
import { refreshRules } from '../policy/rulebook/rule-events.js';

/** How often the job compares the clock with the next hour. */
const LOOK_MS = 1_000;
/** Accounts of one transaction: few, so that their fills wait only briefly. */
const BATCH = 100;
/** How often a long run logs its progress. */
const PROGRESS_MS = 10_000;

export class InterestJob {
  private readonly timer: NodeJS.Timeout;
  private running: Promise<void> | null = null;
  private closed = false;
  /** This process has charged all accounts up to this hour. */
  private through = -Infinity;

  constructor(private readonly parts: LedgerParts & Pick<Parts, 'log' | 'clock'>) {
    this.timer = setInterval(() => this.look(), LOOK_MS);
    this.look();
  }

  /** Resolves after the batch under way. */
  async close(): Promise<void> {
    this.closed = true;
    clearInterval(this.timer);
    await this.running;
  }

  private look(): void {
    const hour = fullHour(new Date(this.parts.clock())).getTime();
    if (this.running !== null || this.closed || hour <= this.through) return;
    this.running = this.run(hour).finally(() => (this.running = null));
  }

  private async run(hour: number): Promise<void> {
    const { log, clock } = this.parts;
    const started = Date.now();
    let loggedAt = started;
    let accounts = 0;
    let charged = 0;
    const left: string[] = [];
    try {
      // Otherwise a lagging process could charge by rules that an admin has changed through another one.
      await refreshRules(this.parts, new Date(clock()));
      for (let after: string | null = null; !this.closed;) {
        const batch = await chargeInterest(this.parts, new Date(clock()), after, BATCH);
        accounts += batch.accounts;
        charged += batch.charged;
        left.push(...batch.left);
        after = batch.last;
        if (after === null) break;
        if (Date.now() - loggedAt < PROGRESS_MS) continue;
        loggedAt = Date.now();
        log.info({ accounts, charged, through: new Date(hour) }, 'Interest is being charged.');
      }
      if (this.closed || !(await this.chargeAllLeft(left))) return;
      this.through = hour;
      if (charged > 0) {
        const milliseconds = Date.now() - started;
        log.info({ accounts, charged, through: new Date(hour), milliseconds }, 'Interest is charged.');
      }
    } catch (error) {
      log.error({ err: error }, 'Interest could not be charged; trying again.');
    }
  }

  /** False: some are still left. The next look finds them. */
  private async chargeAllLeft(ids: readonly string[]): Promise<boolean> {
    let isDone = true;
    for (const id of ids) {
      if (this.closed) return false;
      isDone = (await chargeLeft(this.parts, new Date(this.parts.clock()), id)) && isDone;
    }
    return isDone;
  }
}
