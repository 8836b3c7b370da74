/**
 * What can leave an account (rules: 8; source: 003). Quantities are in units of the asset.
 */
import { assessMargin, staleSymbolsOf, type MarginReport } from '../state/assess.js';
import { inUnit } from '../state/settlement.js';
import { balanceOf } from '../state/account.js';
import { assessBalance, collateralTableOf, countingOf, type CollateralContribution } from '../state/collateral.js';
import { initialTable, valueAt } from '../curve.js';
import { ONE, ZERO, max, min, quotientDown, sum, type Decimal } from '../decimal.js';
import type { AccountState, CollateralChoice, Market, Policy } from '../model.js';
import { refuse, refuseAmount, type Refusal } from '../refusal.js';
import { equityPieces, type RealPiece } from './equity-pieces.js';

/**
 * The largest quantity of the asset that can be taken out, rounded down at 18 digits (rules: 8). With it gone, initial
 * collateral + min(0, PnL of cross positions) still covers what must stay: unrealised profit cannot leave. Where PnL counts
 * as equity, each asset counts, and is owed, as its balance less the loss that is settled in it (rules: 17). All of the
 * balance may go where the rest covers the debt that the loss becomes, and the margin which that requires. Positive
 * balances with a stale price count 0. 0 when that fails already, when the asset is not transferable, when it is stale
 * itself and something must stay, and when a debt, a cross position or what orders require is stale or unpriced.
 *
 * In single-asset mode assets other than the one that counts do not matter, and in multi-asset mode those that are
 * switched off (rules: 23). They leave entirely while nothing is owed in any asset and the account is neither in
 * LIQUIDATION nor UNPRICED (003).
 */
export function maxTransferable(asset: string, account: AccountState, market: Market, policy: Policy): Decimal {
  if (policy.assets.get(asset)?.transferable === false) return ZERO;
  const balance = balanceOf(account, asset);
  if (!balance.gt(ZERO)) return ZERO;
  const report = assessMargin(account, market, policy);
  if (report.status === 'UNPRICED') return ZERO;
  if (leavesFreely(asset, account, policy)) return report.status === 'LIQUIDATION' ? ZERO : free(asset, report);
  if (staleLiabilities(report).length > 0) return ZERO;
  const counted = withoutProfit(report, account, market, policy);
  const demands = demandsOf(report, policy);
  if (isStale(asset, report) && demands.some((demand) => requiredBy(demand, counted).gt(ZERO))) return ZERO;
  return covered(asset, freshOnly(counted), demands, report, account, policy);
}

/**
 * Why the quantity may not leave (rules: 8); null: it may. Agrees with `maxTransferable` to the last digit. Refused with
 * NOT_TRANSFERABLE, INSUFFICIENT_BALANCE, PRICE_UNAVAILABLE or INSUFFICIENT_MARGIN.
 *
 * @param quantity greater than 0
 */
export function checkTransferOut(
  asset: string,
  quantity: Decimal,
  account: AccountState,
  market: Market,
  policy: Policy,
): Refusal | null {
  if (policy.assets.get(asset)?.transferable === false) {
    return refuse('NOT_TRANSFERABLE', `${asset} counts as collateral and cannot leave the account.`);
  }
  const balance = max(ZERO, balanceOf(account, asset));
  if (quantity.gt(balance)) {
    return refuseAmount('INSUFFICIENT_BALANCE', `There is less ${asset} than that.`, quantity, balance);
  }
  const most = maxTransferable(asset, account, market, policy);
  if (quantity.lte(most)) return null;
  const report = assessMargin(account, market, policy);
  const lacking = lackingPrices(asset, quantity, account, report, market, policy);
  if (lacking.length > 0) return freshPriceNeeded(lacking);
  const left = withoutProfit(report, account, market, policy, { asset, quantity });
  const demands = demandsOf(report, policy).map((demand) => requiredBy(demand, left));
  return refuseAmount('INSUFFICIENT_MARGIN', NOT_COVERED[floorDecides(demands)], quantity, most);
}

/** By what decides how much must stay. */
const NOT_COVERED = {
  initial: 'The rest would not cover the initial margin.',
  floor: "The rest would not cover what the venue's floor for transfers keeps.",
} as const;

/** @param demands as of `demandsOf`, the initial margin first */
function floorDecides([initial, ...floors]: readonly Decimal[]): keyof typeof NOT_COVERED {
  return initial !== undefined && floors.some((floor) => floor.gt(initial)) ? 'floor' : 'initial';
}

/**
 * Why a state would not do after something was taken out (rules: 8 and 23); null: it would. What must stay is covered by
 * initial collateral with a fresh price and min(0, PnL): unrealised profit covers nothing. Refused with PRICE_UNAVAILABLE
 * while a debt, a cross position or what orders require lacks a fresh price, or collateral that is needed; else with
 * INSUFFICIENT_MARGIN.
 */
export function checkBacking(account: AccountState, market: Market, policy: Policy): Refusal | null {
  const report = assessMargin(account, market, policy);
  const unknown = report.status === 'UNPRICED' ? report.unpriced : [...new Set(staleLiabilities(report))].sort();
  if (unknown.length > 0) return freshPriceNeeded(unknown);
  const counted = withoutProfit(report, account, market, policy);
  const demands = demandsOf(report, policy).map((demand) => requiredBy(demand, counted));
  const required = demands.reduce((most, each) => max(most, each), ZERO);
  const backing = (contributions: readonly Counted[]): Decimal =>
    sum(contributions.map((each) => each.initialCollateralValue)).plus(min(ZERO, report.pnlBeside));
  const fresh = backing(freshOnly(counted));
  if (fresh.gte(required)) return null;
  if (backing(counted).gte(required)) {
    const needed = counted.filter((each) => each.stale && each.initialCollateralValue.gt(ZERO));
    return freshPriceNeeded(needed.map(({ asset }) => asset).sort());
  }
  return refuseAmount('INSUFFICIENT_MARGIN', NOT_COVERED[floorDecides(demands)], required, fresh);
}

function freshPriceNeeded(symbols: readonly string[]): Refusal {
  return refuse('PRICE_UNAVAILABLE', `A fresh price is needed and missing: ${symbols.join(', ')}.`);
}

/** One of the amounts of which the largest must stay, in the venue's unit, exact (rules: 8). */
interface Demand {
  /** What positions and orders ask for. */
  readonly still: Decimal;
  /** The margin of debts that is asked for beside it, and how many times: it changes with what leaves. */
  readonly margin: 'initial' | 'maintenance';
  readonly times: Decimal;
}

/** The initial margin first, and then what the floor for transfers keeps. */
function demandsOf(report: MarginReport, { transferFloor }: Policy): readonly Demand[] {
  const { notionalRate, maintenanceMultiple } = transferFloor;
  const crossed = report.positions.filter(({ marginMode }) => marginMode === 'CROSS');
  const notional = sum(crossed.map((position) => inUnit(position.notional, position.settlementPrice)));
  const initial = report.initialMargin.minus(marginOfDebts('initial', report.collateral));
  const maintenance = report.maintenanceMargin.minus(marginOfDebts('maintenance', report.collateral));
  return [
    { still: initial, margin: 'initial', times: ONE },
    { still: notional.times(notionalRate), margin: 'initial', times: ZERO },
    { still: maintenance.times(maintenanceMultiple), margin: 'maintenance', times: maintenanceMultiple },
  ];
}

function requiredBy({ still, margin, times }: Demand, counted: readonly Counted[]): Decimal {
  return still.plus(marginOfDebts(margin, counted).times(times));
}

function marginOfDebts(margin: Demand['margin'], counted: readonly Counted[]): Decimal {
  return sum(counted.map((each) => (margin === 'initial' ? each.initialMargin : each.maintenanceMargin)));
}

/** Switched off, or in single-asset mode not the asset that counts: its leaving changes no margin. */
function leavesFreely(asset: string, account: AccountState, policy: Policy): boolean {
  const counting = countingOf(asset, account);
  return counting === 'SWITCHED_OFF' || (counting === 'SINGLE_ASSET' && asset !== policy.singleAsset);
}

/** The balance less a loss that counts with it; 0 while anything is owed, which unrealised profit does not pay. */
function free(asset: string, { collateral }: MarginReport): Decimal {
  const left = collateral.map((each) => ({ asset: each.asset, quantity: min(each.quantity, each.equity) }));
  if (left.some(({ quantity }) => quantity.lt(ZERO))) return ZERO;
  return left.find((each) => each.asset === asset)?.quantity ?? ZERO;
}

/** Symbols whose stale price values debts, cross positions and orders: nobody knows what has to stay. */
export function staleLiabilities({ collateral, positions, openOrders }: MarginReport): string[] {
  const debts = collateral.filter(({ quantity, stale }) => stale && quantity.lt(ZERO));
  const crossed = positions.filter(({ marginMode }) => marginMode === 'CROSS');
  return [
    ...debts.map(({ asset }) => asset),
    ...crossed.flatMap(staleSymbolsOf),
    ...openOrders.flatMap(({ staleSymbols }) => staleSymbols),
  ];
}

function isStale(asset: string, { collateral }: MarginReport): boolean {
  return collateral.some((balance) => balance.asset === asset && balance.stale);
}

/** What counts of an asset while unrealised profit stays behind, and what it requires where it is owed. */
type Counted = Pick<
  CollateralContribution,
  | 'asset'
  | 'quantity'
  | 'equity'
  | 'indexPrice'
  | 'stale'
  | 'initialCollateralValue'
  | 'initialMargin'
  | 'maintenanceMargin'
>;

/** What counts when something is taken out, without unrealised profit: balance - x + min(0, PnL) (rules: 8 and 17). */
function withoutProfit(
  { collateral }: MarginReport,
  choice: CollateralChoice,
  market: Market,
  policy: Policy,
  taken?: { readonly asset: string; readonly quantity: Decimal },
): readonly Counted[] {
  return collateral.map((each) => {
    const { asset, quantity, equity } = each;
    const left = taken?.asset === asset ? quantity.minus(taken.quantity) : quantity;
    if (left === quantity && equity.lte(quantity)) return each;
    const loss = min(ZERO, equity.minus(quantity));
    return assessBalance({ asset, quantity: left }, countingOf(asset, choice), market, policy, loss);
  });
}

/** The same, of which positive amounts with a stale price count 0, as if they had none. */
function freshOnly(counted: readonly Counted[]): readonly Counted[] {
  return counted.map((each) =>
    each.stale && each.equity.gt(ZERO) ? { ...each, indexPrice: null, initialCollateralValue: ZERO } : each,
  );
}

/** How much of the balance can go, while the rest of what is counted covers each demand. */
function covered(
  asset: string,
  counted: readonly Counted[],
  demands: readonly Demand[],
  { pnlBeside }: MarginReport,
  choice: CollateralChoice,
  policy: Policy,
): Decimal {
  const own = counted.find((contribution) => contribution.asset === asset);
  if (own === undefined) return ZERO;
  const others = counted.filter((contribution) => contribution !== own);
  const cover = sum(others.map((each) => each.initialCollateralValue)).plus(min(ZERO, pnlBeside));
  const table = collateralTableOf(asset, countingOf(asset, choice), policy);
  const weighed = { table: table === null ? null : initialTable(table), counted: ONE };
  let most = own.quantity;
  for (const demand of demands) {
    const lacking = requiredBy(demand, others).minus(cover);
    if (own.indexPrice === null) {
      if (lacking.gt(ZERO)) return ZERO;
      continue;
    }
    const weighing = { ...weighed, margin: demand.margin, required: demand.times };
    const pieces = equityPieces(asset, own.indexPrice, weighing, policy);
    most = min(most, beyond(lacking, own.equity, own.indexPrice, pieces));
  }
  return max(ZERO, most);
}

/** Symbols whose fresh price would let the refused quantity go, as far as prices are why it may not; by code point. */
function lackingPrices(
  asset: string,
  quantity: Decimal,
  account: AccountState,
  report: MarginReport,
  market: Market,
  policy: Policy,
): string[] {
  if (report.status === 'UNPRICED') return [...report.unpriced];
  if (leavesFreely(asset, account, policy)) return [];
  const liabilities = staleLiabilities(report);
  if (liabilities.length > 0) return [...new Set(liabilities)].sort();
  const counted = withoutProfit(report, account, market, policy);
  const most = covered(asset, counted, demandsOf(report, policy), report, account, policy);
  if (quantity.gt(most)) return [];
  const missing = counted.filter(
    (each) => each.stale && (each.asset === asset || !each.initialCollateralValue.isZero()),
  );
  return missing.map((each) => each.asset).sort();
}

/**
 * How much of the equity lies beyond the least that still makes up `needed`: the pieces read backwards. Rounded down at 18
 * digits; below 0 where some lacks. 0 where no equity makes it up, since what is beyond a cap counts nothing.
 */
function beyond(needed: Decimal, equity: Decimal, price: Decimal, pieces: readonly RealPiece[]): Decimal {
  for (const [index, piece] of pieces.entries()) {
    const end = pieces[index + 1]?.from ?? null;
    // A coin moves what is made up by slope x price.
    const perCoin = piece.slope.times(price);
    if (perCoin.isZero() || (end !== null && valueAt(piece, end).lt(needed))) continue;
    return quotientDown(equity.times(perCoin).minus(needed).plus(piece.intercept), perCoin);
  }
  return ZERO;
}
