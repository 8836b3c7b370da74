/**
 * Ranks positions for auto-deleveraging at each full half minute of the database's clock (rules: 24). Every server does,
 * from its own columns: at the same instant they hold the same accounts and prices, so that nothing has to be shared.
 */
import type { Parts } from '../platform/parts.js';
import type { MarginLoop } from '../risk/engine/margin-loop.js';

const RANK_MS = 30_000;
/** Longest wait before the clock is read again: timers do not follow it. */
const MAX_WAIT_MS = 1_000;

export class AdlClock {
  private timer: NodeJS.Timeout | undefined;
  /** When positions are to be ranked next, in ms. */
  private due: number;
  private ranking: Promise<void> | null = null;
  private readonly closing = new AbortController();

  constructor(private readonly parts: Pick<Parts, 'clock' | 'log'> & { readonly loop: MarginLoop }) {
    this.due = this.nextDue();
    this.sleep();
  }

  /** Resolves when no ranking is under way. */
  async close(): Promise<void> {
    this.closing.abort();
    clearTimeout(this.timer);
    await this.ranking;
  }

  private nextDue(): number {
    return (Math.floor(this.parts.clock() / RANK_MS) + 1) * RANK_MS;
  }

  private sleep(): void {
    if (this.closing.signal.aborted) return;
    const left = Math.max(this.due - this.parts.clock(), 0);
    this.timer = setTimeout(() => this.wake(), Math.min(left, MAX_WAIT_MS));
  }

  private wake(): void {
    if (this.parts.clock() >= this.due) {
      this.due = this.nextDue();
      // Where one takes longer than half a minute, the next one is left out.
      this.ranking ??= this.rank().finally(() => (this.ranking = null));
    }
    this.sleep();
  }

  private async rank(): Promise<void> {
    const { loop, log } = this.parts;
    const { signal } = this.closing;
    // Of some accounts alone, or of a history that is lost, there is no rank.
    if (loop.progress !== null || loop.isReloading) return;
    try {
      await loop.accounts.adlRanks.compute(signal);
    } catch (error) {
      if (!signal.aborted) log.error({ err: error }, 'Positions could not be ranked for deleveraging; trying again.');
    }
  }
}
