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
 * Whether a venue would accept that other collateral counts (rules: 7 and 23): `checkInitialMargin` after it, at fresh
 * prices of the cross positions. Refused with PRICE_UNAVAILABLE or INSUFFICIENT_MARGIN.
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

/**
 * Whether a venue would accept a trade (rules: 14): initial margin falls, or `checkInitialMargin` passes after it. An
 * isolated position that it opens or adds to also covers its own initial margin by margin + min(0, PnL). What it opens or
 * adds to is settled in an asset that counts (rules: 16). Refused with SETTLEMENT_NOT_ACCEPTED, PRICE_UNAVAILABLE or
 * INSUFFICIENT_MARGIN. A stale price refuses nothing.
 */
export function checkTrade(before: AccountState, after: AccountState, market: Market, policy: Policy): TradeCheck {
  const report = assessMargin(after, market, policy);
  const grown = grownPositions(before, report);
  const isolated = grown.filter(({ marginMode }) => marginMode === 'ISOLATED');
  const falls = totalInitialMargin(report).lt(totalInitialMargin(assessMargin(before, market, policy)));
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
  const { collateral, initialMargin } = report;
  const counted = collateral.filter(({ stale, initialCollateralValue: value }) => stale && value.gt(ZERO));
  const without = initialMarginBalance(report).minus(sum(counted.map((each) => each.initialCollateralValue)));
  return [...staleLiabilities(report), ...(without.lt(initialMargin) ? counted.map(({ asset }) => asset) : [])];
}

/** Of the cross account and of the isolated positions, so that closing one of those counts as a fall. */
function totalInitialMargin(report: MarginReport): Decimal {
  let total = report.initialMargin;
  for (const { marginMode, initialMargin, settlementPrice } of report.positions) {
    if (marginMode === 'ISOLATED') total = total.plus(inUnit(initialMargin, settlementPrice));
  }
  return total;
}
