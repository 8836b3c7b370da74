import type { Decimal } from './decimal.js';

/** What the rules of margin refuse. The floors above add codes of their own, and pass these on. */
export const MARGIN_CODES = [
  'ASSET_NOT_FOUND',
  'INSTRUMENT_NOT_FOUND',
  'POSITION_NOT_FOUND',
  'INSUFFICIENT_MARGIN',
  'INSUFFICIENT_BALANCE',
  'NOT_TRANSFERABLE',
  'LEVERAGE_OUT_OF_RANGE',
  'MARGIN_MODE_LOCKED',
  'POSITION_MODE_LOCKED',
  'ISOLATED_ONLY',
  'ISOLATED_NOT_ALLOWED',
  'COLLATERAL_MODE_LOCKED',
  'BELOW_MAINTENANCE_MARGIN',
  'PLATFORM_CAP_REACHED',
  'PRICE_UNAVAILABLE',
  'SETTLEMENT_NOT_ACCEPTED',
  'REVERSAL_IMPOSSIBLE',
  'INVALID_INPUT',
] as const;
export type MarginCode = (typeof MARGIN_CODES)[number];

/** Why something that was asked for is not done: data, which goes up from the rules to the API unchanged. */
export interface RefusalOf<Code extends string> {
  readonly code: Code;
  /** What was expected, what came, and what to do, in a sentence for the client. */
  readonly message: string;
  /** Path in what was asked for; without it no one field is at fault. */
  readonly field?: readonly string[];
  /** What it would take and what there is, where that is a quantity. */
  readonly required?: Decimal;
  readonly available?: Decimal;
}
export type Refusal = RefusalOf<MarginCode>;

export function refuse<Code extends string>(code: Code, message: string, field?: readonly string[]): RefusalOf<Code> {
  return { code, message, ...(field === undefined ? {} : { field }) };
}

/** Refuses for want of a quantity: says what it would take, and what there is. */
export function refuseAmount<Code extends string>(
  code: Code,
  message: string,
  required: Decimal,
  available: Decimal,
): RefusalOf<Code> {
  return { code, message, required, available };
}

/** Puts a path in front: a rule cannot know where in what was asked for its numbers stood. */
export function within<Code extends string>(place: readonly string[], refusal: RefusalOf<Code>): RefusalOf<Code> {
  return { ...refusal, field: [...place, ...(refusal.field ?? [])] };
}
