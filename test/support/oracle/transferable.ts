/**
 * Rules 8 by their definition: the largest whole number of units of the 18th digit that may be taken away, found by
 * halving, where each trial adds collateral, debts and what must stay up again.
 */
import { takesMark, weighed } from './orders.js';
import type { Portfolio, PortfolioAsset } from './portfolio.js';
import {
  floorUnits,
  fromUnits,
  least,
  minus,
  most,
  negative,
  order,
  plainText,
  plus,
  rational,
  sign,
  times,
  total,
  zero,
  type Rational,
} from './rational.js';
import {
  asQuoted,
  atFirst,
  countedValue,
  countsAsEquity,
  equityPnl,
  rateOf,
  requiredOfDebt,
  settlementOf,
  tableInMode,
  stateOf,
  type State,
} from './state.js';

export function maxTransferableBy(symbol: string, portfolio: Portfolio): Rational {
  const asset = portfolio.assets.find((held) => held.symbol === symbol);
  if (asset === undefined || !asset.transferable) return zero;
  const quantity = rational(asset.quantity);
  if (sign(quantity) <= 0) return zero;
  const { status } = stateOf(portfolio);
  if (status === 'UNPRICED') return zero;
  if (!portfolio.multiAsset && symbol !== portfolio.single) {
    const owes = portfolio.assets.some((held) => sign(rational(held.quantity)) < 0);
    return owes || status === 'LIQUIDATION' ? zero : quantity;
  }
  // Rules 23: what is switched off leaves entirely, but for the part that a loss settled in it would leave owed.
  if (asset.switchedOff === true && portfolio.multiAsset) {
    const without = (of: PortfolioAsset): Rational =>
      plus(rational(of.quantity), least(zero, equityPnl(of, portfolio)));
    const owes = portfolio.assets.some((of) => sign(without(of)) < 0);
    return owes || status === 'LIQUIDATION' ? zero : without(asset);
  }
  if (hasStaleLiability(portfolio)) return zero;

  const loss = (of: PortfolioAsset): Rational => least(zero, equityPnl(of, portfolio));
  const { rest, pnl } = restBeside(asset, portfolio);

  const price = asQuoted.index(asset, portfolio);
  const table = tableInMode(asset, portfolio);
  const isOwnStale = isStale(asset, portfolio);
  const isEnoughWithout = (units: bigint): boolean => {
    const own = plus(minus(quantity, fromUnits(units)), loss(asset));
    const owed = most(zero, negative(own));
    const needs =
      price === null ? { initial: zero, maintenance: zero } : requiredOfDebt(owed, price, symbol, portfolio);
    const staying = mustStay(
      plus(rest.initialMargin, needs.initial),
      plus(rest.maintenanceMargin, needs.maintenance),
      portfolio,
    );
    if (isOwnStale && sign(staying) > 0) return false;
    const isCounted = price !== null && table !== null && !isOwnStale;
    const counted = isCounted ? countedValue(most(zero, own), price, atFirst(table)) : zero;
    const debt = price === null ? zero : times(owed, price);
    const all = total([rest.initialCollateral, pnl, counted, negative(debt)]);
    return order(all, staying) >= 0;
  };
  if (!isEnoughWithout(0n)) return zero;
  let may = 0n;
  let mayNot = floorUnits(quantity) + 1n;
  while (mayNot - may > 1n) {
    const half = (may + mayNot) / 2n;
    if (isEnoughWithout(half)) may = half;
    else mayNot = half;
  }
  return fromUnits(may);
}

/**
 * What does not change with x: all that is not in the asset. It keeps its price: others may be priced as it. What is positive
 * and stale counts 0, and where PnL counts as equity, an asset counts balance + min(0, PnL settled in it) (rules: 8 and 17).
 */
function restBeside(asset: PortfolioAsset, portfolio: Portfolio): { readonly rest: State; readonly pnl: Rational } {
  const left = (of: PortfolioAsset): Rational => plus(rational(of.quantity), least(zero, equityPnl(of, portfolio)));
  const isCounted = (of: PortfolioAsset): boolean => !isStale(of, portfolio) || sign(left(of)) < 0;
  const assets = portfolio.assets.map((held) => ({
    ...held,
    quantity: held !== asset && isCounted(held) ? (plainText(left(held), 150) ?? 'not finite') : '0',
  }));
  const rest = stateOf({ ...portfolio, rules: { ...portfolio.rules, asEquity: false }, assets });
  return { rest, pnl: countsAsEquity(portfolio) ? zero : least(zero, rest.pnl) };
}

/** The initial margin, a part of the notionals of cross positions, or a multiple of maintenance: the largest. */
function mustStay(initial: Rational, maintenance: Rational, portfolio: Portfolio): Rational {
  const [rate, multiple] = portfolio.rules.transferFloor ?? ['0', '0'];
  return [times(crossNotional(portfolio), rational(rate)), times(maintenance, rational(multiple))].reduce(
    most,
    initial,
  );
}

/** Rules 23: why an account may not do without an asset, some of which counts; null: it may. */
export function refusalWithout(asset: PortfolioAsset, portfolio: Portfolio): string | null {
  const without = {
    ...portfolio,
    assets: portfolio.assets.map((of) => (of === asset ? { ...of, quantity: '0' } : of)),
  };
  if (stateOf(without).status === 'UNPRICED' || hasStaleLiability(without)) return 'PRICE_UNAVAILABLE';
  const isBacked = (as: Portfolio): boolean => {
    const own = as.assets.find(({ symbol }) => symbol === asset.symbol) ?? asset;
    const { rest, pnl } = restBeside(own, as);
    return order(plus(rest.initialCollateral, pnl), mustStay(rest.initialMargin, rest.maintenanceMargin, as)) >= 0;
  };
  if (isBacked(portfolio)) return null;
  const fresh = portfolio.assets.map((of) => ({ ...of, stale: false }));
  return isBacked({ ...portfolio, assets: fresh }) ? 'PRICE_UNAVAILABLE' : 'INSUFFICIENT_MARGIN';
}

function crossNotional(portfolio: Portfolio): Rational {
  const crossed = portfolio.positions.filter(({ isolated }) => !isolated);
  return total(
    crossed.map(({ instrument, size }) =>
      times(times(rational(size), asQuoted.mark(instrument, portfolio) ?? zero), rateOf(instrument, portfolio) ?? zero),
    ),
  );
}

/** A debt, a cross position or what orders require has a stale price: a mark, or that of a settlement asset. */
export function hasStaleLiability(portfolio: Portfolio): boolean {
  const staleDebt = portfolio.assets.some((asset) => sign(rational(asset.quantity)) < 0 && isStale(asset, portfolio));
  const isStaleMark = (instrument: string): boolean =>
    portfolio.instruments.some(({ symbol, mark, stale }) => symbol === instrument && mark !== null && stale);
  const staleMark = portfolio.positions.some(({ instrument, isolated }) => !isolated && isStaleMark(instrument));
  const staleOrders = (portfolio.orders ?? []).some(
    (orders) =>
      (takesMark(orders, portfolio) && isStaleMark(orders.instrument)) ||
      (weighed(orders, portfolio) && isStale(settlementOf(orders.instrument, portfolio), portfolio)),
  );
  const staleSettlement = portfolio.positions.some(
    ({ instrument, isolated }) => !isolated && isStale(settlementOf(instrument, portfolio), portfolio),
  );
  return staleDebt || staleMark || staleSettlement || staleOrders;
}

export function isStale(asset: PortfolioAsset, portfolio: Portfolio): boolean {
  const root = asset.pricedAs ?? asset.symbol;
  if (root === portfolio.unit) return false;
  return portfolio.assets.some(({ symbol, price, stale }) => symbol === root && price !== null && stale);
}
