import type { LedgerCode } from '../../ledger/ledger-checks.js';
import type { RefusalOf } from '../../margin/refusal.js';

export const ALERT_CODES = ['ALERT_RULE_NOT_FOUND', 'ALERT_NOT_FOUND', 'LIMIT_EXCEEDED'] as const;
type AlertCode = LedgerCode | (typeof ALERT_CODES)[number];
export type Refusal = RefusalOf<AlertCode>;
