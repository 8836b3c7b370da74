/**
 * The exchange of other assets for debts past their thresholds (rules: 11; sources: 000 and 001).
 */
import { creditCurve, pieceAt, valueAt } from '../curve.js';
import type { BalanceChange } from '../state/account.js';
import { assessBalance, countingOf } from '../state/collateral.js';
import { ZERO, min, quotientDown, quotientUp, sum, type Decimal } from '../decimal.js';
import type { AccountState, Market, Policy } from '../model.js';

/** A positive balance that can be sold. Values are in the venue's unit, exact. */
interface Sellable {
  readonly asset: string;
  readonly quantity: Decimal;
  readonly price: Decimal;
  readonly value: Decimal;
  readonly collateralValue: Decimal;
}

/** What is sold of one asset, in units of it. */
interface Sale {
  readonly asset: string;
  readonly price: Decimal;
  readonly sold: Decimal;
  /** The part of it for which nothing is credited. */
  readonly cost: Decimal;
}

/**
 * The entries of one exchange (rules: 11), in units of each asset; none where nothing is owed past a threshold, or
 * nothing can be sold.
 *
 * D is the value of the debts past their thresholds. Positive, convertible, freshly priced assets that count are sold at
 * index price, until what is sold counts D as collateral. The proceeds, less the cost by the policy's rates, go to the
 * debts pro rata to their values, rounded down. No rate lies below a ratio of its asset, so the margin balance does not
 * fall. A debt without a fresh price is left alone, and so is an asset that is switched off (rules: 23).
 */
export function autoExchange(account: AccountState, market: Market, policy: Policy): BalanceChange[] {
  if (account.collateralMode === 'SINGLE_ASSET') return [];
  const thresholds = new Map(policy.autoExchange.map(({ asset, balance }) => [asset, balance]));
  if (!account.balances.some(({ asset, quantity }) => isPast(quantity, thresholds.get(asset)))) return [];

  const fresh = account.balances.flatMap((balance) => {
    const counting = countingOf(balance.asset, account);
    const { indexPrice: price, value, ...rest } = assessBalance(balance, counting, market, policy);
    return price === null || value === null || rest.stale ? [] : [{ ...rest, price, value }];
  });
  const debts = fresh.filter(({ asset, quantity }) => isPast(quantity, thresholds.get(asset)));
  const sellable = fresh.filter((balance) => isSellable(balance, policy));
  const owed = sum(debts.map(({ value }) => value)).negated();
  if (owed.isZero() || sellable.length === 0) return [];

  const sales = policy.exchangeOrder === 'PRO_RATA' ? proRata(sellable, owed, policy) : inTurn(sellable, owed, policy);
  const changes = sales.flatMap(entriesOf);
  const proceeds = sum(sales.map(creditOf));
  for (const { asset, value, price } of debts) {
    const bought = quotientDown(proceeds.times(value.negated()), owed.times(price));
    if (!bought.isZero()) changes.push({ asset, quantity: bought, kind: 'AUTO_EXCHANGE' });
  }
  return changes;
}

/** The same part of every asset: D / their collateral value, at most 1. */
function proRata(sellable: readonly Sellable[], owed: Decimal, policy: Policy): Sale[] {
  const counted = sum(sellable.map(({ collateralValue }) => collateralValue));
  const part = min(owed, counted);
  return sellable.map((balance) => saleOf(balance, part, counted, policy));
}

/** One asset after the other, each in full until the debts are credited; of the last one D / its collateral value. */
function inTurn(sellable: readonly Sellable[], owed: Decimal, policy: Policy): Sale[] {
  const sales: Sale[] = [];
  let left = owed;
  for (const balance of [...sellable].sort(byRatio)) {
    const sale = saleOf(balance, min(left, balance.collateralValue), balance.collateralValue, policy);
    sales.push(sale);
    left = left.minus(creditOf(sale));
    if (left.lte(ZERO)) break;
  }
  return sales;
}

/** The highest collateral value / value first; then by name. */
function byRatio(a: Sellable, b: Sellable): number {
  return b.collateralValue.times(a.value).cmp(a.collateralValue.times(b.value)) || (a.asset < b.asset ? -1 : 1);
}

/**
 * Sells `part / whole` of a balance, rounded up at 18 digits and never more than there is. The cost is rounded down: else
 * what counts as much as a debt would not quite cover it.
 */
function saleOf({ asset, quantity, price }: Sellable, part: Decimal, whole: Decimal, policy: Policy): Sale {
  const sold = min(quantity, quotientUp(quantity.times(part), whole));
  const rate = policy.exchangeRates.find((each) => each.asset === asset);
  if (rate === undefined) return { asset, price, sold, cost: ZERO };
  const value = sold.times(price);
  const credited = valueAt(pieceAt(creditCurve(rate.tiers), value), value);
  return { asset, price, sold, cost: quotientDown(value.minus(credited), price) };
}

/** The value that the debts are credited, exact. */
function creditOf({ price, sold, cost }: Sale): Decimal {
  return sold.minus(cost).times(price);
}

function entriesOf({ asset, sold, cost }: Sale): BalanceChange[] {
  const exchanged: BalanceChange = { asset, quantity: cost.minus(sold), kind: 'AUTO_EXCHANGE' };
  return cost.isZero() ? [exchanged] : [exchanged, { asset, quantity: cost.negated(), kind: 'EXCHANGE_COST' }];
}

function isPast(quantity: Decimal, threshold: Decimal | undefined): boolean {
  return threshold !== undefined && quantity.lt(ZERO) && quantity.lt(threshold);
}

function isSellable({ asset, collateralValue }: Pick<Sellable, 'asset' | 'collateralValue'>, policy: Policy): boolean {
  return collateralValue.gt(ZERO) && policy.assets.get(asset)?.convertible !== false;
}
