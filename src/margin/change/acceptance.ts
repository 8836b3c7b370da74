/**
 * Whether a venue would accept the state that a change leads to (rules: 7 and 14).
 */
import { assessMargin, initialMarginBalance, type MarginReport, type PositionReport } from '../state/assess.js';
import { ZERO, min, sum, type Decimal } from '../decimal.js';
import type { AccountState, Market, Policy } from '../model.js';
import { refuse, refuseAmount, type Refusal } from '../refusal.js';
import { staleLiabilities } from '../solve/transferable.js';

/**
 * Accepted (null) when initial collateral + PnL covers the initial margin (rules: 7). Refused with PRICE_UNAVAILABLE while
 * either is unknown, else with INSUFFICIENT_MARGIN.
 */
export function checkInitialMargin(after: MarginReport): Refusal | null {
  if (after.status === 'UNPRICED') {
    const symbols = after.unpriced.join(', ');
    return refuse('PRICE_UNAVAILABLE', `What the account is worth cannot be told without a price of ${symbols}.`);
  }
  const balance = initialMarginBalance(after);
  if (balance.gte(after.initialMargin)) return null;
  const counted = after.initialCollateralValue.eq(after.collateralValue)
    ? 'The margin balance'
    : 'Initial collateral and PnL';
  const message = `${counted} would not cover the initial margin.`;
  return refuseAmount('INSUFFICIENT_MARGIN', message, after.initialMargin, balance);
}

export interface TradeCheck {
  readonly refusal: Refusal | null;
  /** Symbols whose price is stale, and without which the trade would not pass; by code point. */
  readonly stale: readonly string[];
}

/**
 * Whether a venue would accept a trade (rules: 14): initial margin falls, or `checkInitialMargin` passes after it. An
 * isolated position that it opens or adds to also covers its own initial margin by margin + min(0, PnL). Refused with
 * PRICE_UNAVAILABLE or INSUFFICIENT_MARGIN. A stale price refuses nothing.
 */
export function checkTrade(before: AccountState, after: AccountState, market: Market, policy: Policy): TradeCheck {
  const report = assessMargin(after, market, policy);
  const isolated = grownIsolated(before, report);
  const falls = totalInitialMargin(report).lt(totalInitialMargin(assessMargin(before, market, policy)));
  const refusal = firstRefusal(isolated) ?? (falls ? null : checkInitialMargin(report));
  if (refusal !== null) return { refusal, stale: [] };
  const marks = isolated.map(({ instrument }) => instrument).filter((symbol) => market.mark(symbol)?.stale === true);
  const stale = new Set([...marks, ...(falls ? [] : neededStale(report, market))]);
  return { refusal: null, stale: [...stale].sort() };
}

/** Isolated positions that were opened or added to. */
function grownIsolated({ positions }: AccountState, after: MarginReport): PositionReport[] {
  const sizeBefore = (instrument: string, side: string): Decimal =>
    positions.find((held) => held.instrument === instrument && held.side === side)?.size ?? ZERO;
  return after.positions.filter(
    ({ marginMode, instrument, side, size }) => marginMode === 'ISOLATED' && size.gt(sizeBefore(instrument, side)),
  );
}

function firstRefusal(isolated: readonly PositionReport[]): Refusal | null {
  for (const position of isolated) {
    const { instrument, initialMargin } = position;
    const covered = coverOfIsolated(position);
    if (covered === null || initialMargin === null) {
      return refuse('PRICE_UNAVAILABLE', `${instrument} has no mark price, so its initial margin cannot be told.`);
    }
    if (covered.lt(initialMargin)) return isolatedNotCovered(initialMargin, covered);
  }
  return null;
}

/** What covers the initial margin of an isolated position: margin + min(0, PnL), exact; null without a mark price. */
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
function neededStale(report: MarginReport, market: Market): string[] {
  const { collateral, initialMargin } = report;
  const counted = collateral.filter(({ stale, initialCollateralValue: value }) => stale && value.gt(ZERO));
  const without = initialMarginBalance(report).minus(sum(counted.map((each) => each.initialCollateralValue)));
  return [...staleLiabilities(report, market), ...(without.lt(initialMargin) ? counted.map(({ asset }) => asset) : [])];
}

/** Of the cross account and of the isolated positions, so that closing one of those counts as a fall. */
function totalInitialMargin(report: MarginReport): Decimal {
  let total = report.initialMargin;
  for (const { marginMode, initialMargin } of report.positions) {
    if (marginMode === 'ISOLATED') total = total.plus(initialMargin ?? ZERO);
  }
  return total;
}
