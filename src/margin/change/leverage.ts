/**
 * How much leverage an instrument may have (rules: 7; source: 004, section V).
 */
import { checkInitialMargin, coverOfIsolated, isolatedNotCovered } from './acceptance.js';
import { assessMargin } from '../state/assess.js';
import { pieceAt } from '../curve.js';
import { ONE, ZERO, decimal, max, min, type Decimal } from '../decimal.js';
import type { AccountState, InstrumentRules, Market, Policy, PositionState } from '../model.js';
import { refuse, refuseAmount, type Refusal } from '../refusal.js';
import { areBeside, orderSides, weighsOrders, worstNotional } from '../state/open-orders.js';

/** Of every instrument whose maximum allows it. */
const STARTING_LEVERAGE: Decimal = decimal(20);

/** The leverage of an instrument before it is set: 20, or its maximum where that is less (rules: 7). */
export function startingLeverage({ maxLeverage: most }: Pick<InstrumentRules, 'maxLeverage'>): Decimal {
  return min(STARTING_LEVERAGE, most);
}

/**
 * The most that the tier of the present notional allows (rules: 7 and 20); in hedge mode that of the larger side. Where
 * the policy weighs resting orders, it is that of the worst side. Without a mark price the cost of the position stands for
 * its notional.
 */
export function maxLeverage(rules: InstrumentRules, account: AccountState, market: Market, policy: Policy): Decimal {
  const mark = market.mark(rules.symbol);
  const positions = account.positions.filter(({ instrument }) => instrument === rules.symbol);
  const notionalOf = ({ size, cost }: PositionState): Decimal => (mark === null ? cost : size.times(mark.price));
  let notional = ZERO;
  for (const position of positions) notional = max(notional, notionalOf(position));
  for (const orders of weighsOrders(policy) ? account.openOrders : []) {
    if (orders.instrument !== rules.symbol) continue;
    const position = positions.find((held) => areBeside(orders, held)) ?? null;
    const sides = orderSides(orders, position);
    notional = max(notional, worstNotional(position === null ? ZERO : notionalOf(position), sides));
  }
  return min(rules.maxLeverage, pieceAt(rules.tiers, notional).maxLeverage);
}

/** The account with the leverage on every position, and for all orders, of the instrument. */
export function withLeverage(account: AccountState, instrument: string, leverage: Decimal): AccountState {
  const positions = account.positions.map((position) =>
    position.instrument === instrument ? { ...position, leverage } : position,
  );
  const openOrders = account.openOrders.map((orders) =>
    orders.instrument === instrument ? { ...orders, leverage } : orders,
  );
  return { ...account, positions, openOrders };
}

/**
 * Why the leverage may not be set (rules: 7); null: it may. What is set already always may be. Otherwise it is a whole
 * number from 1 to `maxLeverage`. With a cross position: initial collateral + PnL covers the new total initial margin, or
 * that does not rise. Isolated, no margin moves; it may rise, and falls only while margin + min(0, PnL) covers the position's
 * new initial margin. Refused with LEVERAGE_OUT_OF_RANGE, PRICE_UNAVAILABLE or INSUFFICIENT_MARGIN.
 *
 * @param present the leverage that is set
 */
export function checkLeverage(
  rules: InstrumentRules,
  leverage: Decimal,
  present: Decimal,
  account: AccountState,
  market: Market,
  policy: Policy,
): Refusal | null {
  if (leverage.eq(present)) return null;
  const most = maxLeverage(rules, account, market, policy);
  if (!leverage.isInteger() || leverage.lt(ONE) || leverage.gt(most)) {
    const message = `Leverage is a whole number from 1 to ${most.toFixed()}, the maximum for the present notional and what its orders could add.`;
    return refuseAmount('LEVERAGE_OUT_OF_RANGE', message, leverage, most);
  }
  const after = assessMargin(withLeverage(account, rules.symbol, leverage), market, policy);
  const positions = after.positions.filter(({ instrument }) => instrument === rules.symbol);
  if (positions.some(({ notional }) => notional === null)) {
    const message = `${rules.symbol} has a position, and a price is missing: ${after.unpriced.join(', ')}.`;
    return refuse('PRICE_UNAVAILABLE', message);
  }
  for (const position of leverage.gt(present) ? [] : positions) {
    const { marginMode, initialMargin } = position;
    const covered = coverOfIsolated(position);
    if (marginMode === 'CROSS' || covered === null || initialMargin === null) continue;
    if (covered.lt(initialMargin)) return isolatedNotCovered(initialMargin, covered);
  }
  const before = assessMargin(account, market, policy);
  return after.initialMargin.lte(before.initialMargin) ? null : checkInitialMargin(after);
}
