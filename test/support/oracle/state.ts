/**
 * The margin state of a portfolio in exact rationals, written from the rules' text and the venues' documents. It shares
 * no code with what it judges, and takes no shortcut: every question is answered by adding everything up again.
 */
import { neededByOrders } from './orders.js';
import type { Portfolio, PortfolioAsset, PortfolioInstrument, PortfolioPosition, PortfolioTable } from './portfolio.js';
import {
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
  total,
  zero,
  type Rational,
} from './rational.js';

/** Prices in force; what is moved is multiplied by a factor. */
export interface Prices {
  index(asset: PortfolioAsset, portfolio: Portfolio): Rational | null;
  mark(instrument: string, portfolio: Portfolio): Rational | null;
}

export const asQuoted: Prices = {
  index(asset, portfolio) {
    const root = asset.pricedAs ?? asset.symbol;
    if (root === portfolio.unit) return one;
    const price = portfolio.assets.find(({ symbol }) => symbol === root)?.price ?? null;
    return price === null ? null : rational(price);
  },
  mark(instrument, portfolio) {
    const mark = portfolio.instruments.find(({ symbol }) => symbol === instrument)?.mark ?? null;
    return mark === null ? null : rational(mark);
  },
};

export interface State {
  readonly status: string;
  readonly wallet: Rational;
  readonly collateral: Rational;
  readonly initialCollateral: Rational;
  readonly pnl: Rational;
  /** What of it counts beside the collateral. */
  readonly pnlBeside: Rational;
  readonly marginBalance: Rational;
  readonly initialMargin: Rational;
  /** The part of it that is for resting orders. */
  readonly forOrders: Rational;
  readonly maintenanceMargin: Rational;
  /** Null: infinite, nothing required, or unpriced. Rounded up at 18 digits. */
  readonly ratio: Rational | null;
}

/** Rules 3: a positive quantity through the tiers, progressively. */
export function countedValue(quantity: Rational, price: Rational, table: PortfolioTable): Rational {
  const coins = table.userCap === null ? quantity : least(quantity, rational(table.userCap));
  const amount = table.inCoins ? coins : times(coins, price);
  const parts = table.tiers.map(({ floor, cap, ratio }) => {
    const upper = cap === null ? amount : least(amount, rational(cap));
    const inside = most(zero, minus(upper, rational(floor)));
    return times(times(inside, table.inCoins ? price : one), rational(ratio));
  });
  return total(parts);
}

/** The table by which a quantity counts when something is to be opened or taken out. */
export function atFirst(table: PortfolioTable): PortfolioTable {
  return { ...table, tiers: table.initialTiers ?? table.tiers };
}

/** Rules 2: whether the quantity counts for more than 0 at a price that is beyond every tier. */
export function wouldCount(quantity: Rational, asset: PortfolioAsset, portfolio: Portfolio): boolean {
  const table = tableInMode(asset, portfolio);
  return table !== null && sign(countedValue(quantity, { n: 10n ** 90n, d: 1n }, table)) > 0;
}

/** Rules 3 and 23: what a table says of the asset in the account's mode; null: counts nothing. */
export function tableInMode(asset: PortfolioAsset, portfolio: Portfolio): PortfolioTable | null {
  const atPar = { inCoins: false, tiers: [{ floor: '0', cap: null, ratio: '1' }], userCap: null };
  if (!portfolio.multiAsset) return asset.symbol === portfolio.single ? atPar : null;
  if (asset.switchedOff === true) return null;
  return asset.table ?? (asset.symbol === portfolio.unit ? atPar : null);
}

/** Rules 5: maintenance margin / margin balance at which liquidation begins. */
export function liquidationAt({ rules }: Portfolio): Rational {
  const [numerator, denominator] = rules.liquidationRatio ?? ['1', '1'];
  return over(rational(numerator), rational(denominator));
}

/** Rules 16: what one of the asset in which an instrument is settled is worth; null: never priced. */
export function rateOf(instrument: string, portfolio: Portfolio, prices: Prices = asQuoted): Rational | null {
  const settled = settlementOf(instrument, portfolio);
  return prices.index(settled, portfolio);
}

export function settlementOf(instrument: string, portfolio: Portfolio): PortfolioAsset {
  const symbol = portfolio.instruments.find((each) => each.symbol === instrument)?.settlement;
  const asset = portfolio.assets.find((each) => each.symbol === symbol);
  if (asset === undefined) throw new Error('no settlement asset');
  return asset;
}

/** Rules 4: the tier of a notional. */
export function tierOf(
  notional: Rational,
  instrument: string,
  portfolio: Portfolio,
): PortfolioInstrument['tiers'][number] {
  const tiers = portfolio.instruments.find(({ symbol }) => symbol === instrument)?.tiers ?? [];
  const reached = tiers.filter(({ floor }) => order(rational(floor), notional) <= 0);
  const tier = reached[reached.length - 1];
  if (tier === undefined) throw new Error('no tier');
  return tier;
}

/** Rules 4, at a given mark: maintenance margin and initial margin of one position. */
export function required(
  position: PortfolioPosition,
  mark: Rational,
  portfolio: Portfolio,
): { initial: Rational; maintenance: Rational } {
  const { rules } = portfolio;
  const notional = times(rational(position.size), mark);
  const tier = tierOf(notional, position.instrument, portfolio);
  const gross = times(notional, rational(tier.rate));
  const net = rules.progressive ? minus(gross, rational(tier.amount)) : gross;
  const maintenance = plus(net, times(notional, rational(rules.liquidationFeeRate)));
  const leverage = least(rational(position.leverage), rational(tier.maxLeverage));
  const limit = liquidationAt(portfolio);
  const floor = order(limit, one) === 0 ? maintenance : ceil18(over(maintenance, limit));
  return { initial: most(ceil18(over(notional, leverage)), floor), maintenance };
}

/** Rules 18: each part of what is owed by the rate of its tier; above the last cap the last tier goes on. */
export function requiredOfDebt(
  owed: Rational,
  price: Rational,
  symbol: string,
  { rules }: Portfolio,
): { initial: Rational; maintenance: Rational } {
  const tables = rules.liabilities ?? [];
  if (tables.length === 0) {
    const flat = times(times(owed, price), rational(rules.debtMarginRate));
    return { initial: flat, maintenance: flat };
  }
  const table = tables.find(({ asset }) => asset === symbol) ?? tables.find(({ asset }) => asset === null);
  if (table === undefined) return { initial: zero, maintenance: zero };
  const amount = table.inCoins ? owed : times(owed, price);
  const along = (rate: 'initial' | 'maintenance'): Rational => {
    const parts = table.tiers.map((tier, index) => {
      const isLast = index === table.tiers.length - 1;
      const upper = tier.cap === null || isLast ? amount : least(amount, rational(tier.cap));
      return times(most(zero, minus(upper, rational(tier.floor))), rational(tier[rate]));
    });
    return times(total(parts), table.inCoins ? price : one);
  };
  return { initial: along('initial'), maintenance: along('maintenance') };
}

export function pnlOf(position: PortfolioPosition, mark: Rational): Rational {
  const gain = minus(times(rational(position.size), mark), rational(position.cost));
  return position.long ? gain : negative(gain);
}

/** Rules 5: by cross-multiplication. */
export function statusBy(balance: Rational, maintenance: Rational, portfolio: Portfolio): string {
  const { rules } = portfolio;
  if (sign(maintenance) === 0) return sign(balance) < 0 ? 'LIQUIDATION' : 'NO_EXPOSURE';
  const against = order(times(liquidationAt(portfolio), balance), maintenance);
  if (against < 0 || (against === 0 && rules.liquidatesAtEquality)) return 'LIQUIDATION';
  if (order(maintenance, times(rational(rules.marginCallRatio), balance)) >= 0) return 'MARGIN_CALL';
  if (order(maintenance, times(rational(rules.warningRatio), balance)) >= 0) return 'WARNING';
  return 'HEALTHY';
}

export function countsAsEquity({ rules, multiAsset }: Portfolio): boolean {
  return rules.asEquity === true && multiAsset;
}

/** Rules 17: PnL of cross positions that are settled in the asset, where it counts with the balance. */
export function equityPnl(asset: PortfolioAsset, portfolio: Portfolio, prices: Prices = asQuoted): Rational {
  if (!countsAsEquity(portfolio)) return zero;
  return total(
    portfolio.positions.flatMap((position) => {
      const mark = prices.mark(position.instrument, portfolio);
      const isOwn = settlementOf(position.instrument, portfolio).symbol === asset.symbol;
      return position.isolated || mark === null || !isOwn ? [] : [pnlOf(position, mark)];
    }),
  );
}

/** Rules 2 to 5. */
export function stateOf(portfolio: Portfolio, prices: Prices = asQuoted): State {
  const wallet: Rational[] = [];
  const counted: Rational[] = [];
  const countedAtFirst: Rational[] = [];
  const [initial, maintenance]: [Rational[], Rational[]] = [[], []];
  let unknown = false;
  let lowerBound = false;
  for (const asset of portfolio.assets) {
    const held = rational(asset.quantity);
    const quantity = plus(held, equityPnl(asset, portfolio, prices));
    const price = prices.index(asset, portfolio);
    const table = tableInMode(asset, portfolio);
    if (price === null) {
      if (sign(held) < 0) unknown = true;
      else if (sign(held) > 0 && wouldCount(held, asset, portfolio)) lowerBound = true;
      continue;
    }
    wallet.push(times(held, price));
    if (sign(quantity) < 0) {
      counted.push(times(quantity, price));
      countedAtFirst.push(times(quantity, price));
      const needs = requiredOfDebt(negative(quantity), price, asset.symbol, portfolio);
      initial.push(needs.initial);
      maintenance.push(needs.maintenance);
    } else if (table !== null) {
      counted.push(countedValue(quantity, price, table));
      countedAtFirst.push(countedValue(quantity, price, atFirst(table)));
    }
  }
  const gains: Rational[] = [];
  for (const position of portfolio.positions) {
    if (position.isolated) continue;
    const mark = prices.mark(position.instrument, portfolio);
    const rate = rateOf(position.instrument, portfolio, prices);
    if (mark === null || rate === null) {
      unknown = true;
      continue;
    }
    gains.push(times(pnlOf(position, mark), rate));
    const needs = required(position, mark, portfolio);
    initial.push(times(needs.initial, rate));
    maintenance.push(times(needs.maintenance, rate));
  }
  const forOrders: Rational[] = [];
  for (const orders of portfolio.orders ?? []) {
    const needs = neededByOrders(orders, portfolio, prices);
    if (needs === null) unknown = true;
    else {
      const rate = rateOf(orders.instrument, portfolio, prices) ?? zero;
      forOrders.push(times(needs.initial, rate));
      maintenance.push(times(needs.maintenance, rate));
    }
  }
  const collateral = total(counted);
  const pnl = total(gains);
  const pnlBeside = countsAsEquity(portfolio) ? zero : pnl;
  const marginBalance = plus(collateral, pnlBeside);
  const maintenanceMargin = total(maintenance);
  let status = statusBy(marginBalance, maintenanceMargin, portfolio);
  if (unknown || (lowerBound && status !== 'HEALTHY' && status !== 'NO_EXPOSURE')) status = 'UNPRICED';
  const infinite = sign(maintenanceMargin) === 0 || sign(marginBalance) <= 0 || status === 'UNPRICED';
  return {
    status,
    wallet: total(wallet),
    collateral,
    initialCollateral: total(countedAtFirst),
    pnl,
    pnlBeside,
    marginBalance,
    initialMargin: plus(total(initial), total(forOrders)),
    forOrders: total(forOrders),
    maintenanceMargin,
    ratio: infinite ? null : ceil18(over(maintenanceMargin, marginBalance)),
  };
}

/** Rules 6: an isolated position by itself. */
export function isolatedState(
  position: PortfolioPosition,
  portfolio: Portfolio,
  mark: Rational | null,
): { status: string; balance: Rational; maintenance: Rational } {
  if (mark === null || rateOf(position.instrument, portfolio) === null) {
    return { status: 'UNPRICED', balance: zero, maintenance: zero };
  }
  const balance = plus(rational(position.margin), pnlOf(position, mark));
  const { maintenance } = required(position, mark, portfolio);
  return { status: statusBy(balance, maintenance, portfolio), balance, maintenance };
}
