/** One version of a venue's policy, and of an instrument's maintenance tiers. */
import type { Decimal } from '../../margin/decimal.js';
import type {
  AutoExchangeThreshold,
  ExchangeRate,
  InterestRule,
  LiabilityTable,
  MaintenanceTier,
} from '../../margin/model.js';
import type { PolicyParameters } from './policy-parameters.js';
import type { VersionRecord } from './rule-version.js';

export const MARGIN_POLICY = 'MarginPolicy';
export const MAINTENANCE_TIERS = 'MaintenanceTiers';

/** Bounds on changes of the venue's rules. Only `force` overrides them. */
export interface GuardRails {
  /** Largest step of a ratio, a threshold or the liquidation fee. */
  readonly guardMaxStep: Decimal;
  /** Least notice of a stricter rule. */
  readonly guardMinNoticeHours: number;
}

/** A venue's policy, without the rules of chains and instruments. */
export interface PolicyVersion extends VersionRecord, PolicyParameters, GuardRails {
  /** From reference data only. */
  readonly liabilities: readonly LiabilityTable[];
  readonly interest: readonly InterestRule[];
  readonly autoExchange: readonly AutoExchangeThreshold[];
  readonly exchangeRates: readonly ExchangeRate[];
}

export interface MaintenanceVersion extends VersionRecord {
  readonly instrument: string;
  readonly tiers: readonly MaintenanceTier[];
}

/** Names the tiers whose versions follow each other: "ASTER/BTCUSDT". */
export function instrumentKey(venue: string, symbol: string): string {
  return `${venue}/${symbol}`;
}
