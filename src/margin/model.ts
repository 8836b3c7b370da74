/**
 * The nouns of margin, as plain readonly data. Every rule takes three of them: account, market, policy. Quantities are
 * in units of the asset; prices, values and margins in USDT. A negative balance is a debt. Sizes are positive, and the
 * side says the direction.
 */
import { ONE, type Decimal } from './decimal.js';
import type { Fraction } from './fraction.js';

/** The asset in which every instrument is quoted and settled, and in which everything is valued (rules: 1). */
export const SETTLEMENT_ASSET = 'USDT';

export type CollateralMode = 'SINGLE_ASSET' | 'MULTI_ASSET';
export type PositionMode = 'ONE_WAY' | 'HEDGE';
export type MarginMode = 'CROSS' | 'ISOLATED';
export type PositionSide = 'LONG' | 'SHORT';
export type TradeSide = 'BUY' | 'SELL';
export type TierUnit = 'QUOTE_VALUE' | 'QUANTITY';
export type MaintenanceMethod = 'PROGRESSIVE' | 'FLAT';

/** From calm to lost: a later status is worse (rules: 5). */
export const MARGIN_STATUSES = ['NO_EXPOSURE', 'HEALTHY', 'WARNING', 'MARGIN_CALL', 'LIQUIDATION', 'UNPRICED'] as const;
export type MarginStatus = (typeof MARGIN_STATUSES)[number];

// --- What an account holds ---

export interface AccountState {
  readonly collateralMode: CollateralMode;
  readonly positionMode: PositionMode;
  readonly balances: readonly BalanceState[];
  readonly positions: readonly PositionState[];
}

export interface BalanceState {
  readonly asset: string;
  /** Without isolated margin; negative: owed. */
  readonly quantity: Decimal;
}

export interface PositionState {
  readonly instrument: string;
  readonly side: PositionSide;
  /** In the base asset; greater than 0. */
  readonly size: Decimal;
  /** What the open size was filled for, in USDT; the average price is only cost / size (rules: 1). */
  readonly cost: Decimal;
  /** A whole number from 1. */
  readonly leverage: Decimal;
  readonly marginMode: MarginMode;
  /** Set aside for this position alone, in USDT; 0 in cross margin. */
  readonly isolatedMargin: Decimal;
}

// --- What the market says ---

export interface Market {
  /** The index price of an asset's own, in USDT; null when there never was one. `indexPrice` follows `pricedAs`. */
  index(asset: string): PriceState | null;
  /** The mark price of an instrument of this venue, in USDT; null when there never was one. */
  mark(instrument: string): PriceState | null;
}

export interface PriceState {
  /** Greater than 0. */
  readonly price: Decimal;
  /** No source is fresh: the last price goes on being used, and is listed (rules: 2). */
  readonly stale: boolean;
}

/** The settlement asset is the measure of all prices: always 1, never stale (rules: 1). */
export const SETTLEMENT_PRICE: PriceState = { price: ONE, stale: false };

// --- What the venue's policy is, on the account's chain, at one instant ---

export interface Policy {
  readonly version: number;
  /** Maintenance margin / margin balance at which liquidation begins; above 0, at most 1. */
  readonly liquidationRatio: Fraction;
  /** True: liquidated at the liquidation ratio already; false: only above it. */
  readonly liquidatesAtEquality: boolean;
  readonly maintenanceMethod: MaintenanceMethod;
  /** Added to the maintenance rate of every position. */
  readonly liquidationFeeRate: Decimal;
  readonly warningRatio: Decimal;
  readonly marginCallRatio: Decimal;
  readonly isolatedInMultiAsset: boolean;
  /** Value of debts x this rate is required as initial and maintenance margin. */
  readonly debtMarginRate: Decimal;
  readonly transferFloor: TransferFloor;
  readonly interest: readonly InterestRule[];
  readonly autoExchange: readonly AutoExchangeThreshold[];
  readonly assets: ReadonlyMap<string, AssetRules>;
  /** By asset. An asset without one counts nothing, USDT in full (rules: 3). */
  readonly collateralRatios: ReadonlyMap<string, CollateralTable>;
  readonly instruments: ReadonlyMap<string, InstrumentRules>;
}

/** What a transfer out leaves beside the initial margin (rules: 8). */
export interface TransferFloor {
  /** At least this part of the notional of cross positions stays. */
  readonly notionalRate: Decimal;
  /** At least so many times the maintenance margin stays. */
  readonly maintenanceMultiple: Decimal;
}

export interface InterestRule {
  readonly asset: string;
  readonly hourlyRate: Decimal;
  /** In units of the asset, positive: no interest on a debt within it. */
  readonly freeThreshold: Decimal;
}

export interface AutoExchangeThreshold {
  readonly asset: string;
  /** Negative: below this balance other assets are converted. */
  readonly balance: Decimal;
}

export interface AssetRules {
  /** The asset whose index price this one takes; null: its own. */
  readonly pricedAs: string | null;
  readonly transferable: boolean;
  readonly convertible: boolean;
}

export interface CollateralTable {
  /** Names the version of the tiers. Only carried into the explanation. */
  readonly id: string;
  readonly tierUnit: TierUnit;
  readonly tiers: readonly CollateralTier[];
  /**
   * What counts when something is to be opened or taken out: nowhere more than `tiers`, in the same unit. Null, or left
   * out: as the tiers say.
   */
  readonly initialTiers?: readonly CollateralTier[] | null;
  /** Coins of one account that count at most. */
  readonly userCap: Decimal | null;
  /**
   * Coins above which a balance that never had a price makes the margin balance a lower bound (rules: 2). Null: no
   * balance does; left out: as the tiers say.
   */
  readonly countsUnpricedAbove?: Decimal | null;
}

/** Tiers are contiguous from 0. Floor and cap are in USDT or in coins, as `tierUnit` says (rules: 3). */
export interface CollateralTier {
  readonly floor: Decimal;
  /** Null: without end. Nothing above a last cap counts. */
  readonly cap: Decimal | null;
  /** From 0 to 1. */
  readonly ratio: Decimal;
}

export interface InstrumentRules {
  readonly symbol: string;
  readonly baseAsset: string;
  readonly maxLeverage: Decimal;
  readonly tiers: readonly MaintenanceTier[];
}

/** The tier of a notional is the one with floor <= notional < cap (rules: 4). */
export interface MaintenanceTier {
  readonly tier: number;
  readonly floor: Decimal;
  /** Null: without end; above the last cap the last tier goes on. */
  readonly cap: Decimal | null;
  readonly maintenanceRate: Decimal;
  /** In USDT. Deducted where the method is PROGRESSIVE; 0 where it is FLAT. */
  readonly maintenanceAmount: Decimal;
  readonly maxLeverage: Decimal;
}
