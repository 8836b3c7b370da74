import type { RefusalOf } from '../../margin/refusal.js';
import type { MarketCode } from '../../market/refusal.js';

export const POLICY_CODES = [
  'CHAIN_NOT_FOUND',
  'RATIO_NOT_FOUND',
  'RULE_NOT_FOUND',
  'RATIO_OUT_OF_RANGE',
  'TIERS_INVALID',
  'POLICY_INVALID',
  'GUARD_RAIL',
  'EFFECTIVE_IN_THE_PAST',
  'EFFECTIVE_TOO_FAR',
  'EFFECTIVE_OUT_OF_ORDER',
  'NOT_CANCELLABLE',
  'VERSION_CONFLICT',
  'IDEMPOTENCY_KEY_REUSED',
] as const;
export type PolicyCode = MarketCode | (typeof POLICY_CODES)[number];
export type Refusal = RefusalOf<PolicyCode>;
