/**
 * The margin loop: assesses accounts that may have crossed something, at its own pace. Events only say that there is
 * work. Each cycle takes all changed accounts, the newest prices and the rules in force. So a burst of ticks builds no
 * queue. Within a cycle every account is assessed at the prices of one batch.
 */
import type { Decimal } from '../../margin/decimal.js';
import type { PriceSnapshot } from '../../market/price-snapshot.js';
import type { Prices } from '../../market/prices.js';
import type { Events } from '../../platform/events.js';
import type { Parts } from '../../platform/parts.js';
import { retry, sleep } from '../../platform/retry.js';
import type { Rulebook } from '../../policy/rulebook/rulebook.js';
import { LeadershipLostError } from '../../cluster/leadership.js';
import type { AlertWriter } from '../alerts/alert-writer.js';
import type { ChangeCause, WatchStream } from '../streams/watch-stream.js';
import { AccountCache } from './account-cache.js';
import { Evaluator, pricingOf, type Pricing } from './evaluator.js';
import { Watchers } from './watchers.js';

const RETRY_MS = 500;
const PROGRESS_MS = 5_000;

export class MarginLoop {
  readonly accounts: AccountCache;
  private readonly watchers: Watchers;
  /** Accounts that must be read anew, and why. */
  private changed = new Map<string, ChangeCause>();
  private readonly evaluator: Evaluator;
  private alertWriter: AlertWriter | null = null;
  /** The alert writer whose predecessors' work is finished. */
  private takenOver: AlertWriter | null = null;
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
    this.evaluator = new Evaluator(this.accounts, this.watchers, parts.log);
    const { bus } = parts;
    bus.on('prices', () => this.wake());
    bus.on('accounts', (event) => this.onAccounts(event));
    bus.on('collateralRatio', () => this.wake());
    bus.on('policy', () => this.wake());
    bus.on('resync', () => this.onResync());
  }

  /** Reads and evaluates all accounts. Changes meanwhile are noted by events, and read afterwards. */
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
   * Streams the state of each account, and again whenever its status has changed or its ratio has moved by `minChange`.
   * The caller must have checked that the viewer may see the accounts.
   */
  watch(accountIds: readonly string[], minChange: Decimal): WatchStream {
    const stream = this.watchers.open(accountIds, minChange);
    // PRICE, the weakest cause: the new stream reports its first state as SNAPSHOT, and other streams of the account
    // get nothing new.
    for (const id of accountIds) this.addChanged(id, 'PRICE');
    this.wake();
    return stream;
  }

  /** The alert writer while this process leads; null: no alerts are written. */
  setAlertWriter(alertWriter: AlertWriter | null): void {
    this.alertWriter = alertWriter;
    this.wake();
  }

  /** There may be work. */
  wake(): void {
    this.isDue = true;
    if (this.running === null && !this.isClosed) this.running = this.run().finally(() => (this.running = null));
  }

  /** Resolves when all work that was known at the call is done. */
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

  /** The first cause stays until the account is assessed, except that any cause replaces PRICE. */
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
    const left = await this.startCycle(alertWriter, snapshot.seq);
    await this.insist(this.onUnread, () => this.readChanged(snapshot.asOf));
    // The accounts may be newer than the snapshot by now. If the prices are the same, use the later instant.
    const later = prices.snapshot();
    if (later.seq === snapshot.seq) snapshot = later;
    await this.evaluate(pricingOf(snapshot, true), alertWriter);
    await this.endCycle(alertWriter, snapshot.asOf);
    // The outbox may hold more than one cycle takes.
    if (left > 0) this.isDue = true;
  }

  /**
   * A predecessor may have taken a price batch and not stored all of its alerts. Evaluate that batch first, at its
   * prices.
   */
  private async takeOver(alertWriter: AlertWriter): Promise<void> {
    const { prices } = this.parts;
    await prices.catchUp();
    const priceSeq = alertWriter.unfinishedSeq;
    if (priceSeq !== null) {
      const snapshot = await prices.snapshotOf(priceSeq);
      if (snapshot === null) throw new Error(`The prices of batch ${priceSeq} are not kept.`);
      await this.startCycle(alertWriter, priceSeq);
      await this.insist(this.onUnread, () => this.readChanged(snapshot.asOf));
      this.evaluator.wakeEverything();
      await this.evaluate(pricingOf(snapshot, false), alertWriter);
      await this.endCycle(alertWriter, snapshot.asOf);
    }
    this.evaluator.wakeEverything();
    this.takenOver = alertWriter;
  }

  /** Returns how many accounts with outbox rows there are. */
  private async startCycle(alertWriter: AlertWriter | null, priceSeq: bigint): Promise<number> {
    if (alertWriter === null) return 0;
    const left = await this.insist(
      (err) => this.parts.log.error({ err }, 'A price batch could not be taken; trying again.'),
      () => alertWriter.startBatch(priceSeq),
    );
    // No event named these: their process died between commit and event, or Redis was away.
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

  /** A cycle that began must end: a price batch that was taken is evaluated, however long the database is away. */
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
        this.evaluator.wakeAccount(id);
      }
    } catch (error) {
      for (const [id, cause] of batch) this.addChanged(id, cause);
      throw error;
    }
  }

  /** The prices of the last evaluation, which are those of the columns. */
  get snapshot(): PriceSnapshot {
    return this.evaluatedAt ?? this.parts.prices.snapshot();
  }

  private evaluate(pricing: Pricing, alertWriter: AlertWriter | null): Promise<void> {
    this.evaluatedAt = pricing.snapshot;
    return this.evaluator.evaluate(pricing, alertWriter);
  }
}
