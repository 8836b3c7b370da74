/**
 * What balances count as collateral (rules: 3; sources: the venues' tables of collateral ratios).
 */
import { ONE, ZERO, max, min, quotientDown, type Decimal } from './decimal.js';
import {
  SETTLEMENT_ASSET,
  type BalanceState,
  type CollateralMode,
  type CollateralSchedule,
  type CollateralTier,
  type Market,
  type Policy,
  type PriceState,
} from './model.js';

/** Why an asset counts for what it counts. All values in USDT, exact. */
export interface CollateralContribution {
  readonly asset: string;
  /** Negative: owed. */
  readonly quantity: Decimal;
  /** Null when the asset never had a price. */
  readonly indexPrice: Decimal | null;
  readonly stale: boolean;
  /** Null when the asset never had a price. */
  readonly value: Decimal | null;
  /** Coins above a cap, which count nothing; rounded down at 18 digits where a cap is stated in value. */
  readonly uncountedQuantity: Decimal;
  readonly collateralValue: Decimal;
  /** The tiers that the balance reaches into; none for a debt and for what does not count. */
  readonly tiers: readonly TierContribution[];
  /** The version of the ratio that was applied; null where none was. */
  readonly scheduleId: string | null;
}

export interface TierContribution extends CollateralTier {
  /** The part of the value that lies in this tier. */
  readonly value: Decimal;
  readonly collateralValue: Decimal;
}

const SETTLEMENT_PRICE: PriceState = { price: ONE, stale: false };

const AT_PAR: readonly CollateralTier[] = [{ floor: ZERO, cap: null, ratio: ONE }];

/** USDT, in single-asset mode and where a venue's table leaves it out. */
const SETTLEMENT_AT_PAR: CollateralSchedule = { id: '', tierUnit: 'QUOTE_VALUE', tiers: AT_PAR, userCap: null };

/**
 * The index price of an asset, through `pricedAs` where it has none of its own. USDT is 1 (rules: 1).
 * Null when there never was a price.
 */
export function indexPrice(asset: string, market: Market, policy: Policy): PriceState | null {
  const priced = policy.assets.get(asset)?.pricedAs ?? asset;
  return priced === SETTLEMENT_ASSET ? SETTLEMENT_PRICE : market.index(priced);
}

/**
 * The tiers by which a positive balance of the asset counts; null when it counts nothing.
 * Multi-asset: the ratio of the account's chain, USDT at 1 where the table leaves it out. Single-asset: USDT only.
 */
export function scheduleOf(asset: string, mode: CollateralMode, policy: Policy): CollateralSchedule | null {
  if (mode === 'SINGLE_ASSET') return asset === SETTLEMENT_ASSET ? SETTLEMENT_AT_PAR : null;
  return policy.collateralRatios.get(asset) ?? (asset === SETTLEMENT_ASSET ? SETTLEMENT_AT_PAR : null);
}

/**
 * What one balance counts. A debt counts in full, in either mode: a haircut never shrinks a liability.
 * Without a price it counts nothing and its value is null; what that means for the account is `assessMargin`'s to say.
 */
export function assessBalance(
  balance: BalanceState,
  mode: CollateralMode,
  market: Market,
  policy: Policy,
): CollateralContribution {
  const { asset, quantity } = balance;
  const price = indexPrice(asset, market, policy);
  const value = price === null ? null : quantity.times(price.price);
  const plain = {
    asset,
    quantity,
    indexPrice: price === null ? null : price.price,
    stale: price !== null && price.stale,
    value,
    uncountedQuantity: ZERO,
    tiers: [],
    scheduleId: null,
  };
  if (price === null || value === null) return { ...plain, collateralValue: ZERO };
  if (quantity.isNegative()) return { ...plain, collateralValue: value };
  const schedule = scheduleOf(asset, mode, policy);
  if (schedule === null) return { ...plain, collateralValue: ZERO };

  const tiers = throughTiers(quantity, price.price, schedule);
  let collateralValue = ZERO;
  for (const tier of tiers) collateralValue = collateralValue.plus(tier.collateralValue);
  return {
    ...plain,
    uncountedQuantity: uncounted(quantity, price.price, schedule),
    collateralValue,
    tiers,
    scheduleId: schedule.id === '' ? null : schedule.id,
  };
}

/** The parts of a positive quantity that lie in each tier, progressively; coins above `userCap` are in none. */
function throughTiers(quantity: Decimal, price: Decimal, schedule: CollateralSchedule): TierContribution[] {
  const counted = schedule.userCap === null ? quantity : min(quantity, schedule.userCap);
  const inCoins = schedule.tierUnit === 'QUANTITY';
  const amount = inCoins ? counted : counted.times(price);
  const parts: TierContribution[] = [];
  for (const tier of schedule.tiers) {
    if (amount.lte(tier.floor)) break;
    const top = tier.cap === null ? amount : min(amount, tier.cap);
    const part = top.minus(tier.floor);
    const value = inCoins ? part.times(price) : part;
    parts.push({ floor: tier.floor, cap: tier.cap, ratio: tier.ratio, value, collateralValue: value.times(tier.ratio) });
  }
  return parts;
}

/** Coins above `userCap` or above the cap of the last tier. */
function uncounted(quantity: Decimal, price: Decimal, schedule: CollateralSchedule): Decimal {
  const overUserCap = schedule.userCap === null ? ZERO : max(ZERO, quantity.minus(schedule.userCap));
  const lastCap = schedule.tiers.at(-1)?.cap ?? null;
  if (lastCap === null) return overUserCap;
  const overTiers =
    schedule.tierUnit === 'QUANTITY'
      ? quantity.minus(lastCap)
      : quotientDown(quantity.times(price).minus(lastCap), price);
  return max(overUserCap, overTiers);
}
