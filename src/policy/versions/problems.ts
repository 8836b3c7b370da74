/** Refusals that several mutations share. */
import { refuse } from '../../margin/refusal.js';
import type { Refusal } from './refusal.js';
import { isStorable } from '../../platform/text.js';
import type { KnownRules } from './versioned-rule.js';

const MAX_KEY = 200;
const MAX_REASON = 1_000;
const KEY_FIELD = ['idempotencyKey'];

export function keyReused(): Refusal {
  const message = 'This key was used with another request within 24 hours; send a new key for a new request.';
  return refuse('IDEMPOTENCY_KEY_REUSED', message, KEY_FIELD);
}

export function problemOfKey(key: string): Refusal | null {
  return problemOfText(key, MAX_KEY, KEY_FIELD);
}

/** Checks the reason of a change, which every client can read. */
export function problemOfReason(reason: string): Refusal[] {
  const problem = problemOfText(reason, MAX_REASON, ['reason']);
  return problem === null ? [] : [problem];
}

export function problemOfVenueCode(known: KnownRules, code: string): Refusal[] {
  if (known.venues.has(code)) return [];
  const codes = [...known.venues.keys()].join(', ');
  return [refuse('VENUE_NOT_FOUND', `There is no such venue; there are ${codes}.`, ['venue'])];
}

/** The venue must exist; a chain is named where the venue has chains, and only there. */
export function problemOfVenue(known: KnownRules, code: string, chain: string | null): Refusal | null {
  const venue = known.venues.get(code);
  if (venue === undefined) return problemOfVenueCode(known, code)[0] ?? null;
  if (venue.chains.length === 0 ? chain === null : chain !== null && venue.chains.includes(chain)) return null;
  const message =
    venue.chains.length === 0
      ? `${venue.code} has no chains; leave \`chain\` out.`
      : `Expected a chain of ${venue.code}: ${venue.chains.join(', ')}.`;
  return refuse('CHAIN_NOT_FOUND', message, ['chain']);
}

/** Free text of a client: names, reasons, subjects. */
export function problemOfText(text: string, longest: number, field: readonly string[]): Refusal | null {
  if (text.length >= 1 && text.length <= longest && isStorable(text)) return null;
  const got = isStorable(text) ? `got ${text.length}` : 'got one of those';
  const message = `Expected 1 to ${longest} characters without NUL or half a surrogate pair, ${got}.`;
  return refuse('INVALID_INPUT', message, field);
}

export function problemOfAsset(known: KnownRules, asset: string, field: readonly string[]): Refusal | null {
  return known.assets.has(asset) ? null : refuse('ASSET_NOT_FOUND', 'There is no such asset.', field);
}

export function invalid(message: string, field: readonly string[]): Refusal {
  return refuse('INVALID_INPUT', message, field);
}
