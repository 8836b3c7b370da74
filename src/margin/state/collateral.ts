/**
 * What balances count as collateral (rules: 3; sources: the venues' tables of collateral ratios).
 */
import { ONE, ZERO, max, min, quotientDown, sum, type Decimal } from '../decimal.js';
import {
  SETTLEMENT_ASSET,
  type BalanceState,
  type CollateralMode,
  type CollateralTable,
  type CollateralTier,
  type Market,
  type Policy,
  type PriceState,
} from '../model.js';

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
const SETTLEMENT_AT_PAR: CollateralTable = { id: '', tierUnit: 'QUOTE_VALUE', tiers: AT_PAR, userCap: null };

/**
 * The index price of an asset, through `pricedAs` where it has none of its own. USDT is 1 (rules: 1).
 * Null when there never was a price.
 */
export function indexPrice(asset: string, market: Market, policy: Policy): PriceState | null {
  const priced = pricedBy(asset, policy);
  return priced === SETTLEMENT_ASSET ? SETTLEMENT_PRICE : market.index(priced);
}

/** The asset whose index price this one takes: its own, or that of its `pricedAs`. */
export function pricedBy(asset: string, policy: Policy): string {
  return policy.assets.get(asset)?.pricedAs ?? asset;
}

/**
 * The tiers by which a positive balance of the asset counts; null when it counts nothing.
 * Multi-asset: the ratio of the account's chain, USDT at 1 where the table leaves it out. Single-asset: USDT only.
 */
export function scheduleOf(asset: string, mode: CollateralMode, policy: Policy): CollateralTable | null {
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
  const schedule = price === null || quantity.lt(ZERO) ? null : scheduleOf(asset, mode, policy);
  const tiers = price === null || schedule === null ? [] : throughTiers(quantity, price.price, schedule);
  return {
    asset,
    quantity,
    indexPrice: price === null ? null : price.price,
    stale: price !== null && price.stale,
    value,
    uncountedQuantity: price === null || schedule === null ? ZERO : uncounted(quantity, price.price, schedule),
    collateralValue: value !== null && value.lt(ZERO) ? value : sum(tiers.map((tier) => tier.collateralValue)),
    tiers,
    scheduleId: schedule === null || schedule === SETTLEMENT_AT_PAR ? null : schedule.id,
  };
}

/** The parts of a positive quantity that lie in each tier, progressively; coins above `userCap` are in none. */
function throughTiers(quantity: Decimal, price: Decimal, schedule: CollateralTable): TierContribution[] {
  const counted = schedule.userCap === null ? quantity : min(quantity, schedule.userCap);
  const inCoins = schedule.tierUnit === 'QUANTITY';
  const amount = inCoins ? counted : counted.times(price);
  const parts: TierContribution[] = [];
  for (const tier of schedule.tiers) {
    if (amount.lte(tier.floor)) break;
    const top = tier.cap === null ? amount : min(amount, tier.cap);
    const part = top.minus(tier.floor);
    const value = inCoins ? part.times(price) : part;
    parts.push({
      floor: tier.floor,
      cap: tier.cap,
      ratio: tier.ratio,
      value,
      collateralValue: value.times(tier.ratio),
    });
  }
  return parts;
}

/** Coins above `userCap` or above the cap of the last tier. */
function uncounted(quantity: Decimal, price: Decimal, schedule: CollateralTable): Decimal {
  const { userCap } = schedule;
  const overUserCap = userCap === null || quantity.lte(userCap) ? ZERO : quantity.minus(userCap);
  const lastCap = schedule.tiers.at(-1)?.cap ?? null;
  if (lastCap === null) return overUserCap;
  if (schedule.tierUnit === 'QUANTITY') return max(overUserCap, quantity.minus(lastCap));
  const overTiers = quantity.times(price).minus(lastCap);
  return overTiers.gt(ZERO) ? max(overUserCap, quotientDown(overTiers, price)) : overUserCap;
}
