/** The impact of other rules on the accounts of one venue and chain. */
import { assessMargin } from '../../margin/state/assess.js';
import type { AccountState, Market, MarginStatus, Policy } from '../../margin/model.js';
import type { Slice } from '../../platform/yielding.js';
import { positionOf, unitStatesOf, type UnitState, type UnitStates } from '../alerts/margin-units.js';
import { grown } from '../columns/growth.js';
import type { KnownAccounts } from '../columns/known-accounts.js';
import { sureStatus, thresholdsOf, type Thresholds } from '../columns/prefilter.js';
import { UNKNOWN } from '../columns/unit-flags.js';
import { INTERVAL_STRIDE, valueUnits, type Columns } from '../columns/valuation.js';
import { addMove, type AccountImpact, type Moves } from './impact-model.js';
import { Ranking } from './ranking.js';
import { TouchedItems } from './touched-items.js';
import { compareRatios, hasRisen, surelyRises } from './unit-comparison.js';

export const MAX_WORST = 100;
/** More than asked for, since floats that are close may be in the wrong order. */
const RANKED = MAX_WORST + 28;
/** Units valued before they are compared. At worst all are assessed exactly, twice: 6 ms. */
const BATCH = 32;

const intervals = [new Float64Array(BATCH * INTERVAL_STRIDE), new Float64Array(BATCH * INTERVAL_STRIDE)] as const;
const flags = [new Uint8Array(BATCH), new Uint8Array(BATCH)] as const;

/** One account under both policies. */
interface Assessed {
  readonly cross: number;
  readonly holds: AccountState;
  readonly before: AccountImpact['before'];
  readonly after: AccountImpact['after'];
  readonly unitsBefore: UnitStates;
  readonly unitsAfter: UnitStates;
}

interface RankedImpact {
  readonly impact: AccountImpact;
  /** The unit, after the change, by which the account is ranked. */
  readonly unit: UnitState;
}

export class ImpactOnPlace {
  accountsAffected = 0;
  accountsAtRisk = 0;
  readonly crossMoves: Moves = new Map();
  readonly isolatedMoves: Moves = new Map();
  readonly concerned: string[] = [];
  readonly totals: TouchedItems;
  private readonly ranking = new Ranking(RANKED);
  private ranked: readonly RankedImpact[] = [];
  private readonly ruleSet: number;
  private readonly policies: readonly [before: Policy, after: Policy];
  private readonly columns: readonly [before: Columns, after: Columns];
  private readonly thresholds: readonly [before: Thresholds, after: Thresholds];
  /** Touched units of whole accounts, one account after the other. */
  private batch = new Uint32Array(2 * BATCH);
  private assessed: Assessed | null = null;
  // Cross units of the accounts that were counted last. The units of an account follow each other, so that each account
  // is counted once.
  private lastConcerned: number | null = null;
  private lastAtRisk: number | null = null;

  constructor(
    private readonly accounts: KnownAccounts,
    place: { readonly ruleSet: number; readonly policy: Policy },
    private readonly market: Market,
    changed: Policy,
  ) {
    const { units, holdings, positions, orders, rules } = accounts.columns;
    const under = (policy: Policy): Columns => {
      return { units, holdings, positions, orders, rules: rules.copyWith(place.ruleSet, policy) };
    };
    this.ruleSet = place.ruleSet;
    this.policies = [place.policy, changed];
    this.columns = [under(place.policy), under(changed)];
    this.thresholds = [thresholdsOf(place.policy), thresholdsOf(changed)];
    this.totals = new TouchedItems(accounts, place.ruleSet, market, this.policies);
  }

  /** Visits all accounts of the place, in pieces. */
  async run(slice: Slice): Promise<void> {
    const { columns } = this.accounts;
    for (let cross = 0; cross < columns.units.end;) {
      let count = 0;
      for (; cross < columns.units.end && count < BATCH; cross++) {
        if (columns.crossOf(cross) === cross && columns.ruleSetOf(cross) === this.ruleSet) {
          count = this.take(cross, count);
        }
      }
      this.compare(count);
      if (slice.isOver) await slice.yield();
    }
    const ranked: RankedImpact[] = [];
    for (const cross of this.ranking.accounts) {
      if (slice.isOver) await slice.yield();
      // Accounts may have been closed meanwhile.
      const found = columns.crossOf(cross) === cross ? this.rankedImpactOf(cross) : null;
      if (found !== null) ranked.push(found);
    }
    this.ranked = ranked.sort((a, b) => compareRatios(b.unit, a.unit)).slice(0, MAX_WORST);
  }

  /** The worst of this place, exactly. */
  get worst(): readonly RankedImpact[] {
    return this.ranked;
  }

  /** Adds the touched units of an account to the batch of `count` units. Returns the new count. */
  private take(cross: number, count: number): number {
    const { columns } = this.accounts;
    let taken = count;
    if (this.totals.take(cross, true)) this.batch[taken++] = cross;
    // An account's cross unit comes first in `unitsAt`.
    if (this.totals.arePositions && columns.units.next[cross] !== 0) {
      for (const unit of columns.unitsAt(cross).slice(1)) {
        if (!this.totals.take(unit, true)) continue;
        if (taken >= this.batch.length) this.batch = grown(this.batch, taken + 1);
        this.batch[taken++] = unit;
      }
    }
    if (taken > count) this.accountsAffected += 1;
    return taken;
  }

  /** Compares the first `count` units of the batch. No account may change meanwhile. */
  private compare(count: number): void {
    this.assessed = null;
    for (let from = 0; from < count; from += BATCH) {
      const to = Math.min(count, from + BATCH);
      valueUnits(this.columns[0], this.batch, from, to, intervals[0], flags[0]);
      valueUnits(this.columns[1], this.batch, from, to, intervals[1], flags[1]);
      for (let index = 0; index < to - from; index++) this.compareUnit(this.batch[from + index] as number, index);
    }
  }

  private compareUnit(unit: number, index: number): void {
    const cross = this.accounts.columns.crossOf(unit);
    const at = index * INTERVAL_STRIDE;
    let [from, to] = [this.statusOf(index, 0), this.statusOf(index, 1)];
    // An isolated position without a price has no amounts that could change.
    const hasAmounts = unit === cross || ((flags[0][index] as number) & UNKNOWN) === 0;
    let rises = hasAmounts ? surelyRises(intervals[0], intervals[1], at) : false;
    if (from === null || to === null || rises === null) {
      const [before, after] = this.exactly(unit, cross);
      [from, to] = [before.status, after.status];
      rises = hasRisen(before, after);
    }
    const isMoved = from !== to;
    if (isMoved) addMove(unit === cross ? this.crossMoves : this.isolatedMoves, { from, to, units: 1 });
    if ((isMoved || rises) && this.lastConcerned !== cross) {
      this.lastConcerned = cross;
      this.concerned.push(this.accounts.columns.accountOf(cross));
    }
    if (isMoved && to === 'LIQUIDATION') {
      this.totals.addAtRisk(unit);
      if (this.lastAtRisk !== cross) this.accountsAtRisk += 1;
      this.lastAtRisk = cross;
    }
    if (hasRatio(to)) this.ranking.add(cross, middle(at), middle(at + 2));
  }

  private statusOf(index: number, side: 0 | 1): MarginStatus | null {
    const at = index * INTERVAL_STRIDE;
    const found = intervals[side];
    return sureStatus(
      this.thresholds[side],
      flags[side][index] as number,
      found[at] as number,
      found[at + 1] as number,
      found[at + 2] as number,
      found[at + 3] as number,
    );
  }

  private exactly(unit: number, cross: number): readonly [before: UnitState, after: UnitState] {
    if (this.assessed?.cross !== cross) this.assessed = this.assess(cross);
    const { unitsBefore, unitsAfter } = this.assessed;
    const number = this.accounts.columns.unitsAt(cross).indexOf(unit);
    const [before, after] = [unitsBefore[number], unitsAfter[number]];
    if (before === undefined || after === undefined) throw new Error(`The unit ${unit} is not one of its account.`);
    return [before, after];
  }

  private assess(cross: number): Assessed {
    const holds = this.accounts.stateAt(cross);
    const [before, after] = this.policies.map((policy) => ({
      policy,
      report: assessMargin(holds, this.market, policy),
    })) as [AccountImpact['before'], AccountImpact['after']];
    const [unitsBefore, unitsAfter] = [unitStatesOf(before.report), unitStatesOf(after.report)];
    return { cross, holds, before, after, unitsBefore, unitsAfter };
  }

  /** Ranks by the touched unit with the highest ratio; null: none is touched any more. */
  private rankedImpactOf(cross: number): RankedImpact | null {
    const { columns } = this.accounts;
    const { holds, before, after, unitsAfter } = this.assess(cross);
    let worst: UnitState | null = null;
    for (const [number, unit] of columns.unitsAt(cross).entries()) {
      const state = unitsAfter[number];
      if (state === undefined || !hasRatio(state.status) || !this.totals.take(unit, false)) continue;
      if (worst === null || compareRatios(state, worst) > 0) worst = state;
    }
    if (worst === null) return null;
    const accountId = columns.accountOf(cross);
    const impact = { accountId, rankedBy: positionOf(worst.name), holds, market: this.market, before, after };
    return { impact, unit: worst };
  }
}

function hasRatio(status: MarginStatus): boolean {
  return status !== 'UNPRICED' && status !== 'NO_EXPOSURE';
}

/** Of an interval under the changed policy. */
function middle(at: number): number {
  const [, after] = intervals;
  return ((after[at] as number) + (after[at + 1] as number)) / 2;
}
