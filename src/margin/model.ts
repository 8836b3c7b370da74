/**
 * The nouns of margin, as plain readonly data. Every rule takes three of them: account, market, policy. Quantities are
 * in units of the asset. Index prices, values and margins are in the venue's unit. Amounts of one position and of its
 * instrument's tiers are in the asset that the instrument is quoted in, which is at par with the one it is settled in
 * (rules: 16). A negative balance is a debt. Sizes are positive, and the side says the direction.
 */
import { ONE, type Decimal } from './decimal.js';
import type { Fraction } from './fraction.js';

export type CollateralMode = 'SINGLE_ASSET' | 'MULTI_ASSET';
export type PositionMode = 'ONE_WAY' | 'HEDGE';
export type MarginMode = 'CROSS' | 'ISOLATED';
export type PositionSide = 'LONG' | 'SHORT';
export type TradeSide = 'BUY' | 'SELL';
export type TierUnit = 'QUOTE_VALUE' | 'QUANTITY';
export type MaintenanceMethod = 'PROGRESSIVE' | 'FLAT';
/** IN_FULL: beside the collateral. AS_EQUITY: with the balance of its settlement asset, through the tiers (rules: 17). */
export type PnlCounts = 'IN_FULL' | 'AS_EQUITY';
/** PRO_RATA: the same part of every asset is sold. HIGHEST_RATIO_FIRST: one asset after the other (rules: 11). */
export type ExchangeOrder = 'PRO_RATA' | 'HIGHEST_RATIO_FIRST';

/** From calm to lost: a later status is worse (rules: 5). */
export const MARGIN_STATUSES = ['NO_EXPOSURE', 'HEALTHY', 'WARNING', 'MARGIN_CALL', 'LIQUIDATION', 'UNPRICED'] as const;
export type MarginStatus = (typeof MARGIN_STATUSES)[number];

// --- What an account holds ---

export interface AccountState {
  readonly collateralMode: CollateralMode;
  /** Assets that the trader has taken out of the collateral, by symbol (rules: 23). */
  readonly switchedOff: readonly string[];
  readonly positionMode: PositionMode;
  readonly balances: readonly BalanceState[];
  readonly positions: readonly PositionState[];
  /** What its resting orders would buy and sell: at most one an instrument, in hedge mode one a side. */
  readonly openOrders: readonly OpenOrders[];
}

/** What a trader chooses of how the collateral of an account counts. */
export type CollateralChoice = Pick<AccountState, 'collateralMode' | 'switchedOff'>;

/** How one asset of an account counts: as the collateral mode says, or not at all (rules: 3 and 23). */
export type AssetCounting = CollateralMode | 'SWITCHED_OFF';

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
  /** What the open size was filled for, in the quote asset; the average price is only cost / size (rules: 1). */
  readonly cost: Decimal;
  /** A whole number from 1. */
  readonly leverage: Decimal;
  readonly marginMode: MarginMode;
  /** Set aside for this position alone, in the settlement asset; 0 in cross margin. */
  readonly isolatedMargin: Decimal;
}

/** All resting orders of an account in one instrument, in hedge mode on one side of it (rules: 20). */
export interface OpenOrders {
  readonly instrument: string;
  /** Null in one-way mode. */
  readonly side: PositionSide | null;
  /** In the base asset, from 0. */
  readonly buySize: Decimal;
  readonly sellSize: Decimal;
  /** Sums of size x limit price, in the quote asset, from 0; above 0 where the size is. */
  readonly buyNotional: Decimal;
  readonly sellNotional: Decimal;
  /** As set for the instrument; that of the position, where there is one. */
  readonly leverage: Decimal;
}

// --- What the market says ---

export interface Market {
  /** The index price of an asset's own, in the venue's unit; null when there never was one. `indexPrice` follows `pricedAs`. */
  index(asset: string): PriceState | null;
  /** The mark price of an instrument of this venue, in its quote asset; null when there never was one. */
  mark(instrument: string): PriceState | null;
}

export interface PriceState {
  /** Greater than 0. */
  readonly price: Decimal;
  /** No source is fresh: the last price goes on being used, and is listed (rules: 2). */
  readonly stale: boolean;
}

/** The unit of a venue, and of an index quote, that names none (rules: 16). */
export const COMMON_UNIT = 'USDT';

/** A venue's unit is the measure of its prices: always 1, never stale (rules: 16). */
export const UNIT_PRICE: PriceState = { price: ONE, stale: false };

// --- What the venue's policy is, on the account's chain, at one instant ---

export interface Policy {
  readonly version: number;
  /** The asset in which the venue values everything (rules: 16). */
  readonly unit: string;
  /** The asset that counts in single-asset mode, in full, and no other (rules: 16). */
  readonly singleAsset: string;
  /** Maintenance margin / margin balance at which liquidation begins; above 0, at most 1. */
  readonly liquidationRatio: Fraction;
  /** True: liquidated at the liquidation ratio already; false: only above it. */
  readonly liquidatesAtEquality: boolean;
  readonly maintenanceMethod: MaintenanceMethod;
  readonly pnlCounts: PnlCounts;
  /** Added to the maintenance rate of every position. */
  readonly liquidationFeeRate: Decimal;
  readonly warningRatio: Decimal;
  readonly marginCallRatio: Decimal;
  readonly isolatedInMultiAsset: boolean;
  /** Value of debts x this rate is required as initial and maintenance margin: the shortest form of `liabilities`. */
  readonly debtMarginRate: Decimal;
  /** What debts require by their amount. Empty: as `debtMarginRate` says, which is 0 where there are some. */
  readonly liabilities: readonly LiabilityTable[];
  readonly transferFloor: TransferFloor;
  readonly openOrders: OpenOrderRules;
  readonly interest: readonly InterestRule[];
  readonly autoExchange: readonly AutoExchangeThreshold[];
  readonly exchangeOrder: ExchangeOrder;
  /** At most one an asset; what has none is credited in full. */
  readonly exchangeRates: readonly ExchangeRate[];
  readonly assets: ReadonlyMap<string, AssetRules>;
  /** By asset. An asset without one counts nothing, the unit in full (rules: 3). */
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

/** What resting orders require (rules: 20). */
export interface OpenOrderRules {
  /** WORST_SIDE: they are weighed by what they would make of the position. NONE: they require nothing. */
  readonly initial: OrderWeight;
  readonly maintenance: OrderWeight;
  /** INITIAL: what they would lose at once is added to the initial margin. */
  readonly openLoss: OpenLoss;
}

export type OrderWeight = 'WORST_SIDE' | 'NONE';
export type OpenLoss = 'INITIAL' | 'NONE';

/** What is required for what is owed, progressively by the amount (rules: 18). */
export interface LiabilityTable {
  /** Null: of every asset that has no table of its own. */
  readonly asset: string | null;
  readonly tierUnit: TierUnit;
  readonly tiers: readonly LiabilityTier[];
}

/** Tiers are contiguous from 0; above the last cap the last tier goes on. Floor and cap are in value or in coins. */
export interface LiabilityTier {
  readonly floor: Decimal;
  /** Null: without end. */
  readonly cap: Decimal | null;
  /** From 0 on; maintenance at most initial x the liquidation ratio. */
  readonly initialRate: Decimal;
  readonly maintenanceRate: Decimal;
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

/** What a debt is credited for an asset that is sold, progressively by the value that one exchange sells of it (rules: 11). */
export interface ExchangeRate {
  /** That is sold. */
  readonly asset: string;
  readonly tiers: readonly ExchangeTier[];
}

/** Tiers are contiguous from 0; above the last cap the last tier goes on. Floor and cap are in the venue's unit. */
export interface ExchangeTier {
  readonly floor: Decimal;
  /** Null: without end. */
  readonly cap: Decimal | null;
  /** Above 0 and at most 1; at least any ratio of the asset. */
  readonly rate: Decimal;
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

/** Tiers are contiguous from 0. Floor and cap are in the unit or in coins, as `tierUnit` says (rules: 3). */
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
  /** In which profit, loss, fees and isolated margin are booked (rules: 16). */
  readonly settlementAsset: string;
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
  /** In the quote asset. Deducted where the method is PROGRESSIVE; 0 where it is FLAT. */
  readonly maintenanceAmount: Decimal;
  readonly maxLeverage: Decimal;
}
