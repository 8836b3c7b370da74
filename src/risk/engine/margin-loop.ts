/**
 * Live risk: who may have crossed something is assessed, at the loop's own pace. News only say that there is something
 * to do; a turn then takes all accounts that have changed, all prices and all rules as they are, so that a burst of ticks
 * costs no queue and the newest price wins. Within a turn nothing changes: every account is assessed at the prices of
 * one round.
 */
import { assessMargin } from '../../margin/state/assess.js';
import type { Decimal } from '../../margin/decimal.js';
import type { Market, Policy } from '../../margin/model.js';
import type { PriceSnapshot } from '../../market/price-snapshot.js';
import type { Prices } from '../../market/prices.js';
import type { Events } from '../../platform/events.js';
import type { Parts } from '../../platform/parts.js';
import { retry, sleep } from '../../platform/retry.js';
import type { Rulebook } from '../../policy/rulebook/rulebook.js';
import { AccountCache } from './account-cache.js';
import { alertBoundaries } from '../alerts/alert-machine.js';
import type { AlertWriter } from '../alerts/alert-writer.js';
import { unitStatesOf, type UnitState, type UnitStates } from '../alerts/margin-units.js';
import { Bitmap } from '../columns/bitmap.js';
import { FREE } from '../columns/columns.js';
import { quietRangeOf } from '../columns/quiet-range.js';
import { prefilter, settleCalm } from '../columns/prefilter.js';
import { LeadershipLostError } from '../../cluster/leadership.js';
import { Slice } from '../../platform/yielding.js';
import type { ChangeCause, WatchStream } from '../streams/watch-stream.js';
import { Watchers } from './watchers.js';

/** Prices at which accounts are assessed, and who is told of it. */
interface Pricing {
  readonly snapshot: PriceSnapshot;
  readonly markets: Map<string, Market>;
  /** False: alerts only; the prices are those of a round that is over. */
  readonly forWatchers: boolean;
}

/** Buckets that the screen looks at in one go. */
const BATCH = 2_048;
const RETRY_MS = 500;
const PROGRESS_MS = 5_000;

export class MarginLoop {
  readonly accounts: AccountCache;
  private readonly watchers: Watchers;
  /** Accounts that have to be read anew, and why. */
  private changed = new Map<string, ChangeCause>();
  private readonly dirty = new Bitmap();
  private readonly units = new Uint32Array(BATCH);
  private readonly awake = new Uint32Array(BATCH);
  private alertWriter: AlertWriter | null = null;
  /** The keeper whose predecessors' work is finished. */
  private takenOver: AlertWriter | null = null;
  /** Everything has to be evaluated, asleep or not: at the start, and when the duty begins. */
  private everything = true;
  private evaluatedAt: PriceSnapshot | null = null;
  private resyncing = false;
  private isDue = false;
  private running: Promise<void> | null = null;
  private alertRetry: NodeJS.Timeout | undefined;
  private readonly closing = new AbortController();

  constructor(
    private readonly parts: Pick<Parts, 'db' | 'bus' | 'log'> & {
      readonly rulebook: Rulebook;
      readonly prices: Prices;
    },
  ) {
    this.accounts = new AccountCache(parts.db, parts.rulebook);
    this.watchers = new Watchers(parts.rulebook);
    const { bus } = parts;
    bus.on('prices', () => this.wake());
    bus.on('accounts', (event) => this.onAccounts(event));
    bus.on('collateralRatio', () => this.wake());
    bus.on('policy', () => this.wake());
    bus.on('resync', () => this.onResync());
  }

  /** Reads all accounts and evaluates them. What changes meanwhile is heard already, and read again afterwards. */
  async start(): Promise<void> {
    const { prices, log } = this.parts;
    const started = Date.now();
    let loggedAt = started;
    await this.accounts.load(prices.snapshot().asOf, (accounts) => {
      if (Date.now() - loggedAt < PROGRESS_MS) return;
      loggedAt = Date.now();
      log.info({ accounts }, 'Accounts are being read.');
    });
    this.wake();
    await this.idle();
    const accounts = this.accounts.size;
    if (accounts > 0) log.info({ accounts, milliseconds: Date.now() - started }, 'Accounts are read and evaluated.');
  }

  /**
   * The state of each account, and then its state again whenever its status has changed or its ratio has moved by
   * `minChange`. The caller has made sure that the viewer may see the accounts.
   */
  watch(accountIds: readonly string[], minChange: Decimal): WatchStream {
    const stream = this.watchers.open(accountIds, minChange);
    // The cause that explains the least: a stream calls its own first state SNAPSHOT, and other streams of the account are
    // told nothing new.
    for (const id of accountIds) this.addChanged(id, 'PRICE');
    this.wake();
    return stream;
  }

  /** From now on alerts are kept, or, with null, no more. */
  setAlertWriter(alertWriter: AlertWriter | null): void {
    this.alertWriter = alertWriter;
    this.wake();
  }

  /** There may be something to do. */
  wake(): void {
    this.isDue = true;
    if (this.running === null && !this.isClosed) this.running = this.run().finally(() => (this.running = null));
  }

  /** When this resolves, everything that was heard of before has been looked at. */
  async idle(): Promise<void> {
    while (this.running !== null) await this.running;
  }

  async close(): Promise<void> {
    this.closing.abort();
    clearTimeout(this.alertRetry);
    this.watchers.close();
    await this.running;
  }

  private get isClosed(): boolean {
    return this.closing.signal.aborted;
  }

  private onAccounts({ ids, cause }: Events['accounts'][0]): void {
    for (const id of ids) this.addChanged(id, cause);
    this.wake();
  }

  private onResync(): void {
    this.resyncing = true;
    this.wake();
  }

  /** The first cause stands until the account is assessed, but for a price, which explains the least. */
  private addChanged(id: string, cause: ChangeCause): void {
    if ((this.changed.get(id) ?? 'PRICE') === 'PRICE') this.changed.set(id, cause);
  }

  private async run(): Promise<void> {
    while (this.isDue && !this.isClosed) {
      this.isDue = false;
      try {
        await this.cycle();
      } catch (error) {
        if (this.isClosed) return;
        this.isDue = true;
        if (error instanceof LeadershipLostError) {
          this.alertWriter = null;
          continue;
        }
        this.parts.log.error({ err: error }, 'A cycle of the margin loop failed; trying again.');
        await sleep(RETRY_MS, this.closing.signal);
      }
    }
  }

  private async cycle(): Promise<void> {
    const { prices } = this.parts;
    const { alertWriter } = this;
    if (alertWriter !== null && alertWriter !== this.takenOver) await this.takeOver(alertWriter);
    let snapshot = prices.snapshot();
    const left = await this.startCycle(alertWriter, snapshot.round);
    await this.insist(this.onUnread, () => this.readChanged(snapshot.asOf));
    // The states may be newer than the snapshot by now; where the prices are not, the instant follows.
    const later = prices.snapshot();
    if (later.round === snapshot.round) snapshot = later;
    await this.evaluate(pricingOf(snapshot, true), alertWriter);
    await this.endCycle(alertWriter, snapshot.asOf);
    // There may be more than one turn takes.
    if (left > 0) this.isDue = true;
  }

  /** A predecessor may have taken a round and not stored all that comes of it: that comes first, on its prices. */
  private async takeOver(alertWriter: AlertWriter): Promise<void> {
    const { prices } = this.parts;
    await prices.catchUp();
    const round = alertWriter.unfinishedSeq;
    if (round !== null) {
      const snapshot = await prices.snapshotOf(round);
      if (snapshot === null) throw new Error(`The prices of round ${round} are not kept.`);
      await this.startCycle(alertWriter, round);
      await this.insist(this.onUnread, () => this.readChanged(snapshot.asOf));
      this.everything = true;
      await this.evaluate(pricingOf(snapshot, false), alertWriter);
      await this.endCycle(alertWriter, snapshot.asOf);
    }
    this.everything = true;
    this.takenOver = alertWriter;
  }

  /** How many accounts others have left to be read anew. */
  private async startCycle(alertWriter: AlertWriter | null, round: bigint): Promise<number> {
    if (alertWriter === null) return 0;
    const left = await this.insist(
      (err) => this.parts.log.error({ err }, 'A price batch could not be taken; trying again.'),
      () => alertWriter.startBatch(round),
    );
    // Of these nobody was told: their process died between the commit and the news of it, or Redis was away.
    const unnoticed = left.filter((id) => !this.changed.has(id));
    if (unnoticed.length > 0) this.parts.bus.emit('accounts', { ids: unnoticed, cause: 'ACCOUNT' });
    return left.length;
  }

  private async endCycle(alertWriter: AlertWriter | null, asOf: Date): Promise<void> {
    if (alertWriter === null) return;
    await this.insist(
      (err) => this.parts.log.error({ err }, 'Alerts could not be stored; trying again.'),
      () => alertWriter.endBatch(asOf),
    );
    clearTimeout(this.alertRetry);
    const { retryInMs } = alertWriter;
    if (retryInMs !== null && !this.isClosed) this.alertRetry = setTimeout(() => this.wake(), retryInMs);
  }

  /** What a turn has begun it ends: a round that was taken is evaluated, however long the database is away. */
  private insist<T>(onFailure: (err: unknown) => void, work: () => Promise<T>): Promise<T> {
    return retry(work, {
      pause: RETRY_MS,
      signal: this.closing.signal,
      onError: (error) => {
        if (error instanceof LeadershipLostError) throw error;
        onFailure(error);
      },
    });
  }

  private readonly onUnread = (err: unknown): void =>
    this.parts.log.error({ err }, 'Accounts could not be read; trying again.');

  private async readChanged(at: Date): Promise<void> {
    if (this.resyncing) {
      for (const id of await this.accounts.outdated()) this.addChanged(id, 'RESYNC');
      for (const id of this.watchers.ids) this.changed.set(id, 'RESYNC');
      this.resyncing = false;
    }
    const batch = this.changed;
    if (batch.size === 0) return;
    this.changed = new Map();
    const watched = new Map([...batch.keys()].map((id) => [id, this.watchers.of(id)]));
    try {
      const found = await this.accounts.read([...batch.keys()], at);
      for (const [id, cause] of batch) {
        const holdings = found.get(id);
        if (holdings !== undefined) this.watchers.hold(id, watched.get(id), holdings, cause);
        this.wakeAccount(id);
      }
    } catch (error) {
      for (const [id, cause] of batch) this.addChanged(id, cause);
      throw error;
    }
  }

  private wakeAccount(id: string): void {
    for (const unit of this.accounts.columns.unitsOf(id)) {
      this.accounts.columns.wake(unit);
      this.dirty.add(unit);
    }
  }

  /** No ratio moves with the age of a price, and the screen does not see it; who watches is told what is stale. */
  private wakeWatchersOf(prices: ReadonlySet<number>): void {
    if (prices.size === 0) return;
    const { columns } = this.accounts;
    for (const id of this.watchers.ids) {
      if (columns.unitsOf(id).some((unit) => columns.isValuedByAny(unit, prices))) this.wakeAccount(id);
    }
  }

  /** The prices at which accounts were evaluated last, which are those of the book. */
  get snapshot(): PriceSnapshot {
    return this.evaluatedAt ?? this.parts.prices.snapshot();
  }

  private async evaluate(pricing: Pricing, alertWriter: AlertWriter | null): Promise<void> {
    const { accounts, dirty, units, awake } = this;
    this.evaluatedAt = pricing.snapshot;
    for (const change of accounts.takeRules(pricing.snapshot.asOf, dirty)) this.watchers.explain(change);
    this.wakeWatchersOf(accounts.takePrices(pricing.snapshot, dirty));
    const slice = new Slice();
    if (this.everything) {
      this.everything = false;
      await this.settleAll(slice);
      for (const id of alertWriter?.accounts() ?? []) this.wakeAccount(id);
      // Calm says nothing of what those who watch were told last.
      for (const id of this.watchers.ids) this.wakeAccount(id);
    }
    // After all that lets accounts sleep: however calm, what the outbox tells of them becomes alerts by their evaluation.
    for (const id of alertWriter?.named() ?? []) this.wakeAccount(id);
    for (;;) {
      const count = dirty.take(units);
      if (count === 0) break;
      const woken = prefilter(accounts.columns, units, count, awake);
      // Of an account with several buckets awake, one assessment settles all.
      const crosses = new Set<number>();
      for (let index = 0; index < woken; index++) crosses.add(accounts.columns.crossOf(awake[index] as number));
      // An account that was replaced may have left marks of buckets behind that are nobody's now.
      crosses.delete(FREE);
      for (const cross of crosses) {
        this.assess(cross, pricing, alertWriter);
        if (slice.isOver) await slice.yield();
      }
      if (slice.isOver) await slice.yield();
    }
  }

  /** Whoever is surely calm is settled by the screen; all others are marked. */
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
    const { accounts, parts } = this;
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
      // One account that cannot be assessed must not hold up those behind it.
      parts.log.error({ err: error, account: id }, 'An account could not be assessed.');
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

function pricingOf(snapshot: PriceSnapshot, forWatchers: boolean): Pricing {
  return { snapshot, markets: new Map(), forWatchers };
}

const boundariesByPolicy = new WeakMap<Policy, readonly Decimal[]>();

function boundariesOf(policy: Policy): readonly Decimal[] {
  let boundaries = boundariesByPolicy.get(policy);
  if (boundaries === undefined) boundariesByPolicy.set(policy, (boundaries = alertBoundaries(policy, [])));
  return boundaries;
}
