/**
 * What can leave an account (rules: 8; source: 003). Quantities are in units of the asset.
 */
import { assessMargin, type MarginReport } from '../state/assess.js';
import { balanceOf } from '../state/account.js';
import { indexPrice, collateralTableOf } from '../state/collateral.js';
import { collateralCurve, unitValue, valueAt } from '../curve.js';
import { ZERO, max, min, quotientDown, type Decimal } from '../decimal.js';
import { SETTLEMENT_ASSET, type AccountState, type CollateralTable, type Market, type Policy } from '../model.js';
import { refuse, refuseAmount, type Refusal } from '../refusal.js';

/**
 * The largest quantity of the asset that can be taken out, rounded down at 18 digits (rules: 8). With it gone, collateral
 * + min(0, PnL of cross positions) still covers the initial margin: unrealised profit cannot leave. 0 when that fails
 * already, when the asset is not transferable, and when a price that it takes is stale or missing.
 *
 * In single-asset mode assets other than USDT count nothing and leave entirely while no USDT is owed (003).
 */
export function maxTransferable(asset: string, account: AccountState, market: Market, policy: Policy): Decimal {
  if (policy.assets.get(asset)?.transferable === false) return ZERO;
  const balance = balanceOf(account, asset);
  if (!balance.gt(ZERO)) return ZERO;
  const report = assessMargin(account, market, policy);
  if (lacksPrices(asset, account, report, policy)) return ZERO;
  if (leavesFreely(asset, account)) return balanceOf(account, SETTLEMENT_ASSET).lt(ZERO) ? ZERO : balance;

  const counted = report.collateral.find((contribution) => contribution.asset === asset)?.collateralValue ?? ZERO;
  const others = report.collateralValue.minus(counted).plus(min(ZERO, report.unrealizedPnl));
  const needed = report.initialMargin.minus(others);
  if (!needed.gt(ZERO)) return balance;
  const price = indexPrice(asset, market, policy);
  const table = collateralTableOf(asset, account.collateralMode, policy);
  if (counted.lt(needed) || price === null || table === null) return ZERO;
  return beyond(needed, balance, price.price, table);
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
  const report = assessMargin(account, market, policy);
  if (lacksPrices(asset, account, report, policy)) {
    const symbols = [...new Set([...report.unpriced, ...report.stale])].join(', ');
    return refuse('PRICE_UNAVAILABLE', `A fresh price is needed and missing: ${symbols}.`);
  }
  const most = maxTransferable(asset, account, market, policy);
  if (quantity.lte(most)) return null;
  return refuseAmount('INSUFFICIENT_MARGIN', `The rest would not cover the initial margin.`, quantity, most);
}

/** Single-asset mode, and not USDT: the asset's leaving changes no margin. */
function leavesFreely(asset: string, account: AccountState): boolean {
  return account.collateralMode === 'SINGLE_ASSET' && asset !== SETTLEMENT_ASSET;
}

/**
 * Whether a price that the answer takes is stale or missing. Without a debt and without a cross position nothing is
 * required, whatever the prices are.
 */
function lacksPrices(asset: string, account: AccountState, report: MarginReport, policy: Policy): boolean {
  if (report.status === 'UNPRICED') return true;
  if (leavesFreely(asset, account)) return false;
  const crossed = report.positions.filter(({ marginMode }) => marginMode === 'CROSS');
  const debts = report.collateral.some(({ quantity }) => quantity.lt(ZERO));
  if (crossed.length === 0 && !debts) return false;
  const stale = new Set(report.stale);
  return (
    crossed.some(({ instrument }) => stale.has(instrument)) ||
    report.collateral.some(
      (balance) =>
        balance.stale &&
        (balance.quantity.lt(ZERO) || collateralTableOf(balance.asset, account.collateralMode, policy) !== null),
    )
  );
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
