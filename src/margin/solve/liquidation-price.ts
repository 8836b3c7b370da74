/**
 * The prices at which an account, or an isolated position, would be liquidated, all other prices unchanged
 * (rules: 9). Exact: margin balance less maintenance margin is a function of straight pieces of the factor by which
 * the price moves; it bends where a tier of collateral or of maintenance begins, jumps where FLAT tiers do, and the
 * bounds are where it falls below 0. Both equality policies share them.
 */
import type { MarginReport, PositionReport } from '../state/assess.js';
import { indexPrice, pricedBy, scheduleOf, type CollateralContribution } from '../state/collateral.js';
import { ONE, ZERO, decimal, min, quotientDown, quotientUp, type Decimal } from '../decimal.js';
import { SETTLEMENT_ASSET, type AccountState, type MarginStatus, type Market, type Policy } from '../model.js';
import {
  add,
  firstBelowZeroOverOne,
  lastBelowZeroUnderOne,
  type Fraction,
  type Kink,
  type Piecewise,
} from './piecewise.js';

export type NoLiquidationPrice = 'NO_EXPOSURE' | 'NOT_REACHABLE' | 'UNPRICED' | 'ALREADY_LIQUIDATABLE';

/** In USDT, rounded at 18 digits towards the present price. */
export interface LiquidationPrice {
  /** The one relatively nearer the present price; of equally near ones the lower. Null: see `reason`. */
  readonly price: Decimal | null;
  /** The one on the other side, where there is one on either. */
  readonly otherPrice: Decimal | null;
  readonly reason: NoLiquidationPrice | null;
}

/** A price that nobody will see; what is first liquidatable above it is not reachable. */
const OUT_OF_REACH: Decimal = decimal(10).pow(30);

/**
 * The mark price of a position's instrument at which it would be liquidated. Cross: the account would be, so that
 * both sides of a hedge share it. Isolated: the position by its own margin.
 *
 * @param report the account's, to which the position belongs
 * @param indexFollows the base asset, and what is priced as it, moves in proportion to the mark (cross only)
 */
export function positionLiquidationPrice(
  position: PositionReport,
  account: AccountState,
  report: MarginReport,
  policy: Policy,
  indexFollows = false,
): LiquidationPrice {
  const reason = withoutPrice(position.status);
  if (reason !== null || position.markPrice === null) return none(reason ?? 'UNPRICED');
  if (position.marginMode === 'ISOLATED') {
    return nearest(add([constant(position.isolatedMargin), ofPosition(position, policy)]), position.markPrice);
  }
  const moving = report.positions.filter(
    ({ instrument, marginMode }) => instrument === position.instrument && marginMode === 'CROSS',
  );
  const base = policy.instruments.get(position.instrument)?.baseAsset;
  const following = indexFollows && base !== undefined ? pricedAlike(base, report, policy) : [];
  return nearest(surplus(moving, following, account, report, policy), position.markPrice);
}

/**
 * The index price of an asset at which the account would be liquidated; everything that is priced as it moves along,
 * marks do not. USDT, the measure of all prices, has none.
 */
export function assetLiquidationPrice(
  asset: string,
  account: AccountState,
  report: MarginReport,
  market: Market,
  policy: Policy,
): LiquidationPrice {
  const reason = withoutPrice(report.status);
  if (reason !== null) return none(reason);
  const price = indexPrice(asset, market, policy);
  if (price === null) return none('UNPRICED');
  return nearest(surplus([], pricedAlike(asset, report, policy), account, report, policy), price.price);
}

/** Balances whose index price is that of the asset; none for USDT, which does not move. */
function pricedAlike(asset: string, report: MarginReport, policy: Policy): CollateralContribution[] {
  const priced = pricedBy(asset, policy);
  if (priced === SETTLEMENT_ASSET) return [];
  return report.collateral.filter((contribution) => pricedBy(contribution.asset, policy) === priced);
}

function withoutPrice(status: MarginStatus): NoLiquidationPrice | null {
  if (status === 'UNPRICED' || status === 'NO_EXPOSURE') return status;
  return status === 'LIQUIDATION' ? 'ALREADY_LIQUIDATABLE' : null;
}

function none(reason: NoLiquidationPrice): LiquidationPrice {
  return { price: null, otherPrice: null, reason };
}

/** Margin balance less maintenance margin of the account, as a function of the factor by which the moving parts move. */
function surplus(
  positions: readonly PositionReport[],
  balances: readonly CollateralContribution[],
  account: AccountState,
  report: MarginReport,
  policy: Policy,
): Piecewise {
  const moving = [
    ...positions.map((position) => ofPosition(position, policy)),
    ...balances.map((balance) => ofBalance(balance, account, policy)),
  ];
  let fixed = report.marginBalance.minus(report.maintenanceMargin);
  for (const { unrealizedPnl, maintenanceMargin } of positions) {
    fixed = fixed.minus(unrealizedPnl ?? ZERO).plus(maintenanceMargin ?? ZERO);
  }
  for (const { collateralValue, quantity } of balances) {
    const debtMargin = quantity.lt(ZERO) ? collateralValue.times(policy.debtMarginRate) : ZERO;
    fixed = fixed.minus(collateralValue).minus(debtMargin);
  }
  return add([constant(fixed), ...moving]);
}

function constant(intercept: Decimal): Piecewise {
  return { slope: ZERO, intercept, kinks: [] };
}

/** Unrealised PnL less maintenance margin, when the mark is multiplied by t. */
function ofPosition({ instrument, side, notional, cost }: PositionReport, policy: Policy): Piecewise {
  const tiers = policy.instruments.get(instrument)?.tiers ?? [];
  const value = notional ?? ZERO;
  const progressive = policy.maintenanceMethod === 'PROGRESSIVE';
  let slope = (side === 'LONG' ? value : value.negated()).minus(value.times(policy.liquidationFeeRate));
  let intercept = side === 'LONG' ? cost.negated() : cost;
  const kinks: Kink[] = [];
  let rate = ZERO;
  let amount = ZERO;
  for (const tier of tiers) {
    const steeper = rate.minus(tier.maintenanceRate).times(value);
    const deducted = progressive ? tier.maintenanceAmount.minus(amount) : ZERO;
    if (tier.floor.isZero()) {
      slope = slope.plus(steeper);
      intercept = intercept.plus(deducted);
    } else {
      kinks.push({ at: { dividend: tier.floor, divisor: value }, slope: steeper, intercept: deducted });
    }
    rate = tier.maintenanceRate;
    amount = tier.maintenanceAmount;
  }
  return { slope, intercept, kinks };
}

/** What a balance counts, less the margin asked for a debt, when its index price is multiplied by t. */
function ofBalance(balance: CollateralContribution, account: AccountState, policy: Policy): Piecewise {
  const { asset, quantity, indexPrice: price, collateralValue } = balance;
  const linear = { slope: collateralValue, intercept: ZERO, kinks: [] };
  if (price === null) return constant(ZERO);
  if (quantity.lt(ZERO)) return { ...linear, slope: collateralValue.times(policy.debtMarginRate.plus(ONE)) };
  const schedule = scheduleOf(asset, account.collateralMode, policy);
  if (schedule === null || schedule.tierUnit === 'QUANTITY') return linear;

  const counted = (schedule.userCap === null ? quantity : min(quantity, schedule.userCap)).times(price);
  if (counted.isZero()) return linear;
  let slope = ZERO;
  const kinks: Kink[] = [];
  // At a floor the value above it begins to count at another ratio; what is below it counts as before.
  const bend = (floor: Decimal, change: Decimal): void => {
    if (floor.isZero()) slope = slope.plus(change.times(counted));
    else {
      const at = { dividend: floor, divisor: counted };
      kinks.push({ at, slope: change.times(counted), intercept: change.times(floor).negated() });
    }
  };
  let ratio = ZERO;
  for (const tier of schedule.tiers) {
    bend(tier.floor, tier.ratio.minus(ratio));
    ratio = tier.ratio;
  }
  const lastCap = schedule.tiers.at(-1)?.cap ?? null;
  if (lastCap !== null) bend(lastCap, ratio.negated());
  return { slope, intercept: ZERO, kinks };
}

/** The bounds around the present price, and which of them is nearer. */
function nearest(line: Piecewise, present: Decimal): LiquidationPrice {
  const below = lastBelowZeroUnderOne(line);
  const first = firstBelowZeroOverOne(line);
  const above = first !== null && isReachable(first, present) ? first : null;
  const lower = below === null ? null : quotientUp(below.dividend.times(present), below.divisor);
  const higher = above === null ? null : quotientDown(above.dividend.times(present), above.divisor);
  if (below === null || above === null) {
    const price = lower ?? higher;
    return price === null ? none('NOT_REACHABLE') : { price, otherPrice: null, reason: null };
  }
  return isFurther(above, below)
    ? { price: lower, otherPrice: higher, reason: null }
    : { price: higher, otherPrice: lower, reason: null };
}

function isReachable({ dividend, divisor }: Fraction, present: Decimal): boolean {
  return dividend.times(present).lt(divisor.times(OUT_OF_REACH));
}

/** Whether above - 1 >= 1 - below: a tie goes to the lower price. */
function isFurther(above: Fraction, below: Fraction): boolean {
  const rise = above.dividend.minus(above.divisor).times(below.divisor);
  const fall = below.divisor.minus(below.dividend).times(above.divisor);
  return rise.gte(fall);
}
