/**
 * Takes published quotes: checks them, stores them as a price batch, puts the batch on the board, and emits the change,
 * in this order. Batches follow one another, also those of other processes: a batch is composed on a board that has all
 * batches before it. Quotes that arrive while a batch is being stored are merged into the next one.
 */
import { refuse, within } from '../margin/refusal.js';
import type { Logger } from '../platform/log.js';
import { WentBackError } from '../platform/database/database-errors.js';
import { transact, type Database, type Transaction } from '../platform/database/database.js';
import { PriceBoard, type PriceBatch } from './price-board.js';
import { pricesOfBatch } from './price-history.js';
import type { PriceSnapshot } from './price-snapshot.js';
import { lastPriceBatch, lockPriceBatches, readNewer, recordFirstPriceBatch, storePriceBatch } from './price-store.js';
import type { IndexQuote, MarkQuote, PriceChanges, PricedSymbols } from './quote.js';
import type { Refusal } from './refusal.js';
import { checkQuote, type QuoteInput } from './quote-check.js';

export type { QuoteInput };

export interface PublishResult {
  readonly accepted: number;
  /** Quotes that change nothing, since newer ones are known: path and why (rules: 2). */
  readonly ignored: readonly Refusal[];
  readonly refusals: readonly Refusal[];
}

export interface PricesOptions {
  readonly db: Database;
  readonly symbols: PricedSymbols;
  /** Milliseconds; an older price is stale. */
  readonly maxAge: number;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly log: Logger;
  /** Called after a batch is stored and on the board. Must not throw and must not wait. */
  readonly onPrices: (changes: PriceChanges) => void;
}

/**
 * How far the clock may be behind the last instant. Within it instants do not go back. A clock that is further behind
 * was set back, and instants follow it: otherwise every new quote would be old.
 */
const MAX_WAIT_MS = 5_000;

/** Quotes that wait to be stored as one price batch. */
interface WaitingQuotes {
  readonly indexes: IndexQuote[];
  readonly marks: MarkQuote[];
  /** Those of them that change nothing. Rejects when the batch could not be stored. */
  readonly stored: Promise<PriceBatch['ignored']>;
}

export class Prices {
  private last: Promise<void> = Promise.resolve();
  private waiting: WaitingQuotes | null = null;
  private catchingUp: Promise<void> | null = null;
  /**
   * Instant of the batch that is being stored, in milliseconds since 1970. It stays while nobody knows whether the
   * batch was stored, since the database did not answer. Null: there is none.
   */
  private pendingAt: number | null = null;
  /** The newest instant of any snapshot, in milliseconds since 1970. */
  private handedOut = -Infinity;
  /** The newest instant at which quotes were received, in milliseconds since 1970. */
  private receivedAt = -Infinity;

  private constructor(
    readonly board: PriceBoard,
    private readonly options: PricesOptions,
  ) {}

  /** Opens with the board of the stored prices. */
  static async open(options: PricesOptions): Promise<Prices> {
    const { db, symbols, maxAge, clock } = options;
    const prices = new Prices(new PriceBoard(symbols, maxAge), options);
    if ((await lastPriceBatch(db)) === 0n) await recordFirstPriceBatch(db, clock());
    await prices.catchUp();
    await prices.refresh();
    return prices;
  }

  /**
   * Accepts, ignores or refuses each quote by itself. When this resolves, accepted quotes are stored and on the board.
   * When the database fails, this throws and nothing has changed. A quote older than its source's newest is ignored.
   */
  async publish(quotes: readonly QuoteInput[]): Promise<PublishResult> {
    // A clock that is a little behind, here or of the process before, must not make later quotes the older ones.
    const now = notBefore(Math.max(this.receivedAt, this.board.batchAt), this.options.clock());
    this.receivedAt = now;
    const indexes: IndexQuote[] = [];
    const marks: MarkQuote[] = [];
    const refusals: Refusal[] = [];
    const places = new Map<IndexQuote | MarkQuote, number>();
    quotes.forEach((quote, index) => {
      const checked = checkQuote(quote, this.options.symbols, now);
      if ('code' in checked) {
        refusals.push(within(['quotes', String(index)], checked));
        return;
      }
      places.set(checked, index);
      if ('asset' in checked) indexes.push(checked);
      else marks.push(checked);
    });
    const outdated = places.size > 0 ? await this.join(indexes, marks) : new Set();
    const ignored = [...places].flatMap(([quote, index]) => (outdated.has(quote) ? [ignoredAt(index)] : []));
    return { accepted: places.size - ignored.length, ignored, refusals };
  }

  /** Composes prices again that have aged since the last batch. Call it about once a second. */
  async refresh(): Promise<void> {
    await this.join([], []);
  }

  /** Puts on the board what other processes have stored. Costs one small statement when there is nothing new. */
  async catchUp(): Promise<void> {
    this.catchingUp ??= this.inOrder(async () => {
      this.catchingUp = null;
      const { db } = this.options;
      if ((await lastPriceBatch(db)) > this.board.seq) await this.takeNewer(db);
    });
    await this.catchingUp;
  }

  /** Whether the board has batches that the database has not: the database went back. */
  async isAhead(): Promise<boolean> {
    const known = this.board.seq;
    return (await lastPriceBatch(this.options.db)) < known;
  }

  /** Takes the prices that the database has, whatever the board has. */
  async reload(): Promise<void> {
    await this.inOrder(async () => {
      const newer = await readNewer(this.options.db, 0n);
      this.board.clear();
      const changes = this.board.catchUp(newer);
      this.pendingAt = null;
      this.emit(changes);
    });
  }

  /**
   * All prices as of now. Instants of snapshots never go back unless the clock is set back, and later batches of this
   * process are of later instants. So `pricesAt` with the instant of a snapshot gives its prices. A batch of another
   * process may be of an instant before a snapshot's, if its clock is behind or its transaction is slow.
   */
  snapshot(): PriceSnapshot {
    const latest = this.pendingAt === null ? notBefore(this.board.batchAt, this.options.clock()) : this.pendingAt - 1;
    this.handedOut = notBefore(this.handedOut, latest);
    return this.board.snapshot(new Date(this.handedOut));
  }

  /** The prices after a past batch of any process. Null: the batch is not kept. */
  async snapshotOf(seq: bigint): Promise<PriceSnapshot | null> {
    const { db, maxAge, symbols } = this.options;
    return pricesOfBatch(db, seq, { maxAge, venues: symbols.venues });
  }

  /** Resolves when every batch that began before has ended. */
  async idle(): Promise<void> {
    await this.last;
  }

  private join(indexes: readonly IndexQuote[], marks: readonly MarkQuote[]): WaitingQuotes['stored'] {
    const waiting = (this.waiting ??= this.nextBatch());
    waiting.indexes.push(...indexes);
    waiting.marks.push(...marks);
    return waiting.stored;
  }

  private nextBatch(): WaitingQuotes {
    const indexes: IndexQuote[] = [];
    const marks: MarkQuote[] = [];
    const stored = this.inOrder(async () => {
      this.waiting = null;
      return this.storeBatch(indexes, marks);
    });
    return { indexes, marks, stored };
  }

  /**
   * Tries one statement first, as if no other process had stored a batch meanwhile. If one has, its prices are read and
   * the batch is composed again, under the lock that keeps every process from storing. Returns the ignored quotes.
   */
  private async storeBatch(
    indexes: readonly IndexQuote[],
    marks: readonly MarkQuote[],
  ): Promise<PriceBatch['ignored']> {
    const { db } = this.options;
    const first = this.board.compose(indexes, marks, this.nextAt());
    // If nobody knows whether the last batch was stored, an empty one finds out: its number is taken either way.
    if (isEmpty(first) && this.pendingAt === null) return first.ignored;
    this.pendingAt = Math.min(this.pendingAt ?? Infinity, first.at);
    const { batch, isStored } = (await storePriceBatch(db, first))
      ? { batch: first, isStored: true }
      : await transact(db, (tx) => this.storeNext(tx, indexes, marks));
    this.pendingAt = null;
    if (!isStored) return batch.ignored;
    this.board.apply(batch);
    if (batch.becameStale.length > 0) {
      this.options.log.warn({ prices: batch.becameStale }, 'Prices became stale; the last ones go on being used.');
    }
    this.emit(batch.changes);
    return batch.ignored;
  }

  /** Not stored where after the batches of others nothing is left to store. */
  private async storeNext(
    tx: Transaction,
    indexes: readonly IndexQuote[],
    marks: readonly MarkQuote[],
  ): Promise<{ readonly batch: PriceBatch; readonly isStored: boolean }> {
    await lockPriceBatches(tx);
    await this.takeNewer(tx);
    // What this board has beyond the database is lost. A batch on top of it would leave a gap, which others would fill.
    if ((await lastPriceBatch(tx)) < this.board.seq) throw new WentBackError(`price batch ${this.board.seq}`);
    const batch = this.board.compose(indexes, marks, this.nextAt());
    if (isEmpty(batch)) return { batch, isStored: false };
    this.pendingAt = batch.at;
    if (await storePriceBatch(tx, batch)) return { batch, isStored: true };
    throw new Error(`Price batch ${batch.seq} is stored already, though its lock is held.`);
  }

  private async takeNewer(db: Database | Transaction): Promise<void> {
    const newer = await readNewer(db, this.board.seq);
    if (newer.seq <= this.board.seq) return;
    const changes = this.board.catchUp(newer);
    // A batch of ours that was in doubt is on the board now, or its number belongs to another batch.
    this.pendingAt = null;
    this.emit(changes);
  }

  /** After the last batch and every snapshot, unless the clock was set back. */
  private nextAt(): number {
    return notBefore(Math.max(this.board.batchAt, this.handedOut) + 1, this.options.clock());
  }

  private emit(changes: PriceChanges): void {
    if (changes.assets.length + changes.marks.length > 0) this.options.onPrices(changes);
  }

  /** Runs the work after all work before it, whether that succeeded or failed. */
  private inOrder<T>(work: () => Promise<T>): Promise<T> {
    const done = this.last.then(work);
    this.last = done.then(
      () => undefined,
      () => undefined,
    );
    return done;
  }
}

/** The instant; or the earliest allowed one, if the instant lies a little before it. */
function notBefore(earliest: number, instant: number): number {
  return earliest - instant > MAX_WAIT_MS ? instant : Math.max(earliest, instant);
}

function ignoredAt(index: number): Refusal {
  const message = 'A newer quote of the same source, or of the same mark, is known: this one changes nothing.';
  return within(['quotes', String(index)], refuse('QUOTE_OUTDATED', message, ['at']));
}

function isEmpty({ stored: { quotes, indexes, marks } }: PriceBatch): boolean {
  return quotes.length + indexes.length + marks.length === 0;
}
