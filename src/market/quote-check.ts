/** Checks a published quote: its price, source, instant, and asset or instrument. */
import { ZERO, decimal, type Decimal } from '../margin/decimal.js';
import { COMMON_UNIT } from '../margin/model.js';
import { refuse } from '../margin/refusal.js';
import { isAhead } from './staleness.js';
import { unitsOf, type IndexQuote, type MarkQuote, type PricedSymbols } from './quote.js';
import type { Refusal } from './refusal.js';

/** Either `asset`, or `venue` with `instrument`. */
export interface QuoteInput {
  readonly asset?: string | null;
  /** What the price of an asset is in; null: USDT. */
  readonly unit?: string | null;
  readonly venue?: string | null;
  readonly instrument?: string | null;
  /** Of an asset in `unit`, of an instrument in its quote asset. */
  readonly price: Decimal;
  readonly source: string;
  readonly at: Date;
}

const MAX_PRICE: Decimal = decimal('1e12');
const MAX_SOURCE = 100;
/** Control characters and halves of surrogate pairs: PostgreSQL refuses some, and readers cannot show them. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}]/u;

/** @param now when it was received, in milliseconds since 1970 */
export function checkQuote(quote: QuoteInput, symbols: PricedSymbols, now: number): IndexQuote | MarkQuote | Refusal {
  const { price, source } = quote;
  const dated = { at: Math.min(quote.at.getTime(), now), datedAhead: quote.at.getTime() > now };
  const problem =
    problemOfPrice(price, ['price']) ?? problemOfSource(source) ?? problemOfInstant(quote.at, now, ['at']);
  if (problem !== null) return problem;
  const asset = quote.asset ?? null;
  const venue = quote.venue ?? null;
  const instrument = quote.instrument ?? null;
  if (asset !== null && venue === null && instrument === null) {
    const unit = quote.unit ?? COMMON_UNIT;
    return (
      problemOfUnit(unit, symbols) ?? problemOfAsset(asset, unit, symbols) ?? { asset, unit, source, price, ...dated }
    );
  }
  if (asset === null && venue !== null && instrument !== null) {
    if (quote.unit != null) {
      return refuse('INVALID_INPUT', 'A mark is in the quote asset of its instrument: leave `unit` out.', ['unit']);
    }
    return problemOfInstrument(venue, instrument, symbols) ?? { venue, instrument, source, price, ...dated };
  }
  return refuse('INVALID_INPUT', 'Expected either `asset`, or `venue` with `instrument`.', ['asset']);
}

export function problemOfPrice(price: Decimal, field: readonly string[]): Refusal | null {
  if (price.gt(ZERO) && price.lte(MAX_PRICE)) return null;
  return refuse('INVALID_INPUT', 'Expected a price above 0, of at most 1e12.', field);
}

/** @param now milliseconds since 1970 */
export function problemOfInstant(at: Date, now: number, field: readonly string[]): Refusal | null {
  if (!(at.getTime() >= 0)) return refuse('INVALID_INPUT', 'Expected an instant after 1970.', field);
  if (!isAhead(at.getTime(), now)) return null;
  const ours = new Date(now).toISOString();
  const message = `${at.toISOString()} is more than a minute ahead of this server, which has ${ours}.`;
  return refuse('INVALID_INPUT', message, field);
}

function problemOfSource(source: string): Refusal | null {
  if (source.length > 0 && source.length <= MAX_SOURCE && !UNPRINTABLE.test(source)) return null;
  const message = `Expected a source of 1 to ${MAX_SOURCE} characters without control characters.`;
  return refuse('INVALID_INPUT', message, ['source']);
}

function problemOfUnit(unit: string, { venues }: PricedSymbols): Refusal | null {
  if (unit === COMMON_UNIT) return null;
  const units = unitsOf(venues);
  if (units.has(unit)) return null;
  const known = [...units].sort().join(', ');
  return refuse('INVALID_INPUT', `Expected the unit of a venue (${known}), got ${JSON.stringify(unit)}.`, ['unit']);
}

function problemOfAsset(asset: string, unit: string, { assets }: PricedSymbols): Refusal | null {
  const known = assets.get(asset);
  if (asset === unit) {
    return refuse('INVALID_INPUT', `${asset} in ${unit} is always 1 and takes no quotes.`, ['asset']);
  }
  if (known === undefined) return refuse('ASSET_NOT_FOUND', 'There is no such asset.', ['asset']);
  if (known.pricedAs === null) return null;
  return refuse('INVALID_INPUT', `This asset takes the price of ${known.pricedAs}, and no quotes of its own.`, [
    'asset',
  ]);
}

function problemOfInstrument(
  venue: string,
  instrument: string,
  { venues, instruments }: PricedSymbols,
): Refusal | null {
  if (!venues.has(venue)) return refuse('VENUE_NOT_FOUND', 'There is no such venue.', ['venue']);
  if (instruments.get(venue)?.has(instrument) === true) return null;
  return refuse('INSTRUMENT_NOT_FOUND', `${venue} has no such instrument.`, ['instrument']);
}
