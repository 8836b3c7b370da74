/** What is published, checked: whether it can be a price at all, and of what. */
import { ZERO, decimal, type Decimal } from '../margin/decimal.js';
import { SETTLEMENT_ASSET } from '../margin/model.js';
import type { RefusalCode } from '../margin/refusal.js';
import { isAhead } from './staleness.js';
import type { IndexQuote, MarkQuote, PricedSymbols } from './quote.js';

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

/** Why a quote is refused. */
export interface QuoteProblem {
  readonly field: string;
  readonly code: RefusalCode;
  readonly message: string;
}

export const MAX_PRICE: Decimal = decimal('1e12');
const MAX_SOURCE = 100;
/** Control characters, which PostgreSQL or a reader would choke on, and halves of surrogate pairs. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}]/u;

/** @param now milliseconds since 1970 */
export function checkQuote(
  quote: QuoteInput,
  symbols: PricedSymbols,
  now: number,
): IndexQuote | MarkQuote | QuoteProblem {
  const { price, source } = quote;
  const at = quote.at.getTime();
  if (price.lte(ZERO) || price.gt(MAX_PRICE)) {
    return invalid('price', 'Expected a price above 0, of at most 1e12.');
  }
  if (source.length === 0 || source.length > MAX_SOURCE || UNPRINTABLE.test(source)) {
    return invalid('source', `Expected a source of 1 to ${MAX_SOURCE} characters without control characters.`);
  }
  if (!(at >= 0)) return invalid('at', 'Expected an instant after 1970.');
  if (isAhead(at, now)) {
    const ours = new Date(now).toISOString();
    return invalid('at', `${quote.at.toISOString()} is more than a minute ahead of this server, which has ${ours}.`);
  }
  const asset = quote.asset ?? null;
  const venue = quote.venue ?? null;
  const instrument = quote.instrument ?? null;
  if (asset !== null && venue === null && instrument === null) {
    return problemOfAsset(asset, symbols) ?? { asset, source, price, at };
  }
  if (asset === null && venue !== null && instrument !== null) {
    return problemOfInstrument(venue, instrument, symbols) ?? { venue, instrument, source, price, at };
  }
  return invalid('asset', 'Expected either `asset`, or `venue` with `instrument`.');
}

function problemOfAsset(asset: string, { assets }: PricedSymbols): QuoteProblem | null {
  const known = assets.get(asset);
  if (asset === SETTLEMENT_ASSET) {
    return invalid('asset', `${SETTLEMENT_ASSET} is what everything is valued in: its price is 1 and takes no quotes.`);
  }
  if (known === undefined) return { field: 'asset', code: 'ASSET_NOT_FOUND', message: 'There is no such asset.' };
  if (known.pricedAs === null) return null;
  return invalid('asset', `This asset takes the price of ${known.pricedAs}, and no quotes of its own.`);
}

function problemOfInstrument(
  venue: string,
  instrument: string,
  { venues, instruments }: PricedSymbols,
): QuoteProblem | null {
  if (!venues.has(venue)) return { field: 'venue', code: 'VENUE_NOT_FOUND', message: 'There is no such venue.' };
  if (instruments.get(venue)?.has(instrument) === true) return null;
  return { field: 'instrument', code: 'INSTRUMENT_NOT_FOUND', message: `${venue} has no such instrument.` };
}

function invalid(field: string, message: string): QuoteProblem {
  return { field, code: 'INVALID_INPUT', message };
}
