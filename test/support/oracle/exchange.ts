/** What an exchange books (rules: 11), from the rules' text: each sum is made anew, of exact rationals. */
import type { Portfolio, PortfolioAsset, PortfolioExchangeTiers, PortfolioTable } from './portfolio.js';
import {
  ceil18,
  floor18,
  least,
  minus,
  most,
  negative,
  one,
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
import { asQuoted, countedValue, tableInMode } from './state.js';

export interface OracleEntry {
  readonly asset: string;
  readonly kind: 'AUTO_EXCHANGE' | 'EXCHANGE_COST';
  readonly quantity: Rational;
}

interface Sold {
  readonly asset: PortfolioAsset;
  readonly price: Rational;
  readonly coins: Rational;
  readonly lost: Rational;
}

/** In multi-asset mode; at index prices that are fresh. */
export function exchangeOf(portfolio: Portfolio): OracleEntry[] {
  const { exchange } = portfolio.rules;
  if (exchange === undefined || !portfolio.multiAsset) return [];
  const priced = portfolio.assets.flatMap((asset) => {
    const price = isStale(asset, portfolio) ? null : asQuoted.index(asset, portfolio);
    return price === null ? [] : [{ asset, price, quantity: rational(asset.quantity) }];
  });
  const debts = priced.filter(({ asset, quantity }) => {
    const threshold = exchange.thresholds[asset.symbol];
    return threshold !== undefined && sign(quantity) < 0 && order(quantity, rational(threshold)) < 0;
  });
  const owed = total(debts.map(({ price, quantity }) => negative(times(price, quantity))));
  const held = priced.flatMap(({ asset, price, quantity }) => {
    const table = sign(quantity) > 0 && asset.convertible !== false ? tableInMode(asset, portfolio) : null;
    const counts = table === null ? zero : countedValue(quantity, price, table);
    return sign(counts) > 0 ? [{ asset, price, quantity, counts }] : [];
  });
  if (debts.length === 0 || held.length === 0) return [];

  const sell = ({ asset, price, quantity }: (typeof held)[number], part: Rational): Sold => {
    const coins = least(quantity, ceil18(times(quantity, least(one, part))));
    const value = times(coins, price);
    const tiers = exchange.rates[asset.symbol];
    const lost = tiers === undefined ? zero : floor18(over(minus(value, credited(value, tiers)), price));
    return { asset, price, coins, lost };
  };
  const worth = ({ price, coins, lost }: Sold): Rational => times(minus(coins, lost), price);
  const sold: Sold[] = [];
  if (exchange.highestFirst) {
    const ratio = ({ counts, quantity, price }: (typeof held)[number]): Rational =>
      over(counts, times(quantity, price));
    const names = held.map(({ asset }) => asset.symbol).sort();
    const inOrder = [...held].sort(
      (a, b) => order(ratio(b), ratio(a)) || names.indexOf(a.asset.symbol) - names.indexOf(b.asset.symbol),
    );
    for (const each of inOrder) {
      const left = minus(owed, total(sold.map(worth)));
      if (sign(left) > 0) sold.push(sell(each, over(left, each.counts)));
    }
  } else {
    const part = over(owed, total(held.map(({ counts }) => counts)));
    for (const each of held) sold.push(sell(each, part));
  }
  const proceeds = total(sold.map(worth));
  const sides = sold.flatMap(({ asset, coins, lost }): OracleEntry[] => [
    { asset: asset.symbol, kind: 'AUTO_EXCHANGE', quantity: minus(lost, coins) },
    { asset: asset.symbol, kind: 'EXCHANGE_COST', quantity: negative(lost) },
  ]);
  const bought = debts.map(({ asset, price, quantity }): OracleEntry => {
    const share = over(negative(times(price, quantity)), owed);
    return { asset: asset.symbol, kind: 'AUTO_EXCHANGE', quantity: floor18(over(times(proceeds, share), price)) };
  });
  return [...sides, ...bought].filter(({ quantity }) => sign(quantity) !== 0);
}

/** Progressively; above the last cap the last tier goes on. */
function credited(value: Rational, tiers: PortfolioExchangeTiers): Rational {
  const parts = tiers.map(({ floor, cap, rate }, index) => {
    const upper = cap === null || index === tiers.length - 1 ? value : least(value, rational(cap));
    return times(most(zero, minus(upper, rational(floor))), rational(rate));
  });
  return total(parts);
}

/** An asset is as stale as the one that it is priced as. */
function isStale({ symbol, pricedAs }: PortfolioAsset, { unit, assets }: Portfolio): boolean {
  const root = pricedAs ?? symbol;
  return root !== unit && assets.find((each) => each.symbol === root)?.stale === true;
}

/**
 * The portfolio under a policy that exchanges: most debts are past a threshold, and some assets have rates, none below a
 * ratio of the asset.
 *
 * @param pick a whole number below the one that is given
 * @param isFalling whether no tier of a ratio counts more than the one before it
 */
export function withExchange(drawn: Portfolio, pick: (below: number) => number, isFalling: boolean): Portfolio {
  const assets = drawn.assets.map((asset, index): PortfolioAsset => {
    const { quantity, table } = asset;
    const owed = index === 0 && pick(2) === 0 && !quantity.startsWith('-') ? `-${quantity}` : quantity;
    return {
      ...{ ...asset, quantity: owed, convertible: pick(8) !== 0 },
      table: table === null || !isFalling ? table : { ...table, tiers: withFallingRatios(table.tiers) },
    };
  });
  const debts = assets.filter(({ quantity }) => quantity.startsWith('-') && pick(4) !== 0);
  const thresholds = Object.fromEntries(
    debts.map(({ symbol, quantity }) => [symbol, pick(6) === 0 ? quantity : pick(2) === 0 ? '0' : '-0.5']),
  );
  const portfolio = { ...drawn, assets };
  const rates = Object.fromEntries(
    assets.filter(() => pick(3) !== 0).map((asset) => [asset.symbol, ratesAbove(highestRatio(asset, portfolio), pick)]),
  );
  const exchange = { thresholds, rates, highestFirst: pick(2) === 0 };
  return { ...portfolio, rules: { ...drawn.rules, asEquity: false, exchange } };
}

function withFallingRatios(tiers: PortfolioTable['tiers']): PortfolioTable['tiers'] {
  const ratios = tiers.map(({ ratio }) => ratio).sort((a, b) => order(rational(b), rational(a)));
  return tiers.map((tier, index) => ({ ...tier, ratio: ratios[index] ?? '0' }));
}

function highestRatio(asset: PortfolioAsset, portfolio: Portfolio): Rational {
  const tiers = tableInMode(asset, portfolio)?.tiers ?? [];
  return tiers.reduce((highest, { ratio }) => most(highest, rational(ratio)), zero);
}

function ratesAbove(lowest: Rational, pick: (below: number) => number): PortfolioExchangeTiers {
  const floors = ['0', '7', '777.7', '50000'].slice(0, 1 + pick(4));
  return floors.map((floor, index) => {
    const part = rational(['0', '0.5', '0.25', '1', '0.123456789'][pick(5)] ?? '0');
    const rate = plainText(plus(lowest, times(minus(one, lowest), part)), 40) ?? '1';
    return { floor, cap: floors[index + 1] ?? (pick(2) === 0 ? null : '90000'), rate: rate === '0' ? '0.01' : rate };
  });
}
