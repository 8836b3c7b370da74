/**
 * What resting orders add to the maintenance margin of a cross unit in float64, where the policy weighs them
 * (rules: 20). `valuation.ts` adds it to the sums of the unit.
 *
 * ## The bound
 *
 * With the words of `valuation.ts`: orders add m(W) - m(P), where P is the notional of the position beside them, and W
 * the larger of P + adds and reduces - P.
 *
 * *P* is within 3u. *P + adds* is within 3u of P, u of adds and u of the sum: 4u of itself. *reduces - P*, where it is the
 * larger one, is at least half of reduces and at least P, so that u of reduces, 3u of P and u of the difference are at
 * most 6u of it. Where it is not the larger one, reduces is at most 2W and P at most W: 2u + 3u + 2u = 7u of W. The larger
 * of two floats is as near to the larger of the two numbers as the worse of them: *W is within 7u*.
 *
 * *The tier*: edges in the table are moved by 16u, of which making them loses a little over 2u. So a W that lies between
 * the sure beginning and the sure end of its tier is in that tier exactly.
 *
 * *m(W)*: 7u of W, conversion of the slope, product, intercept and sum: 10u of scale x W. m(P) takes 6u of scale x P. Each
 * takes 2u more with the rate, the price of the settlement asset: its conversion and a product. Each item is two terms of
 * the sum. The (2n + 32)u of `valuation.ts` hold 12u + (n - 1)u for the sum, the (n + 5)u by which the magnitudes are
 * short, and 16u of slack. What W and P add to the magnitudes is (W + P) x rate.
 *
 * An item whose orders all reduce, and by less than twice P, adds exactly nothing: reduces - P is then surely below P.
 * Flags stay exact, but for REQUIRES, which may be set where m(W) = m(P): this only wakes.
 */
import type { AccountColumns } from './account-columns.js';
import { ORDER_AMOUNTS } from './order-columns.js';
import { MAINTENANCE_STRIDE, differenceBelow } from './curve-rows.js';
import { ORDERS_LOSE, ORDERS_MAINTAIN } from './rule-columns.js';
import { REQUIRES, UNKNOWN } from './unit-flags.js';

type OrderColumns = Pick<AccountColumns, 'orders' | 'rules'>;

/** Places in `sums`. */
export const MAINTENANCE = 0;
export const MAGNITUDES = 1;
export const WIDENING = 2;
export const TERMS = 3;

/** Cover 16u, and the roundings of the product that they are compared with. */
const SURELY_BELOW = 1 - 2 ** -48;

/**
 * Adds what the orders from `first` on require to `sums`, and returns the flags that they set.
 *
 * @param asks what the rule set asks of orders; not 0
 * @param scale as of the rule set
 */
export function addOrders(
  { orders, rules }: OrderColumns,
  first: number,
  asks: number,
  scale: number,
  sums: Float64Array,
): number {
  const { row: rows, amounts, isLast } = orders;
  const { instrumentPrice, settlementPrice, maintenanceTier, maintenanceTiers: tiers } = rules;
  const { values: prices } = rules.prices;
  let known = 0;
  for (let item = first; ; item++) {
    const row = rows[item] as number;
    const mark = prices[instrumentPrice[row] as number] as number;
    const place = item * ORDER_AMOUNTS;
    const size = amounts[place] as number;
    const adds = amounts[place + 1] as number;
    const reduces = amounts[place + 2] as number;
    const isUnpriced = Number.isNaN(mark);
    const rate = prices[settlementPrice[row] as number] as number;
    // The cost of an isolated position stands for its notional, and that of a cross one is NaN here.
    const notional = size === 0 ? 0 : isUnpriced ? (amounts[place + 3] as number) : size * mark;
    const loses = isUnpriced && (asks & ORDERS_LOSE) !== 0;
    const isWorthless = Number.isNaN(rate);
    // Whatever is asked of orders, they take the price of the settlement asset.
    if (loses || isWorthless) known |= UNKNOWN;
    const addsNothing = adds === 0 && reduces < 2 * notional * SURELY_BELOW;
    if (!loses && !isWorthless && (asks & ORDERS_MAINTAIN) !== 0 && !Number.isNaN(notional) && !addsNothing) {
      known |= REQUIRES;
      const worst = Math.max(notional + adds, reduces - notional);
      const start = maintenanceTier[row] as number;
      sums[MAINTENANCE] = (sums[MAINTENANCE] as number) + maintenanceAt(worst, start, tiers, scale, rate, sums);
      if (notional > 0) {
        sums[MAINTENANCE] = sums[MAINTENANCE] - maintenanceAt(notional, start, tiers, scale, rate, sums);
      }
      sums[MAGNITUDES] = (sums[MAGNITUDES] as number) + (worst + notional) * rate;
      sums[TERMS] = (sums[TERMS] as number) + 2;
    }
    if (isLast[item] === 1) return known;
  }
}

/** Maintenance margin of a notional x the rate; widens where it may be in a lower tier. */
function maintenanceAt(
  notional: number,
  start: number,
  tiers: Float64Array,
  scale: number,
  rate: number,
  sums: Float64Array,
): number {
  let tier = start;
  while (notional >= (tiers[tier] as number)) tier += MAINTENANCE_STRIDE;
  if (notional < (tiers[tier + 1] as number)) {
    sums[WIDENING] = (sums[WIDENING] as number) + differenceBelow(notional, tier, tiers, scale) * rate;
  }
  return (notional * (tiers[tier + 2] as number) + (tiers[tier + 3] as number)) * rate;
}
