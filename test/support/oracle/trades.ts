/**
 * A trade that closes, opens or does both (rules: 1, 6, 14 and 22), from the rules' text: the portfolio after it is written
 * out as texts, and added up again from nothing.
 */
import { allInitialMargin, covers, isSame, withOpened } from './changes.js';
import type { Portfolio, PortfolioAsset, PortfolioPosition } from './portfolio.js';
import {
  ceil18,
  floor18,
  least,
  minus,
  most,
  negative,
  order,
  over,
  plainText,
  plus,
  rational,
  sign,
  times,
  total,
  zero,
  type Rational,
} from './rational.js';
import { asQuoted, atFirst, countedValue, equityPnl, rateOf, settlementOf, stateOf, tableInMode } from './state.js';
import { hasStaleLiability, isStale } from './transferable.js';

export interface PortfolioTrade {
  readonly instrument: string;
  readonly buys: boolean;
  readonly size: string;
  readonly price: string;
  /** In the settlement asset, from 0. */
  readonly fee: string;
  /** Of what it newly opens. */
  readonly leverage: string;
  readonly isolated: boolean;
}

/** Whether it is accepted while balances with a stale price count 0, and nothing that is required is stale. */
export function isTradeAccepted(trade: PortfolioTrade, portfolio: Portfolio): boolean {
  const after = withTrade(trade, portfolio);
  const opened = after.positions.filter((each) => {
    const before = portfolio.positions.find((held) => isSame(held, each));
    return order(rational(each.size), rational(before?.size ?? '0')) > 0;
  });
  for (const position of opened) {
    if (tableInMode(settlementOf(position.instrument, after), after) === null) return false;
    if (!position.isolated) continue;
    if (asQuoted.mark(position.instrument, after) === null || rateOf(position.instrument, after) === null) return false;
    if (!covers(position, after)) return false;
  }
  if (order(allInitialMargin(after), allInitialMargin(portfolio)) < 0) return true;
  if (hasStaleLiability(after)) return false;
  const { status, initialCollateral, pnlBeside, initialMargin } = stateOf(after);
  if (status === 'UNPRICED') return false;
  const stale = total(after.assets.filter((each) => isStale(each, after)).map((each) => countedAtFirst(each, after)));
  return order(plus(minus(initialCollateral, stale), pnlBeside), initialMargin) >= 0;
}

/** What a positive equity counts when something is to be opened. */
function countedAtFirst(asset: PortfolioAsset, portfolio: Portfolio): Rational {
  const [price, table] = [asQuoted.index(asset, portfolio), tableInMode(asset, portfolio)];
  const equity = plus(rational(asset.quantity), equityPnl(asset, portfolio));
  return price === null || table === null ? zero : countedValue(most(zero, equity), price, atFirst(table));
}

function withTrade(trade: PortfolioTrade, portfolio: Portfolio): Portfolio {
  const { instrument, buys, price, leverage, isolated } = trade;
  const against = portfolio.hedge
    ? undefined
    : portfolio.positions.find((each) => each.instrument === instrument && each.long !== buys);
  const size = rational(trade.size);
  const closed = least(size, rational(against?.size ?? '0'));
  const rest = minus(size, closed);
  let after = paid(negative(rational(trade.fee)), instrument, portfolio);
  if (against !== undefined) after = withClosed(against, closed, trade, after);
  if (sign(rest) <= 0) return after;
  const opened = { instrument, long: buys, size: text(rest), cost: '0', leverage, isolated, margin: '0' };
  return withOpened(opened, price, after);
}

/** The fee is paid already; in isolated margin the position bears its part. */
function withClosed(held: PortfolioPosition, closed: Rational, trade: PortfolioTrade, portfolio: Portfolio): Portfolio {
  const [size, cost, margin] = [rational(held.size), rational(held.cost), rational(held.margin)];
  const isWhole = order(closed, size) === 0;
  const part = (of: Rational): Rational => over(times(of, closed), size);
  const proceeds = times(closed, rational(trade.price));
  // Against the client: a long releases more of its cost, a short less of what it was sold for.
  const released = isWhole ? cost : held.long ? least(cost, ceil18(part(cost))) : floor18(part(cost));
  const pnl = floor18(held.long ? minus(proceeds, released) : minus(released, proceeds));
  const left = { ...held, size: text(minus(size, closed)), cost: text(minus(cost, released)) };
  const without = portfolio.positions.filter((each) => each !== held);
  const withLeft = (position: PortfolioPosition): Portfolio => ({
    ...portfolio,
    positions: isWhole ? without : [...without, position],
  });
  if (!held.isolated) return paid(pnl, held.instrument, withLeft(left));
  const freed = isWhole ? margin : floor18(part(margin));
  const fee = floor18(over(times(rational(trade.fee), closed), rational(trade.size)));
  const result = plus(freed, minus(pnl, fee));
  // A surplus goes to the balance. A deficit is taken from the margin that is left, and insured beyond it.
  const kept = most(zero, plus(minus(margin, freed), least(zero, result)));
  return paid(plus(most(zero, result), fee), held.instrument, withLeft({ ...left, margin: text(kept) }));
}

function paid(amount: Rational, instrument: string, portfolio: Portfolio): Portfolio {
  const settled = settlementOf(instrument, portfolio).symbol;
  const assets = portfolio.assets.map((each) =>
    each.symbol === settled ? { ...each, quantity: text(plus(rational(each.quantity), amount)) } : each,
  );
  return { ...portfolio, assets };
}

function text(value: Rational): string {
  const plain = plainText(value, 150);
  if (plain === null) throw new Error('not a finite decimal');
  return plain;
}
