/**
 * An index price composed of the quotes of several sources (rules: 2; source: 004, which leaves out the highest and the
 * lowest).
 */
import { decimal, quotientHalfEven, sum, type Decimal } from '../decimal.js';

/** The newest quote of one source. */
export interface SourceQuote {
  readonly source: string;
  /** In the asset that the index is quoted in, greater than 0. */
  readonly price: Decimal;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export interface CompositeIndex {
  /** In the same asset, to the nearest at 18 digits, ties to the even digit. */
  readonly price: Decimal;
  /** Names of the sources that made it, by price and then by name. */
  readonly used: readonly string[];
}

/** How far two sources may be apart: no third says which of them is wrong. */
const MAX_APART = decimal('1.05');

/**
 * Three or more fresh sources: the mean without one lowest and one highest (rules: 2). Of equal prices the first name is
 * the lowest and the last the highest. Two: their mean. One: that one.
 *
 * @param quotes the newest quote of each source
 * @param now milliseconds since 1970
 * @param maxAge milliseconds; a quote of exactly this age is fresh
 * @returns null when no source is fresh, or when there are two and the higher is above 1.05 x the lower: the last
 *   index then stands, as stale
 */
export function compositeIndex(quotes: readonly SourceQuote[], now: number, maxAge: number): CompositeIndex | null {
  const fresh = quotes.filter(({ at }) => now - at <= maxAge).sort(byPriceThenName);
  const lowest = fresh[0];
  const highest = fresh.at(-1);
  if (lowest === undefined || highest === undefined) return null;
  if (fresh.length === 2 && highest.price.gt(lowest.price.times(MAX_APART))) return null;
  const used = fresh.length > 2 ? fresh.slice(1, -1) : fresh;
  return {
    price: quotientHalfEven(sum(used.map(({ price }) => price)), decimal(used.length)),
    used: used.map(({ source }) => source),
  };
}

function byPriceThenName(a: SourceQuote, b: SourceQuote): number {
  return a.price.cmp(b.price) || (a.source < b.source ? -1 : 1);
}
