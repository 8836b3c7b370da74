/**
 * Books interest at every full hour, and after downtime every hour that was missed. It only looks whether something is
 * due: that nothing is booked twice, by this process or another, is the ledger's to keep.
 */
import type { LedgerParts } from '../ledger/ledger-checks.js';
import { chargeInterest, fullHour } from '../ledger/interest.js';
import type { Logger } from '../platform/log.js';
import { refreshRules } from '../policy/rulebook/rule-events.js';

/** How often the clock is looked at. */
const LOOK_MS = 1_000;
/** Accounts of one transaction: few enough that fills of these accounts wait only shortly. */
const BATCH = 100;
/** How often a long run says how far it is. */
const PROGRESS_MS = 10_000;

export interface InterestJobParts extends LedgerParts {
  readonly log: Logger;
  readonly clock: () => number;
}

export class InterestJob {
  private readonly timer: NodeJS.Timeout;
  private running: Promise<void> | null = null;
  private closed = false;
  /** The hour up to which this process has looked at all accounts. */
  private through = -Infinity;

  constructor(private readonly parts: InterestJobParts) {
    this.timer = setInterval(() => this.look(), LOOK_MS);
    this.look();
  }

  /** Ends after the batch that is being booked. */
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
    try {
      // A process that lags must not charge by rules that an admin has changed through another one.
      await refreshRules(this.parts, new Date(clock()));
      for (let after: string | null = null; !this.closed;) {
        const batch = await chargeInterest(this.parts, new Date(clock()), after, BATCH);
        accounts += batch.accounts;
        charged += batch.charged;
        after = batch.last;
        if (after === null) break;
        if (Date.now() - loggedAt < PROGRESS_MS) continue;
        loggedAt = Date.now();
        log.info({ accounts, charged, through: new Date(hour) }, 'Interest is being booked.');
      }
      if (this.closed) return;
      this.through = hour;
      if (charged > 0) {
        const milliseconds = Date.now() - started;
        log.info({ accounts, charged, through: new Date(hour), milliseconds }, 'Booked interest.');
      }
    } catch (error) {
      log.error({ err: error }, 'Interest could not be booked; trying again.');
    }
  }
}
