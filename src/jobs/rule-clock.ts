/**
 * Announces scheduled rules when they take effect. The rules need no announcement to hold: the rulebook answers by the
 * instant. But what depends on them must be evaluated again. The leader also records when a version took effect, also for
 * versions that fell due while no process ran.
 */
import type { Events } from '../platform/events.js';
import { transact } from '../platform/database/database.js';
import type { Parts } from '../platform/parts.js';
import { emitRules, refreshRules } from '../policy/rulebook/rule-events.js';
import type { Rulebook } from '../policy/rulebook/rulebook.js';
import { isRatio } from '../policy/versions/ratio-version.js';
import { RULES } from '../policy/versions/rules.js';
import { storeApplied } from '../policy/versions/version-rows.js';
import { LeadershipLostError, holdTerm, type Term } from '../cluster/leadership.js';

/**
 * Longest wait before the clock is read again, or a failed record is retried. Timers are limited to 24 days, and do not
 * follow a clock that was set or a machine that slept.
 */
const MAX_WAIT_MS = 1_000;

export class RuleClock {
  /** Ids of versions in force that were announced in this process. */
  private readonly announced = new Set<string>();
  private readonly onRatio = (event: Events['collateralRatio'][0]): void => this.onRatioEvent(event);
  private readonly onPolicy = ({ venue }: Events['policy'][0]): void => this.onPolicyEvent(venue);
  private timer: NodeJS.Timeout | undefined;
  /** When the next version takes effect, in ms; Infinity: none is scheduled. */
  private due = Infinity;
  private term: Term | null = null;
  /** Versions may have taken effect without a record. */
  private unrecorded = false;
  private recording: Promise<void> | null = null;
  private closed = false;

  constructor(private readonly parts: Parts & { readonly rulebook: Rulebook }) {
    const now = parts.clock();
    // Versions in force at the start need no announcement.
    for (const { id, effectiveFrom } of parts.rulebook.standing()) {
      if (effectiveFrom.getTime() <= now) this.announced.add(id);
    }
    parts.bus.on('collateralRatio', this.onRatio);
    parts.bus.on('policy', this.onPolicy);
    this.wait();
  }

  /** The term of this process; null: another process leads. */
  setTerm(term: Term | null): void {
    this.term = term;
    this.unrecorded = term !== null;
    term?.ended.addEventListener('abort', () => this.endTerm(term), { once: true });
    this.record();
  }

  /** Resolves after the record under way. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    this.parts.bus.off('collateralRatio', this.onRatio);
    this.parts.bus.off('policy', this.onPolicy);
    await this.recording;
  }

  /** An IN_FORCE event of another part counts as the announcement. The record in the database may still be missing. */
  private onRatioEvent({ id, change }: Events['collateralRatio'][0]): void {
    if (change === 'IN_FORCE') {
      this.announced.add(id);
      this.unrecorded ||= this.term !== null && this.parts.rulebook.ratioVersion(id)?.appliedAt === null;
    }
    this.wait();
  }

  private onPolicyEvent(venue: string): void {
    const now = this.parts.clock();
    for (const version of this.parts.rulebook.standing()) {
      if (isRatio(version) || version.venue !== venue || version.effectiveFrom.getTime() > now) continue;
      this.announced.add(version.id);
      this.unrecorded ||= this.term !== null && version.appliedAt === null;
    }
    this.wait();
  }

  /** Finds the next version to take effect, and sleeps until then. */
  private wait(): void {
    this.due = Infinity;
    for (const { id, effectiveFrom } of this.parts.rulebook.standing()) {
      if (!this.announced.has(id)) this.due = Math.min(this.due, effectiveFrom.getTime());
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

  /** Announces each version that has taken effect since the last call. */
  private emit(): void {
    const { rulebook, bus, clock } = this.parts;
    const now = new Date(clock());
    const inForce = [...rulebook.standing()]
      .filter(({ id, effectiveFrom }) => effectiveFrom <= now && !this.announced.has(id))
      .sort((a, b) => a.effectiveFrom.getTime() - b.effectiveFrom.getTime());
    for (const { id } of inForce) this.announced.add(id);
    emitRules(bus, inForce, now);
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
        for (const { table } of RULES) await storeApplied(tx, table, now);
      });
      // Read back, as records of other processes are.
      await refreshRules(this.parts, now);
    } catch (error) {
      if (error instanceof LeadershipLostError) {
        this.endTerm(term);
        return;
      }
      log.error({ err: error }, 'Rules that took effect could not be recorded; trying again.');
      this.unrecorded = true;
    }
  }
}
