/**
 * The prices at which an account, or an isolated position, would be liquidated, all other prices unchanged (rules: 9).
 * The surplus, liquidation ratio x margin balance less maintenance margin, is piecewise linear in the factor by which the
 * price moves. It bends where a tier begins and jumps where FLAT tiers do. The bounds are where it falls below 0, exactly.
 * Everything is multiplied by the ratio's denominator, which moves no bound.
 */
import { isolatedMarginBalance, type MarginReport, type PositionReport } from '../state/assess.js';
import {
  collateralTableOf,
  countingOf,
  indexPrice,
  pricedBy,
  type CollateralContribution,
} from '../state/collateral.js';
import { collateralCurve, countedAmount, liabilityCurve, maintenanceCurve } from '../curve.js';
import { ONE, ZERO, decimal, quotientDown, quotientUp, sum, type Decimal } from '../decimal.js';
import type { Fraction } from '../fraction.js';
import type { AccountState, MarginStatus, Market, Policy } from '../model.js';
import { areBeside, orderSides, type OpenOrdersReport } from '../state/open-orders.js';
import { inUnit } from '../state/settlement.js';
import { isPnlEquity } from '../state/equity.js';
import { equityPieces } from './equity-pieces.js';
import { Piecewise } from './piecewise.js';

export type NoLiquidationPrice = 'NO_EXPOSURE' | 'NOT_REACHABLE' | 'UNPRICED' | 'ALREADY_LIQUIDATABLE';

/** A mark in the quote asset, an index in the unit; rounded at 18 digits towards the present price. */
export interface LiquidationPrice {
  /** The one relatively nearer the present price; of equally near ones the lower. Null: see `reason`. */
  readonly price: Decimal | null;
  /** The one on the other side, where there is one on either. */
  readonly otherPrice: Decimal | null;
  readonly reason: NoLiquidationPrice | null;
}

/** A liquidation price from here on is not reachable. */
const OUT_OF_REACH: Decimal = decimal('1e30');

/**
 * The mark price of a position's instrument at which it would be liquidated (rules: 9), in its quote asset, rounded at
 * 18 digits towards the present mark. Cross: where the account would be, so that both sides of a hedge share it. Isolated: where
 * the position would be, by its own margin.
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
    const line = surplusNow(isolatedMarginBalance(position), position.maintenanceMargin ?? ZERO, policy);
    addPnl(line, position, policy, ONE);
    addRequirement(line, position, [], policy, ONE);
    return nearest(line, position.markPrice);
  }
  const moving = report.positions.filter(
    ({ instrument, marginMode }) => instrument === position.instrument && marginMode === 'CROSS',
  );
  const base = policy.instruments.get(position.instrument)?.baseAsset;
  const following = indexFollows && base !== undefined ? pricedBy(base, policy) : policy.unit;
  return nearest(surplus(moving, following, account, report, policy), position.markPrice);
}

/**
 * The index price of an asset at which the account would be liquidated (rules: 9), in the venue's unit, rounded at 18
 * digits towards the present index. Everything priced as the asset moves along, and what is settled in it; marks do not.
 * The unit, the measure of prices, has none.
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
  return nearest(surplus([], pricedBy(asset, policy), account, report, policy), price.price);
}

function withoutPrice(status: MarginStatus): NoLiquidationPrice | null {
  if (status === 'UNPRICED' || status === 'NO_EXPOSURE') return status;
  return status === 'LIQUIDATION' ? 'ALREADY_LIQUIDATABLE' : null;
}

function none(reason: NoLiquidationPrice): LiquidationPrice {
  return { price: null, otherPrice: null, reason };
}

/**
 * The surplus of the account, as a function of the factor by which the marks of `positions` and the index of `priced`
 * move. Of the unit, which does not move, nothing follows. No position is settled in what its own mark moves
 * (`reference-venue.ts` refuses such instruments), so that no part moves by both.
 */
function surplus(
  positions: readonly PositionReport[],
  priced: string,
  account: AccountState,
  report: MarginReport,
  policy: Policy,
): Piecewise {
  const line = surplusNow(report.marginBalance, report.maintenanceMargin, policy);
  const isEquity = isPnlEquity(account.collateralMode, policy);
  for (const position of positions) {
    const rate = position.settlementPrice?.price ?? ONE;
    if (!isEquity) addPnl(line, position, policy, rate);
    addRequirement(line, position, report.openOrders, policy, rate);
  }
  if (isEquity) addEquities(line, positions, account, report, policy);
  if (priced === policy.unit) return line;
  for (const balance of report.collateral) {
    if (pricedBy(balance.asset, policy) === priced) addBalance(line, balance, account, policy);
  }
  const crossed = report.positions.filter(({ marginMode }) => marginMode === 'CROSS');
  for (const settled of [...crossed, ...report.openOrders]) {
    if (pricedBy(settled.settlementAsset, policy) === priced) addSettled(line, settled, isEquity, policy);
  }
  return line;
}

/** The surplus at the present price. */
function surplusNow(marginBalance: Decimal, maintenanceMargin: Decimal, { liquidationRatio }: Policy): Piecewise {
  const { numerator, denominator } = liquidationRatio;
  return new Piecewise(marginBalance.times(numerator).minus(maintenanceMargin.times(denominator)));
}

/** Unrealised PnL in the line's own asset, by its weight, when the mark is multiplied by t. */
function addPnl(line: Piecewise, { side, notional }: PositionReport, policy: Policy, rate: Decimal): void {
  if (notional === null) return;
  const moving = side === 'LONG' ? notional : notional.negated();
  line.addProportional(moving.times(policy.liquidationRatio.numerator.times(rate)));
}

/**
 * Maintenance margin by its weight, against the account, when the mark is multiplied by t. Resting orders, where they
 * count for maintenance, keep their notionals: they are stated at limit prices.
 *
 * @param rate what the line is in, for one of the quote asset: the line of an isolated position is in that itself
 */
function addRequirement(
  line: Piecewise,
  position: PositionReport,
  openOrders: readonly OpenOrdersReport[],
  policy: Policy,
  rate: Decimal,
): void {
  const { instrument, notional } = position;
  const tiers = policy.instruments.get(instrument)?.tiers;
  if (notional === null || tiers === undefined) return;
  const [curve, weight] = [maintenanceCurve(tiers, policy), policy.liquidationRatio.denominator.times(rate).negated()];
  const count = policy.openOrders.maintenance === 'WORST_SIDE';
  const orders = count ? openOrders.find((each) => areBeside(each, position)) : undefined;
  if (orders === undefined) line.addCurve(curve, notional, weight);
  else line.addWorstSide(curve, notional, orderSides(orders, position), weight);
}

/**
 * What counts of the assets in which the positions are settled, less what debts in them require, when the marks are
 * multiplied by t and PnL counts as equity (rules: 17).
 */
function addEquities(
  line: Piecewise,
  positions: readonly PositionReport[],
  account: AccountState,
  report: MarginReport,
  policy: Policy,
): void {
  const { numerator, denominator } = policy.liquidationRatio;
  for (const asset of new Set(positions.map(({ settlementAsset }) => settlementAsset))) {
    const settled = positions.filter(({ settlementAsset }) => settlementAsset === asset);
    const price = settled[0]?.settlementPrice?.price;
    if (price === undefined) continue;
    const equity = report.collateral.find((balance) => balance.asset === asset)?.equity ?? ZERO;
    const notionals = settled.map(({ side, notional }) => (side === 'LONG' ? notional : notional?.negated()) ?? ZERO);
    const moving = sum(notionals).times(price);
    const still = equity.times(price).minus(moving);
    const table = collateralTableOf(asset, countingOf(asset, account), policy);
    const weighing = { table, counted: numerator, margin: 'maintenance', required: denominator } as const;
    line.addAffine(equityPieces(asset, price, weighing, policy), still, moving);
  }
}

/** PnL, unless it is part of an equity, and what positions and orders require, when the index of the settlement asset is multiplied by t. */
function addSettled(
  line: Piecewise,
  settled: PositionReport | OpenOrdersReport,
  isEquity: boolean,
  policy: Policy,
): void {
  const { maintenanceMargin, settlementPrice } = settled;
  const { numerator, denominator } = policy.liquidationRatio;
  const pnl = 'unrealizedPnl' in settled && !isEquity ? inUnit(settled.unrealizedPnl, settlementPrice) : ZERO;
  line.addProportional(pnl.times(numerator).minus(inUnit(maintenanceMargin, settlementPrice).times(denominator)));
}

/** What a balance counts, less the margin asked for a debt, by their weights, when its index price is multiplied by t. */
function addBalance(line: Piecewise, balance: CollateralContribution, account: AccountState, policy: Policy): void {
  const { asset, equity, indexPrice: price, collateralValue } = balance;
  if (price === null) return;
  const { numerator, denominator } = policy.liquidationRatio;
  if (equity.lt(ZERO)) {
    line.addProportional(collateralValue.times(numerator));
    const curve = liabilityCurve(asset, policy);
    if (curve === null) return;
    // Tiers in coins do not bend when the price moves.
    if (curve.tierUnit === 'QUANTITY')
      return line.addProportional(balance.maintenanceMargin.times(denominator).negated());
    return line.addCurve(curve.maintenance, collateralValue.negated(), denominator.negated());
  }
  const table = collateralTableOf(asset, countingOf(asset, account), policy);
  const amount = table === null ? ZERO : countedAmount(equity, price, table);
  // Tiers in coins do not bend when the price moves; nothing counted stays nothing.
  if (table === null || table.tierUnit === 'QUANTITY' || amount.isZero()) {
    return line.addProportional(collateralValue.times(numerator));
  }
  line.addCurve(collateralCurve(table).segments, amount, numerator);
}

/** The bounds around the present price, and which of them is nearer. */
function nearest(line: Piecewise, present: Decimal): LiquidationPrice {
  const below = line.lastBelowZeroUnderOne();
  const first = line.firstBelowZeroOverOne();
  const above = first !== null && isReachable(first, present) ? first : null;
  const lower = below === null ? null : quotientUp(below.numerator.times(present), below.denominator);
  const higher = above === null ? null : quotientDown(above.numerator.times(present), above.denominator);
  if (below === null || above === null) {
    const price = lower ?? higher;
    return price === null ? none('NOT_REACHABLE') : { price, otherPrice: null, reason: null };
  }
  return isFurther(above, below)
    ? { price: lower, otherPrice: higher, reason: null }
    : { price: higher, otherPrice: lower, reason: null };
}

function isReachable({ numerator, denominator }: Fraction, present: Decimal): boolean {
  return numerator.times(present).lt(denominator.times(OUT_OF_REACH));
}

/** Whether above - 1 >= 1 - below: a tie goes to the lower price. */
function isFurther(above: Fraction, below: Fraction): boolean {
  const rise = above.numerator.minus(above.denominator).times(below.denominator);
  const fall = below.denominator.minus(below.numerator).times(above.denominator);
  return rise.gte(fall);
}
