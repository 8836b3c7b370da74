/**
 * What one subscriber is still to be told: at most one state an account, the newest. A subscriber that stops reading
 * holds that much memory and delays nobody.
 */
import type { Decimal } from '../margin/decimal.js';
import type { MarginStatus, Policy } from '../margin/model.js';
import type { MarginState } from '../ledger/margin-state.js';
import type { AlertLevel, Levels } from './alerts/levels.js';
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

/** A ratio for comparisons: a null one counts as infinite, or as nothing where nothing is required (rules: 5). */
type Ratio = Decimal | 'infinite' | 'none';

/** How the cross account or an isolated position stood in the newest state that was queued. */
interface ToldLevel {
  readonly name: string;
  status: MarginStatus;
  ratio: Ratio;
}

/** What all else in a state follows from: where it is the same, an account was only looked at again. */
interface Basis {
  version: number;
  policy: Policy;
  walletValue: Decimal;
  marginBalance: Decimal;
  maintenanceMargin: Decimal;
}

/**
 * What a stream has to know of an account. It is written over in place: what is new for every subscriber at every tick
 * outlives the young generation's collections, and that is what a push costs most.
 */
interface Told {
  levels: ToldLevel[];
  /** Null unless whatever is different is told. */
  basis: Basis | null;
  stale: readonly string[];
  sequence: number;
  /** The newest state, while it is not handed over. */
  queued: Queued | null;
  /** Of the newest state that was handed over. */
  deliveredStatus: MarginStatus | null;
}

interface Queued {
  readonly state: MarginState;
  readonly cause: ChangeCause;
}

export class WatchStream extends PulledStream<MarginUpdate> {
  private readonly told = new Map<string, Told>();
  /** Those with a state queued, in the order in which they became due. */
  private due: Told[] = [];

  constructor(
    readonly accountIds: readonly string[],
    /** How far a ratio must have moved since the last state, at least. */
    readonly minChange: Decimal,
    private readonly onEnd: (stream: WatchStream) => void,
  ) {
    super();
  }

  /**
   * Queues the state if it is the first one of the account, or differs enough from the last.
   *
   * @param levels of the state
   */
  offer(state: MarginState, levels: Levels, cause: ChangeCause): void {
    if (this.ended) return;
    const { id } = state.account;
    let told = this.told.get(id);
    if (told === undefined) {
      const basis = this.minChange.isZero() ? basisOf(state) : null;
      told = { levels: [], basis, stale: [], sequence: 0, queued: null, deliveredStatus: null };
      this.told.set(id, told);
    } else {
      // After a gap everybody is told, whether it has moved or not.
      const isDue = cause === 'RESYNC' || this.differ(told, state, levels);
      if (!isDue) return;
    }
    remember(told, state, levels);
    told.sequence += 1;
    // A newer state takes the place of the older one.
    if (told.queued === null) this.due.push(told);
    // Until the first one was read, it is the first state that the subscriber sees.
    told.queued = { state, cause: told.deliveredStatus === null ? 'SNAPSHOT' : cause };
    this.handOver();
  }

  /** The ratio of a level in the newest state that was queued; null: there was none, or it was infinite. */
  toldRatio(accountId: string, level: string): Decimal | null {
    const ratio = this.told.get(accountId)?.levels.find(({ name }) => name === level)?.ratio;
    return ratio === undefined || typeof ratio === 'string' ? null : ratio;
  }

  protected take(): MarginUpdate | undefined {
    const told = this.due.shift();
    if (told === undefined || told.queued === null) return undefined;
    const { state, cause } = told.queued;
    const { deliveredStatus: previousStatus, sequence } = told;
    told.queued = null;
    told.deliveredStatus = state.report.status;
    return { state, previousStatus, sequence, cause };
  }

  protected onReturn(): void {
    this.due = [];
    this.onEnd(this);
  }

  private differ(told: Told, state: MarginState, levels: Levels): boolean {
    return (
      this.haveMoved(told.levels, levels) ||
      !haveSameText(told.stale, state.report.stale) ||
      (told.basis !== null && !hasSameBasis(told.basis, state))
    );
  }

  /** An isolated position that was opened or closed is a difference, too. */
  private haveMoved(before: readonly ToldLevel[], now: Levels): boolean {
    if (before.length !== now.length) return true;
    return now.some((level) => {
      const last = before.find(({ name }) => name === level.name);
      return last === undefined || last.status !== level.status || this.hasMoved(last.ratio, ratioOf(level));
    });
  }

  private hasMoved(before: Ratio, now: Ratio): boolean {
    if (typeof before === 'string' || typeof now === 'string') return before !== now;
    return !now.eq(before) && (this.minChange.isZero() || now.minus(before).abs().gte(this.minChange));
  }
}

function remember(told: Told, state: MarginState, levels: Levels): void {
  const isAlike =
    told.levels.length === levels.length && levels.every(({ name }, index) => name === told.levels[index]?.name);
  if (isAlike) {
    for (const [index, last] of told.levels.entries()) {
      const level = levels[index] as AlertLevel;
      last.status = level.status;
      last.ratio = ratioOf(level);
    }
  } else {
    told.levels = levels.map((level) => ({ name: level.name, status: level.status, ratio: ratioOf(level) }));
  }
  if (told.basis !== null) Object.assign(told.basis, basisOf(state));
  if (!haveSameText(told.stale, state.report.stale)) told.stale = state.report.stale;
}

function ratioOf({ marginRatio, marginBalance, maintenanceMargin }: AlertLevel): Ratio {
  return marginRatio ?? (maintenanceMargin.isZero() && !marginBalance.isNegative() ? 'none' : 'infinite');
}

function basisOf({ account, policy, report }: MarginState): Basis {
  const { walletValue, marginBalance, maintenanceMargin } = report;
  return { version: account.version, policy, walletValue, marginBalance, maintenanceMargin };
}

function hasSameBasis(before: Basis, { account, policy, report }: MarginState): boolean {
  return (
    before.version === account.version &&
    before.policy === policy &&
    before.walletValue.eq(report.walletValue) &&
    before.marginBalance.eq(report.marginBalance) &&
    before.maintenanceMargin.eq(report.maintenanceMargin)
  );
}

function haveSameText(before: readonly string[], now: readonly string[]): boolean {
  return before.length === now.length && now.every((text, index) => text === before[index]);
}
