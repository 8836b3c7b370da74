/**
 * The service of prices: checks what is published, stores it as a round, puts it on the board and tells who listens, in
 * this order. Rounds go one after the other, also those of other processes: a round is composed on a board that has all
 * rounds before it. What is published while a round is being stored is merged into the next one.
 */
import { within } from '../margin/refusal.js';
import type { Logger } from '../platform/log.js';
import { transact, type Database, type Transaction } from '../platform/database.js';
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
  /** Called after the round is stored and on the board; must not throw and must not wait. */
  readonly onPrices: (changes: PriceChanges) => void;
}

/**
 * A clock that is behind the last instant by no more than this is waited for: instants do not go back. One that is further
 * behind was set back, and is followed, since everything that is published by the right time would be old otherwise.
 */
const MAX_WAIT_MS = 5_000;

/** What waits to be stored as one round. */
interface Batch {
  readonly indexes: IndexQuote[];
  readonly marks: MarkQuote[];
  /** Rejects when the round could not be stored. */
  readonly stored: Promise<void>;
}

export class Prices {
  private last: Promise<void> = Promise.resolve();
  private batch: Batch | null = null;
  private catchingUp: Promise<void> | null = null;
  /**
   * Of the round that is being stored, or of the first one of which it is not known whether it was stored, since the
   * database did not answer; null: there is none. In milliseconds since 1970.
   */
  private pendingAt: number | null = null;
  /** The newest instant of a snapshot. */
  private handedOut = -Infinity;

  private constructor(
    readonly board: PriceBoard,
    private readonly options: PricesOptions,
  ) {}

  /** With the board as it was left. */
  static async open(options: PricesOptions): Promise<Prices> {
    const { db, symbols, maxAge, clock } = options;
    const prices = new Prices(new PriceBoard(symbols, maxAge), options);
    if ((await lastPriceBatch(db)) === 0n) await recordFirstPriceBatch(db, clock());
    await prices.catchUp();
    await prices.refresh();
    return prices;
  }

  /**
   * Takes or refuses each quote by itself. When this answers, what was accepted is stored and on the board; when the
   * database fails it throws, and nothing has changed. A quote that is older than its source's newest is accepted and
   * has no effect.
   */
  async publish(quotes: readonly QuoteInput[]): Promise<PublishResult> {
    const now = this.options.clock();
    const indexes: IndexQuote[] = [];
    const marks: MarkQuote[] = [];
    const refusals: Refusal[] = [];
    quotes.forEach((quote, index) => {
      const checked = checkQuote(quote, this.options.symbols, now);
      if ('code' in checked) refusals.push(within(['quotes', String(index)], checked));
      else if ('asset' in checked) indexes.push(checked);
      else marks.push(checked);
    });
    if (indexes.length + marks.length > 0) await this.join(indexes, marks);
    return { accepted: indexes.length + marks.length, refusals };
  }

  /** Composes anew what has aged out since the last round; to be called about once a second. */
  async refresh(): Promise<void> {
    await this.join([], []);
  }

  /** Puts on the board what other processes have stored. One small statement where there is nothing. */
  async catchUp(): Promise<void> {
    this.catchingUp ??= this.inOrder(async () => {
      this.catchingUp = null;
      const { db } = this.options;
      if ((await lastPriceBatch(db)) > this.board.round) await this.takeNewer(db);
    });
    await this.catchingUp;
  }

  /**
   * All prices as of the present instant. Unless the clock is set back, its instants never go back, and every round that
   * comes later in this process is of a later one: `pricesAt` with the instant of a snapshot answers its prices. A round
   * of another process may be of an instant that has been handed out here, by as much as its clock is behind and its
   * transaction takes.
   */
  snapshot(): PriceSnapshot {
    const latest = this.pendingAt === null ? notBefore(this.board.roundAt, this.options.clock()) : this.pendingAt - 1;
    this.handedOut = notBefore(this.handedOut, latest);
    return this.board.snapshot(new Date(this.handedOut));
  }

  /** The prices of a round of the past, of any process; null: they are not kept. */
  async snapshotOf(round: bigint): Promise<PriceSnapshot | null> {
    return pricesOfBatch(this.options.db, round, this.options.maxAge);
  }

  /** When this resolves, every round that was begun before has ended. */
  async idle(): Promise<void> {
    await this.last;
  }

  private join(indexes: readonly IndexQuote[], marks: readonly MarkQuote[]): Promise<void> {
    const batch = (this.batch ??= this.nextBatch());
    batch.indexes.push(...indexes);
    batch.marks.push(...marks);
    return batch.stored;
  }

  private nextBatch(): Batch {
    const indexes: IndexQuote[] = [];
    const marks: MarkQuote[] = [];
    const stored = this.inOrder(async () => {
      this.batch = null;
      await this.round(indexes, marks);
    });
    return { indexes, marks, stored };
  }

  /**
   * First in one statement, as if no other process had stored a round meanwhile; where one has, what it has stored is
   * taken over and the round is composed again, while no process can store another one.
   */
  private async round(indexes: readonly IndexQuote[], marks: readonly MarkQuote[]): Promise<void> {
    const { db } = this.options;
    const first = this.board.compose(indexes, marks, this.nextAt());
    // After a round of unknown end an empty one makes sure: its number is taken then, by the one or the other.
    if (isEmpty(first) && this.pendingAt === null) return;
    this.pendingAt = Math.min(this.pendingAt ?? Infinity, first.at);
    const stored = (await storePriceBatch(db, first))
      ? first
      : await transact(db, (tx) => this.storeNext(tx, indexes, marks));
    this.pendingAt = null;
    if (stored === null) return;
    this.board.apply(stored);
    if (stored.becameStale.length > 0) {
      this.options.log.warn({ prices: stored.becameStale }, 'Prices became stale; the last ones go on being used.');
    }
    this.tell(stored.changes);
  }

  /** Null: what others have stored leaves nothing to store. */
  private async storeNext(
    tx: Transaction,
    indexes: readonly IndexQuote[],
    marks: readonly MarkQuote[],
  ): Promise<PriceBatch | null> {
    await lockPriceBatches(tx);
    await this.takeNewer(tx);
    const round = this.board.compose(indexes, marks, this.nextAt());
    if (isEmpty(round)) return null;
    this.pendingAt = round.at;
    if (await storePriceBatch(tx, round)) return round;
    throw new Error(`Round ${round.seq} of prices is taken already, though its lock is held.`);
  }

  private async takeNewer(db: Database | Transaction): Promise<void> {
    const newer = await readNewer(db, this.board.round);
    if (newer.round <= this.board.round) return;
    const changes = this.board.catchUp(newer);
    // If a round of ours was in doubt, it is on the board now, or its number belongs to another one.
    this.pendingAt = null;
    this.tell(changes);
  }

  /** After the last round, and after every instant that was handed out, unless the clock was set back. */
  private nextAt(): number {
    return notBefore(Math.max(this.board.roundAt, this.handedOut) + 1, this.options.clock());
  }

  private tell(changes: PriceChanges): void {
    if (changes.assets.length + changes.marks.length > 0) this.options.onPrices(changes);
  }

  /** After the rounds before it, whether they ended well or not. */
  private inOrder(work: () => Promise<void>): Promise<void> {
    const turn = this.last.then(work);
    this.last = turn.catch(() => undefined);
    return turn;
  }
}

/** The instant, or the earliest that is allowed where it lies a little before that. */
function notBefore(earliest: number, instant: number): number {
  return earliest - instant > MAX_WAIT_MS ? instant : Math.max(earliest, instant);
}

function isEmpty({ stored: { quotes, indexes, marks } }: PriceBatch): boolean {
  return quotes.length + indexes.length + marks.length === 0;
}
