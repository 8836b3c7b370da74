/**
 * What balances count as collateral (rules: 3; sources: 000, 001, 003 and 004).
 */
import {
  AT_PAR,
  collateralCurve,
  countedAmount,
  countsAbove,
  initialTable,
  pieceAt,
  unitValue,
  valueAt,
} from '../curve.js';
import { requirementOfDebt } from './liability.js';
import { ONE, ZERO, max, min, quotientDown, sum, type Decimal } from '../decimal.js';
import {
  UNIT_PRICE,
  type AssetCounting,
  type BalanceState,
  type CollateralChoice,
  type CollateralTable,
  type CollateralTier,
  type Market,
  type Policy,
  type PriceState,
} from '../model.js';

/** What one balance counts, and why. Values are in the venue's unit, exact. */
export interface CollateralContribution {
  readonly asset: string;
  /** Negative: owed. */
  readonly quantity: Decimal;
  /** What counts: the quantity, and PnL settled in the asset where that counts as equity (rules: 17). */
  readonly equity: Decimal;
  /** Null when the asset never had a price. */
  readonly indexPrice: Decimal | null;
  readonly stale: boolean;
  /** Of the quantity. Null when the asset never had a price. */
  readonly value: Decimal | null;
  /** Coins above a cap, which count nothing; rounded down at 18 digits where a cap is stated in value. */
  readonly uncountedQuantity: Decimal;
  readonly collateralValue: Decimal;
  /** What counts of it when something is to be opened or taken out; at most `collateralValue`. */
  readonly initialCollateralValue: Decimal;
  /** What a debt requires (rules: 18); 0 for what is not owed, and without a price. */
  readonly initialMargin: Decimal;
  readonly maintenanceMargin: Decimal;
  /** The tiers that the balance reaches into; none for a debt and for what does not count. */
  readonly tiers: readonly TierContribution[];
  /** The version of the ratio that was applied; null where none was. */
  readonly tableId: string | null;
  /** The trader has taken the asset out of the collateral: what is held of it counts nothing (rules: 23). */
  readonly switchedOff: boolean;
}

export interface TierContribution extends CollateralTier {
  /** The part of the value that lies in this tier. */
  readonly value: Decimal;
  readonly collateralValue: Decimal;
}

/**
 * The index price of an asset, through `pricedAs` where it has none of its own. The venue's unit is 1 (rules: 16).
 * Null when there never was a price.
 */
export function indexPrice(asset: string, market: Market, policy: Policy): PriceState | null {
  const priced = pricedBy(asset, policy);
  return priced === policy.unit ? UNIT_PRICE : market.index(priced);
}

/** The asset whose index price this one takes: `pricedAs`, or itself (rules: 1). */
export function pricedBy(asset: string, policy: Policy): string {
  return policy.assets.get(asset)?.pricedAs ?? asset;
}

/**
 * How an asset counts in an account (rules: 23). In single-asset mode switches change nothing: one asset counts there,
 * and no other.
 */
export function countingOf(asset: string, { collateralMode, switchedOff }: CollateralChoice): AssetCounting {
  if (switchedOff.length === 0 || collateralMode === 'SINGLE_ASSET') return collateralMode;
  return switchedOff.includes(asset) ? 'SWITCHED_OFF' : collateralMode;
}

/**
 * The table by which a positive balance of the asset counts; null when it counts nothing (rules: 3). Multi-asset mode:
 * the ratio of the account's chain, and the unit in full where that leaves it out. Single-asset mode: one asset only.
 * What is switched off has none (rules: 23).
 */
export function collateralTableOf(asset: string, counting: AssetCounting, policy: Policy): CollateralTable | null {
  if (counting === 'SWITCHED_OFF') return null;
  if (counting === 'SINGLE_ASSET') return asset === policy.singleAsset ? AT_PAR : null;
  return policy.collateralRatios.get(asset) ?? (asset === policy.unit ? AT_PAR : null);
}

/**
 * Coins above which a positive balance of the asset that never had a price would count for more than 0, so that the
 * margin balance is a lower bound (rules: 2); null: none would.
 */
export function countsUnpricedAbove(asset: string, counting: AssetCounting, policy: Policy): Decimal | null {
  const table = collateralTableOf(asset, counting, policy);
  if (table === null) return null;
  return table.countsUnpricedAbove === undefined ? countsAbove(table) : table.countsUnpricedAbove;
}

/** Whether a positive balance that never had a price would count for more than 0 (rules: 2). */
export function countsUnpriced({ asset, quantity }: BalanceState, counting: AssetCounting, policy: Policy): boolean {
  const above = countsUnpricedAbove(asset, counting, policy);
  return above !== null && quantity.gt(above);
}

/**
 * What one balance counts, in the venue's unit, exact (rules: 3). A debt counts in full in either mode, also
 * where the asset is switched off: a haircut never shrinks a liability. Without a price the value is null and nothing counts; `assessMargin` draws the conclusion.
 *
 * @param pnl settled in the asset, in units of it, where it counts as equity (rules: 17)
 */
export function assessBalance(
  balance: BalanceState,
  counting: AssetCounting,
  market: Market,
  policy: Policy,
  pnl: Decimal = ZERO,
): CollateralContribution {
  const { asset, quantity } = balance;
  const equity = quantity.plus(pnl);
  const price = indexPrice(asset, market, policy);
  const isOwed = equity.lt(ZERO);
  const table = price === null || isOwed ? null : collateralTableOf(asset, counting, policy);
  const tiers = price === null || table === null ? [] : throughTiers(equity, price.price, table);
  const collateralValue =
    price !== null && isOwed ? equity.times(price.price) : sum(tiers.map((tier) => tier.collateralValue));
  const hasInitial = price !== null && table?.initialTiers != null;
  const owed = price === null || !isOwed ? ZERO : equity.negated();
  const needed = requirementOfDebt(asset, owed, price === null ? ZERO : price.price, policy);
  return {
    asset,
    quantity,
    equity,
    indexPrice: price === null ? null : price.price,
    stale: price !== null && price.stale,
    value: price === null ? null : quantity.times(price.price),
    uncountedQuantity: price === null || table === null ? ZERO : uncounted(equity, price.price, table),
    collateralValue,
    initialCollateralValue: hasInitial ? valueThrough(equity, price.price, initialTable(table)) : collateralValue,
    initialMargin: needed.initialMargin,
    maintenanceMargin: needed.maintenanceMargin,
    tiers,
    tableId: table === null || table === AT_PAR ? null : table.id,
    switchedOff: counting === 'SWITCHED_OFF',
  };
}

/** The parts of a positive quantity that lie in each tier, progressively; coins above a cap are in none. */
function throughTiers(quantity: Decimal, price: Decimal, table: CollateralTable): TierContribution[] {
  const { segments, end } = collateralCurve(table);
  const amount = countedAmount(quantity, price, table);
  const counted = end === null ? amount : min(amount, end);
  const unit = unitValue(price, table);
  const parts: TierContribution[] = [];
  for (const { floor, cap, slope: ratio } of segments) {
    if (counted.lte(floor)) break;
    const part = (cap === null ? counted : min(counted, cap)).minus(floor);
    const value = unit === ONE ? part : part.times(unit);
    parts.push({ floor, cap, ratio, value, collateralValue: value.times(ratio) });
  }
  return parts;
}

/** What a positive quantity counts by a table, in the venue's unit, exact. */
function valueThrough(quantity: Decimal, price: Decimal, table: CollateralTable): Decimal {
  const amount = countedAmount(quantity, price, table);
  return valueAt(pieceAt(collateralCurve(table).segments, amount), amount).times(unitValue(price, table));
}

/** Coins above `userCap` or above the end of the tiers. */
function uncounted(quantity: Decimal, price: Decimal, table: CollateralTable): Decimal {
  const { userCap } = table;
  const overUserCap = userCap === null || quantity.lte(userCap) ? ZERO : quantity.minus(userCap);
  const { end } = collateralCurve(table);
  if (end === null) return overUserCap;
  if (table.tierUnit === 'QUANTITY') return max(overUserCap, quantity.minus(end));
  const overTiers = quantity.times(price).minus(end);
  return overTiers.gt(ZERO) ? max(overUserCap, quotientDown(overTiers, price)) : overUserCap;
}
