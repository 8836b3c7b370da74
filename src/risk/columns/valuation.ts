/**
 * Margin balance and maintenance margin of margin units in float64, each as an interval that surely holds the exact number.
 *
 * ## The bound
 *
 * u = 2^-53 is the unit roundoff: the float next to a decimal x, and the result of one float operation, are x(1 + d)
 * with |d| <= u. Nothing here overflows or is subnormal: inputs have at most 30 integer and 18 fraction digits
 * (rules: 1), a product of two indexes 36, so that no product of five leaves 1e-110..1e150. Terms of second order (u squared times the number of terms, which
 * is far below 2^26) go into the slack at the end.
 *
 * *A debt* is quantity x price: two conversions and a product, 3u of its value.
 *
 * *A positive balance* counts F(amount), where F is continuous, piecewise linear, rises with a slope of at most 1 and
 * starts at F(0) = 0; amount is the value, or the coins, of what `userCap` lets count (rounding keeps order, so that the
 * smaller one in floats is the float of the smaller one). In value: amount is within 3u, and F passes that on at most
 * unchanged: 3u. The float of a cap is off by u, so that the line of a neighbouring tier may be taken up to u beyond its
 * end; F is continuous, so that this costs u x the difference of two ratios: 1u. The line is ratio x amount + offset with
 * |offset| <= floor <= amount: conversion of the ratio, of the offset, product and sum: 4u. Together 8u of the value. In
 * coins: amount u, tier u, line 4u, conversion of the price and the last product: 8u.
 *
 * *A position* is worth (size x mark + offset) x rate, where rate is the price of its settlement asset (rules: 16). Each
 * of the two terms takes the rate by itself: 5u of notional x rate (three conversions, two products) and 3u of |offset| x
 * rate; the offset was summed exactly before it became a float. A rate of 1 is exact, and so is the product with it.
 *
 * *The margin balance* is a sum of n = holdings + 2 x positions floats in a row, which adds at most (n - 1)u of the sum
 * of their magnitudes S = values + (notionals + |offsets|) x rate. S itself is summed in floats, short of the truth by
 * less than (n + 5)u of it (second order). So |error| <= (n + 8) u S.
 *
 * *Maintenance* of a position is slope x notional + intercept with |intercept| <= scale' x notional and slope + scale' <=
 * scale (`RuleColumns`). When the tier is the right one: 3u of the notional, conversion, product, intercept, sum: 6u of
 * scale x notional, and 8u of scale x notional x rate with conversion of the rate and product. The tier: a notional is
 * within 3u, a cap within 1u, and their comparison with 16u in the table (a little over 2u lost in making it); a notional
 * that lies between the sure beginning of its tier and the sure end is in that tier exactly. One that does not may belong
 * to the tier before: then the difference between the two, 16u for computing it, and 2u for its rate, widen the interval,
 * be it the jump of FLAT or the nothing of PROGRESSIVE, whose tiers meet at the
 * floor. What a debt requires is on a curve that is continuous: 3u of its
 * amount, 4u more where a float leaves it in the neighbouring tier, then conversions, product and sum, and the price for
 * tiers in coins: 12u of scale x its value. Adding up n terms: (n - 1)u. So |error| <= (2n + 12) u x scale x (notionals x rate + debts), plus
 * the widening.
 *
 * *What is switched off* has a row of its own, which counts nothing (a slope of 0, and 0 coins of it); a debt in it is
 * valued as any other. So nothing in the intervals differs for it.
 *
 * *Equity*, where PnL counts as part of it, takes the place of balances: see `equity-valuation.ts`.
 *
 * *Resting orders*, where the policy weighs them, add to maintenance margin: see `order-valuation.ts`.
 *
 * *The flags* UNKNOWN, REQUIRES and OWES are exact: the float of a quantity has its sign. LOWER_BOUND is set for every
 * unpriced balance that counts for more than 0 and may be set for one that does not: quantity > threshold exactly gives
 * quantity >= threshold in floats, since rounding keeps order. Needlessly set it wakes a unit and lets none sleep, since
 * each use of it only forbids a conclusion (`maySleep`).
 *
 * Both are taken with 2n + 32: at least 16u of the magnitudes are slack, for the second order, for the rounding of the
 * bound and of the interval's ends themselves, for the three operations with which `prefilter.ts` compares them, and for
 * engines that read a decimal of more than 20 digits a hair less than correctly, which ECMAScript allows.
 *
 * *Boundaries* are fractions: the float of one is within 3u, of two conversions and a quotient. Each use moves it by
 * 8u towards the doubt (`quiet-range.ts`, `calmBelow`, `sureStatus`), of which that product takes one. So a liquidation
 * ratio other than 1 changes which boundary is compared, and nothing in the intervals.
 */
import type { AccountColumns } from './account-columns.js';
import {
  UNIT_HALVES,
  UNIT_WORDS,
  FIRST_HOLDING,
  FIRST_POSITION,
  HOLDINGS,
  POSITIONS,
  POSITION_AMOUNTS,
  RULE_SET,
} from './columns.js';
import { COLLATERAL_STRIDE, MAINTENANCE_STRIDE, UNIT_ROUNDOFF, differenceBelow } from './curve-rows.js';
import { Equities } from './equity-valuation.js';
import { MAGNITUDES, MAINTENANCE, TERMS, WIDENING, addOrders } from './order-valuation.js';
import { LOWER_BOUND, OWES, REQUIRES, UNKNOWN } from './unit-flags.js';

/** What accounts hold, and the rules and prices that value it: those in force, or others to be tried. */
export type Columns = Pick<AccountColumns, 'units' | 'holdings' | 'positions' | 'orders' | 'rules'>;

/** Of the unit that is being valued. */
const equities = new Equities();

/** What the orders of a unit add. */
const sums = new Float64Array(4);

/** Numbers of an interval pair in `intervals`. */
export const INTERVAL_STRIDE = 4;

/**
 * Values `units[from]` to `units[to - 1]`. Of the k-th unit it writes lowest and highest margin balance, and lowest and
 * highest maintenance margin, to `intervals` from 4k on. `flags[k]` is the sum of its flags (`unit-flags.ts`). Items without a
 * price are left out of the sums, as in `assessMargin`.
 */
export function valueUnits(
  columns: Columns,
  units: Uint32Array,
  from: number,
  to: number,
  intervals: Float64Array,
  flags: Uint8Array,
): void {
  const { words, halves, orders, isMultiAsset } = columns.units;
  const { row: holdingRow, quantity: quantities } = columns.holdings;
  const { row: positionRow, amounts } = columns.positions;
  const { collateralPrice, collateralTier, collateralTiers, userCap, inCoins, countsFrom } = columns.rules;
  const { instrumentPrice, settlementPrice, maintenanceTier, maintenanceTiers } = columns.rules;
  const { liabilityTier, owedInCoins, maintenanceScale, ordersAsk, isPnlEquity } = columns.rules;
  const { values: prices } = columns.rules.prices;

  for (let index = from; index < to; index++) {
    const unit = units[index] as number;
    const word = unit * UNIT_WORDS;
    const half = unit * UNIT_HALVES;
    let known = 0;
    let balance = 0;
    let values = 0;
    let debts = 0;
    let maintenance = 0;
    const rules = halves[half + RULE_SET] as number;
    const isEquity = isPnlEquity[rules] === 1 && isMultiAsset[unit] === 1 && (halves[half + POSITIONS] as number) > 0;
    let firstItem = words[word + FIRST_HOLDING] as number;
    let endOfHoldings = firstItem + (halves[half + HOLDINGS] as number);
    let [rowOf, quantityOf] = [holdingRow, quantities];
    if (isEquity) {
      equities.gather(columns, unit);
      [rowOf, quantityOf] = [equities.row, equities.quantity];
      firstItem = 0;
      endOfHoldings = equities.count;
      values = equities.spread;
    }
    for (let item = firstItem; item < endOfHoldings; item++) {
      const row = rowOf[item] as number;
      const quantity = quantityOf[item] as number;
      const price = prices[collateralPrice[row] as number] as number;
      if (Number.isNaN(price)) {
        if (quantity < 0) known |= UNKNOWN | OWES;
        else if (quantity >= (countsFrom[row] as number)) known |= LOWER_BOUND;
        continue;
      }
      if (quantity < 0) {
        const debt = quantity * price;
        known |= OWES;
        balance += debt;
        debts -= debt;
        let tier = liabilityTier[row] as number;
        if (tier === 0) continue;
        known |= REQUIRES;
        const isInCoins = owedInCoins[row] === 1;
        const owed = isInCoins ? -quantity : -debt;
        while (owed >= (collateralTiers[tier] as number)) tier += COLLATERAL_STRIDE;
        const needed = (collateralTiers[tier + 1] as number) * owed + (collateralTiers[tier + 2] as number);
        maintenance += isInCoins ? needed * price : needed;
        continue;
      }
      const cap = userCap[row] as number;
      const counted = quantity < cap ? quantity : cap;
      const value = counted * price;
      values += value;
      const coins = inCoins[row] === 1;
      const amount = coins ? counted : value;
      let tier = collateralTier[row] as number;
      while (amount >= (collateralTiers[tier] as number)) tier += COLLATERAL_STRIDE;
      const collateral = (collateralTiers[tier + 1] as number) * amount + (collateralTiers[tier + 2] as number);
      balance += coins ? collateral * price : collateral;
    }

    const scale = maintenanceScale[rules] as number;
    let notionals = 0;
    let constants = 0;
    let widening = 0;
    const firstOpen = words[word + FIRST_POSITION] as number;
    const endOfPositions = firstOpen + (halves[half + POSITIONS] as number);
    for (let item = firstOpen; item < endOfPositions; item++) {
      known |= REQUIRES;
      const row = positionRow[item] as number;
      const mark = prices[instrumentPrice[row] as number] as number;
      const rate = prices[settlementPrice[row] as number] as number;
      if (Number.isNaN(mark) || Number.isNaN(rate)) {
        known |= UNKNOWN;
        continue;
      }
      const exposure = (amounts[item * POSITION_AMOUNTS] as number) * mark;
      const offset = (amounts[item * POSITION_AMOUNTS + 1] as number) * rate;
      const notional = Math.abs(exposure);
      const value = exposure * rate;
      if (!isEquity) {
        balance += value;
        balance += offset;
      }
      notionals += Math.abs(value);
      constants += Math.abs(offset);
      let tier = maintenanceTier[row] as number;
      while (notional >= (maintenanceTiers[tier] as number)) tier += MAINTENANCE_STRIDE;
      maintenance +=
        (notional * (maintenanceTiers[tier + 2] as number) + (maintenanceTiers[tier + 3] as number)) * rate;
      if (notional < (maintenanceTiers[tier + 1] as number)) {
        widening += differenceBelow(notional, tier, maintenanceTiers, scale) * rate;
      }
    }

    let terms = endOfHoldings - firstItem + 2 * (endOfPositions - firstOpen);
    let required = notionals + debts + (isEquity ? equities.spread : 0);
    const asks = ordersAsk[rules] as number;
    if (asks !== 0 && orders[unit] !== 0) {
      sums.fill(0);
      known |= addOrders(columns, (orders[unit] as number) - 1, asks, scale, sums);
      maintenance += sums[MAINTENANCE] as number;
      required += sums[MAGNITUDES] as number;
      widening += sums[WIDENING] as number;
      terms += sums[TERMS] as number;
    }
    const relativeError = (2 * terms + 32) * UNIT_ROUNDOFF;
    const balanceError = relativeError * (values + debts + notionals + constants);
    const maintenanceError = relativeError * scale * required + widening;
    const place = (index - from) * INTERVAL_STRIDE;
    intervals[place] = balance - balanceError;
    intervals[place + 1] = balance + balanceError;
    intervals[place + 2] = maintenance - maintenanceError;
    intervals[place + 3] = maintenance + maintenanceError;
    flags[index - from] = known;
  }
}
