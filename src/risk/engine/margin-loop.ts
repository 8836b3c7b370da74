/**
 * The margin loop: assesses accounts that may have crossed something, at its own pace. Events only say that there is
 * work. Each cycle takes all changed accounts, the newest prices and the rules in force. So a burst of ticks builds no
 * queue. Within a cycle every account is assessed at the prices of one batch.
 */
import type { PriceSnapshot } from '../../market/price-snapshot.js';
import type { Prices } from '../../market/prices.js';
import type { Events } from '../../platform/events.js';
import type { Parts } from '../../platform/parts.js';
import { sleep } from '../../platform/retry.js';
import type { Rulebook } from '../../policy/rulebook/rulebook.js';
import { LeadershipLostError } from '../../cluster/leadership.js';
import type { AlertWriter } from '../alerts/alert-writer.js';
import type { Watcher } from '../streams/watch-stream.js';
import { AccountCache, AccountsLoadingError } from './account-cache.js';
import { ChangedAccounts } from './changed-accounts.js';
import { CyclePace } from './cycle-pace.js';
import { CycleWork } from './cycle-work.js';
import { Evaluator, pricingOf, type Pricing } from './evaluator.js';
import { SetAside } from './set-aside.js';
import { Watchers } from './watchers.js';

const RETRY_MS = 500;
const PROGRESS_MS = 5_000;

export class MarginLoop {
  readonly accounts: AccountCache;
  readonly setAside: SetAside;
  readonly pace: CyclePace;
  private readonly watchers: Watchers;
  readonly changed = new ChangedAccounts();
  private readonly evaluator: Evaluator;
  private readonly work: CycleWork;
  private alertWriter: AlertWriter | null = null;
  /** The alert writer whose predecessors' work is finished. */
  private takenOver: AlertWriter | null = null;
  private evaluatedAt: PriceSnapshot | null = null;
  private resyncing = false;
  /** Accounts that the start has read so far; null: it has read all, or has not begun. */
  private read: number | null = null;
  /** The database went back. Held: everything else is being read anew; nothing is evaluated. Then all accounts are. */
  private recovery: 'HELD' | 'ACCOUNTS' | null = null;
  private isDue = false;
  private running: Promise<void> | null = null;
  private retryTimer: NodeJS.Timeout | undefined;
  private readonly closing = new AbortController();

  constructor(
    private readonly parts: Pick<Parts, 'db' | 'bus' | 'log'> & {
      readonly rulebook: Rulebook;
      readonly prices: Prices;
      /** Hears how long each cycle took, in milliseconds. */
      readonly onCycle?: (milliseconds: number) => void;
    },
  ) {
    this.setAside = new SetAside(parts.log);
    this.accounts = new AccountCache(parts.db, parts.rulebook, this.setAside);
    this.pace = new CyclePace(parts.onCycle);
    this.watchers = new Watchers(parts.rulebook);
    this.evaluator = new Evaluator(this.accounts, this.watchers, this.setAside, this.closing.signal);
    this.work = new CycleWork(parts, this.changed, this.setAside, this.closing.signal);
    const { bus } = parts;
    bus.on('prices', () => this.wake());
    bus.on('accounts', (event) => this.onAccounts(event));
    bus.on('collateralRatio', () => this.wake());
    bus.on('policy', () => this.wake());
    bus.on('reference', () => this.onReference());
    bus.on('resync', () => this.onResync());
  }

  /** Reads and evaluates all accounts. Changes meanwhile are noted by events, and read afterwards. */
  async start(): Promise<void> {
    const { prices, log } = this.parts;
    const started = Date.now();
    let loggedAt = started;
    this.read = 0;
    await this.accounts.load(prices.snapshot().asOf, (accounts) => {
      this.read = accounts;
      if (Date.now() - loggedAt < PROGRESS_MS) return;
      loggedAt = Date.now();
      log.info({ accounts }, 'Accounts are being read.');
    });
    this.read = null;
    // A cycle meanwhile has settled only what was there.
    this.evaluator.wakeEverything();
    this.wake();
    await this.idle();
    const accounts = this.accounts.size;
    if (accounts > 0) log.info({ accounts, milliseconds: Date.now() - started }, 'Accounts are read and evaluated.');
  }

  /** How many accounts the start has read so far; null: all. */
  get progress(): number | null {
    return this.read;
  }

  /** For questions about all accounts. Throws AccountsLoadingError while the start reads them. */
  get allAccounts(): AccountCache {
    if (this.read !== null) throw new AccountsLoadingError(this.read);
    return this.accounts;
  }

  /**
   * Offers the stream the state of each of its accounts, and again whenever its status has changed or its ratio has
   * moved by `minChange`. The caller must have checked that the viewer may see the accounts.
   */
  watch<S extends Watcher>(stream: S): S {
    this.watchers.add(stream);
    // PRICE, the weakest cause: the new stream reports its first state as SNAPSHOT, and other streams of the account
    // get nothing new.
    for (const id of stream.accountIds) this.changed.add(id, 'PRICE');
    this.wake();
    return stream;
  }

  /** The alert writer while this process leads; null: no alerts are written. */
  setAlertWriter(alertWriter: AlertWriter | null): void {
    this.alertWriter = alertWriter;
    this.wake();
  }

  /** The database went back. Nothing is evaluated from when this resolves until `reload`. */
  async hold(): Promise<void> {
    this.recovery = 'HELD';
    this.changed.forgetWritten();
    await this.idle();
  }

  /** Rules and prices are read anew. Accounts follow before anything is evaluated; watchers are sent RESYNC. */
  reload(): void {
    this.recovery = 'ACCOUNTS';
    this.wake();
  }

  get isReloading(): boolean {
    return this.recovery !== null;
  }

  /** The version held of an account; null: none is, or something says that the database has another. */
  currentVersion(id: string): number | null {
    const isOld = this.read !== null || this.recovery !== null || this.resyncing || this.changed.has(id);
    return isOld ? null : this.accounts.columns.versionOf(id);
  }

  /** These accounts are behind the database. */
  readAnew(ids: readonly string[]): void {
    this.onAccounts({ ids, cause: 'ACCOUNT' });
  }

  /** There may be work. */
  wake(): void {
    this.isDue = true;
    this.pace.due();
    if (this.running === null && this.mayRun) this.running = this.run().finally(() => (this.running = null));
  }

  /** Resolves when all work that was known at the call is done. */
  async idle(): Promise<void> {
    while (this.running !== null) await this.running;
  }

  async close(): Promise<void> {
    this.closing.abort();
    clearTimeout(this.retryTimer);
    this.watchers.close();
    await this.running;
  }

  private get isClosed(): boolean {
    return this.closing.signal.aborted;
  }

  private get mayRun(): boolean {
    return !this.isClosed && this.recovery !== 'HELD';
  }

  private onAccounts({ ids, cause, isHeld }: Events['accounts'][0]): void {
    for (const id of ids) this.changed.add(id, cause, isHeld);
    this.wake();
  }

  private onReference(): void {
    this.setAside.tryAll();
    this.wake();
  }

  private onResync(): void {
    this.resyncing = true;
    this.wake();
  }

  private async run(): Promise<void> {
    while (this.isDue && this.mayRun) {
      this.isDue = false;
      try {
        this.pace.begin();
        await this.cycle();
        this.pace.end();
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
    const { alertWriter, work } = this;
    if (this.recovery === 'ACCOUNTS') await this.reloadAccounts();
    if (alertWriter !== null && alertWriter !== this.takenOver) await this.takeOver(alertWriter);
    const before = prices.snapshot();
    const left = await work.startBatch(alertWriter);
    const read = await work.insist(this.onUnread, () => this.readChanged(before.asOf));
    const snapshot = read ? await work.pricesAfter() : before;
    await work.take(alertWriter, snapshot.seq);
    await this.evaluate(pricingOf(snapshot, true), alertWriter);
    await work.endBatch(alertWriter, snapshot.asOf);
    // The outbox may hold more than one cycle takes.
    if (left > 0) this.isDue = true;
    this.endSettingAside();
  }

  private async reloadAccounts(): Promise<void> {
    await this.work.insist(this.onUnread, () => this.accounts.reload(this.parts.prices.snapshot().asOf));
    this.changed.resync(this.watchers.ids);
    this.evaluator.wakeEverything();
    this.recovery = null;
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
      await this.work.startBatch(alertWriter);
      await this.work.insist(this.onUnread, () => this.readChanged(snapshot.asOf));
      await this.work.take(alertWriter, priceSeq);
      this.evaluator.wakeEverything();
      await this.evaluate(pricingOf(snapshot, false), alertWriter);
      await this.work.endBatch(alertWriter, snapshot.asOf);
    }
    this.evaluator.wakeEverything();
    this.takenOver = alertWriter;
  }

  /** Reports what was set aside in this cycle, and sees to it that it is tried again. */
  private endSettingAside(): void {
    const { setAside } = this;
    // Outbox rows of an account that was set aside are read by the next cycle.
    if (setAside.report() > 0 && this.alertWriter !== null) this.isDue = true;
    clearTimeout(this.retryTimer);
    const { dueInMs } = setAside;
    if (dueInMs !== null && !this.isClosed) this.retryTimer = setTimeout(() => this.wake(), dueInMs);
  }

  private readonly onUnread = (err: unknown): void =>
    this.parts.log.error({ err }, 'Accounts could not be read; trying again.');

  /** Returns whether there was any. */
  private async readChanged(at: Date): Promise<boolean> {
    if (this.resyncing) {
      for (const id of await this.accounts.outdated()) this.changed.add(id, 'RESYNC');
      this.changed.resync(this.watchers.ids);
      this.resyncing = false;
    }
    for (const [id, cause] of this.setAside.due()) this.changed.add(id, cause);
    return this.changed.readAll(async (batch, written) => {
      const watched = new Map([...batch.keys()].map((id) => [id, this.watchers.of(id)]));
      const found = await this.accounts.read([...batch.keys()], at, written);
      for (const [id, cause] of batch) {
        const holdings = found.get(id);
        if (holdings !== undefined) this.watchers.hold(id, watched.get(id), holdings, cause);
        this.evaluator.wakeAccount(id);
      }
    });
  }

  /** The prices of the last evaluation, which are those of the columns. */
  get snapshot(): PriceSnapshot {
    return this.evaluatedAt ?? this.parts.prices.snapshot();
  }

  private evaluate(pricing: Pricing, alertWriter: AlertWriter | null): Promise<void> {
    this.evaluatedAt = pricing.snapshot;
    return this.evaluator.evaluate(pricing, this.work.portions(alertWriter, pricing.snapshot.asOf));
  }
}
