/**
 * Says when rules that were scheduled take effect. That they do needs nobody: the rulebook answers by the instant. The
 * clock tells this process, once a version, so that what depends on the rules is looked at again; on duty it also
 * records when a ratio took effect, for those too that fell due while no process ran.
 */
import type { Bus, Events } from '../platform/events.js';
import { transact, type Database } from '../platform/database.js';
import type { Logger } from '../platform/log.js';
import { refreshRules, emitRatio } from '../policy/rulebook/rule-events.js';
import type { Rulebook } from '../policy/rulebook/rulebook.js';
import { LeadershipLostError, holdTerm, type Term } from '../cluster/leadership.js';

/**
 * The longest wait before the clock is looked at again, and before a record that failed is tried again. A timer cannot
 * wait for more than 24 days, and measures time of its own: a machine that slept or whose clock was set is not late.
 */
const MAX_WAIT_MS = 1_000;

export interface RuleClockParts {
  readonly db: Database;
  readonly rulebook: Rulebook;
  readonly bus: Bus;
  readonly log: Logger;
  readonly clock: () => number;
}

export class RuleClock {
  /** Keys of the versions in force that this process knows to be in force. */
  private readonly announced = new Set<string>();
  private readonly onRatio = (event: Events['collateralRatio'][0]): void => this.onRatioEvent(event);
  private readonly onPolicy = ({ venue }: Events['policy'][0]): void => this.onPolicyEvent(venue);
  private timer: NodeJS.Timeout | undefined;
  /** When the next version takes effect; Infinity: none is scheduled. */
  private due = Infinity;
  private term: Term | null = null;
  /** Ratios may have taken effect without a record of it. */
  private unrecorded = false;
  private recording: Promise<void> | null = null;
  private closed = false;

  constructor(private readonly parts: RuleClockParts) {
    const now = parts.clock();
    // What is in force already is no news.
    for (const { key, effectiveFrom } of parts.rulebook.datedRules()) {
      if (effectiveFrom.getTime() <= now) this.announced.add(key);
    }
    parts.bus.on('collateralRatio', this.onRatio);
    parts.bus.on('policy', this.onPolicy);
    this.wait();
  }

  /** The term in which this process is on duty; null: another process is. */
  setTerm(term: Term | null): void {
    this.term = term;
    this.unrecorded = term !== null;
    term?.ended.addEventListener('abort', () => this.endTerm(term), { once: true });
    this.record();
  }

  /** Ends after the record that is being made. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    this.parts.bus.off('collateralRatio', this.onRatio);
    this.parts.bus.off('policy', this.onPolicy);
    await this.recording;
  }

  /** Whoever has told that it is in force has told it for this process; that it is recorded is another matter. */
  private onRatioEvent({ id, change }: Events['collateralRatio'][0]): void {
    if (change === 'IN_FORCE') {
      this.announced.add(id);
      this.unrecorded ||= this.term !== null && this.parts.rulebook.ratioVersion(id)?.appliedAt === null;
    }
    this.wait();
  }

  private onPolicyEvent(venue: string): void {
    const now = this.parts.clock();
    for (const rule of this.parts.rulebook.datedRules()) {
      if (rule.ratio === null && rule.venue === venue && rule.effectiveFrom.getTime() <= now)
        this.announced.add(rule.key);
    }
    this.wait();
  }

  /** Finds out what is due next, and sleeps until then. */
  private wait(): void {
    this.due = Infinity;
    for (const { key, effectiveFrom } of this.parts.rulebook.datedRules()) {
      if (!this.announced.has(key)) this.due = Math.min(this.due, effectiveFrom.getTime());
    }
    this.sleep();
  }

  private sleep(): void {
    clearTimeout(this.timer);
    if (this.closed || (this.due === Infinity && !this.unrecorded)) return;
    const left = Math.max(this.due - this.parts.clock(), 0);
    this.timer = setTimeout(() => this.wake(), Math.min(left, MAX_WAIT_MS));
  }

  private wake(): void {
    if (this.parts.clock() >= this.due) this.emit();
    else this.sleep();
    this.record();
  }

  /** Everything that has taken effect since it was looked at last. */
  private emit(): void {
    const { rulebook, bus, clock } = this.parts;
    const now = new Date(clock());
    const inForce = [...rulebook.datedRules()]
      .filter(({ key, effectiveFrom }) => effectiveFrom <= now && !this.announced.has(key))
      .sort((a, b) => a.effectiveFrom.getTime() - b.effectiveFrom.getTime());
    for (const { key } of inForce) this.announced.add(key);
    for (const { ratio } of inForce) if (ratio !== null) emitRatio(bus, ratio, now);
    const venues = new Set(inForce.filter(({ ratio }) => ratio === null).map(({ venue }) => venue));
    for (const venue of venues) bus.emit('policy', { venue });
    this.wait();
  }

  private record(): void {
    const { term } = this;
    if (term === null || !this.unrecorded || this.recording !== null || this.closed) return;
    this.unrecorded = false;
    this.recording = this.recordIn(term).finally(() => {
      this.recording = null;
      this.sleep();
    });
  }

  private endTerm(term: Term): void {
    if (this.term !== term) return;
    this.term = null;
    this.unrecorded = false;
  }

  private async recordIn(term: Term): Promise<void> {
    const { db, log, clock } = this.parts;
    try {
      const now = new Date(clock());
      await transact(db, async (tx) => {
        await holdTerm(tx, term);
        await tx.$executeRaw`
          UPDATE collateral_ratios SET applied_at = ${now}::timestamptz
          WHERE applied_at IS NULL AND cancelled_at IS NULL AND effective_from <= ${now}::timestamptz`;
      });
      // What was recorded here is read as what others have recorded is.
      await refreshRules(this.parts, now);
    } catch (error) {
      if (error instanceof LeadershipLostError) {
        this.endTerm(term);
        return;
      }
      log.error({ err: error }, 'What has taken effect could not be recorded; trying again.');
      this.unrecorded = true;
    }
  }
}
