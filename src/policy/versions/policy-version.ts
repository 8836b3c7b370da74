/** One version of what a venue's policy says, and of an instrument's maintenance tiers. */
import type { Decimal } from '../../margin/decimal.js';
import type { AutoExchangeThreshold, InterestRule, MaintenanceTier } from '../../margin/model.js';
import type { PolicyParameters } from './policy-parameters.js';
import type { VersionRecord } from './rule-version.js';

export const MARGIN_POLICY = 'MarginPolicy';
export const MAINTENANCE_TIERS = 'MaintenanceTiers';

/** What a change of a rule of the venue needs `force` for. */
export interface GuardRails {
  /** Of a ratio, a threshold or the liquidation fee. */
  readonly guardMaxStep: Decimal;
  /** Of what is stricter than before. */
  readonly guardMinNoticeHours: number;
}

/** A venue's policy, without what hangs on chains and instruments. */
export interface PolicyVersion extends VersionRecord, PolicyParameters, GuardRails {
  readonly interest: readonly InterestRule[];
  readonly autoExchange: readonly AutoExchangeThreshold[];
}

export interface MaintenanceVersion extends VersionRecord {
  readonly instrument: string;
  readonly tiers: readonly MaintenanceTier[];
}

/** Names the tiers whose versions follow each other: "ASTER/BTCUSDT". */
export function instrumentKey(venue: string, symbol: string): string {
  return `${venue}/${symbol}`;
}
