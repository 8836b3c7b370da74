/**
 * The service of prices: checks what is published, stores it, puts it on the board and tells who listens, in this
 * order. Rounds go one after the other, so that the board and the database see them in the same order.
 */
import { ZERO, decimal, type Decimal } from '../margin/decimal.js';
import { SETTLEMENT_ASSET } from '../margin/model.js';
import { refuse, type Refusal, type RefusalCode } from '../margin/refusal.js';
import type { Database } from '../platform/database.js';
import { PriceBoard } from './price-board.js';
import { loadPrices, savePrices } from './price-store.js';
import type { IndexQuote, MarkQuote, PriceChanges, PricedSymbols } from './quote.js';

/** Either `asset`, or `venue` with `instrument`. */
export interface QuoteInput {
  readonly asset?: string | null;
  readonly venue?: string | null;
  readonly instrument?: string | null;
  /** In USDT. */
  readonly price: Decimal;
  readonly source: string;
  readonly at: Date;
}

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
  /** Called after the round is stored and on the board; must not throw and must not wait. */
  readonly onPrices: (changes: PriceChanges) => void;
}

const LARGEST_PRICE: Decimal = decimal('1000000000000');
const LONGEST_SOURCE = 100;
/** Control characters, which PostgreSQL or a reader would choke on, and halves of surrogate pairs. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}]/u;
/** How far ahead of this server's clock a quote may lie: clocks differ, the future does not happen. */
const CLOCK_TOLERANCE_MS = 60_000;

export class Prices {
  private last: Promise<void> = Promise.resolve();

  private constructor(
    readonly board: PriceBoard,
    private readonly options: PricesOptions,
  ) {}

  /** With the board as it was left. */
  static async open(options: PricesOptions): Promise<Prices> {
    const board = new PriceBoard(options.symbols, options.maxAge);
    board.load(await loadPrices(options.db), options.clock());
    return new Prices(board, options);
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
      const checked = this.check(quote, now);
      if ('code' in checked) {
        const { code, message, field } = checked;
        refusals.push({ ...refuse(code, message), field: ['input', 'quotes', String(index), field] });
      } else if ('asset' in checked) indexes.push(checked);
      else marks.push(checked);
    });
    if (indexes.length + marks.length > 0) await this.inTurn(() => this.round(indexes, marks));
    return { accepted: indexes.length + marks.length, refusals };
  }

  /** Composes anew what has aged out since the last round; to be called about once a second. */
  async refresh(): Promise<void> {
    await this.inTurn(() => this.round([], []));
  }

  /** When this resolves, every round that was begun before has ended. */
  async idle(): Promise<void> {
    await this.last;
  }

  private async round(indexes: readonly IndexQuote[], marks: readonly MarkQuote[]): Promise<void> {
    const round = this.board.compose(indexes, marks, this.options.clock());
    const { stored, changes } = round;
    if (stored.quotes.length + stored.indexes.length + stored.marks.length > 0) {
      await savePrices(this.options.db, stored);
    }
    this.board.apply(round);
    if (changes.assets.length + changes.marks.length > 0) this.options.onPrices(changes);
  }

  /** After the rounds before it, whether they ended well or not. */
  private inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.last.then(work);
    this.last = turn.catch(() => undefined);
    return turn;
  }

  private check(quote: QuoteInput, now: number): IndexQuote | MarkQuote | Problem {
    const { price, source } = quote;
    const at = quote.at.getTime();
    if (price.lte(ZERO) || price.gt(LARGEST_PRICE)) {
      return invalid('price', 'Expected a price above 0, of at most 1e12.');
    }
    if (source.length === 0 || source.length > LONGEST_SOURCE || UNPRINTABLE.test(source)) {
      return invalid('source', `Expected a source of 1 to ${LONGEST_SOURCE} characters without control characters.`);
    }
    if (!(at >= 0)) return invalid('at', 'Expected an instant after 1970.');
    if (at > now + CLOCK_TOLERANCE_MS) {
      const ours = new Date(now).toISOString();
      return invalid('at', `${quote.at.toISOString()} is more than a minute ahead of this server, which has ${ours}.`);
    }
    const asset = quote.asset ?? null;
    const venue = quote.venue ?? null;
    const instrument = quote.instrument ?? null;
    if (asset !== null && venue === null && instrument === null) {
      return this.problemOfAsset(asset) ?? { asset, source, price, at };
    }
    if (asset === null && venue !== null && instrument !== null) {
      return this.problemOfInstrument(venue, instrument) ?? { venue, instrument, source, price, at };
    }
    return invalid('asset', 'Expected either `asset`, or `venue` with `instrument`.');
  }

  private problemOfAsset(asset: string): Problem | null {
    const known = this.options.symbols.assets.get(asset);
    if (asset === SETTLEMENT_ASSET) {
      return invalid(
        'asset',
        `${SETTLEMENT_ASSET} is what everything is valued in: its price is 1 and takes no quotes.`,
      );
    }
    if (known === undefined) return { field: 'asset', code: 'ASSET_NOT_FOUND', message: 'There is no such asset.' };
    if (known.pricedAs === null) return null;
    return invalid('asset', `This asset takes the price of ${known.pricedAs}, and no quotes of its own.`);
  }

  private problemOfInstrument(venue: string, instrument: string): Problem | null {
    const { venues, instruments } = this.options.symbols;
    if (!venues.has(venue)) return { field: 'venue', code: 'VENUE_NOT_FOUND', message: 'There is no such venue.' };
    if (instruments.get(venue)?.has(instrument) === true) return null;
    return { field: 'instrument', code: 'INSTRUMENT_NOT_FOUND', message: `${venue} has no such instrument.` };
  }
}

interface Problem {
  readonly field: string;
  readonly code: RefusalCode;
  readonly message: string;
}

function invalid(field: string, message: string): Problem {
  return { field, code: 'INVALID_INPUT', message };
}
