/** One version of a collateral ratio, and how versions follow each other in time: what is in force, and what is to come. */
import type { Decimal } from '../../margin/decimal.js';
import type { CollateralTable, Policy } from '../../margin/model.js';

export type RatioStatus = 'SCHEDULED' | 'ACTIVE' | 'SUPERSEDED' | 'CANCELLED';

/** One version of what an asset counts on one chain of one venue. Never edited. */
export interface RatioVersion extends CollateralTable {
  readonly ratioKey: string;
  readonly version: number;
  readonly venue: string;
  /** Null where the venue has no chains. */
  readonly chain: string | null;
  readonly asset: string;
  /** Coins of all accounts that count at most; null: no limit. */
  readonly platformCap: Decimal | null;
  readonly effectiveFrom: Date;
  /** When it took effect; later than it was due where no process ran then. Null: not yet, or never. */
  readonly appliedAt: Date | null;
  readonly cancelledAt: Date | null;
  readonly cancelledBy: string | null;
  readonly cancelReason: string | null;
  /** Whom it hurts, as it was computed when the change was made; what is in it the monitor knows. Null: it was not. */
  readonly impact: string | null;
  readonly reason: string;
  readonly source: string | null;
  readonly changedBy: string | null;
  readonly createdAt: Date;
}

/** Names the ratio whose versions follow each other: "ASTER/BNB_CHAIN/LISTA", "BITGET//BTC". */
export function ratioKey(venue: string, chain: string | null, asset: string): string {
  return `${venue}/${chain ?? ''}/${asset}`;
}

/** The policy with this table in the place of an asset's. */
export function withRatio(policy: Policy, asset: string, table: CollateralTable): Policy {
  return { ...policy, collateralRatios: new Map([...policy.collateralRatios, [asset, table]]) };
}

/** The last instant that there is. */
const END_OF_TIME = new Date(8.64e15);

interface Dated {
  readonly version: number;
  readonly effectiveFrom: Date;
  readonly cancelledAt?: Date | null;
}

/** The newest version that has taken effect and was not cancelled; of one instant, the higher version. */
export function inForce<T extends Dated>(versions: readonly T[], at: Date): T | null {
  let found: T | null = null;
  for (const version of versions) {
    if (version.effectiveFrom > at || (version.cancelledAt ?? null) !== null) continue;
    if (found === null || precedes(found, version)) found = version;
  }
  return found;
}

/** The version that takes effect last: the one in force, unless others are scheduled. Null where none stands. */
export function latest<T extends Dated>(versions: readonly T[]): T | null {
  return inForce(versions, END_OF_TIME);
}

/** When the version is superseded; null while nothing follows it. */
export function effectiveTo(version: RatioVersion, all: readonly RatioVersion[]): Date | null {
  let next: RatioVersion | null = null;
  for (const other of all) {
    if (other.cancelledAt !== null || !precedes(version, other)) continue;
    if (next === null || precedes(other, next)) next = other;
  }
  return next === null ? null : next.effectiveFrom;
}

export function ratioStatus(version: RatioVersion, all: readonly RatioVersion[], at: Date): RatioStatus {
  if (version.cancelledAt !== null) return 'CANCELLED';
  if (version.effectiveFrom > at) return 'SCHEDULED';
  const end = effectiveTo(version, all);
  return end !== null && end <= at ? 'SUPERSEDED' : 'ACTIVE';
}

function precedes(a: Dated, b: Dated): boolean {
  const gap = a.effectiveFrom.getTime() - b.effectiveFrom.getTime();
  return gap < 0 || (gap === 0 && a.version < b.version);
}
