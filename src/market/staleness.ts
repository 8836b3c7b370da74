/** Whether a price is stale, and why (rules: 2). Instants and ages are in milliseconds. */

/** How far ahead of the database's clock a quote may lie: clocks differ, the future does not happen. */
const CLOCK_TOLERANCE_MS = 60_000;

export const STALE_REASONS = ['AGED', 'SOURCES_DISAGREE', 'CLOCK_AHEAD'] as const;
export type StaleReason = (typeof STALE_REASONS)[number];

interface Dated {
  /** Of the newest quote, in milliseconds since 1970. */
  readonly at: number;
}

/** @param price `stale` as it was composed; a price that was fresh then also ages by itself */
export function isStale({ at, stale }: Dated & { readonly stale: boolean }, now: number, maxAge: number): boolean {
  return stale || isOld(at, now, maxAge);
}

/**
 * A price of exactly the age is fresh. One that is dated further ahead than any quote is taken was dated by a clock
 * that has been set back since: nobody knows how old it is, and it counts as old.
 */
export function isOld(at: number, now: number, maxAge: number): boolean {
  return now - at > maxAge || isAhead(at, now);
}

/** Dated further ahead of `now` than clocks that agree can differ. */
export function isAhead(at: number, now: number): boolean {
  return at - now > CLOCK_TOLERANCE_MS;
}

/**
 * Why a stale price is stale. The API and the log both say it by this.
 *
 * @param quotes the newest of each source; of a mark, the mark itself
 */
export function whyStale(quotes: readonly Dated[], now: number, maxAge: number): StaleReason {
  // One fresh source makes an index, and so do three or more: only two can disagree.
  if (quotes.filter(({ at }) => !isOld(at, now, maxAge)).length === 2) return 'SOURCES_DISAGREE';
  return quotes.some(({ at }) => isAhead(at, now)) ? 'CLOCK_AHEAD' : 'AGED';
}
