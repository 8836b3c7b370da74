/**
 * The margin state of an account (rules: 3 to 6). Queries, simulations, alerts, previews and margin-at all call
 * `assessMargin`, so that there is one number and never two.
 */
import { assessBalance, countingOf, countsUnpriced, indexPrice, type CollateralContribution } from './collateral.js';
import { ZERO, max, quotientDown, type Decimal } from '../decimal.js';
import type { AccountState, Market, MarginStatus, Policy, PositionState, PriceState } from '../model.js';
import { equityPnl, isPnlEquity, withPnl } from './equity.js';
import { requiredByOrders, type OpenOrdersReport } from './open-orders.js';
import { requirement, type Requirement } from './requirement.js';
import { inUnit } from './settlement.js';
import { healthFactor, marginRatio, statusOf, statusOfLowerBound } from './status.js';

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
  /** The part of it that counts beside the collateral: all of it, or nothing where it counts as equity (rules: 17). */
  readonly pnlBeside: Decimal;
  /** collateralValue + pnlBeside. */
  readonly marginBalance: Decimal;
  /**
   * The sum of what each cross position needs (each rounded up at 18 digits in its quote asset), of what resting orders
   * need beyond the positions, and of what the policy asks for debts.
   */
  readonly initialMargin: Decimal;
  readonly maintenanceMargin: Decimal;
  /** The part of the maintenance margin that debts require (rules: 18). */
  readonly liabilityMargin: Decimal;
  /** The part of initialMargin that resting orders need, those beside isolated positions included. */
  readonly openOrderInitialMargin: Decimal;
  /** max(0, initialCollateralValue + pnlBeside - initialMargin); 0 while UNPRICED. */
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
  /** A balance that would count has no price, so that the margin balance may be more (rules: 2). */
  readonly isLowerBound: boolean;
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
  const crossed = assessPositions(account, market, policy);
  const orders = requiredByOrders(account.openOrders, crossed.positions, market, policy);
  const held = assessBalances(account, equityPnl(account, crossed.positions, policy), market, policy);
  const initialMargin = held.initialMargin.plus(crossed.initialMargin).plus(orders.initialMargin);
  const maintenanceMargin = held.maintenanceMargin.plus(crossed.maintenanceMargin).plus(orders.maintenanceMargin);
  const pnlBeside = isPnlEquity(account.collateralMode, policy) ? ZERO : crossed.unrealizedPnl;
  const marginBalance = held.collateralValue.plus(pnlBeside);
  const priced = statusOf(marginBalance, maintenanceMargin, policy);
  const unknown = crossed.unknown || held.unknown || orders.unpriced.length > 0;
  const status = unknown ? 'UNPRICED' : held.lowerBound ? statusOfLowerBound(priced) : priced;
  const known = status !== 'UNPRICED';
  const ratio = known ? marginRatio(marginBalance, maintenanceMargin) : null;
  for (const position of crossed.positions) {
    if (position.marginMode === 'ISOLATED') continue;
    position.status = status;
    position.marginRatio = ratio;
  }
  return {
    status,
    walletValue: held.walletValue,
    collateralValue: held.collateralValue,
    initialCollateralValue: held.initialCollateralValue,
    unrealizedPnl: crossed.unrealizedPnl,
    pnlBeside,
    marginBalance,
    initialMargin,
    maintenanceMargin,
    liabilityMargin: held.maintenanceMargin,
    openOrderInitialMargin: orders.initialMargin,
    availableMargin: known ? max(ZERO, held.initialCollateralValue.plus(pnlBeside).minus(initialMargin)) : ZERO,
    marginRatio: ratio,
    healthFactor: known ? healthFactor(marginBalance, maintenanceMargin) : null,
    collateral: held.collateral,
    positions: crossed.positions,
    openOrders: orders.openOrders,
    unpriced: inOrder(held.unpriced, crossed.unpriced, orders.unpriced),
    isLowerBound: held.lowerBound,
    stale: inOrder(held.stale, crossed.stale, orders.stale),
  };
}

/** What balances add up to. */
interface BalanceSums {
  readonly collateral: readonly CollateralContribution[];
  readonly walletValue: Decimal;
  readonly collateralValue: Decimal;
  readonly initialCollateralValue: Decimal;
  /** What debts require. */
  readonly initialMargin: Decimal;
  readonly maintenanceMargin: Decimal;
  /** A debt has no price: nothing can be promised. */
  readonly unknown: boolean;
  /** A positive balance that would count for more than 0 has no price: the margin balance is a lower bound. */
  readonly lowerBound: boolean;
  readonly unpriced: readonly string[];
  readonly stale: readonly string[];
}

function assessBalances(
  account: AccountState,
  pnl: ReadonlyMap<string, Decimal>,
  market: Market,
  policy: Policy,
): BalanceSums {
  let [walletValue, collateralValue, initialCollateralValue] = [ZERO, ZERO, ZERO];
  let [initialMargin, maintenanceMargin, unknown, lowerBound] = [ZERO, ZERO, false, false];
  const [unpriced, stale]: [string[], string[]] = [[], []];
  const collateral: CollateralContribution[] = [];
  for (const balance of withPnl(account.balances, pnl)) {
    const own = pnl.get(balance.asset) ?? ZERO;
    if (balance.quantity.isZero() && own.isZero()) continue;
    const counting = countingOf(balance.asset, account);
    const contribution = assessBalance(balance, counting, market, policy, own);
    collateral.push(contribution);
    if (contribution.stale) stale.push(balance.asset);
    if (contribution.value === null) {
      unpriced.push(balance.asset);
      if (balance.quantity.isNegative()) unknown = true;
      else lowerBound ||= countsUnpriced(balance, counting, policy);
      continue;
    }
    walletValue = walletValue.plus(contribution.value);
    collateralValue = collateralValue.plus(contribution.collateralValue);
    initialCollateralValue = initialCollateralValue.plus(contribution.initialCollateralValue);
    initialMargin = initialMargin.plus(contribution.initialMargin);
    maintenanceMargin = maintenanceMargin.plus(contribution.maintenanceMargin);
  }
  // Field by field, as in `assessPosition`.
  return {
    collateral,
    walletValue,
    collateralValue,
    initialCollateralValue,
    initialMargin,
    maintenanceMargin,
    unknown,
    lowerBound,
    unpriced,
    stale,
  };
}

/** Status and ratio of a cross position are the account's, and set once these are known. */
type OpenReport = Omit<PositionReport, 'status' | 'marginRatio'> & {
  -readonly [K in 'status' | 'marginRatio']: PositionReport[K];
};

/** What positions add up to; isolated ones are only listed. */
interface PositionSums {
  readonly positions: readonly OpenReport[];
  readonly unrealizedPnl: Decimal;
  readonly initialMargin: Decimal;
  readonly maintenanceMargin: Decimal;
  /** A cross position has no price: nothing can be promised. */
  readonly unknown: boolean;
  readonly unpriced: readonly string[];
  readonly stale: readonly string[];
}

function assessPositions(account: AccountState, market: Market, policy: Policy): PositionSums {
  let [unrealizedPnl, initialMargin, maintenanceMargin] = [ZERO, ZERO, ZERO];
  let unknown = false;
  const [unpriced, stale]: [string[], string[]] = [[], []];
  const positions: OpenReport[] = [];
  for (const position of account.positions) {
    const report = assessPosition(position, market, policy);
    positions.push(report);
    const { settlementPrice } = report;
    if (settlementPrice === null) unpriced.push(report.settlementAsset);
    else if (report.notional === null) unpriced.push(position.instrument);
    if (report.isMarkStale) stale.push(position.instrument);
    if (position.marginMode === 'ISOLATED') continue;
    if (settlementPrice?.stale === true) stale.push(report.settlementAsset);
    if (settlementPrice === null || report.unrealizedPnl === null) {
      unknown = true;
      continue;
    }
    unrealizedPnl = unrealizedPnl.plus(inUnit(report.unrealizedPnl, settlementPrice));
    initialMargin = initialMargin.plus(inUnit(report.initialMargin, settlementPrice));
    maintenanceMargin = maintenanceMargin.plus(inUnit(report.maintenanceMargin, settlementPrice));
  }
  return { positions, unrealizedPnl, initialMargin, maintenanceMargin, unknown, unpriced, stale };
}

/** Distinct, by code point. */
function inOrder(first: readonly string[], ...others: readonly (readonly string[])[]): readonly string[] {
  const all = first.concat(...others);
  return all.length < 2 ? all : [...new Set(all)].sort();
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

/** What covers the initial margin of the cross account: initial collateral and PnL, in the unit, exact (rules: 5). */
export function initialMarginBalance(report: Pick<MarginReport, 'initialCollateralValue' | 'pnlBeside'>): Decimal {
  return report.initialCollateralValue.plus(report.pnlBeside);
}

/** What an isolated position stands by, in its settlement asset, exact (rules: 6). While unpriced its PnL counts 0. */
export function isolatedMarginBalance(position: Pick<PositionReport, 'isolatedMargin' | 'unrealizedPnl'>): Decimal {
  return position.isolatedMargin.plus(position.unrealizedPnl ?? ZERO);
}

/** One position by itself; status and ratio are an isolated position's own (rules: 6). */
function assessPosition(position: PositionState, market: Market, policy: Policy): OpenReport {
  const { instrument, side, size, cost, leverage, marginMode, isolatedMargin } = position;
  const mark = market.mark(instrument);
  const rules = policy.instruments.get(instrument);
  const settlementAsset = rules === undefined ? policy.unit : rules.settlementAsset;
  const settlementPrice = indexPrice(settlementAsset, market, policy);
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
    settlementAsset,
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
