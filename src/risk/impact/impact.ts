/**
 * Whom a change of collateral ratios would hurt. Every account that holds a changed asset is valued in floating point
 * before and after; where that leaves a doubt about a status, it is assessed exactly, so that the counts are those of
 * `assessMargin`. Sums are exact.
 */
import { assessMargin, type MarginReport } from '../../margin/state/assess.js';
import { ZERO, decimal, type Decimal } from '../../margin/decimal.js';
import type { AccountState, CollateralTable, Market, MarginStatus, Policy } from '../../margin/model.js';
import type { PriceSnapshot } from '../../market/price-snapshot.js';
import type { KnownAccounts } from '../columns/known-accounts.js';
import {
  UNIT_HALVES,
  UNIT_WORDS,
  FIRST_HOLDING,
  FIRST_POSITION,
  HOLDINGS,
  POSITIONS,
  POSITION_AMOUNTS,
} from '../columns/columns.js';
import { ExactSum, UNTOLD } from '../columns/exact-sum.js';
import { sureStatus } from '../columns/prefilter.js';
import { INTERVAL_STRIDE, valueUnits, type Columns } from '../columns/valuation.js';
import { Slice } from '../../platform/slice.js';
import { CollateralTotal } from './collateral-total.js';
import { Ranking } from './ranking.js';

/** What an asset would count on one chain of one venue. */
export interface RatioChangeDraft {
  readonly venue: string;
  readonly chain: string | null;
  readonly asset: string;
  readonly schedule: CollateralTable;
}

export interface StatusTransition {
  readonly from: MarginStatus;
  readonly to: MarginStatus;
  readonly accounts: number;
}

/** The cross account with its state before and after. */
export interface AccountImpact {
  readonly accountId: string;
  readonly holds: AccountState;
  readonly market: Market;
  readonly before: { readonly policy: Policy; readonly report: MarginReport };
  readonly after: { readonly policy: Policy; readonly report: MarginReport };
}

export interface Impact {
  readonly asOf: Date;
  /** Multi-asset accounts with a positive balance of a changed asset there. */
  readonly accountsAffected: number;
  /** Of the changed assets over these accounts, in USDT. */
  readonly collateralValueBefore: Decimal;
  readonly collateralValueAfter: Decimal;
  /** Of cross accounts, from worse to worse; those that stay as they are are left out. */
  readonly transitions: readonly StatusTransition[];
  /** Notional of the cross positions of accounts that would be in LIQUIDATION and are not, in USDT. */
  readonly notionalAtRisk: Decimal;
  /** Up to 100, by margin ratio after, the highest first. */
  readonly worst: readonly AccountImpact[];
  /** Whose status would change, or whose ratio would rise by more than 5 %. */
  readonly concerned: readonly string[];
}

const WORST = 100;
/** More than are asked for, since floats that lie close together may be in the wrong order. */
const RANKED = WORST + 28;
/** A ratio that rises by more than this factor concerns its account. */
const RISE = decimal('1.05');
const RISE_FLOAT = RISE.toNumber();
/** Between two turns of the event loop all of these may have to be assessed exactly, twice: 6 ms. */
const BATCH = 32;

/** What the changes would do, all together, at the prices of the snapshot, which must be those of the book. */
export async function impactOf(
  book: KnownAccounts,
  snapshot: PriceSnapshot,
  changes: readonly RatioChangeDraft[],
): Promise<Impact> {
  const places = new Map(changes.map(({ venue, chain }) => [`${venue}\0${chain ?? ''}`, { venue, chain }]));
  const parts = [];
  for (const { venue, chain } of places.values()) {
    const here = changes.filter((change) => change.venue === venue && change.chain === chain);
    const part = ImpactOnPlace.of(book, snapshot, venue, chain, here);
    if (part !== null) parts.push(part);
  }
  for (const part of parts) await part.run(new Slice());
  return joined(snapshot.asOf, parts);
}

/** The accounts of one venue and chain. */
class ImpactOnPlace {
  accountsAffected = 0;
  readonly transitions = new Map<string, StatusTransition>();
  readonly concerned: string[] = [];
  readonly atRisk: Decimal[] = [];
  private readonly ranking = new Ranking(RANKED);
  private worstOfAll: readonly AccountImpact[] = [];
  private readonly before: Columns;
  private readonly after: Columns;
  private readonly thresholds: readonly [number, number];
  /** By the row of a changed asset. */
  private readonly totals: ReadonlyMap<number, readonly [CollateralTotal, CollateralTotal]>;
  /** By the row of an instrument: the sizes of those at risk. */
  private readonly sizes = new Map<number, ExactSum>();

  private constructor(
    private readonly book: KnownAccounts,
    private readonly ruleSet: number,
    private readonly market: Market,
    private readonly policy: Policy,
    private readonly changed: Policy,
    assets: readonly string[],
  ) {
    const { columns } = book;
    const { units, holdings, positions, rules } = columns;
    this.before = { units, holdings, positions, rules: rules.copyWith(ruleSet, policy) };
    this.after = { units, holdings, positions, rules: rules.copyWith(ruleSet, changed) };
    this.thresholds = [policy.warningRatio.toNumber(), policy.marginCallRatio.toNumber()];
    this.totals = new Map(
      assets.map((asset) => [
        rules.collateralRow(ruleSet, 'MULTI_ASSET', asset),
        [
          new CollateralTotal(asset, 'MULTI_ASSET', market, policy),
          new CollateralTotal(asset, 'MULTI_ASSET', market, changed),
        ],
      ]),
    );
  }

  /** Null: there is no account there. */
  static of(
    book: KnownAccounts,
    snapshot: PriceSnapshot,
    venue: string,
    chain: string | null,
    changes: readonly RatioChangeDraft[],
  ): ImpactOnPlace | null {
    const place = book.placeOf(venue, chain);
    if (place === null) return null;
    const { policy } = place;
    const collateralRatios = new Map(policy.collateralRatios);
    for (const { asset, schedule } of changes) collateralRatios.set(asset, schedule);
    const assets = [...new Set(changes.map(({ asset }) => asset))];
    const market = snapshot.marketOf(venue);
    return new ImpactOnPlace(book, place.ruleSet, market, policy, { ...policy, collateralRatios }, assets);
  }

  async run(slice: Slice): Promise<void> {
    const { columns } = this.book;
    const batch = new Uint32Array(BATCH);
    for (let unit = 0; unit < columns.units.end;) {
      let count = 0;
      for (; unit < columns.units.end && count < BATCH; unit++) {
        // An account's cross bucket is its own account's number; isolated positions are not touched by a ratio.
        if (columns.crossOf(unit) !== unit || columns.ruleSetOf(unit) !== this.ruleSet) continue;
        if (this.takeHoldings(unit)) batch[count++] = unit;
      }
      this.compare(batch, count);
      if (slice.isOver) await slice.next();
    }
    const worst: AccountImpact[] = [];
    for (const cross of this.ranking.accounts) {
      if (slice.isOver) await slice.next();
      // Accounts may have been closed meanwhile.
      if (columns.crossOf(cross) === cross) worst.push(this.exactly(cross));
    }
    this.worstOfAll = worst.sort((a, b) => compareRatios(b.after.report, a.after.report)).slice(0, WORST);
  }

  /** The worst of this place, exactly. */
  get worst(): readonly AccountImpact[] {
    return this.worstOfAll;
  }

  get collateralValues(): readonly [Decimal, Decimal] {
    let [before, after] = [ZERO, ZERO];
    for (const [one, other] of this.totals.values()) {
      before = before.plus(one.value);
      after = after.plus(other.value);
    }
    return [before, after];
  }

  get notionalAtRisk(): Decimal {
    let notional = this.atRisk.reduce((sum, one) => sum.plus(one), ZERO);
    for (const [row, sizes] of this.sizes) {
      notional = notional.plus(sizes.total.times(this.market.mark(this.instrumentOf(row))?.price ?? ZERO));
    }
    return notional;
  }

  /** Counts what a bucket holds of the changed assets; false: nothing. */
  private takeHoldings(unit: number): boolean {
    const { units, holdings } = this.before;
    const first = units.words[unit * UNIT_WORDS + FIRST_HOLDING] as number;
    const end = first + (units.halves[unit * UNIT_HALVES + HOLDINGS] as number);
    let isAffected = false;
    for (let item = first; item < end; item++) {
      const totals = this.totals.get(holdings.row[item] as number);
      const quantity = holdings.quantity[item] as number;
      if (totals === undefined || quantity <= 0) continue;
      isAffected = true;
      const held = item - first;
      const exact = (): Decimal => this.book.stateAt(unit).balances[held]?.quantity ?? ZERO;
      for (const total of totals) total.add(quantity, holdings.digits[item] as number, exact);
    }
    if (isAffected) this.accountsAffected += 1;
    return isAffected;
  }

  private compare(batch: Uint32Array, count: number): void {
    valueUnits(this.before, batch, 0, count, intervals[0], flags[0]);
    valueUnits(this.after, batch, 0, count, intervals[1], flags[1]);
    for (let index = 0; index < count; index++) {
      const cross = batch[index] as number;
      let [from, to] = [this.statusOf(index, 0), this.statusOf(index, 1)];
      const rises = surelyRises(index * INTERVAL_STRIDE);
      let risen = rises === true;
      if (from === null || to === null || rises === null) {
        const { before, after } = this.exactly(cross);
        [from, to] = [before.report.status, after.report.status];
        risen = hasRisen(before.report, after.report);
      }
      if (from !== to) this.move(from, to);
      if (from !== to || risen) this.concerned.push(this.book.columns.accountOf(cross));
      if (to === 'LIQUIDATION' && from !== 'LIQUIDATION') this.addNotional(cross);
      if (to !== 'UNPRICED' && to !== 'NO_EXPOSURE') {
        const [, after] = intervals;
        const at = index * INTERVAL_STRIDE;
        const middle = (end: number): number => ((after[at + end] as number) + (after[at + end + 1] as number)) / 2;
        this.ranking.add(cross, middle(0), middle(2));
      }
    }
  }

  private statusOf(index: number, side: 0 | 1): MarginStatus | null {
    const at = index * INTERVAL_STRIDE;
    const found = intervals[side];
    return sureStatus(
      this.thresholds,
      flags[side][index] as number,
      found[at] as number,
      found[at + 1] as number,
      found[at + 2] as number,
      found[at + 3] as number,
    );
  }

  private move(from: MarginStatus, to: MarginStatus): void {
    const key = `${from}/${to}`;
    this.transitions.set(key, { from, to, accounts: (this.transitions.get(key)?.accounts ?? 0) + 1 });
  }

  private addNotional(cross: number): void {
    const { units, positions } = this.before;
    const first = units.words[cross * UNIT_WORDS + FIRST_POSITION] as number;
    const end = first + (units.halves[cross * UNIT_HALVES + POSITIONS] as number);
    const isTold = positions.digits.subarray(first, end).every((digits) => digits !== UNTOLD);
    if (!isTold) {
      for (const { marginMode, notional } of this.exactly(cross).after.report.positions) {
        if (marginMode === 'CROSS' && notional !== null) this.atRisk.push(notional);
      }
      return;
    }
    for (let item = first; item < end; item++) {
      const row = positions.row[item] as number;
      let sizes = this.sizes.get(row);
      if (sizes === undefined) this.sizes.set(row, (sizes = new ExactSum()));
      sizes.add(Math.abs(positions.amounts[item * POSITION_AMOUNTS] as number), positions.digits[item] as number);
    }
  }

  private exactly(cross: number): AccountImpact {
    const holds = this.book.stateAt(cross);
    const assess = (policy: Policy): AccountImpact['before'] => {
      return { policy, report: assessMargin(holds, this.market, policy) };
    };
    const accountId = this.book.columns.accountOf(cross);
    return { accountId, holds, market: this.market, before: assess(this.policy), after: assess(this.changed) };
  }

  private instrumentOf(row: number): string {
    return this.book.columns.rules.instrumentAt(this.ruleSet, row);
  }
}

/** More than the divisions, the products and the float of 1.05 with which ratios are compared can lose. */
const SLACK = 2 ** -48;
const intervals = [new Float64Array(BATCH * INTERVAL_STRIDE), new Float64Array(BATCH * INTERVAL_STRIDE)] as const;
const flags = [new Uint8Array(BATCH), new Uint8Array(BATCH)] as const;

/** What `hasRisen` will say of the intervals at this place; null: the floats leave a doubt. */
function surelyRises(at: number): boolean | null {
  const [before, after] = intervals;
  const [lowest, highest] = [before[at] as number, before[at + 1] as number];
  const [lowestAfter, highestAfter] = [after[at] as number, after[at + 1] as number];
  if (highest < 0) return false;
  if (!(lowest > 0)) return null;
  if (highestAfter < 0) return true;
  if (!(lowestAfter > 0)) return null;
  const [least, most] = [before[at + 2] as number, before[at + 3] as number];
  const [leastAfter, mostAfter] = [after[at + 2] as number, after[at + 3] as number];
  if (most === 0 && mostAfter === 0) return false;
  if ((leastAfter / highestAfter) * (1 - SLACK) > (most / lowest) * RISE_FLOAT) return true;
  if ((mostAfter / lowestAfter) * (1 + SLACK) < (least / highest) * RISE_FLOAT) return false;
  return null;
}

/** By cross-multiplication; a ratio without a positive balance is infinite, and nothing rises above it. */
function hasRisen(before: MarginReport, after: MarginReport): boolean {
  const isInfinite = ({ marginBalance, maintenanceMargin }: MarginReport): boolean =>
    marginBalance.isNegative() || (marginBalance.isZero() && !maintenanceMargin.isZero());
  if (isInfinite(before)) return false;
  if (isInfinite(after)) return true;
  const left = after.maintenanceMargin.times(before.marginBalance);
  return left.gt(before.maintenanceMargin.times(after.marginBalance).times(RISE));
}

/** Which of two states has the higher ratio. */
function compareRatios(a: MarginReport, b: MarginReport): number {
  const [infiniteA, infiniteB] = [a, b].map(({ marginBalance }) => !marginBalance.gt(ZERO));
  if (infiniteA === true || infiniteB === true) {
    if (infiniteA !== infiniteB) return infiniteA === true ? 1 : -1;
    return b.marginBalance.cmp(a.marginBalance);
  }
  return a.maintenanceMargin.times(b.marginBalance).cmp(b.maintenanceMargin.times(a.marginBalance));
}

function joined(asOf: Date, parts: readonly ImpactOnPlace[]): Impact {
  const transitions = new Map<string, StatusTransition>();
  let [collateralValueBefore, collateralValueAfter, notionalAtRisk] = [ZERO, ZERO, ZERO];
  for (const part of parts) {
    const [before, after] = part.collateralValues;
    collateralValueBefore = collateralValueBefore.plus(before);
    collateralValueAfter = collateralValueAfter.plus(after);
    notionalAtRisk = notionalAtRisk.plus(part.notionalAtRisk);
    for (const [key, { from, to, accounts }] of part.transitions) {
      transitions.set(key, { from, to, accounts: accounts + (transitions.get(key)?.accounts ?? 0) });
    }
  }
  const worst = parts.flatMap((part) => part.worst);
  return {
    asOf,
    accountsAffected: parts.reduce((sum, part) => sum + part.accountsAffected, 0),
    collateralValueBefore,
    collateralValueAfter,
    transitions: [...transitions].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, transition]) => transition),
    notionalAtRisk,
    worst: worst.sort((a, b) => compareRatios(b.after.report, a.after.report)).slice(0, WORST),
    concerned: parts.flatMap((part) => part.concerned),
  };
}
