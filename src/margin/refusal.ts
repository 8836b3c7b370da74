import type { Decimal } from './decimal.js';

/** Why something that was asked for is not done: a refusal is data, and its codes are the same from the rules to the API. */
export type RefusalCode =
  | 'ACCOUNT_NOT_FOUND'
  | 'VENUE_NOT_FOUND'
  | 'CHAIN_NOT_FOUND'
  | 'ASSET_NOT_FOUND'
  | 'INSTRUMENT_NOT_FOUND'
  | 'POSITION_NOT_FOUND'
  | 'RATIO_NOT_FOUND'
  | 'ALERT_RULE_NOT_FOUND'
  | 'ALERT_NOT_FOUND'
  | 'INSUFFICIENT_MARGIN'
  | 'INSUFFICIENT_BALANCE'
  | 'NOT_TRANSFERABLE'
  | 'LEVERAGE_OUT_OF_RANGE'
  | 'MARGIN_MODE_LOCKED'
  | 'POSITION_MODE_LOCKED'
  | 'ISOLATED_ONLY'
  | 'ISOLATED_NOT_ALLOWED'
  | 'COLLATERAL_MODE_LOCKED'
  | 'BELOW_MAINTENANCE_MARGIN'
  | 'PLATFORM_CAP_REACHED'
  | 'PRICE_UNAVAILABLE'
  | 'RATIO_OUT_OF_RANGE'
  | 'TIERS_INVALID'
  | 'GUARD_RAIL'
  | 'EFFECTIVE_IN_THE_PAST'
  | 'EFFECTIVE_OUT_OF_ORDER'
  | 'NOT_CANCELLABLE'
  | 'VERSION_CONFLICT'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'LIMIT_EXCEEDED'
  | 'INVALID_INPUT';

export interface Refusal {
  readonly code: RefusalCode;
  /** What was expected, what came, and what to do, in a sentence for the client. */
  readonly message: string;
  /** Where in what was asked for: the path from it on. */
  readonly field?: readonly string[];
  /** What it would take and what there is, where that is a quantity. */
  readonly required?: Decimal;
  readonly available?: Decimal;
}

export function refuse(code: RefusalCode, message: string, required?: Decimal, available?: Decimal): Refusal {
  return {
    code,
    message,
    ...(required === undefined ? {} : { required }),
    ...(available === undefined ? {} : { available }),
  };
}
