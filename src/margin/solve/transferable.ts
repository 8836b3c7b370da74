/**
 * What can leave an account (rules: 8; source: 003). Quantities are in units of the asset.
 */
import { assessMargin, staleSymbolsOf, type MarginReport } from '../state/assess.js';
import { inUnit } from '../state/settlement.js';
import { balanceOf } from '../state/account.js';
import { collateralTableOf, initialValueOf, type CollateralContribution } from '../state/collateral.js';
import { collateralCurve, initialTable, unitValue, valueAt } from '../curve.js';
import { ZERO, max, min, quotientDown, sum, type Decimal } from '../decimal.js';
import { type AccountState, type CollateralMode, type CollateralTable, type Market, type Policy } from '../model.js';
import { refuse, refuseAmount, type Refusal } from '../refusal.js';

/**
 * The largest quantity of the asset that can be taken out, rounded down at 18 digits (rules: 8). With it gone, initial
 * collateral + min(0, PnL of cross positions) still covers what must stay: unrealised profit cannot leave. Where PnL counts
 * as equity, each asset counts with its own loss, and at most what that leaves can go (rules: 17). Positive balances
 * with a stale price count 0. 0 when that fails already, when the asset is not transferable, when it is stale itself and
 * something must stay, and when a debt, a cross position or what orders require is stale or unpriced.
 *
 * In single-asset mode assets other than the one that counts do not matter. They leave entirely while nothing is owed in any asset and
 * the account is neither in LIQUIDATION nor UNPRICED (003).
 */
export function maxTransferable(asset: string, account: AccountState, market: Market, policy: Policy): Decimal {
  if (policy.assets.get(asset)?.transferable === false) return ZERO;
  const balance = balanceOf(account, asset);
  if (!balance.gt(ZERO)) return ZERO;
  const report = assessMargin(account, market, policy);
  if (report.status === 'UNPRICED') return ZERO;
  if (leavesFreely(asset, account, policy)) return owes(report) || report.status === 'LIQUIDATION' ? ZERO : balance;
  if (staleLiabilities(report).length > 0) return ZERO;
  if (isStale(asset, report) && !mustStay(report, policy).isZero()) return ZERO;
  const counted = freshOnly(withoutProfit(report, account.collateralMode, policy));
  return covered(asset, balance, counted, report, account.collateralMode, policy);
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
  const lacking = lackingPrices(asset, quantity, balance, account, report, policy);
  if (lacking.length > 0) {
    return refuse('PRICE_UNAVAILABLE', `A fresh price is needed and missing: ${lacking.join(', ')}.`);
  }
  const isFloor = mustStay(report, policy).gt(report.initialMargin);
  const needed = isFloor ? "what the venue's floor for transfers keeps" : 'the initial margin';
  return refuseAmount('INSUFFICIENT_MARGIN', `The rest would not cover ${needed}.`, quantity, most);
}

/** What collateral and losses must cover after a transfer out, in the venue's unit, exact (rules: 8). */
function mustStay({ initialMargin, maintenanceMargin, positions }: MarginReport, { transferFloor }: Policy): Decimal {
  const { notionalRate, maintenanceMultiple } = transferFloor;
  const crossed = positions.filter(({ marginMode }) => marginMode === 'CROSS');
  const notional = sum(crossed.map((position) => inUnit(position.notional, position.settlementPrice)));
  return max(initialMargin, max(notional.times(notionalRate), maintenanceMargin.times(maintenanceMultiple)));
}

/** Single-asset mode, and not the asset that counts: its leaving changes no margin. */
function leavesFreely(asset: string, account: AccountState, policy: Policy): boolean {
  return account.collateralMode === 'SINGLE_ASSET' && asset !== policy.singleAsset;
}

function owes({ collateral }: MarginReport): boolean {
  return collateral.some(({ quantity }) => quantity.lt(ZERO));
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

/** What counts of an asset while unrealised profit stays behind, and how much of it is there. */
interface Counted extends Pick<CollateralContribution, 'asset' | 'indexPrice' | 'stale'> {
  /** The balance; where PnL counts as equity, less the loss that is settled in the asset (rules: 17). */
  readonly quantity: Decimal;
  readonly value: Decimal;
}

/** What counts when something is taken out, without unrealised profit (rules: 8). */
function withoutProfit({ collateral }: MarginReport, mode: CollateralMode, policy: Policy): readonly Counted[] {
  return collateral.map((each) => {
    const { asset, indexPrice, stale } = each;
    if (each.equity === each.quantity || indexPrice === null) {
      return { asset, indexPrice, stale, quantity: each.quantity, value: each.initialCollateralValue };
    }
    const quantity = min(each.quantity, each.equity);
    return { asset, indexPrice, stale, quantity, value: initialValueOf(asset, quantity, indexPrice, mode, policy) };
  });
}

/** The same, of which positive amounts with a stale price count 0. */
function freshOnly(counted: readonly Counted[]): readonly Counted[] {
  return counted.map((each) => (each.stale && each.quantity.gt(ZERO) ? { ...each, value: ZERO } : each));
}

/** How much of the balance can go, while the rest of what is counted covers what must stay. */
function covered(
  asset: string,
  balance: Decimal,
  counted: readonly Counted[],
  report: MarginReport,
  mode: CollateralMode,
  policy: Policy,
): Decimal {
  const own = counted.find((contribution) => contribution.asset === asset);
  const ownValue = own?.value ?? ZERO;
  const others = sum(counted.map(({ value }) => value))
    .minus(ownValue)
    .plus(min(ZERO, report.pnlBeside));
  const needed = mustStay(report, policy).minus(others);
  // Where PnL counts as equity, what leaves makes no debt of a loss.
  const quantity = min(balance, max(ZERO, own?.quantity ?? balance));
  if (!needed.gt(ZERO)) return quantity;
  const table = collateralTableOf(asset, mode, policy);
  if (ownValue.lt(needed) || own === undefined || own.indexPrice === null || table === null) return ZERO;
  return beyond(needed, quantity, own.indexPrice, initialTable(table));
}

/** Symbols whose fresh price would let the refused quantity go, as far as prices are why it may not; by code point. */
function lackingPrices(
  asset: string,
  quantity: Decimal,
  balance: Decimal,
  account: AccountState,
  report: MarginReport,
  policy: Policy,
): string[] {
  if (report.status === 'UNPRICED') return [...report.unpriced];
  if (leavesFreely(asset, account, policy)) return [];
  const liabilities = staleLiabilities(report);
  if (liabilities.length > 0) return [...new Set(liabilities)].sort();
  const counted = withoutProfit(report, account.collateralMode, policy);
  if (quantity.gt(covered(asset, balance, counted, report, account.collateralMode, policy))) return [];
  const missing = counted.filter((each) => each.stale && (each.asset === asset || !each.value.isZero()));
  return missing.map((each) => each.asset).sort();
}

/**
 * How much of the quantity lies beyond the least that still counts `needed`: the curve read backwards. `needed` is
 * above 0 and at most what the quantity counts, so that some segment with a ratio above 0 reaches it.
 */
function beyond(needed: Decimal, quantity: Decimal, price: Decimal, table: CollateralTable): Decimal {
  const unit = unitValue(price, table);
  for (const segment of collateralCurve(table).segments) {
    const { cap, slope, intercept } = segment;
    if (slope.isZero() || (cap !== null && valueAt(segment, cap).times(unit).lt(needed))) continue;
    // A coin moves the collateral by ratio x price, whatever the unit of the tiers is.
    const perCoin = slope.times(price);
    const kept = needed.minus(intercept.times(unit));
    return quotientDown(quantity.times(perCoin).minus(kept), perCoin);
  }
  return ZERO;
}
