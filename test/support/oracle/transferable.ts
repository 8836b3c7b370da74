/**
 * Rules 8 by their definition: the largest whole number of units of the 18th digit that may be taken away, found by
 * halving, where each trial adds the collateral up again.
 */
import type { Portfolio } from './portfolio.js';
import { floorUnits, fromUnits, least, minus, order, plus, rational, sign, zero, type Rational } from './rational.js';
import { asQuoted, countedValue, tableInMode, stateOf } from './state.js';

export function maxTransferableBy(symbol: string, portfolio: Portfolio): Rational {
  const asset = portfolio.assets.find((held) => held.symbol === symbol);
  if (asset === undefined || !asset.transferable) return zero;
  const quantity = rational(asset.quantity);
  if (sign(quantity) <= 0) return zero;
  if (stateOf(portfolio).status === 'UNPRICED') return zero;
  if (!portfolio.multiAsset && symbol !== 'USDT') {
    const cash = portfolio.assets.find((held) => held.symbol === 'USDT')?.quantity ?? '0';
    return sign(rational(cash)) < 0 ? zero : quantity;
  }
  if (needsStalePrice(portfolio)) return zero;

  // Without the holding, with its price: others may be priced as it.
  const without = portfolio.assets.map((held) => (held === asset ? { ...held, quantity: '0' } : held));
  const rest = stateOf({ ...portfolio, assets: without });
  const others = minus(plus(rest.collateral, least(zero, rest.pnl)), rest.initialMargin);
  const price = asQuoted.index(asset, portfolio);
  const table = tableInMode(asset, portfolio);
  const covers = (units: bigint): boolean => {
    const left = minus(quantity, fromUnits(units));
    const counted = price === null || table === null ? zero : countedValue(left, price, table);
    return order(plus(others, counted), zero) >= 0;
  };
  if (!covers(0n)) return zero;
  let may = 0n;
  let mayNot = floorUnits(quantity) + 1n;
  while (mayNot - may > 1n) {
    const half = (may + mayNot) / 2n;
    if (covers(half)) may = half;
    else mayNot = half;
  }
  return fromUnits(may);
}

/** A price that decides is stale: only where something is owed or a cross position stands. */
function needsStalePrice(portfolio: Portfolio): boolean {
  const crossed = portfolio.positions.filter(({ isolated }) => !isolated);
  const owes = portfolio.assets.some(({ quantity }) => sign(rational(quantity)) < 0);
  if (crossed.length === 0 && !owes) return false;
  const staleMark = crossed.some(
    (position) => portfolio.instruments.find(({ symbol }) => symbol === position.instrument)?.stale === true,
  );
  const staleIndex = portfolio.assets.some((asset) => {
    const quantity = sign(rational(asset.quantity));
    if (quantity === 0 || asset.pricedAs === 'USDT' || asset.symbol === 'USDT') return false;
    const source = portfolio.assets.find(({ symbol }) => symbol === (asset.pricedAs ?? asset.symbol));
    const counts = quantity < 0 || tableInMode(asset, portfolio) !== null;
    return counts && source !== undefined && source.price !== null && source.stale;
  });
  return staleMark || staleIndex;
}
