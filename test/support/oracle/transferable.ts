/**
 * Rules 8 by their definition: the largest whole number of units of the 18th digit that may be taken away, found by
 * halving, where each trial adds the collateral up again.
 */
import { takesMark, weighed } from './orders.js';
import type { Portfolio, PortfolioAsset } from './portfolio.js';
import {
  floorUnits,
  fromUnits,
  least,
  minus,
  most,
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
  settlementOf,
  tableInMode,
  stateOf,
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
  if (hasStaleLiability(portfolio)) return zero;
  const staying = mustStay(portfolio);
  if (isStale(asset, portfolio) && sign(staying) > 0) return zero;

  // What is positive and stale counts 0. Without the holding, with its price: others may be priced as it.
  // Rules 17: where PnL counts as equity, each asset counts with its own loss, and without its gain.
  const left = (of: PortfolioAsset): Rational => plus(rational(of.quantity), least(zero, equityPnl(of, portfolio)));
  const counting = portfolio.assets.map((held) =>
    held === asset || (isStale(held, portfolio) && sign(left(held)) > 0)
      ? { ...held, quantity: '0' }
      : { ...held, quantity: plainText(left(held), 150) ?? '0' },
  );
  const rules = { ...portfolio.rules, asEquity: false };
  const rest = stateOf({ ...portfolio, rules, assets: counting });
  const pnl = countsAsEquity(portfolio) ? zero : rest.pnl;
  const others = minus(plus(rest.initialCollateral, least(zero, pnl)), staying);
  const available = most(zero, left(asset));
  const price = isStale(asset, portfolio) ? null : asQuoted.index(asset, portfolio);
  const table = tableInMode(asset, portfolio);
  const covers = (units: bigint): boolean => {
    const rest = minus(available, fromUnits(units));
    const debt = price === null ? zero : times(least(zero, left(asset)), price);
    const counted = price === null || table === null ? zero : countedValue(rest, price, atFirst(table));
    return order(plus(plus(others, counted), debt), zero) >= 0;
  };
  if (!covers(0n)) return zero;
  let may = 0n;
  let mayNot = floorUnits(available) + 1n;
  while (mayNot - may > 1n) {
    const half = (may + mayNot) / 2n;
    if (covers(half)) may = half;
    else mayNot = half;
  }
  return fromUnits(may);
}

/** The initial margin, a part of the notionals of cross positions, or a multiple of maintenance: the largest. */
function mustStay(portfolio: Portfolio): Rational {
  const [rate, multiple] = portfolio.rules.transferFloor ?? ['0', '0'];
  const { initialMargin, maintenanceMargin } = stateOf(portfolio);
  const crossed = portfolio.positions.filter(({ isolated }) => !isolated);
  const notionals = crossed.map(({ instrument, size }) =>
    times(times(rational(size), asQuoted.mark(instrument, portfolio) ?? zero), rateOf(instrument, portfolio) ?? zero),
  );
  const floors = [times(total(notionals), rational(rate)), times(maintenanceMargin, rational(multiple))];
  return floors.reduce(most, initialMargin);
}

/** A debt, a cross position or what orders require has a stale price: a mark, or that of a settlement asset. */
function hasStaleLiability(portfolio: Portfolio): boolean {
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

function isStale(asset: PortfolioAsset, portfolio: Portfolio): boolean {
  const root = asset.pricedAs ?? asset.symbol;
  if (root === portfolio.unit) return false;
  return portfolio.assets.some(({ symbol, price, stale }) => symbol === root && price !== null && stale);
}
