/**
 * What resting orders require, in exact rationals, from the rules' text (rules: 20): signed notionals, absolute values,
 * and the position's own requirement taken off again.
 */
import type { Portfolio, PortfolioOrders, PortfolioPosition } from './portfolio.js';
import {
  absolute,
  ceil18,
  least,
  minus,
  most,
  negative,
  one,
  order,
  over,
  plus,
  rational,
  sign,
  times,
  zero,
  type Rational,
} from './rational.js';
import { liquidationAt, rateOf, required, tierOf, type Prices } from './state.js';

export interface OrdersNeed {
  readonly initial: Rational;
  readonly maintenance: Rational;
}

export function ruleOf({ rules }: Portfolio): { initial: boolean; maintenance: boolean; openLoss: boolean } {
  const [initial, maintenance, openLoss] = rules.openOrders ?? [false, false, false];
  return { initial, maintenance, openLoss };
}

export function positionBeside(orders: PortfolioOrders, portfolio: Portfolio): PortfolioPosition | undefined {
  return portfolio.positions.find(
    ({ instrument, long }) => instrument === orders.instrument && (orders.long === null || orders.long === long),
  );
}

/** The worse notional, given the signed one of the position. */
export function worstSide(signed: Rational, orders: PortfolioOrders): Rational {
  const [buys, sells] = [rational(orders.buyNotional), rational(orders.sellNotional)];
  if (orders.long === true) return plus(signed, buys);
  if (orders.long === false) return plus(negative(signed), sells);
  return most(absolute(plus(signed, buys)), absolute(minus(signed, sells)));
}

/** Null: it takes a mark price that is not there. */
export function neededByOrders(orders: PortfolioOrders, portfolio: Portfolio, prices: Prices): OrdersNeed | null {
  const rule = ruleOf(portfolio);
  const position = positionBeside(orders, portfolio);
  const mark = prices.mark(orders.instrument, portfolio);
  if (weighed(orders, portfolio) && rateOf(orders.instrument, portfolio, prices) === null) return null;
  let initial = zero;
  let maintenance = zero;
  if (rule.initial || rule.maintenance) {
    let signed = zero;
    let own = { initial: zero, maintenance: zero };
    if (position !== undefined) {
      // An isolated position without a mark: its cost stands for its notional.
      if (mark === null && !position.isolated) return null;
      const unit = mark ?? over(rational(position.cost), rational(position.size));
      const notional = times(rational(position.size), unit);
      signed = position.long ? notional : negative(notional);
      own = required(position, unit, portfolio);
    }
    const worst = worstSide(signed, orders);
    const tier = tierOf(worst, orders.instrument, portfolio);
    const gross = times(worst, rational(tier.rate));
    const net = portfolio.rules.progressive ? minus(gross, rational(tier.amount)) : gross;
    const kept = plus(net, times(worst, rational(portfolio.rules.liquidationFeeRate)));
    const leverage = least(rational(position?.leverage ?? orders.leverage), rational(tier.maxLeverage));
    let whole = own.initial;
    if (rule.initial) whole = most(whole, ceil18(over(worst, leverage)));
    if (rule.maintenance) {
      const limit = liquidationAt(portfolio);
      const borne = (amount: Rational): Rational => (order(limit, one) === 0 ? amount : ceil18(over(amount, limit)));
      maintenance = minus(kept, own.maintenance);
      // The cross account bears a cross position with its orders, and of an isolated one the orders alone.
      const floor = position?.isolated === true ? plus(own.initial, borne(maintenance)) : borne(kept);
      whole = most(whole, floor);
    }
    initial = minus(whole, own.initial);
  }
  if (rule.openLoss) {
    const losses = [
      { counts: orders.long !== false, size: rational(orders.buySize), paid: rational(orders.buyNotional), up: true },
      { counts: orders.long !== true, size: rational(orders.sellSize), paid: rational(orders.sellNotional), up: false },
    ];
    for (const { counts, size, paid, up } of losses) {
      if (!counts || sign(size) === 0) continue;
      if (mark === null) return null;
      const worth = times(size, mark);
      initial = plus(initial, most(zero, up ? minus(paid, worth) : minus(worth, paid)));
    }
  }
  return { initial, maintenance };
}

/** Whether they can require anything at all, and so take the price of what the instrument is settled in. */
export function weighed(orders: PortfolioOrders, portfolio: Portfolio): boolean {
  const { initial, maintenance, openLoss } = ruleOf(portfolio);
  return (initial || maintenance || openLoss) && opens(orders);
}

function opens(orders: PortfolioOrders): boolean {
  return (
    (orders.long !== false && sign(rational(orders.buySize)) > 0) ||
    (orders.long !== true && sign(rational(orders.sellSize)) > 0)
  );
}

/** Whether what they require takes the mark of the instrument. */
export function takesMark(orders: PortfolioOrders, portfolio: Portfolio): boolean {
  const { initial, maintenance, openLoss } = ruleOf(portfolio);
  return opens(orders) && (openLoss || ((initial || maintenance) && positionBeside(orders, portfolio) !== undefined));
}

/** Marks at which the worst side changes, or begins another tier. */
export function orderEdges(position: PortfolioPosition, portfolio: Portfolio): Rational[] {
  if (!ruleOf(portfolio).maintenance) return [];
  const size = rational(position.size);
  const tiers = portfolio.instruments.find(({ symbol }) => symbol === position.instrument)?.tiers ?? [];
  return (portfolio.orders ?? [])
    .filter((orders) => positionBeside(orders, portfolio) === position)
    .flatMap((orders) => {
      const [buys, sells] = [rational(orders.buyNotional), rational(orders.sellNotional)];
      const [adds, reduces] = position.long ? [buys, sells] : [sells, buys];
      const floors = tiers.map(({ floor }) => rational(floor));
      return [
        over(minus(reduces, adds), times(plus(one, one), size)),
        ...floors.flatMap((floor) => [over(minus(floor, adds), size), over(minus(reduces, floor), size)]),
      ];
    });
}
