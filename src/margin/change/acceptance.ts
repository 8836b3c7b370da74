/**
 * Whether a venue would accept the state that a change leads to (rules: 7 and 14).
 */
import {
  assessMargin,
  initialMarginBalance,
  staleSymbolsOf,
  type MarginReport,
  type PositionReport,
} from '../state/assess.js';
import type { CollateralContribution } from '../state/collateral.js';
import { ZERO, max, min, sum, type Decimal } from '../decimal.js';
import type { AccountState, CollateralChoice, Market, OpenOrders, Policy } from '../model.js';
import { areBeside, orderSizes } from '../state/open-orders.js';
import { refuse, refuseAmount, type Refusal } from '../refusal.js';
import { acceptsSettlement, inUnit, settlementAssetOf } from '../state/settlement.js';
import { staleLiabilities } from '../solve/transferable.js';

/**
 * Accepted (null) when initial collateral + PnL covers the initial margin (rules: 7). Refused with PRICE_UNAVAILABLE while
 * either is unknown, else with INSUFFICIENT_MARGIN.
 */
export function checkInitialMargin(after: MarginReport): Refusal | null {
  if (after.status === 'UNPRICED') {
    const symbols = after.unpriced.join(', ');
    return refuse('PRICE_UNAVAILABLE', `What the account is worth is not known without a price of ${symbols}.`);
  }
  const balance = initialMarginBalance(after);
  if (balance.gte(after.initialMargin)) return null;
  const counted = after.initialCollateralValue.eq(after.collateralValue)
    ? 'The margin balance'
    : 'Initial collateral and PnL';
  const message = `${counted} would not cover the initial margin.`;
  return refuseAmount('INSUFFICIENT_MARGIN', message, after.initialMargin, balance);
}

/**
 * Whether a venue would accept that only one asset counts (rules: 7): `checkInitialMargin` after it, at fresh prices of the
 * cross positions. Refused with PRICE_UNAVAILABLE or INSUFFICIENT_MARGIN.
 */
export function checkCollateral(after: AccountState, market: Market, policy: Policy): Refusal | null {
  const report = assessMargin(after, market, policy);
  const [stale] = report.positions.filter(({ marginMode }) => marginMode === 'CROSS').flatMap(staleSymbolsOf);
  if (stale === undefined) return checkInitialMargin(report);
  return refuse('PRICE_UNAVAILABLE', `The price of ${stale} is too old for a change of what counts.`);
}

export interface TradeCheck {
  readonly refusal: Refusal | null;
  /** Symbols whose price is stale, and without which the trade would not pass; by code point. */
  readonly stale: readonly string[];
}

/** By how much a trade passes each condition, exact; below 0: it does not. */
export interface TradeRoom {
  /** What the isolated position that grows has beyond its initial margin, in its quote asset; null: none grows. */
  readonly isolated: Decimal | null;
  /** What initial margin falls by, in the venue's unit; a trade passes above 0, also at a price that is stale. */
  readonly fall: Decimal;
  /** What lies beyond the initial margin without stale collateral, in the unit; if a price is missing, at most what keeps HEALTHY. */
  readonly cover: Decimal;
}

export interface WeighedTrade extends TradeCheck {
  readonly room: TradeRoom;
  /** The state after the trade. */
  readonly report: MarginReport;
}

/**
 * Whether a venue would accept a trade (rules: 14): initial margin falls, or `checkInitialMargin` passes after it. An
 * isolated position that it opens or adds to also covers its own initial margin by margin + min(0, PnL). What it opens or
 * adds to is settled in an asset that counts (rules: 16). Refused with SETTLEMENT_NOT_ACCEPTED, PRICE_UNAVAILABLE or
 * INSUFFICIENT_MARGIN. A stale price refuses nothing.
 */
export function checkTrade(before: AccountState, after: AccountState, market: Market, policy: Policy): TradeCheck {
  const { refusal, stale } = tradeRule(before, market, policy)(after);
  return { refusal, stale };
}

/** `checkTrade` of several trades from one state, with what each has to spare. */
export function tradeRule(before: AccountState, market: Market, policy: Policy): (after: AccountState) => WeighedTrade {
  const former = totalInitialMargin(assessMargin(before, market, policy));
  return (after) => {
    const report = assessMargin(after, market, policy);
    const grown = grownPositions(before, report);
    const fall = former.minus(totalInitialMargin(report));
    const room = { isolated: leastIsolated(grown), fall, cover: freshCover(report, policy) };
    return { ...judge(grown, fall.gt(ZERO), report, after, policy), room, report };
  };
}

function judge(
  grown: readonly PositionReport[],
  falls: boolean,
  report: MarginReport,
  after: AccountState,
  policy: Policy,
): TradeCheck {
  const isolated = grown.filter(({ marginMode }) => marginMode === 'ISOLATED');
  const refusal =
    notAccepted(
      grown.map(({ instrument }) => instrument),
      after,
      policy,
    ) ??
    firstRefusal(isolated) ??
    (falls ? null : checkInitialMargin(report));
  if (refusal !== null) return { refusal, stale: [] };
  const marks = isolated.flatMap(staleSymbolsOf);
  const stale = new Set([...marks, ...(falls ? [] : neededStale(report))]);
  return { refusal: null, stale: [...stale].sort() };
}

/**
 * Whether a venue would accept resting orders (rules: 14 and 20): the initial margin does not rise, or
 * `checkInitialMargin` passes with them. What they would open is settled in an asset that counts (rules: 16). A stale
 * price refuses nothing.
 */
export function checkOrders(before: AccountState, after: AccountState, market: Market, policy: Policy): TradeCheck {
  const accepted = notAccepted(openedByOrders(before, after), after, policy);
  if (accepted !== null) return { refusal: accepted, stale: [] };
  const report = assessMargin(after, market, policy);
  if (report.initialMargin.lte(assessMargin(before, market, policy).initialMargin)) return { refusal: null, stale: [] };
  const refusal = checkInitialMargin(report);
  const stale = new Set(refusal === null ? neededStale(report) : []);
  return { refusal, stale: [...stale].sort() };
}

/** Instruments of orders that are larger than before on a side, and go there beyond closing a position. */
function openedByOrders(before: AccountState, after: AccountState): string[] {
  const placed = after.openOrders.filter((orders) => !before.openOrders.includes(orders));
  const opens = (orders: OpenOrders): boolean => {
    const position = after.positions.find((held) => areBeside(orders, held)) ?? null;
    const { adds, reduces } = orderSizes(orders, position);
    const rested = before.openOrders.find((each) => each.instrument === orders.instrument && each.side === orders.side);
    const former = rested === undefined ? { adds: ZERO, reduces: ZERO } : orderSizes(rested, position);
    return adds.gt(former.adds) || reduces.gt(max(former.reduces, position?.size ?? ZERO));
  };
  return placed.filter(opens).map(({ instrument }) => instrument);
}

/** Positions that were opened or added to. */
function grownPositions({ positions }: AccountState, after: MarginReport): PositionReport[] {
  const sizeBefore = (instrument: string, side: string): Decimal =>
    positions.find((held) => held.instrument === instrument && held.side === side)?.size ?? ZERO;
  return after.positions.filter(({ instrument, side, size }) => size.gt(sizeBefore(instrument, side)));
}

/** Nothing may be opened in an instrument that is settled in what does not count: realising would move the margin balance (rules: 16). */
export function notAccepted(opened: readonly string[], choice: CollateralChoice, policy: Policy): Refusal | null {
  const refused = opened.find((each) => !acceptsSettlement(settlementAssetOf(each, policy), choice, policy));
  if (refused === undefined) return null;
  const asset = settlementAssetOf(refused, policy);
  const message = `${refused} is settled in ${asset}, which does not count as collateral of this account.`;
  return refuse('SETTLEMENT_NOT_ACCEPTED', message);
}

function firstRefusal(isolated: readonly PositionReport[]): Refusal | null {
  for (const position of isolated) {
    const { instrument, initialMargin } = position;
    const covered = coverOfIsolated(position);
    if (covered === null || initialMargin === null) {
      return refuse('PRICE_UNAVAILABLE', `${instrument} lacks a price, so its initial margin is not known.`);
    }
    if (covered.lt(initialMargin)) return isolatedNotCovered(initialMargin, covered);
  }
  return null;
}

/** What covers the initial margin of an isolated position: margin + min(0, PnL), exact; null without a price. */
export function coverOfIsolated({ isolatedMargin, unrealizedPnl }: PositionReport): Decimal | null {
  return unrealizedPnl === null ? null : isolatedMargin.plus(min(ZERO, unrealizedPnl));
}

export function isolatedNotCovered(initialMargin: Decimal, covered: Decimal): Refusal {
  const message = 'The margin of the isolated position, less its loss, would not cover its initial margin.';
  return refuseAmount('INSUFFICIENT_MARGIN', message, initialMargin, covered);
}

/**
 * Symbols whose stale price an accepted cross state rests on: of its debts and positions, and of collateral without
 * which the initial margin would not be covered.
 */
function neededStale(report: MarginReport): string[] {
  const isNeeded = freshBalance(report).lt(report.initialMargin);
  return [...staleLiabilities(report), ...(isNeeded ? staleCollateral(report).map(({ asset }) => asset) : [])];
}

function staleCollateral({ collateral }: MarginReport): readonly CollateralContribution[] {
  return collateral.filter(({ stale, initialCollateralValue: value }) => stale && value.gt(ZERO));
}

/** What covers the initial margin while collateral with a stale price counts 0. */
function freshBalance(report: MarginReport): Decimal {
  const stale = staleCollateral(report).map((each) => each.initialCollateralValue);
  return initialMarginBalance(report).minus(sum(stale));
}

function freshCover(report: MarginReport, { warningRatio }: Policy): Decimal {
  const cover = freshBalance(report).minus(report.initialMargin);
  // A balance that would count, without a price: the state is known only while it is HEALTHY (rules: 2).
  if (!report.isLowerBound) return cover;
  return min(cover, report.marginBalance.times(warningRatio).minus(report.maintenanceMargin));
}

function leastIsolated(grown: readonly PositionReport[]): Decimal | null {
  let least: Decimal | null = null;
  for (const position of grown) {
    const covered = coverOfIsolated(position);
    if (position.marginMode === 'CROSS' || covered === null || position.initialMargin === null) continue;
    const room = covered.minus(position.initialMargin);
    least = least === null ? room : min(least, room);
  }
  return least;
}

/** Of the cross account and of the isolated positions, so that closing one of those counts as a fall. */
function totalInitialMargin(report: MarginReport): Decimal {
  let total = report.initialMargin;
  for (const { marginMode, initialMargin, settlementPrice } of report.positions) {
    if (marginMode === 'ISOLATED') total = total.plus(inUnit(initialMargin, settlementPrice));
  }
  return total;
}
