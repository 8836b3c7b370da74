/**
 * The evaluation of accounts at one set of prices: the prefilter says which may have crossed something, and those are
 * assessed exactly. What comes of it goes to the alert writer and to the watchers.
 */
import type { Decimal } from '../../margin/decimal.js';
import type { Market, Policy } from '../../margin/model.js';
import { assessMargin } from '../../margin/state/assess.js';
import type { PriceSnapshot } from '../../market/price-snapshot.js';
import type { Logger } from '../../platform/log.js';
import { Slice } from '../../platform/yielding.js';
import { alertBoundaries } from '../alerts/alert-machine.js';
import type { AlertWriter } from '../alerts/alert-writer.js';
import { unitStatesOf, type UnitState, type UnitStates } from '../alerts/margin-units.js';
import { Bitmap } from '../columns/bitmap.js';
import { FREE } from '../columns/columns.js';
import { prefilter, settleCalm } from '../columns/prefilter.js';
import { quietRangeOf } from '../columns/quiet-range.js';
import type { WatchStream } from '../streams/watch-stream.js';
import type { AccountCache } from './account-cache.js';
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

export class Evaluator {
  private readonly dirty = new Bitmap();
  private readonly units = new Uint32Array(BATCH);
  private readonly awake = new Uint32Array(BATCH);
  /** Every account must be evaluated, even in its quiet range: at the start, and when a term begins. */
  private everything = true;

  constructor(
    private readonly accounts: AccountCache,
    private readonly watchers: Watchers,
    private readonly log: Logger,
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

  /** Takes the rules and prices over, and assesses every account that may have crossed something. */
  async evaluate(pricing: Pricing, alertWriter: AlertWriter | null): Promise<void> {
    const { accounts, dirty, units, awake } = this;
    for (const change of accounts.takeRules(pricing.snapshot.asOf, dirty)) this.watchers.explain(change);
    this.wakeWatchersOf(accounts.takePrices(pricing.snapshot, dirty));
    const slice = new Slice();
    if (this.everything) {
      this.everything = false;
      await this.settleAll(slice);
      for (const id of alertWriter?.accounts() ?? []) this.wakeAccount(id);
      // A calm unit may still differ from what its watchers were sent last.
      for (const id of this.watchers.ids) this.wakeAccount(id);
    }
    // After every step that settles accounts: even a calm account must be evaluated, or its outbox rows would make no
    // alerts.
    for (const id of alertWriter?.named() ?? []) this.wakeAccount(id);
    for (;;) {
      const count = dirty.take(units);
      if (count === 0) break;
      const woken = prefilter(accounts.columns, units, count, awake);
      // One assessment settles all units of an account.
      const crosses = new Set<number>();
      for (let index = 0; index < woken; index++) crosses.add(accounts.columns.crossOf(awake[index] as number));
      // A replaced account may have left dirty bits of units that are free now.
      crosses.delete(FREE);
      for (const cross of crosses) {
        this.assess(cross, pricing, alertWriter);
        if (slice.isOver) await slice.yield();
      }
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
    } catch (error) {
      // One account that cannot be assessed must not hold up the others.
      this.log.error({ err: error, account: id }, 'An account could not be assessed.');
    }
  }

  private settle(
    cross: number,
    id: string,
    unitStates: UnitStates,
    boundaries: readonly Decimal[],
    streams: readonly WatchStream[],
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

const boundariesByPolicy = new WeakMap<Policy, readonly Decimal[]>();

function boundariesOf(policy: Policy): readonly Decimal[] {
  let boundaries = boundariesByPolicy.get(policy);
  if (boundaries === undefined) boundariesByPolicy.set(policy, (boundaries = alertBoundaries(policy, [])));
  return boundaries;
}
