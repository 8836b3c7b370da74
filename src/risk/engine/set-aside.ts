/**
 * Accounts that this server cannot read or assess. One of them must not hold up all others: it is set aside and tried
 * again, after pauses that grow. Meanwhile nothing of it is evaluated, and its alerts wait in the outbox.
 */
import { UnreadableAccountError } from '../../ledger/records.js';
import type { Logger } from '../../platform/log.js';
import type { Problem } from '../../platform/problems.js';
import type { ChangeCause } from '../streams/watch-stream.js';

interface Entry {
  readonly error: Error;
  /** Why it was last to be evaluated. */
  readonly cause: ChangeCause;
  readonly pauseMs: number;
  /** By `performance.now()`. */
  readonly until: number;
}

const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 10_000;
/** Accounts that one cycle tries again. */
const TRIED = 500;
/** Accounts that a line of the log or a problem names. */
const NAMED = 5;

export class SetAside {
  private readonly entries = new Map<string, Entry>();
  /** Set aside since the last report, and those of which that is over. */
  private readonly fresh = new Set<string>();
  private readonly over = new Set<string>();

  constructor(private readonly log: Logger) {}

  get size(): number {
    return this.entries.size;
  }

  get ids(): readonly string[] {
    return [...this.entries.keys()];
  }

  has(id: string): boolean {
    return this.entries.has(id);
  }

  /** How many accounts of the venue cannot be read. */
  unreadableAt(venue: string): number {
    let count = 0;
    for (const { error } of this.entries.values()) {
      if (error instanceof UnreadableAccountError && error.venue === venue) count += 1;
    }
    return count;
  }

  /** It was tried, and failed. Each further time doubles the pause. */
  add(id: string, error: unknown, cause: ChangeCause = 'PRICE'): void {
    const before = this.entries.get(id);
    if (before === undefined) this.fresh.add(id);
    const pauseMs = before === undefined ? FIRST_PAUSE_MS : Math.min(MAX_PAUSE_MS, 2 * before.pauseMs);
    this.entries.set(id, {
      error: error instanceof Error ? error : new Error(String(error)),
      cause: before === undefined || before.cause === 'PRICE' ? cause : before.cause,
      pauseMs,
      until: performance.now() + pauseMs,
    });
  }

  /** It was read or assessed. */
  release(id: string): boolean {
    if (!this.entries.delete(id)) return false;
    this.over.add(id);
    return true;
  }

  /** What was not known may be known now: no pause lasts on. */
  tryAll(): void {
    for (const [id, entry] of this.entries) this.entries.set(id, { ...entry, pauseMs: 0, until: 0 });
  }

  /** Those whose pause is over, and why they are to be evaluated; the others wait for a later cycle. */
  due(): [id: string, cause: ChangeCause][] {
    const now = performance.now();
    const found: [string, ChangeCause][] = [];
    for (const [id, { until, cause }] of this.entries) {
      if (until > now) continue;
      found.push([id, cause]);
      if (found.length === TRIED) break;
    }
    return found;
  }

  /** Milliseconds until one of them is due; null: there is none. */
  get dueInMs(): number | null {
    if (this.entries.size === 0) return null;
    let next = Infinity;
    for (const { until } of this.entries.values()) next = Math.min(next, until);
    return Math.max(0, Math.ceil(next - performance.now()));
  }

  /**
   * Logs what has changed since the last report: each account once, however often it is tried. Returns how many are no
   * longer set aside.
   */
  report(): number {
    const { log } = this;
    const fresh = [...this.fresh].filter((id) => this.entries.has(id));
    const over = [...this.over].filter((id) => !this.entries.has(id));
    this.fresh.clear();
    this.over.clear();
    const [first] = fresh;
    if (first !== undefined) {
      const named = { accounts: fresh.slice(0, NAMED), count: fresh.length, err: this.entries.get(first)?.error };
      log.error(named, 'Accounts are set aside, since they cannot be read or assessed; trying again.');
    }
    if (over.length > 0) {
      log.info({ accounts: over.slice(0, NAMED), count: over.length }, 'Accounts are no longer set aside.');
    }
    return over.length;
  }

  problem(): Problem | null {
    const [first] = this.entries.values();
    if (first === undefined) return null;
    const [named, rest] = [[...this.entries.keys()].slice(0, NAMED), this.entries.size - NAMED];
    const accounts = `${named.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
    const message =
      `${this.entries.size} of the accounts cannot be read or assessed by this server: ${accounts}. ` +
      `Of the first: ${first.error.message} Their alerts wait; all other accounts are served.`;
    return { message, status: 'degraded' };
  }
}
