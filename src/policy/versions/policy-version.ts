/** One version of what a venue's policy says, and of an instrument's maintenance tiers. Neither is ever edited. */
import type { Decimal } from '../../margin/decimal.js';
import type { AutoExchangeThreshold, InterestRule, MaintenanceTier, Policy } from '../../margin/model.js';

/** What every version carries, whatever it is of. */
interface VersionRecord {
  readonly version: number;
  readonly venue: string;
  readonly effectiveFrom: Date;
  readonly reason: string;
  readonly source: string | null;
  readonly changedBy: string | null;
  readonly createdAt: Date;
}

/** A venue's policy, without what hangs on chains and instruments. */
export interface PolicyVersion
  extends
    VersionRecord,
    Omit<Policy, 'version' | 'assets' | 'collateralRatios' | 'instruments' | 'interest' | 'autoExchange'> {
  readonly interest: readonly InterestRule[];
  readonly autoExchange: readonly AutoExchangeThreshold[];
  readonly guardMaxStep: Decimal;
  readonly guardMinNoticeHours: number;
}

export interface MaintenanceVersion extends VersionRecord {
  readonly instrument: string;
  readonly tiers: readonly MaintenanceTier[];
}

/** What a version is known by, beside its number. */
export function instrumentKey(venue: string, symbol: string): string {
  return `${venue}/${symbol}`;
}
