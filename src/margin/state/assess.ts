/**
 * The margin state of an account (rules: 3 to 6). Queries, simulations, alerts, previews and margin-at all call
 * `assessMargin`, so that there is one number and never two.
 */
import { assessBalance, countsUnpricedAbove, type CollateralContribution } from './collateral.js';
import { debtRate } from '../curve.js';
import { ZERO, max, quotientDown, type Decimal } from '../decimal.js';
import {
  UNIT_PRICE,
  type AccountState,
  type Market,
  type MarginStatus,
  type Policy,
  type PositionState,
  type PriceState,
} from '../model.js';
import { requiredByOrders, type OpenOrdersReport } from './open-orders.js';
import { requirement, type Requirement } from './requirement.js';
import { inUnit, settlementPriceOf } from './settlement.js';
import { healthFactor, isWorse, marginRatio, statusOf, statusOfLowerBound } from './status.js';

/** The state of one account. Amounts in the venue's unit; exact unless a line says how it is rounded. */
export interface MarginReport {
  /** Of the cross account alone; `worstStatus` takes the isolated positions in. */
  readonly status: MarginStatus;
  /** All balances at index price, before ratios and caps; what has no price counts 0. */
  readonly walletValue: Decimal;
  /** After ratios, tiers and caps; debts in full. */
  readonly collateralValue: Decimal;
  /** The same by initial tiers: what counts when something is to be opened or taken out. At most `collateralValue`. */
  readonly initialCollateralValue: Decimal;
  /** Of cross positions, at mark price and at the index of their settlement assets. */
  readonly unrealizedPnl: Decimal;
  /** collateralValue + unrealizedPnl. */
  readonly marginBalance: Decimal;
  /**
   * The sum of what each cross position needs (each rounded up at 18 digits in its quote asset), of what resting orders
   * need beyond the positions, and of what the policy asks for debts.
   */
  readonly initialMargin: Decimal;
  readonly maintenanceMargin: Decimal;
  /** The part of initialMargin that resting orders need, those beside isolated positions included. */
  readonly openOrderInitialMargin: Decimal;
  /** max(0, initialCollateralValue + unrealizedPnl - initialMargin); 0 while UNPRICED. */
  readonly availableMargin: Decimal;
  /** Rounded up at 18 digits; null: see `marginRatio`, and while UNPRICED. */
  readonly marginRatio: Decimal | null;
  /** Rounded down at 18 digits; null when nothing is required, and while UNPRICED. */
  readonly healthFactor: Decimal | null;
  readonly collateral: readonly CollateralContribution[];
  readonly positions: readonly PositionReport[];
  readonly openOrders: readonly OpenOrdersReport[];
  /** Symbols of the account that never had a price, by code point. */
  readonly unpriced: readonly string[];
  /** Symbols of the account whose price is older than the limit, by code point; of isolated positions only marks. */
  readonly stale: readonly string[];
}

/**
 * One position. Amounts are in its quote asset, which is at par with the settlement asset. They are null while the mark
 * price or the index of the settlement asset is unknown.
 */
export interface PositionReport extends PositionState {
  readonly settlementAsset: string;
  /** The index of the settlement asset, in the venue's unit: its 1 where they are the same; null: it never had one. */
  readonly settlementPrice: PriceState | null;
  /** cost / size, rounded down at 18 digits; for show only. */
  readonly entryPrice: Decimal;
  readonly markPrice: Decimal | null;
  readonly isMarkStale: boolean;
  readonly notional: Decimal | null;
  readonly unrealizedPnl: Decimal | null;
  readonly initialMargin: Decimal | null;
  readonly maintenanceMargin: Decimal | null;
  /** Isolated: its own. Cross: the account's. */
  readonly marginRatio: Decimal | null;
  readonly status: MarginStatus;
}

/**
 * Assesses an account against the market under the venue's policy (rules: 2 to 6, 16; sources: 002 and 004). Amounts are
 * in the venue's unit, exact unless `MarginReport` says how they are rounded. The order of balances and positions does not matter.
 *
 * @throws RangeError when the instrument of a position has no tiers
 */
export function assessMargin(account: AccountState, market: Market, policy: Policy): MarginReport {
  const unpriced = new Set<string>();
  const stale = new Set<string>();

  let walletValue = ZERO;
  let collateralValue = ZERO;
  let initialCollateralValue = ZERO;
  let debts = ZERO;
  /** A debt, a cross position or what orders require has no price: nothing can be promised. */
  let unknown = false;
  /** A positive balance that would count for more than 0 has no price: the margin balance is a lower bound. */
  let lowerBound = false;
  const collateral: CollateralContribution[] = [];
  for (const balance of account.balances) {
    if (balance.quantity.isZero()) continue;
    const contribution = assessBalance(balance, account.collateralMode, market, policy);
    collateral.push(contribution);
    if (contribution.stale) stale.add(balance.asset);
    if (contribution.value === null) {
      unpriced.add(balance.asset);
      if (balance.quantity.isNegative()) unknown = true;
      else if (isAbove(balance.quantity, countsUnpricedAbove(balance.asset, account.collateralMode, policy))) {
        lowerBound = true;
      }
      continue;
    }
    walletValue = walletValue.plus(contribution.value);
    collateralValue = collateralValue.plus(contribution.collateralValue);
    initialCollateralValue = initialCollateralValue.plus(contribution.initialCollateralValue);
    if (balance.quantity.isNegative()) debts = debts.minus(contribution.value);
  }

  const debtMargin = debts.times(debtRate(policy));
  let unrealizedPnl = ZERO;
  let initialMargin = debtMargin;
  let maintenanceMargin = debtMargin;
  const positions: PositionReport[] = [];
  for (const position of account.positions) {
    const report = assessPosition(position, market, policy);
    positions.push(report);
    const { settlementPrice } = report;
    if (settlementPrice === null) unpriced.add(report.settlementAsset);
    else if (report.notional === null) unpriced.add(position.instrument);
    if (report.isMarkStale) stale.add(position.instrument);
    if (position.marginMode === 'ISOLATED') continue;
    if (settlementPrice?.stale === true) stale.add(report.settlementAsset);
    if (settlementPrice === null || report.unrealizedPnl === null) {
      unknown = true;
      continue;
    }
    unrealizedPnl = unrealizedPnl.plus(inUnit(report.unrealizedPnl, settlementPrice));
    initialMargin = initialMargin.plus(inUnit(report.initialMargin, settlementPrice));
    maintenanceMargin = maintenanceMargin.plus(inUnit(report.maintenanceMargin, settlementPrice));
  }

  const orders = requiredByOrders(account.openOrders, positions, market, policy);
  if (orders.openOrders.length > 0) {
    initialMargin = initialMargin.plus(orders.initialMargin);
    maintenanceMargin = maintenanceMargin.plus(orders.maintenanceMargin);
    for (const symbol of orders.stale) stale.add(symbol);
    for (const symbol of orders.unpriced) unpriced.add(symbol);
    unknown ||= orders.unpriced.length > 0;
  }

  const marginBalance = collateralValue.plus(unrealizedPnl);
  const priced = statusOf(marginBalance, maintenanceMargin, policy);
  const status = unknown ? 'UNPRICED' : lowerBound ? statusOfLowerBound(priced) : priced;
  const known = status !== 'UNPRICED';
  const ratio = known ? marginRatio(marginBalance, maintenanceMargin) : null;
  return {
    status,
    walletValue,
    collateralValue,
    initialCollateralValue,
    unrealizedPnl,
    marginBalance,
    initialMargin,
    maintenanceMargin,
    openOrderInitialMargin: orders.initialMargin,
    availableMargin: known ? max(ZERO, initialCollateralValue.plus(unrealizedPnl).minus(initialMargin)) : ZERO,
    marginRatio: ratio,
    healthFactor: known ? healthFactor(marginBalance, maintenanceMargin) : null,
    collateral,
    positions: positions.map((position) =>
      position.marginMode === 'CROSS' ? { ...position, status, marginRatio: ratio } : position,
    ),
    openOrders: orders.openOrders,
    unpriced: [...unpriced].sort(),
    stale: [...stale].sort(),
  };
}

function isAbove(quantity: Decimal, threshold: Decimal | null): boolean {
  return threshold !== null && quantity.gt(threshold);
}

/** Symbols of a position whose price is stale: its mark, and in cross margin its settlement asset (rules: 16). */
export function staleSymbolsOf({
  instrument,
  marginMode,
  isMarkStale,
  settlementAsset,
  settlementPrice,
}: PositionReport): string[] {
  const isIndexStale = marginMode === 'CROSS' && settlementPrice?.stale === true;
  return [...(isMarkStale ? [instrument] : []), ...(isIndexStale ? [settlementAsset] : [])];
}

/** The worst of the cross state and of every isolated position (rules: 5 and 6). */
export function worstStatus(report: MarginReport): MarginStatus {
  let worst = report.status;
  for (const position of report.positions) if (isWorse(position.status, worst)) worst = position.status;
  return worst;
}

/** What covers the initial margin of the cross account: initial collateral + PnL, in the unit, exact (rules: 5). */
export function initialMarginBalance({
  initialCollateralValue,
  unrealizedPnl,
}: Pick<MarginReport, 'initialCollateralValue' | 'unrealizedPnl'>): Decimal {
  return initialCollateralValue.plus(unrealizedPnl);
}

/** What an isolated position stands by, in its settlement asset, exact (rules: 6). While unpriced its PnL counts 0. */
export function isolatedMarginBalance({
  isolatedMargin,
  unrealizedPnl,
}: Pick<PositionReport, 'isolatedMargin' | 'unrealizedPnl'>): Decimal {
  return isolatedMargin.plus(unrealizedPnl ?? ZERO);
}

/** One position by itself; status and ratio are an isolated position's own (rules: 6), and set by the account for cross. */
function assessPosition(position: PositionState, market: Market, policy: Policy): PositionReport {
  const { instrument, side, size, cost, leverage, marginMode, isolatedMargin } = position;
  const mark = market.mark(instrument);
  const rules = policy.instruments.get(instrument);
  const settlementPrice = rules === undefined ? UNIT_PRICE : settlementPriceOf(instrument, market, policy);
  let notional: Decimal | null = null;
  let unrealizedPnl: Decimal | null = null;
  let needed: Requirement | null = null;
  let ratio: Decimal | null = null;
  let status: MarginStatus = 'UNPRICED';
  if (mark !== null && rules !== undefined && settlementPrice !== null) {
    notional = size.times(mark.price);
    unrealizedPnl = side === 'LONG' ? notional.minus(cost) : cost.minus(notional);
    needed = requirement(notional, leverage, rules, policy);
    if (marginMode === 'ISOLATED') {
      const ownBalance = isolatedMarginBalance({ isolatedMargin, unrealizedPnl });
      ratio = marginRatio(ownBalance, needed.maintenanceMargin);
      status = statusOf(ownBalance, needed.maintenanceMargin, policy);
    }
  }
  // Field by field: V8 takes 200 times as long for a spread that is followed by so many new fields.
  return {
    instrument,
    side,
    size,
    cost,
    leverage,
    marginMode,
    isolatedMargin,
    settlementAsset: rules === undefined ? policy.unit : rules.settlementAsset,
    settlementPrice,
    entryPrice: quotientDown(cost, size),
    markPrice: mark === null ? null : mark.price,
    isMarkStale: mark !== null && mark.stale,
    notional,
    unrealizedPnl,
    initialMargin: needed === null ? null : needed.initialMargin,
    maintenanceMargin: needed === null ? null : needed.maintenanceMargin,
    marginRatio: ratio,
    status,
  };
}
