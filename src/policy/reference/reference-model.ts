/** Reference data as it is read from files: checked, with decimals, ready to be stored. */
import type { Decimal } from '../../margin/decimal.js';
import type {
  AssetRules,
  AutoExchangeThreshold,
  CollateralTier,
  ExchangeRate,
  InterestRule,
  LiabilityTable,
  MaintenanceTier,
  TierUnit,
} from '../../margin/model.js';
import type { PolicyParameters } from '../versions/policy-parameters.js';
import type { GuardRails } from '../versions/policy-version.js';

export interface ReferenceData {
  readonly chains: readonly ChainData[];
  readonly assets: readonly AssetData[];
  readonly venues: readonly VenueData[];
}

export interface ChainData {
  readonly code: string;
  readonly name: string;
}

export interface AssetData extends AssetRules {
  readonly symbol: string;
  readonly name: string;
}

export interface VenueData {
  readonly code: string;
  readonly name: string;
  /** Empty: the venue has no chains. */
  readonly chains: readonly string[];
  readonly unit: string;
  readonly singleAsset: string;
  /** At least one; oldest first, as all versions here. */
  readonly policies: readonly PolicyData[];
  readonly instruments: readonly InstrumentData[];
  readonly ratios: readonly RatioData[];
}

export interface Version {
  /** From 1. */
  readonly version: number;
  readonly effectiveFrom: Date;
  readonly reason: string;
  readonly source: string;
}

export interface PolicyData extends Version, PolicyParameters, GuardRails {
  readonly liabilities: readonly LiabilityTable[];
  readonly interest: readonly InterestRule[];
  readonly autoExchange: readonly AutoExchangeThreshold[];
  readonly exchangeRates: readonly ExchangeRate[];
}

export interface InstrumentData {
  readonly symbol: string;
  readonly baseAsset: string;
  readonly quoteAsset: string;
  readonly settlementAsset: string;
  readonly maxLeverage: Decimal;
  /** Null: not stated. */
  readonly sizeStep: Decimal | null;
  readonly schedules: readonly MaintenanceTableData[];
}

export interface MaintenanceTableData extends Version {
  readonly tiers: readonly MaintenanceTier[];
}

export interface RatioData extends Version {
  readonly key: string;
  readonly chain: string | null;
  readonly asset: string;
  readonly tierUnit: TierUnit;
  readonly userCap: Decimal | null;
  readonly platformCap: Decimal | null;
  readonly tiers: readonly CollateralTier[];
  readonly initialTiers: readonly CollateralTier[] | null;
}
