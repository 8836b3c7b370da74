/**
 * The exchange of other assets for debts past their thresholds (rules: 11; sources: 000 and 001).
 */
import type { BalanceChange } from '../state/account.js';
import { assessBalance, type CollateralContribution } from '../state/collateral.js';
import { ZERO, min, quotientDown, quotientUp, sum, type Decimal } from '../decimal.js';
import type { AccountState, Market, Policy } from '../model.js';

/**
 * The entries of one exchange (rules: 11), in units of each asset; none where nothing is owed past a threshold, or
 * nothing can be sold.
 *
 * D is the value of the debts past their thresholds. C is the collateral value of positive, convertible, freshly priced
 * assets. The fraction min(1, D / C) of each is sold at index price, rounded up at 18 digits. The proceeds go to the
 * debts pro rata to their values, rounded down. Each asset counted at most its value, so the margin balance does not
 * fall. A debt without a fresh price is left alone.
 */
export function autoExchange(account: AccountState, market: Market, policy: Policy): BalanceChange[] {
  if (account.collateralMode === 'SINGLE_ASSET') return [];
  const thresholds = new Map(policy.autoExchange.map(({ asset, balance }) => [asset, balance]));
  if (!account.balances.some(({ asset, quantity }) => isPast(quantity, thresholds.get(asset)))) return [];

  const fresh = account.balances.flatMap((balance) => {
    const { indexPrice: price, value, ...rest } = assessBalance(balance, account.collateralMode, market, policy);
    return price === null || value === null || rest.stale ? [] : [{ ...rest, price, value }];
  });
  const debts = fresh.filter(({ asset, quantity }) => isPast(quantity, thresholds.get(asset)));
  const sellable = fresh.filter((balance) => isSellable(balance, policy));
  const owed = sum(debts.map(({ value }) => value)).negated();
  const counted = sum(sellable.map(({ collateralValue }) => collateralValue));
  if (owed.isZero() || counted.isZero()) return [];

  const part = min(owed, counted);
  let proceeds = ZERO;
  const changes: BalanceChange[] = [];
  for (const { asset, quantity, price } of sellable) {
    const sold = min(quantity, quotientUp(quantity.times(part), counted));
    proceeds = proceeds.plus(sold.times(price));
    changes.push({ asset, quantity: sold.negated(), kind: 'AUTO_EXCHANGE' });
  }
  for (const { asset, value, price } of debts) {
    const bought = quotientDown(proceeds.times(value.negated()), owed.times(price));
    if (!bought.isZero()) changes.push({ asset, quantity: bought, kind: 'AUTO_EXCHANGE' });
  }
  return changes;
}

function isPast(quantity: Decimal, threshold: Decimal | undefined): boolean {
  return threshold !== undefined && quantity.lt(ZERO) && quantity.lt(threshold);
}

function isSellable(
  { asset, collateralValue }: Pick<CollateralContribution, 'asset' | 'collateralValue'>,
  policy: Policy,
): boolean {
  return collateralValue.gt(ZERO) && policy.assets.get(asset)?.convertible !== false;
}
