/**
 * What one subscriber is still to be told: at most one state an account, the newest. A subscriber that stops reading
 * holds that much memory and delays nobody.
 */
import type { Decimal } from '../margin/decimal.js';
import type { MarginStatus } from '../margin/model.js';
import type { MarginState } from '../ledger/margin-state.js';

export type ChangeCause = 'SNAPSHOT' | 'PRICE' | 'ACCOUNT' | 'COLLATERAL_RATIO';

export interface MarginUpdate {
  readonly state: MarginState;
  /** What this stream said last of the account; null in its first state. */
  readonly previousStatus: MarginStatus | null;
  /** Rises by one with every state of the account; a gap means that states were skipped. */
  readonly sequence: number;
  readonly cause: ChangeCause;
}

interface Told {
  /** Of the newest state that was queued. */
  levels: Levels;
  sequence: number;
  /** Of the newest state that was handed over. */
  deliveredStatus: MarginStatus | null;
}

/** A ratio for comparisons: a null one counts as infinite, or as nothing where nothing is required (rules: 5). */
type Ratio = Decimal | 'infinite' | 'none';

interface Level {
  readonly status: MarginStatus;
  readonly ratio: Ratio;
}

/** How the cross account and each isolated position stand, by what they are. */
type Levels = ReadonlyMap<string, Level>;

interface Queued {
  readonly state: MarginState;
  readonly sequence: number;
  readonly cause: ChangeCause;
}

export class WatchStream implements AsyncIterableIterator<MarginUpdate> {
  private readonly told = new Map<string, Told>();
  /** In the order in which they became due; a newer state of an account takes the place of the older one. */
  private readonly queue = new Map<string, Queued>();
  private waiting: ((result: IteratorResult<MarginUpdate>) => void)[] = [];
  private ended = false;

  constructor(
    readonly accountIds: readonly string[],
    /** How far a ratio must have moved since the last state, at least. */
    private readonly minChange: Decimal,
    private readonly onEnd: (stream: WatchStream) => void,
  ) {}

  /** Queues the state if it is the first one of the account, or differs enough from the last. */
  offer(state: MarginState, cause: ChangeCause): void {
    if (this.ended) return;
    const { id } = state.account;
    const levels = levelsOf(state);
    const told = this.told.get(id);
    if (told === undefined) {
      this.told.set(id, { levels, sequence: 1, deliveredStatus: null });
      this.queue.set(id, { state, sequence: 1, cause: 'SNAPSHOT' });
    } else {
      if (!this.differ(told.levels, levels)) return;
      Object.assign(told, { levels, sequence: told.sequence + 1 });
      // A snapshot that was not read yet is still the first state that the subscriber sees.
      const first = told.deliveredStatus === null;
      this.queue.set(id, { state, sequence: told.sequence, cause: first ? 'SNAPSHOT' : cause });
    }
    this.handOver();
  }

  next(): Promise<IteratorResult<MarginUpdate>> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.handOver();
    });
  }

  return(): Promise<IteratorResult<MarginUpdate>> {
    if (!this.ended) {
      this.ended = true;
      this.queue.clear();
      this.onEnd(this);
      this.handOver();
    }
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private handOver(): void {
    while (this.waiting.length > 0) {
      if (this.ended) {
        this.waiting.shift()?.({ done: true, value: undefined });
        continue;
      }
      const [next] = this.queue;
      if (next === undefined) return;
      const [id, { state, sequence, cause }] = next;
      this.queue.delete(id);
      const told = this.told.get(id);
      const previousStatus = told?.deliveredStatus ?? null;
      if (told !== undefined) told.deliveredStatus = state.report.status;
      this.waiting.shift()?.({ done: false, value: { state, previousStatus, sequence, cause } });
    }
  }

  /** An isolated position that was opened or closed is a difference, too. */
  private differ(before: Levels, now: Levels): boolean {
    if (before.size !== now.size) return true;
    for (const [what, { status, ratio }] of now) {
      const last = before.get(what);
      if (last === undefined || last.status !== status || this.hasMoved(last.ratio, ratio)) return true;
    }
    return false;
  }

  private hasMoved(before: Ratio, now: Ratio): boolean {
    if (typeof before === 'string' || typeof now === 'string') return before !== now || this.minChange.isZero();
    return now.minus(before).abs().gte(this.minChange);
  }
}

const CROSS = '';

function levelsOf({ report }: MarginState): Levels {
  const { status, marginRatio, marginBalance, maintenanceMargin } = report;
  const isCalm = maintenanceMargin.isZero() && !marginBalance.isNegative();
  const levels = new Map<string, Level>([[CROSS, { status, ratio: marginRatio ?? (isCalm ? 'none' : 'infinite') }]]);
  for (const position of report.positions) {
    if (position.marginMode === 'CROSS') continue;
    const ratio = position.marginRatio ?? (position.status === 'NO_EXPOSURE' ? 'none' : 'infinite');
    levels.set(`${position.instrument}/${position.side}`, { status: position.status, ratio });
  }
  return levels;
}
