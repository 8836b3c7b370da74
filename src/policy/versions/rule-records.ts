/** Venues, chains, assets and instruments, as the rulebook has them. */
import type { Decimal } from '../../margin/decimal.js';
import type { AssetRules } from '../../margin/model.js';

export interface VenueRecord {
  readonly code: string;
  readonly name: string;
  /** Empty: the venue has no chains. */
  readonly chains: readonly string[];
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
  readonly quoteAsset: string;
  readonly maxLeverage: Decimal;
}
