/**
 * A history of the database: what was stored in it, one thing after the other. A standby that is promoted without the
 * last commits, or a backup that is restored, begins another one. Then all that servers keep in memory may be of a state
 * that the database no longer has. Every server looks each second whether the database is still the one that it knows.
 *
 * A server that finds another one stores that a new history begins (table `histories`): it ends all terms, and lets alerts be
 * numbered far beyond any number of the lost one. No number is ever used twice, so that every cursor keeps its meaning.
 * Then each server reads everything anew.
 */
import type { Logger } from '../platform/log.js';
import type { Parts } from '../platform/parts.js';
import { retry } from '../platform/retry.js';
import { beginHistory, readHistory, type History, type StoredNumbers } from './history-rows.js';

/** What a part of this server has taken from the database. */
export interface Holding {
  /** For the log: what would have gone back. */
  readonly what: string;
  /** Whether it has what the database has not. */
  readonly isAhead: () => Promise<boolean>;
}

type Needed = Pick<Parts, 'db' | 'log'>;

const RETRY_MS = 500;

export class Histories {
  private holdings: readonly Holding[] = [];
  private onHistory: (history: History) => Promise<void> = async () => undefined;
  private looking: Promise<void> | null = null;
  private isFailing = false;
  private reading = false;
  private readonly closing = new AbortController();

  private constructor(
    private readonly parts: Needed,
    private history: History,
    /** The greatest that were seen. */
    private numbers: StoredNumbers,
  ) {}

  /** Call before anything else is read: what is read then is of the history that is known. */
  static async open(parts: Needed): Promise<Histories> {
    const { db, log } = parts;
    const found = await readHistory(db);
    let { history } = found;
    if (history === null || found.place !== history.place) {
      const why = history === null ? 'the first one' : 'its place';
      history = await beginHistory(db, { known: history, numbers: found.numbers, why });
      if (history.number > 1) logHistory(log, why, history);
    }
    return new Histories(parts, history, (await readHistory(db)).numbers);
  }

  /**
   * Call when everything was read.
   *
   * @param holdings what is compared with the database
   * @param onHistory reads everything anew; it is called again until it succeeds
   */
  guard(holdings: readonly Holding[], onHistory: (history: History) => Promise<void>): void {
    this.holdings = holdings;
    this.onHistory = onHistory;
  }

  /** Everything is being read anew. */
  get isReading(): boolean {
    return this.reading;
  }

  /** Call about once a second. Never throws. */
  watch(): void {
    this.look().then(
      () => (this.isFailing = false),
      (error: unknown) => {
        const { log } = this.parts;
        log[this.isFailing ? 'debug' : 'error'](
          { err: error },
          'Whether the database went back could not be read; trying again.',
        );
        this.isFailing = true;
      },
    );
  }

  /** Resolves when the history of the database is known here, and everything was read of it. */
  look(): Promise<void> {
    return (this.looking ??= this.compare().finally(() => (this.looking = null)));
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.looking?.catch(() => undefined);
  }

  private async compare(): Promise<void> {
    const { db } = this.parts;
    const known = { history: this.history, numbers: this.numbers };
    const found = await readHistory(db);
    const why = await this.difference(found.place, found.history, found.numbers);
    if (why === null) {
      this.numbers = found.numbers;
      return;
    }
    const history = await beginHistory(db, { known: known.history, numbers: known.numbers, why });
    logHistory(this.parts.log, why, history);
    await this.take(history);
  }

  /** What is not as it was; null: nothing. */
  private async difference(place: string, stored: History | null, numbers: StoredNumbers): Promise<string | null> {
    if (stored?.place !== place) return 'its place';
    // Another server has begun it, or this one's was lost.
    if (stored.id !== this.history.id) return 'its history';
    if (numbers.term < this.numbers.term) return 'the term';
    if (numbers.lastAlert < this.numbers.lastAlert) return 'the last alert';
    for (const { what, isAhead } of this.holdings) if (await isAhead()) return what;
    return null;
  }

  private async take(history: History): Promise<void> {
    const { db, log } = this.parts;
    this.reading = true;
    try {
      const work = async (): Promise<void> => {
        const { numbers } = await readHistory(db);
        await this.onHistory(history);
        this.numbers = numbers;
        this.history = history;
      };
      await retry(work, {
        pause: RETRY_MS,
        signal: this.closing.signal,
        onError: (err) => log.error({ err }, 'The new history could not be read; trying again.'),
      });
    } finally {
      this.reading = false;
    }
  }
}

function logHistory(log: Logger, why: string, { number, lastAlert }: History): void {
  log.warn(
    { why, number, lastAlert: String(lastAlert) },
    'The database is not what it was: a new history begins, and everything is read anew.',
  );
}
