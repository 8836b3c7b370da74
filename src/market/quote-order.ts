import type { IndexQuote, MarkQuote } from './quote.js';

type Quote = Pick<IndexQuote | MarkQuote, 'at' | 'datedAhead'>;

/**
 * Whether a quote outranks one that was received before it (rules: 2). Any does, where that one was dated ahead of its
 * receipt, or where it was received at an instant that is still to come: then the clock was set back since.
 *
 * @param known undefined: there is none
 * @param now milliseconds since 1970
 */
export function outranks(quote: Quote, known: Quote | undefined, now: number): boolean {
  return known === undefined || quote.at >= known.at || known.datedAhead || known.at > now;
}
