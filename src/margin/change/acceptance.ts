/**
 * Whether a venue would accept the state that a change leads to (rules: 7 and 14).
 */
import {
  assessMargin,
  inUnit,
  initialMarginBalance,
  staleSymbolsOf,
  type MarginReport,
  type PositionReport,
} from '../state/assess.js';
import { ZERO, min, sum, type Decimal } from '../decimal.js';
import type { AccountState, Market, Policy } from '../model.js';
import { refuse, refuseAmount, type Refusal } from '../refusal.js';
import { acceptsSettlement } from '../state/settlement.js';
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
    notAccepted(grown, after, policy) ?? firstRefusal(isolated) ?? (falls ? null : checkInitialMargin(report));
  if (refusal !== null) return { refusal, stale: [] };
  const marks = isolated.flatMap(staleSymbolsOf);
  const stale = new Set([...marks, ...(falls ? [] : neededStale(report))]);
  return { refusal: null, stale: [...stale].sort() };
}

/** Positions that were opened or added to. */
function grownPositions({ positions }: AccountState, after: MarginReport): PositionReport[] {
  const sizeBefore = (instrument: string, side: string): Decimal =>
    positions.find((held) => held.instrument === instrument && held.side === side)?.size ?? ZERO;
  return after.positions.filter(({ instrument, side, size }) => size.gt(sizeBefore(instrument, side)));
}

/** Nothing may be opened that is settled in what does not count: realising would move the margin balance (rules: 16). */
function notAccepted(
  grown: readonly PositionReport[],
  { collateralMode }: AccountState,
  policy: Policy,
): Refusal | null {
  const refused = grown.find(({ settlementAsset }) => !acceptsSettlement(settlementAsset, collateralMode, policy));
  if (refused === undefined) return null;
  const { instrument, settlementAsset } = refused;
  const message = `${instrument} is settled in ${settlementAsset}, which does not count as collateral of this account.`;
  return refuse('SETTLEMENT_NOT_ACCEPTED', message);
}

function firstRefusal(isolated: readonly PositionReport[]): Refusal | null {
  for (const position of isolated) {
    const { instrument, initialMargin } = position;
    const covered = coverOfIsolated(position);
    if (covered === null || initialMargin === null) {
      return refuse('PRICE_UNAVAILABLE', `${instrument} lacks a price, so its initial margin cannot be told.`);
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
