/**
 * What keeps assets that never had a price out of the collateral (rules: 2): a grain of one that counts would make the
 * margin balance a lower bound, and so hide a liquidation.
 */
import { countsAbove } from '../curve.js';
import type { Decimal } from '../decimal.js';
import type { AccountState, CollateralChoice, Market, Policy } from '../model.js';
import { refuse, type Refusal } from '../refusal.js';
import { collateralTableOf, countingOf, indexPrice } from '../state/collateral.js';

/**
 * Why a balance may not rise to the quantity (rules: 2); null: it may. Refused with PRICE_UNAVAILABLE, where the asset
 * never had a price and so much of it would count.
 *
 * @param quantity after the credit, in units of the asset
 */
export function checkCredit(
  asset: string,
  quantity: Decimal,
  choice: CollateralChoice,
  market: Market,
  policy: Policy,
): Refusal | null {
  const table = collateralTableOf(asset, countingOf(asset, choice), policy);
  const above = table === null ? null : countsAbove(table);
  if (above === null || quantity.lte(above) || indexPrice(asset, market, policy) !== null) return null;
  return refuse('PRICE_UNAVAILABLE', `${asset} would count as collateral, and it never had a price.`);
}

/** The same of every balance, of an account with modes and switches that are not set yet. */
export function checkCredits(after: AccountState, market: Market, policy: Policy): Refusal | null {
  for (const { asset, quantity } of after.balances) {
    const refusal = checkCredit(asset, quantity, after, market, policy);
    if (refusal !== null) return refusal;
  }
  return null;
}
