/**
 * What one subscriber is still to be told: at most one state an account, the newest. A subscriber that stops reading
 * holds that much memory and delays nobody.
 */
import type { Decimal } from '../margin/decimal.js';
import type { MarginStatus, Policy } from '../margin/model.js';
import type { MarginState } from '../ledger/margin-state.js';
import { CROSS } from './alerts/levels.js';
import { PulledStream } from './pulled-stream.js';

export type ChangeCause = 'SNAPSHOT' | 'PRICE' | 'ACCOUNT' | 'COLLATERAL_RATIO' | 'POLICY' | 'INTEREST' | 'RESYNC';

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
  stale: readonly string[];
  basis: Basis;
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

/** What all else in a state follows from: where it is the same, an account was only looked at again. */
interface Basis {
  readonly version: number;
  readonly policy: Policy;
  readonly walletValue: Decimal;
  readonly marginBalance: Decimal;
  readonly maintenanceMargin: Decimal;
}

interface Queued {
  readonly state: MarginState;
  readonly sequence: number;
  readonly cause: ChangeCause;
}

export class WatchStream extends PulledStream<MarginUpdate> {
  private readonly told = new Map<string, Told>();
  /** In the order in which they became due; a newer state of an account takes the place of the older one. */
  private readonly queue = new Map<string, Queued>();

  constructor(
    readonly accountIds: readonly string[],
    /** How far a ratio must have moved since the last state, at least. */
    readonly minChange: Decimal,
    private readonly onEnd: (stream: WatchStream) => void,
  ) {
    super();
  }

  /** Queues the state if it is the first one of the account, or differs enough from the last. */
  offer(state: MarginState, cause: ChangeCause): void {
    if (this.ended) return;
    const { id } = state.account;
    const levels = levelsOf(state);
    const basis = basisOf(state);
    const told = this.told.get(id);
    // After a gap everybody is told, whether it has moved or not.
    const { stale } = state.report;
    const isDue =
      cause === 'RESYNC' ||
      told === undefined ||
      this.differ(told.levels, levels) ||
      (this.minChange.isZero() && !areSame(told.basis, basis)) ||
      told.stale.join() !== stale.join();
    if (!isDue) return;
    if (told === undefined) {
      this.told.set(id, { levels, stale, basis, sequence: 1, deliveredStatus: null });
      this.queue.set(id, { state, sequence: 1, cause: 'SNAPSHOT' });
    } else {
      Object.assign(told, { levels, stale, basis, sequence: told.sequence + 1 });
      // A snapshot that was not read yet is still the first state that the subscriber sees.
      const first = told.deliveredStatus === null;
      this.queue.set(id, { state, sequence: told.sequence, cause: first ? 'SNAPSHOT' : cause });
    }
    this.handOver();
  }

  /** The ratio of a level in the newest state that was queued; null: there was none, or it was infinite. */
  toldRatio(accountId: string, level: string): Decimal | null {
    const ratio = this.told.get(accountId)?.levels.get(level)?.ratio;
    return ratio === undefined || typeof ratio === 'string' ? null : ratio;
  }

  protected take(): MarginUpdate | undefined {
    const [next] = this.queue;
    if (next === undefined) return undefined;
    const [id, { state, sequence, cause }] = next;
    this.queue.delete(id);
    const told = this.told.get(id);
    const previousStatus = told?.deliveredStatus ?? null;
    if (told !== undefined) told.deliveredStatus = state.report.status;
    return { state, previousStatus, sequence, cause };
  }

  protected onReturn(): void {
    this.queue.clear();
    this.onEnd(this);
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
    if (typeof before === 'string' || typeof now === 'string') return before !== now;
    const change = now.minus(before).abs();
    return !change.isZero() && change.gte(this.minChange);
  }
}

function basisOf({ account, policy, report }: MarginState): Basis {
  const { walletValue, marginBalance, maintenanceMargin } = report;
  return { version: account.version, policy, walletValue, marginBalance, maintenanceMargin };
}

function areSame(before: Basis, now: Basis): boolean {
  return (
    before.version === now.version &&
    before.policy === now.policy &&
    before.walletValue.eq(now.walletValue) &&
    before.marginBalance.eq(now.marginBalance) &&
    before.maintenanceMargin.eq(now.maintenanceMargin)
  );
}

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
