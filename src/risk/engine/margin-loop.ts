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
import type { Bus, News } from '../../platform/events.js';
import type { Database } from '../../platform/database.js';
import type { Logger } from '../../platform/log.js';
import type { Rulebook } from '../../policy/rulebook/rulebook.js';
import { AccountBook } from './account-cache.js';
import { alertBoundaries } from '../alerts/alert-machine.js';
import type { AlertKeeper } from '../alerts/alert-writer.js';
import { levelsOf, type AlertLevel, type Levels } from '../alerts/margin-units.js';
import { Bitmap } from '../columns/bitmap.js';
import { FREE } from '../columns/columns.js';
import { corridorOf } from '../columns/quiet-range.js';
import { screen, settleCalm } from '../columns/prefilter.js';
import { DeposedError } from '../../cluster/leadership.js';
import { Slice } from '../../platform/slice.js';
import type { ChangeCause, WatchStream } from '../streams/watch-stream.js';
import { Watchers } from './watchers.js';

export interface MarginLoopParts {
  readonly db: Database;
  readonly rulebook: Rulebook;
  readonly prices: Prices;
  readonly bus: Bus;
  readonly log: Logger;
}

/** Prices at which accounts are assessed, and who is told of it. */
interface Sight {
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
  readonly accounts: AccountBook;
  private readonly watchers: Watchers;
  /** Accounts that have to be read anew, and why. */
  private changed = new Map<string, ChangeCause>();
  private readonly marks = new Bitmap();
  private readonly buckets = new Uint32Array(BATCH);
  private readonly awake = new Uint32Array(BATCH);
  private keeper: AlertKeeper | null = null;
  /** The keeper whose predecessors' work is finished. */
  private begun: AlertKeeper | null = null;
  /** Everything has to be evaluated, asleep or not: at the start, and when the duty begins. */
  private everything = true;
  private evaluatedAt: PriceSnapshot | null = null;
  private resyncing = false;
  private isDue = false;
  private running: Promise<void> | null = null;
  private retry: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(private readonly parts: MarginLoopParts) {
    this.accounts = new AccountBook(parts.db, parts.rulebook);
    this.watchers = new Watchers(parts.rulebook);
    const { bus } = parts;
    bus.on('prices', () => this.nudge());
    bus.on('accounts', (news) => this.onAccounts(news));
    bus.on('collateralRatio', () => this.nudge());
    bus.on('policy', () => this.nudge());
    bus.on('resync', () => this.onResync());
  }

  /** Reads all accounts and evaluates them. What changes meanwhile is heard already, and read again afterwards. */
  async start(): Promise<void> {
    const { prices, log } = this.parts;
    const started = Date.now();
    let told = started;
    await this.accounts.load(prices.snapshot().asOf, (accounts) => {
      if (Date.now() - told < PROGRESS_MS) return;
      told = Date.now();
      log.info({ accounts }, 'Accounts are being read.');
    });
    this.nudge();
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
    for (const id of accountIds) this.mark(id, 'PRICE');
    this.nudge();
    return stream;
  }

  /** From now on alerts are kept, or, with null, no more. */
  setKeeper(keeper: AlertKeeper | null): void {
    this.keeper = keeper;
    this.nudge();
  }

  /** There may be something to do. */
  nudge(): void {
    this.isDue = true;
    if (this.running === null && !this.closed) this.running = this.run().finally(() => (this.running = null));
  }

  /** When this resolves, everything that was heard of before has been looked at. */
  async idle(): Promise<void> {
    while (this.running !== null) await this.running;
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.retry);
    this.watchers.close();
    await this.running;
  }

  private onAccounts({ ids, cause }: News['accounts'][0]): void {
    for (const id of ids) this.mark(id, cause);
    this.nudge();
  }

  private onResync(): void {
    this.resyncing = true;
    this.nudge();
  }

  /** The first cause stands until the account is assessed, but for a price, which explains the least. */
  private mark(id: string, cause: ChangeCause): void {
    if ((this.changed.get(id) ?? 'PRICE') === 'PRICE') this.changed.set(id, cause);
  }

  private async run(): Promise<void> {
    while (this.isDue && !this.closed) {
      this.isDue = false;
      try {
        await this.turn();
      } catch (error) {
        if (this.closed) return;
        this.isDue = true;
        if (error instanceof DeposedError) {
          this.keeper = null;
          continue;
        }
        this.parts.log.error({ err: error }, 'A turn of the margin loop failed; trying again.');
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  private async turn(): Promise<void> {
    const { prices } = this.parts;
    const { keeper } = this;
    if (keeper !== null && keeper !== this.begun) await this.takeOver(keeper);
    let snapshot = prices.snapshot();
    const left = await this.startTurn(keeper, snapshot.round);
    await this.insist('Accounts could not be read', () => this.readChanged(snapshot.asOf));
    // The states may be newer than the snapshot by now; where the prices are not, the instant follows.
    const later = prices.snapshot();
    if (later.round === snapshot.round) snapshot = later;
    await this.evaluate(sightOf(snapshot, true), keeper);
    await this.endTurn(keeper, snapshot.asOf);
    // There may be more than one turn takes.
    if (left > 0) this.isDue = true;
  }

  /** A predecessor may have taken a round and not stored all that comes of it: that comes first, on its prices. */
  private async takeOver(keeper: AlertKeeper): Promise<void> {
    const { prices } = this.parts;
    await prices.catchUp();
    const round = keeper.unfinishedRound;
    if (round !== null) {
      const snapshot = await prices.snapshotOf(round);
      if (snapshot === null) throw new Error(`The prices of round ${round} are not kept.`);
      await this.startTurn(keeper, round);
      await this.insist('Accounts could not be read', () => this.readChanged(snapshot.asOf));
      this.everything = true;
      await this.evaluate(sightOf(snapshot, false), keeper);
      await this.endTurn(keeper, snapshot.asOf);
    }
    this.everything = true;
    this.begun = keeper;
  }

  /** How many accounts others have left to be read anew. */
  private async startTurn(keeper: AlertKeeper | null, round: bigint): Promise<number> {
    if (keeper === null) return 0;
    const left = await this.insist('A round could not be taken', () => keeper.startTurn(round));
    // Of these nobody was told: their process died between the commit and the news of it, or Redis was away.
    const unheard = left.filter((id) => !this.changed.has(id));
    if (unheard.length > 0) this.parts.bus.emit('accounts', { ids: unheard, cause: 'ACCOUNT' });
    return left.length;
  }

  private async endTurn(keeper: AlertKeeper | null, asOf: Date): Promise<void> {
    if (keeper === null) return;
    await this.insist('Alerts could not be stored', () => keeper.endTurn(asOf));
    clearTimeout(this.retry);
    const { retryInMs } = keeper;
    if (retryInMs !== null && !this.closed) this.retry = setTimeout(() => this.nudge(), retryInMs);
  }

  /** What a turn has begun it ends: a round that was taken is evaluated, however long the database is away. */
  private async insist<T>(problem: string, work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (this.closed || error instanceof DeposedError) throw error;
        this.parts.log.error({ err: error }, `${problem}; trying again.`);
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  private async readChanged(at: Date): Promise<void> {
    if (this.resyncing) {
      for (const id of await this.accounts.outdated()) this.mark(id, 'RESYNC');
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
        this.wake(id);
      }
    } catch (error) {
      for (const [id, cause] of batch) this.mark(id, cause);
      throw error;
    }
  }

  private wake(id: string): void {
    for (const bucket of this.accounts.columns.bucketsOf(id)) {
      this.accounts.columns.wake(bucket);
      this.marks.add(bucket);
    }
  }

  /** No ratio moves with the age of a price, and the screen does not see it; who watches is told what is stale. */
  private wakeWatchersOf(prices: ReadonlySet<number>): void {
    if (prices.size === 0) return;
    const { columns } = this.accounts;
    for (const id of this.watchers.ids) {
      if (columns.bucketsOf(id).some((bucket) => columns.isValuedByAny(bucket, prices))) this.wake(id);
    }
  }

  /** The prices at which accounts were evaluated last, which are those of the book. */
  get snapshot(): PriceSnapshot {
    return this.evaluatedAt ?? this.parts.prices.snapshot();
  }

  private async evaluate(sight: Sight, keeper: AlertKeeper | null): Promise<void> {
    const { accounts, marks, buckets, awake } = this;
    this.evaluatedAt = sight.snapshot;
    for (const change of accounts.takeRules(sight.snapshot.asOf, marks)) this.watchers.explain(change);
    this.wakeWatchersOf(accounts.takePrices(sight.snapshot, marks));
    const slice = new Slice();
    if (this.everything) {
      this.everything = false;
      await this.settleAll(slice);
      for (const id of keeper?.accounts() ?? []) this.wake(id);
      // Calm says nothing of what those who watch were told last.
      for (const id of this.watchers.ids) this.wake(id);
    }
    // After all that lets accounts sleep: however calm, what the outbox tells of them becomes alerts by their evaluation.
    for (const id of keeper?.named() ?? []) this.wake(id);
    for (;;) {
      const count = marks.take(buckets);
      if (count === 0) break;
      const woken = screen(accounts.columns, buckets, count, awake);
      // Of an account with several buckets awake, one assessment settles all.
      const crosses = new Set<number>();
      for (let index = 0; index < woken; index++) crosses.add(accounts.columns.crossOf(awake[index] as number));
      // An account that was replaced may have left marks of buckets behind that are nobody's now.
      crosses.delete(FREE);
      for (const cross of crosses) {
        this.assess(cross, sight, keeper);
        if (slice.isOver) await slice.next();
      }
      if (slice.isOver) await slice.next();
    }
  }

  /** Whoever is surely calm is settled by the screen; all others are marked. */
  private async settleAll(slice: Slice): Promise<void> {
    const { columns } = this.accounts;
    const { buckets, awake } = this;
    for (let bucket = 0; bucket < columns.buckets.end;) {
      let count = 0;
      for (; bucket < columns.buckets.end && count < BATCH; bucket++) {
        if (columns.crossOf(bucket) !== FREE) buckets[count++] = bucket;
      }
      const left = settleCalm(columns, buckets, count, awake);
      for (let index = 0; index < left; index++) {
        columns.wake(awake[index] as number);
        this.marks.add(awake[index] as number);
      }
      if (slice.isOver) await slice.next();
    }
  }

  private assess(cross: number, { snapshot, markets, forWatchers }: Sight, keeper: AlertKeeper | null): void {
    const { accounts, parts } = this;
    const id = accounts.columns.accountOf(cross);
    const watched = forWatchers ? this.watchers.of(id) : undefined;
    try {
      const { venue, policy } = accounts.ruleSetAt(cross);
      let market = markets.get(venue);
      if (market === undefined) markets.set(venue, (market = snapshot.marketOf(venue)));
      const holds = watched?.holds ?? accounts.stateAt(cross);
      const report = assessMargin(holds, market, policy);
      const levels = levelsOf(report);
      keeper?.evaluated(id, levels, policy);
      if (watched?.record != null) {
        watched.tell({ account: watched.record, holds, market, policy, report, asOf: snapshot.asOf }, levels);
      }
      this.settle(cross, id, levels, keeper?.boundariesOf(id, policy) ?? boundariesOf(policy), [
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
    levels: Levels,
    boundaries: readonly Decimal[],
    streams: readonly WatchStream[],
  ): void {
    const { columns } = this.accounts;
    columns.bucketsAt(cross).forEach((bucket, index) => {
      const level = levels[index] as AlertLevel;
      const watches = streams.map((stream) => stream.watchOf(id, level.name));
      columns.settle(bucket, corridorOf(level, boundaries, watches));
    });
  }
}

function sightOf(snapshot: PriceSnapshot, forWatchers: boolean): Sight {
  return { snapshot, markets: new Map(), forWatchers };
}

const boundariesByPolicy = new WeakMap<Policy, readonly Decimal[]>();

function boundariesOf(policy: Policy): readonly Decimal[] {
  let boundaries = boundariesByPolicy.get(policy);
  if (boundaries === undefined) boundariesByPolicy.set(policy, (boundaries = alertBoundaries(policy, [])));
  return boundaries;
}
