/** Venues, chains, assets and instruments, as the rulebook has them. */
import type { Decimal } from '../../margin/decimal.js';
import type { AssetRules } from '../../margin/model.js';

export interface VenueRecord {
  readonly code: string;
  readonly name: string;
  /** Empty: the venue has no chains. */
  readonly chains: readonly string[];
  /** The asset in which the venue values everything (rules: 16). */
  readonly unit: string;
  /** The asset that counts in single-asset mode, and no other (rules: 16). */
  readonly singleAsset: string;
}

export interface ChainRecord {
  readonly code: string;
  readonly name: string;
}

export interface AssetRecord extends AssetRules {
  readonly symbol: string;
  readonly name: string;
}

export interface InstrumentRecord {
  readonly venue: string;
  readonly symbol: string;
  readonly baseAsset: string;
  /** Of marks, cost and tiers. */
  readonly quoteAsset: string;
  /** In which PnL, fees and isolated margin are booked; at par with the quote asset (rules: 16). */
  readonly settlementAsset: string;
  readonly maxLeverage: Decimal;
  /** Sizes at the venue are whole numbers of it, in the base asset; null: not stated. */
  readonly sizeStep: Decimal | null;
}
