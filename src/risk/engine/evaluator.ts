/**
 * The evaluation of accounts at one set of prices: the prefilter says which may have crossed something, and those are
 * assessed exactly. What comes of it goes to the alert writer and to the watchers. Where prices move many accounts, the
 * watched ones come first, and then the worst of the others.
 */
import type { Fraction } from '../../margin/fraction.js';
import type { Market, Policy } from '../../margin/model.js';
import { assessMargin } from '../../margin/state/assess.js';
import type { PriceSnapshot } from '../../market/price-snapshot.js';
import { Slice } from '../../platform/yielding.js';
import { alertBoundaries } from '../alerts/alert-machine.js';
import type { AlertWriter } from '../alerts/alert-writer.js';
import { unitStatesOf, type UnitState, type UnitStates } from '../alerts/margin-units.js';
import { Bitmap } from '../columns/bitmap.js';
import { FREE } from '../columns/columns.js';
import { prefilter, settleCalm, thresholdsOf, type Thresholds } from '../columns/prefilter.js';
import { quietRangeOf } from '../columns/quiet-range.js';
import { SEVERITIES, severitiesOf } from '../columns/severity.js';
import type { Watcher } from '../streams/watch-stream.js';
import type { AccountCache } from './account-cache.js';
import type { Portions } from './portions.js';
import type { SetAside } from './set-aside.js';
import type { Watchers } from './watchers.js';

/** Prices of a cycle, and whether watchers are sent the results. */
export interface Pricing {
  readonly snapshot: PriceSnapshot;
  readonly markets: Map<string, Market>;
  /** False: alerts only, since the prices are of a past batch. */
  readonly forWatchers: boolean;
}

/** Margin units of one call of the prefilter. */
const BATCH = 2_048;

/** An evaluation that is under way. */
interface Run {
  readonly pricing: Pricing;
  readonly portions: Portions;
  readonly slice: Slice;
  /** Cross units of the accounts that were assessed: one assessment is for all units of an account. */
  readonly assessed: Bitmap;
}

export class Evaluator {
  private readonly dirty = new Bitmap();
  private readonly units = new Uint32Array(BATCH);
  private readonly awake = new Uint32Array(BATCH);
  private readonly severities = new Uint8Array(BATCH);
  /** Every account must be evaluated, even in its quiet range: at the start, and when a term begins. */
  private everything = true;

  constructor(
    private readonly accounts: AccountCache,
    private readonly watchers: Watchers,
    private readonly setAside: SetAside,
    /** Ends an evaluation that is under way. */
    private readonly signal: AbortSignal,
  ) {}

  /** The next evaluation looks at every account. */
  wakeEverything(): void {
    this.everything = true;
  }

  /** The next evaluation looks at the account, however calm it is. */
  wakeAccount(id: string): void {
    for (const unit of this.accounts.columns.unitsOf(id)) {
      this.accounts.columns.wake(unit);
      this.dirty.add(unit);
    }
  }

  /** The age of a price moves no ratio, so the prefilter ignores it. But watchers are sent which prices are stale. */
  private wakeWatchersOf(prices: ReadonlySet<number>): void {
    if (prices.size === 0) return;
    const { columns } = this.accounts;
    for (const id of this.watchers.ids) {
      if (columns.unitsOf(id).some((unit) => columns.isValuedByAny(unit, prices))) this.wakeAccount(id);
    }
  }

  /**
   * Takes the rules and prices over, and assesses every account that may have crossed something. If alerts cannot be
   * stored any more, it throws that at the end, after the watchers were sent their states.
   */
  async evaluate(pricing: Pricing, portions: Portions): Promise<void> {
    const { accounts, dirty } = this;
    for (const change of accounts.takeRules(pricing.snapshot.asOf, dirty)) this.watchers.explain(change);
    this.wakeWatchersOf(accounts.takePrices(pricing.snapshot, dirty));
    const run = { pricing, portions, slice: new Slice(), assessed: new Bitmap() };
    const { alertWriter } = portions;
    if (this.everything) {
      this.everything = false;
      await this.settleAll(run.slice);
      for (const id of alertWriter?.accounts() ?? []) {
        this.wakeAccount(id);
        if (run.slice.isOver) await run.slice.yield();
      }
      // A calm unit may still differ from what its watchers were sent last.
      for (const id of this.watchers.ids) this.wakeAccount(id);
    }
    // After every step that settles accounts: even a calm account must be evaluated, or its outbox rows would make no
    // alerts.
    for (const id of alertWriter?.named() ?? []) this.wakeAccount(id);
    try {
      // Where one call of the prefilter takes all, nobody waits for others.
      if (pricing.forWatchers && dirty.hasAtLeast(BATCH)) await this.assessWatched(run);
      for (const queue of await this.wokenOf(run)) await this.assessAll(queue, run);
    } finally {
      await portions.end();
    }
  }

  private async assessWatched(run: Run): Promise<void> {
    const { dirty, units } = this;
    const { columns } = this.accounts;
    let count = 0;
    const judge = async (): Promise<void> => {
      const woken = prefilter(columns, units, count, this.awake);
      count = 0;
      await this.assessAll(
        Array.from(this.awake.subarray(0, woken), (unit) => columns.crossOf(unit)),
        run,
      );
    };
    for (const id of this.watchers.ids) {
      for (const unit of columns.unitsOf(id)) {
        if (!dirty.has(unit)) continue;
        dirty.delete(unit);
        units[count++] = unit;
        if (count === units.length) await judge();
      }
    }
    await judge();
  }

  /** Cross units of the accounts that must be assessed, by how bad they are. */
  private async wokenOf({ slice }: Run): Promise<number[][]> {
    const { dirty, units, awake, severities } = this;
    const { columns } = this.accounts;
    const queues = Array.from({ length: SEVERITIES }, (): number[] => []);
    const thresholds: Thresholds[] = [];
    const thresholdsIn = (ruleSet: number): Thresholds => (thresholds[ruleSet] ??= this.thresholdsIn(ruleSet));
    for (;;) {
      const count = dirty.take(units);
      if (count === 0) return queues;
      const woken = prefilter(columns, units, count, awake);
      severitiesOf(columns, awake, woken, thresholdsIn, severities);
      for (let index = 0; index < woken; index++) {
        queues[severities[index] as number]?.push(columns.crossOf(awake[index] as number));
      }
      if (slice.isOver) await slice.yield();
    }
  }

  private thresholdsIn(ruleSet: number): Thresholds {
    const rules = this.accounts.ruleSets[ruleSet];
    if (rules === undefined) throw new Error(`Expected the rules of set ${ruleSet}, got none.`);
    return thresholdsOf(rules.policy);
  }

  private async assessAll(crosses: readonly number[], { pricing, portions, slice, assessed }: Run): Promise<void> {
    const { columns } = this.accounts;
    for (const cross of crosses) {
      this.signal.throwIfAborted();
      // A replaced account may have left dirty bits of units that are free now, or another's.
      if (cross === FREE || columns.crossOf(cross) !== cross || assessed.has(cross)) continue;
      assessed.add(cross);
      this.assess(cross, pricing, portions.alertWriter);
      const handedOver = portions.handOver();
      if (handedOver !== null) await handedOver;
      if (slice.isOver) await slice.yield();
    }
  }

  /** Settles all units that are surely calm; all others are marked dirty. */
  private async settleAll(slice: Slice): Promise<void> {
    const { columns } = this.accounts;
    const { units, awake } = this;
    for (let unit = 0; unit < columns.units.end;) {
      let count = 0;
      for (; unit < columns.units.end && count < BATCH; unit++) {
        if (columns.crossOf(unit) !== FREE) units[count++] = unit;
      }
      const left = settleCalm(columns, units, count, awake);
      for (let index = 0; index < left; index++) {
        columns.wake(awake[index] as number);
        this.dirty.add(awake[index] as number);
      }
      if (slice.isOver) await slice.yield();
    }
  }

  private assess(cross: number, { snapshot, markets, forWatchers }: Pricing, alertWriter: AlertWriter | null): void {
    const { accounts } = this;
    const id = accounts.columns.accountOf(cross);
    const watched = forWatchers ? this.watchers.of(id) : undefined;
    try {
      const { venue, policy } = accounts.ruleSetAt(cross);
      let market = markets.get(venue);
      if (market === undefined) markets.set(venue, (market = snapshot.marketOf(venue)));
      const holds = watched?.holds ?? accounts.stateAt(cross);
      const report = assessMargin(holds, market, policy);
      const unitStates = unitStatesOf(report);
      alertWriter?.evaluated(id, unitStates, policy);
      if (watched?.record != null) {
        watched.send({ account: watched.record, holds, market, policy, report, asOf: snapshot.asOf }, unitStates);
      }
      this.settle(cross, id, unitStates, alertWriter?.boundariesOf(id, policy) ?? boundariesOf(policy), [
        ...(watched?.streams ?? []),
      ]);
      this.setAside.release(id);
    } catch (error) {
      this.setAside.add(id, error, watched?.cause);
    }
  }

  private settle(
    cross: number,
    id: string,
    unitStates: UnitStates,
    boundaries: readonly Fraction[],
    streams: readonly Watcher[],
  ): void {
    const { columns } = this.accounts;
    columns.unitsAt(cross).forEach((unit, index) => {
      const unitState = unitStates[index] as UnitState;
      const watches = streams.map((stream) => stream.watchOf(id, unitState.name));
      columns.settle(unit, quietRangeOf(unitState, boundaries, watches));
    });
  }
}

export function pricingOf(snapshot: PriceSnapshot, forWatchers: boolean): Pricing {
  return { snapshot, markets: new Map(), forWatchers };
}

const boundariesByPolicy = new WeakMap<Policy, readonly Fraction[]>();

function boundariesOf(policy: Policy): readonly Fraction[] {
  let boundaries = boundariesByPolicy.get(policy);
  if (boundaries === undefined) boundariesByPolicy.set(policy, (boundaries = alertBoundaries(policy, [])));
  return boundaries;
}
