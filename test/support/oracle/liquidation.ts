/**
 * Rules 9 by their definition. Between two neighbouring prices at which a tier begins, liquidation ratio x margin balance
 * less maintenance margin is a straight line; the oracle finds the line of every such stretch by assessing the portfolio twice within
 * it, and reads off where it is below 0.
 */
import { orderEdges, positionBeside } from './orders.js';
import type { Portfolio, PortfolioAsset, PortfolioOrders, PortfolioPosition } from './portfolio.js';
import {
  ceil18,
  floor18,
  minus,
  negative,
  one,
  order,
  over,
  plus,
  rational,
  sign,
  times,
  zero,
  least,
  type Rational,
} from './rational.js';
import {
  asQuoted,
  countsAsEquity,
  equityPnl,
  isolatedState,
  liquidationAt,
  settlementOf,
  stateOf,
  tableInMode,
  type Prices,
} from './state.js';

export interface Bounds {
  readonly reason: string | null;
  readonly price: Rational | null;
  readonly otherPrice: Rational | null;
  /** Before rounding. */
  readonly below: Rational | null;
  readonly above: Rational | null;
  /** Liquidation ratio x margin balance less maintenance margin at a price. */
  readonly surplusAt: (price: Rational) => Rational;
}

interface Question {
  readonly present: Rational;
  readonly surplusAt: (price: Rational) => Rational;
  /** Prices above 0 where a tier begins or ends, in any order. */
  readonly edges: readonly Rational[];
}

const two: Rational = { n: 2n, d: 1n };
const three: Rational = { n: 3n, d: 1n };
const unseen: Rational = { n: 10n ** 30n, d: 1n };

export function positionBounds(position: PortfolioPosition, portfolio: Portfolio, indexFollows: boolean): Bounds {
  const mark = asQuoted.mark(position.instrument, portfolio);
  if (position.isolated) {
    const own = isolatedState(position, portfolio, mark);
    if (mark === null || own.status === 'UNPRICED') return without('UNPRICED');
    return answer(own.status, {
      present: mark,
      surplusAt(price) {
        const { balance, maintenance } = isolatedState(position, portfolio, price);
        return minus(times(liquidationAt(portfolio), balance), maintenance);
      },
      edges: notionalEdges([position], portfolio),
    });
  }
  if (mark === null) return without('UNPRICED');
  const moving = portfolio.positions.filter(
    ({ instrument, isolated }) => instrument === position.instrument && !isolated,
  );
  const base = portfolio.instruments.find(({ symbol }) => symbol === position.instrument)?.base ?? '';
  const following = indexFollows ? pricedAlike(base, portfolio) : [];
  return crossBounds(portfolio, mark, moving, following);
}

export function assetBounds(symbol: string, portfolio: Portfolio): Bounds {
  const asset = portfolio.assets.find((held) => held.symbol === symbol);
  if (asset === undefined) throw new Error('no such asset');
  const { status } = stateOf(portfolio);
  if (status === 'UNPRICED' || status === 'NO_EXPOSURE') return without(status);
  if (status === 'LIQUIDATION') return without('ALREADY_LIQUIDATABLE');
  const price = asQuoted.index(asset, portfolio);
  if (price === null) return without('UNPRICED');
  return crossBounds(portfolio, price, [], pricedAlike(symbol, portfolio));
}

/** Everything whose price is the one that the asset takes; the unit's never moves. */
function pricedAlike(symbol: string, portfolio: Portfolio): PortfolioAsset[] {
  const rootOf = (name: string): string => portfolio.assets.find((asset) => asset.symbol === name)?.pricedAs ?? name;
  if (rootOf(symbol) === portfolio.unit) return [];
  return portfolio.assets.filter((asset) => rootOf(asset.symbol) === rootOf(symbol));
}

/** @param marked positions whose mark moves; what is settled in one of the assets moves with its index */
function crossBounds(
  portfolio: Portfolio,
  present: Rational,
  marked: readonly PortfolioPosition[],
  assets: readonly PortfolioAsset[],
): Bounds {
  const positions = portfolio.positions.filter(
    (position) =>
      marked.includes(position) ||
      (!position.isolated && assets.includes(settlementOf(position.instrument, portfolio))),
  );
  const surplusOf = (part: Portfolio, prices: Prices): Rational => {
    const { marginBalance, maintenanceMargin } = stateOf(part, prices);
    return minus(times(liquidationAt(portfolio), marginBalance), maintenanceMargin);
  };
  const movesWith = (orders: PortfolioOrders): boolean => {
    const beside = positionBeside(orders, portfolio);
    if (beside !== undefined && positions.includes(beside)) return true;
    return assets.includes(settlementOf(orders.instrument, portfolio));
  };
  const still: Portfolio = {
    ...portfolio,
    orders: (portfolio.orders ?? []).filter((orders) => !movesWith(orders)),
    assets: portfolio.assets.map((asset) => (assets.includes(asset) ? { ...asset, quantity: '0' } : asset)),
    positions: portfolio.positions.filter((position) => !positions.includes(position)),
  };
  const moving: Portfolio = {
    ...portfolio,
    orders: (portfolio.orders ?? []).filter(movesWith),
    assets: portfolio.assets.map((asset) => (assets.includes(asset) ? asset : { ...asset, quantity: '0' })),
    // Isolated ones add nothing, but orders beside them do.
    positions: portfolio.positions.filter((position) => position.isolated || positions.includes(position)),
  };
  // As equity, parts that move and parts that do not are counted together: all of it is added up at each price.
  const isWhole = countsAsEquity(portfolio);
  const fixed = isWhole ? zero : surplusOf(still, asQuoted);
  const edges = [
    ...notionalEdges(marked, portfolio),
    ...marked.flatMap((position) => orderEdges(position, portfolio)),
    ...equityEdges(marked, portfolio),
  ];
  const moves = ({ symbol }: PortfolioAsset): boolean => assets.some((asset) => asset.symbol === symbol);
  for (const asset of assets) {
    const held = plus(rational(asset.quantity), equityPnl(asset, portfolio));
    const index = asQuoted.index(asset, portfolio);
    const table = tableInMode(asset, portfolio);
    if (index !== null && sign(held) < 0) {
      const owed = times(negative(held), index);
      const liabilities = (portfolio.rules.liabilities ?? []).filter(({ inCoins }) => !inCoins);
      for (const { floor } of liabilities.flatMap(({ tiers }) => tiers)) {
        edges.push(over(times(rational(floor), present), owed));
      }
    }
    if (index === null || table === null || table.inCoins || sign(held) <= 0) continue;
    const coins = table.userCap === null ? held : least(held, rational(table.userCap));
    const value = times(coins, index);
    if (sign(value) === 0) continue;
    for (const { floor, cap } of table.tiers) {
      for (const edge of [floor, cap]) {
        if (edge !== null) edges.push(over(times(rational(edge), present), value));
      }
    }
  }
  return answer(stateOf(portfolio).status, {
    present,
    surplusAt(price) {
      const factor = over(price, present);
      const moved: Prices = {
        index(asset, of) {
          const index = asQuoted.index(asset, of);
          return index !== null && moves(asset) ? times(index, factor) : index;
        },
        mark: (instrument, of) =>
          marked.some((position) => position.instrument === instrument) ? price : asQuoted.mark(instrument, of),
      };
      return plus(fixed, surplusOf(isWhole ? portfolio : moving, moved));
    },
    edges,
  });
}

/** Marks at which the equity of a settlement asset begins another tier, or becomes a debt (rules: 17). */
function equityEdges(marked: readonly PortfolioPosition[], portfolio: Portfolio): Rational[] {
  if (!countsAsEquity(portfolio)) return [];
  return marked.flatMap((position) => {
    const asset = settlementOf(position.instrument, portfolio);
    const index = asQuoted.index(asset, portfolio);
    const mark = asQuoted.mark(position.instrument, portfolio);
    if (index === null || mark === null) return [];
    const own = marked.filter((each) => settlementOf(each.instrument, portfolio) === asset);
    const sizes = own.map(({ long, size }) => (long ? rational(size) : negative(rational(size))));
    const perUnit = times(sizes.reduce(plus, zero), index);
    if (sign(perUnit) === 0) return [];
    const now = times(plus(rational(asset.quantity), equityPnl(asset, portfolio)), index);
    const still = minus(now, times(perUnit, mark));
    const table = tableInMode(asset, portfolio);
    const unit = table?.inCoins === true ? index : one;
    const counted = (table?.tiers ?? []).flatMap(({ floor, cap }) => [floor, cap ?? floor]);
    const owed = (portfolio.rules.liabilities ?? []).flatMap(({ inCoins, tiers }) =>
      tiers.map(({ floor }) => negative(times(rational(floor), inCoins ? index : one))),
    );
    const caps = table?.userCap == null ? [] : [times(rational(table.userCap), index)];
    const values = [zero, ...counted.map((edge) => times(rational(edge), unit)), ...owed, ...caps];
    return values.map((value) => over(minus(value, still), perUnit));
  });
}

function notionalEdges(positions: readonly PortfolioPosition[], portfolio: Portfolio): Rational[] {
  return positions.flatMap((position) => {
    const tiers = portfolio.instruments.find(({ symbol }) => symbol === position.instrument)?.tiers ?? [];
    return tiers.map(({ floor }) => over(rational(floor), rational(position.size)));
  });
}

function without(reason: string): Bounds {
  return { reason, price: null, otherPrice: null, below: null, above: null, surplusAt: () => zero };
}

function answer(status: string, question: Question): Bounds {
  if (status === 'UNPRICED' || status === 'NO_EXPOSURE') return without(status);
  if (status === 'LIQUIDATION') return without('ALREADY_LIQUIDATABLE');
  const { present, surplusAt } = question;
  const below = supremumUnder(question);
  const infimum = infimumOver(question);
  const above = infimum !== null && order(infimum, unseen) < 0 ? infimum : null;
  if (below === null && above === null) return { ...without('NOT_REACHABLE'), surplusAt };
  const lower = below === null ? null : ceil18(below);
  const higher = above === null ? null : floor18(above);
  const lowerFirst = below !== null && (above === null || order(minus(present, below), minus(above, present)) <= 0);
  return {
    reason: null,
    price: lowerFirst ? lower : higher,
    otherPrice: lowerFirst ? higher : lower,
    below,
    above,
    surplusAt,
  };
}

/** The line through two points inside a stretch: its value at either end, and where it is 0. */
function lineIn(from: Rational, to: Rational | null, surplusAt: (price: Rational) => Rational) {
  const length = to === null ? three : minus(to, from);
  const x1 = plus(from, over(length, three));
  const x2 = plus(from, over(times(two, length), three));
  const y1 = surplusAt(x1);
  const y2 = surplusAt(x2);
  const slope = over(minus(y2, y1), minus(x2, x1));
  const at = (x: Rational): Rational => plus(y1, times(slope, minus(x, x1)));
  const root = sign(slope) === 0 ? null : minus(x1, over(y1, slope));
  return { slope: sign(slope), at, root };
}

function supremumUnder({ present, surplusAt, edges }: Question): Rational | null {
  const inside = edges.filter((edge) => sign(edge) > 0 && order(edge, present) < 0);
  const ends = [zero, ...inside.sort(order), present];
  for (let index = ends.length - 1; index > 0; index--) {
    const from = ends[index - 1] as Rational;
    const to = ends[index] as Rational;
    if (order(from, to) === 0) continue;
    const line = lineIn(from, to, surplusAt);
    const atEnd = sign(line.at(to));
    if (atEnd < 0 || (atEnd === 0 && line.slope > 0)) return to;
    if (line.slope > 0 && line.root !== null && order(line.root, from) > 0) return line.root;
  }
  return null;
}

function infimumOver({ present, surplusAt, edges }: Question): Rational | null {
  const inside = edges.filter((edge) => order(edge, present) > 0);
  const ends: (Rational | null)[] = [present, ...inside.sort(order), null];
  for (let index = 0; index < ends.length - 1; index++) {
    const from = ends[index] as Rational;
    const to = ends[index + 1] as Rational | null;
    if (to !== null && order(from, to) === 0) continue;
    const line = lineIn(from, to, surplusAt);
    const atStart = sign(line.at(from));
    if (atStart < 0 || (atStart === 0 && line.slope < 0)) return from;
    if (line.slope < 0 && line.root !== null && (to === null || order(line.root, to) < 0)) return line.root;
  }
  return null;
}

/**
 * Whether the bound is one: the surplus is 0 there, or it jumps, not below 0 on the present price's side and below 0
 * on the side of `outward` (-1 or 1).
 */
export function isBound(bound: Rational, outward: bigint, { surplusAt }: Bounds): boolean {
  if (sign(surplusAt(bound)) === 0) return true;
  const step = over(times(bound, { n: outward, d: 1n }), { n: 10n ** 60n, d: 1n });
  return sign(surplusAt(minus(bound, step))) >= 0 && sign(surplusAt(plus(bound, step))) < 0;
}
