/** One version of the collateral ratio of an asset on one chain of one venue. */
import type { Decimal } from '../../margin/decimal.js';
import type { CollateralTable, CollateralTier } from '../../margin/model.js';
import type { VersionRecord } from './rule-version.js';

export const COLLATERAL_RATIO = 'CollateralRatio';

export interface RatioVersion extends VersionRecord, CollateralTable {
  readonly ratioKey: string;
  /** Null where the venue has no chains. */
  readonly chain: string | null;
  readonly asset: string;
  /** Null: as the tiers say. */
  readonly initialTiers: readonly CollateralTier[] | null;
  /** Coins of all accounts that count at most; null: no limit. */
  readonly platformCap: Decimal | null;
}

/** Names the ratio whose versions follow each other: "ASTER/BNB_CHAIN/LISTA", "BITGET//BTC". */
export function ratioKey(venue: string, chain: string | null, asset: string): string {
  return `${venue}/${chain ?? ''}/${asset}`;
}

export function isRatio(version: VersionRecord): version is RatioVersion {
  return version.kind === COLLATERAL_RATIO;
}
