/**
 * What a venue would accept, and what moved prices come to (rules: 2, 7, 9 and 14), from the rules' text. Changed
 * portfolios are written out as texts and added up again from nothing.
 */
import { positionBeside, ruleOf, worstSide } from './orders.js';
import type { Portfolio, PortfolioAsset, PortfolioOrders, PortfolioPosition } from './portfolio.js';
import {
  ceil18,
  least,
  minus,
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
import {
  asQuoted,
  atFirst,
  countedValue,
  pnlOf,
  rateOf,
  required,
  settlementOf,
  stateOf,
  tableInMode,
  wouldCount,
} from './state.js';
import { refusalWithout } from './transferable.js';

/** Rules 9: a price of an asset is one of the asset that it is priced as. Null: it is the unit's, which is 1. */
export function priceMoved(symbol: string, price: string, portfolio: Portfolio): Portfolio | null {
  const root = rootOf(symbol, portfolio);
  if (root === portfolio.unit) return null;
  const assets = portfolio.assets.map((asset) => (asset.symbol === root ? { ...asset, price, stale: false } : asset));
  return { ...portfolio, assets };
}

/** Rules 14: the index of an asset, of all that shares its price, and the marks on these, times 1 + shock. */
export function shocked(symbol: string, shock: string, portfolio: Portfolio): Portfolio {
  const root = rootOf(symbol, portfolio);
  if (root === portfolio.unit) return portfolio;
  const moved = (price: string | null): string | null =>
    price === null ? null : exact(times(rational(price), plus(rational('1'), rational(shock))));
  return {
    ...portfolio,
    assets: portfolio.assets.map((asset) => (asset.symbol === root ? { ...asset, price: moved(asset.price) } : asset)),
    instruments: portfolio.instruments.map((instrument) =>
      rootOf(instrument.base, portfolio) === root ? { ...instrument, mark: moved(instrument.mark) } : instrument,
    ),
  };
}

function rootOf(symbol: string, { assets }: Portfolio): string {
  return assets.find((asset) => asset.symbol === symbol)?.pricedAs ?? symbol;
}

/** Rules 2: whether a balance may rise to the quantity. */
export function mayBeCredited(asset: PortfolioAsset, quantity: string, portfolio: Portfolio): boolean {
  return asQuoted.index(asset, portfolio) !== null || !wouldCount(rational(quantity), asset, portfolio);
}

/** Rules 23: why an asset may not be put into the collateral, or taken out of it; null: it may. */
export function switchRefusal(symbol: string, counts: boolean, portfolio: Portfolio): string | null {
  const own = portfolio.assets.find((asset) => asset.symbol === symbol);
  if (own === undefined) return 'ASSET_NOT_FOUND';
  if ((own.switchedOff === true) === !counts) return null;
  const after: PortfolioAsset = { ...own, switchedOff: !counts };
  const switched = { ...portfolio, assets: portfolio.assets.map((asset) => (asset === own ? after : asset)) };
  if (counts) return mayBeCredited(after, own.quantity, switched) ? null : 'PRICE_UNAVAILABLE';
  const traded = [...portfolio.positions, ...(portfolio.orders ?? [])];
  const isSettledIn = traded.some(({ instrument }) => settlementOf(instrument, portfolio) === own);
  if (symbol === portfolio.single || isSettledIn) return 'SETTLEMENT_NOT_ACCEPTED';
  return countsNow(own, portfolio) ? refusalWithout(own, portfolio) : null;
}

/** Whether some of a balance counts at its price. */
function countsNow(own: PortfolioAsset, portfolio: Portfolio): boolean {
  const price = asQuoted.index(own, portfolio);
  const table = portfolio.multiAsset ? tableInMode(own, portfolio) : null;
  const quantity = rational(own.quantity);
  if (price === null || table === null || sign(quantity) <= 0) return false;
  return [table, atFirst(table)].some((each) => sign(countedValue(quantity, price, each)) > 0);
}

/** Rules 7: why the leverage of an instrument may not be set; null: it may. */
export function leverageRefusal(
  symbol: string,
  present: string,
  leverage: string,
  portfolio: Portfolio,
): string | null {
  if (leverage === present) return null;
  const mark = asQuoted.mark(symbol, portfolio);
  const own = portfolio.positions.filter(({ instrument }) => instrument === symbol);
  const tiers = portfolio.instruments.find((instrument) => instrument.symbol === symbol)?.tiers ?? [];
  const notionalOf = ({ size, cost }: PortfolioPosition): Rational =>
    mark === null ? rational(cost) : times(rational(size), mark);
  const { initial, maintenance } = ruleOf(portfolio);
  const resting = initial || maintenance ? (portfolio.orders ?? []) : [];
  const worst = (orders: PortfolioOrders): Rational => {
    const beside = positionBeside(orders, portfolio);
    if (beside === undefined) return worstSide(zero, orders);
    return worstSide(beside.long ? notionalOf(beside) : negative(notionalOf(beside)), orders);
  };
  const ordered = resting.filter(({ instrument }) => instrument === symbol).map(worst);
  const notionals = [...own.map(notionalOf), ...ordered];
  const largest = notionals.reduce((a, b) => (order(a, b) >= 0 ? a : b), zero);
  const tier = tiers.filter(({ floor }) => order(rational(floor), largest) <= 0).at(-1);
  if (Number(leverage) < 1 || Number(leverage) > Number(tier?.maxLeverage ?? 0)) return 'LEVERAGE_OUT_OF_RANGE';
  if (own.length > 0 && (mark === null || rateOf(symbol, portfolio) === null)) return 'PRICE_UNAVAILABLE';
  const after: Portfolio = {
    ...portfolio,
    positions: portfolio.positions.map((each) => (each.instrument === symbol ? { ...each, leverage } : each)),
    orders: (portfolio.orders ?? []).map((each) => (each.instrument === symbol ? { ...each, leverage } : each)),
  };
  const lowered = Number(leverage) < Number(present);
  const isolated = after.positions.filter((each) => each.isolated && each.instrument === symbol);
  if (lowered && isolated.some((each) => !covers(each, after))) return 'INSUFFICIENT_MARGIN';
  const state = stateOf(after);
  if (order(state.initialMargin, stateOf(portfolio).initialMargin) <= 0) return null;
  return acceptedState(after);
}

/** Rules 14: why a trade that opens or adds may not be made; null: it may. */
export function openingRefusal(opened: PortfolioPosition, price: string, portfolio: Portfolio): string | null {
  const after = withOpened(opened, price, portfolio);
  const grown = after.positions.find((each) => isSame(each, opened));
  if (grown === undefined) throw new Error('nothing was opened');
  if (tableInMode(settlementOf(grown.instrument, after), after) === null) return 'SETTLEMENT_NOT_ACCEPTED';
  if (grown.isolated) {
    if (asQuoted.mark(grown.instrument, after) === null || rateOf(grown.instrument, after) === null) {
      return 'PRICE_UNAVAILABLE';
    }
    if (!covers(grown, after)) return 'INSUFFICIENT_MARGIN';
  }
  // It may free what an order against it needed.
  return order(allInitialMargin(after), allInitialMargin(portfolio)) < 0 ? null : acceptedState(after);
}

/** Of the account, and of the isolated positions that have a mark. */
export function allInitialMargin(portfolio: Portfolio): Rational {
  const isolated = portfolio.positions.flatMap((position) => {
    const mark = position.isolated ? asQuoted.mark(position.instrument, portfolio) : null;
    const rate = rateOf(position.instrument, portfolio);
    return mark === null || rate === null ? [] : [times(required(position, mark, portfolio).initial, rate)];
  });
  return plus(stateOf(portfolio).initialMargin, total(isolated));
}

/** The portfolio after a trade that opens the position or adds its size; isolated margin comes out of the settlement asset. */
export function withOpened(opened: PortfolioPosition, price: string, portfolio: Portfolio): Portfolio {
  const held = portfolio.positions.find((each) => isSame(each, opened));
  const cost = times(rational(opened.size), rational(price));
  const settled = settlementOf(opened.instrument, portfolio).symbol;
  const base = held ?? { ...opened, size: '0', cost: '0', margin: '0' };
  const aside = base.isolated ? ceil18(over(cost, rational(base.leverage))) : zero;
  const grown: PortfolioPosition = {
    ...base,
    size: exact(plus(rational(base.size), rational(opened.size))),
    cost: exact(plus(rational(base.cost), cost)),
    margin: exact(plus(rational(base.margin), aside)),
  };
  return {
    ...portfolio,
    assets: portfolio.assets.map((asset) =>
      asset.symbol === settled ? { ...asset, quantity: exact(minus(rational(asset.quantity), aside)) } : asset,
    ),
    positions: [...portfolio.positions.filter((each) => each !== held), grown],
  };
}

/** Rules 14 and 20: why an order may not rest beside those that do; null: it may. */
export function restingRefusal(placed: PortfolioOrders, portfolio: Portfolio): string | null {
  const after = withOrder(placed, portfolio);
  const isCounted = tableInMode(settlementOf(placed.instrument, after), after) !== null;
  if (!isCounted && couldOpen(placed, after)) return 'SETTLEMENT_NOT_ACCEPTED';
  return order(stateOf(after).initialMargin, stateOf(portfolio).initialMargin) <= 0 ? null : acceptedState(after);
}

/** Rules 16: whether the orders in the direction of what is placed could now do more than close a position. */
function couldOpen(placed: PortfolioOrders, after: Portfolio): boolean {
  const all = after.orders?.find(({ instrument, long }) => instrument === placed.instrument && long === placed.long);
  const isBuy = sign(rational(placed.buySize)) > 0;
  if (placed.long !== null) return placed.long === isBuy;
  const held = positionBeside(placed, after);
  const closes = rational(held !== undefined && held.long !== isBuy ? held.size : '0');
  return order(rational((isBuy ? all?.buySize : all?.sellSize) ?? '0'), closes) > 0;
}

/** The portfolio with what is placed added to the orders of its instrument and side. */
function withOrder(placed: PortfolioOrders, portfolio: Portfolio): Portfolio {
  const resting = portfolio.orders ?? [];
  const held = resting.find(({ instrument, long }) => instrument === placed.instrument && long === placed.long);
  const added = (name: 'buySize' | 'sellSize' | 'buyNotional' | 'sellNotional'): string =>
    exact(plus(rational(held?.[name] ?? '0'), rational(placed[name])));
  const sizes = { buySize: added('buySize'), sellSize: added('sellSize') };
  const notionals = { buyNotional: added('buyNotional'), sellNotional: added('sellNotional') };
  const all = { ...(held ?? placed), ...sizes, ...notionals };
  return { ...portfolio, orders: [...resting.filter((each) => each !== held), all] };
}

export function isSame(a: PortfolioPosition, b: PortfolioPosition): boolean {
  return a.instrument === b.instrument && a.long === b.long;
}

/** margin + min(0, PnL) >= initial margin */
export function covers(position: PortfolioPosition, portfolio: Portfolio): boolean {
  const mark = asQuoted.mark(position.instrument, portfolio);
  if (mark === null || rateOf(position.instrument, portfolio) === null) return true;
  const cover = plus(rational(position.margin), least(zero, pnlOf(position, mark)));
  return order(cover, required(position, mark, portfolio).initial) >= 0;
}

function acceptedState(portfolio: Portfolio): string | null {
  const { status, initialCollateral, pnlBeside: pnl, initialMargin } = stateOf(portfolio);
  if (status === 'UNPRICED') return 'PRICE_UNAVAILABLE';
  return order(plus(initialCollateral, pnl), initialMargin) >= 0 ? null : 'INSUFFICIENT_MARGIN';
}

function exact(value: Rational): string {
  const text = plainText(value, 150);
  if (text === null) throw new Error(`not a finite decimal, of sign ${sign(value)}`);
  return text;
}
