/**
 * Sizes of a trade at which what it requires, or what covers that, takes another form (rules: 22): where a position is
 * closed, where a notional or a worst side reaches a tier, where an equity does. Between two of them everything is straight,
 * or bends only to the worse.
 */
import { initialTable, maintenanceCurve } from '../curve.js';
import { ONE, ZERO, min, wholeQuotientDown, type Decimal } from '../decimal.js';
import type { AccountState, InstrumentRules, Policy, TradeSide } from '../model.js';
import { collateralTableOf, countingOf } from '../state/collateral.js';
import { orderSides } from '../state/open-orders.js';
import { equityPieces, type RealPiece } from './equity-pieces.js';

/** numerator / denominator, a size; the denominator is greater than 0. */
interface Size {
  readonly numerator: Decimal;
  readonly denominator: Decimal;
}

/** What the trade closes before it opens anything; 0 where it closes nothing. In hedge mode it only opens. */
export function closedSize(
  { positionMode, positions }: AccountState,
  rules: InstrumentRules,
  side: TradeSide,
): Decimal {
  const closes = side === 'BUY' ? 'SHORT' : 'LONG';
  const held = positions.find((each) => each.instrument === rules.symbol && each.side === closes);
  return positionMode === 'HEDGE' || held === undefined ? ZERO : held.size;
}

/** By notionals at the mark price: tiers of the position, and of what orders would make of it. */
export function notionalBends(
  account: AccountState,
  rules: InstrumentRules,
  { side, leverage, mark }: { readonly side: TradeSide; readonly leverage: Decimal; readonly mark: Decimal },
  policy: Policy,
): Size[] {
  const opens = side === 'BUY' ? 'LONG' : 'SHORT';
  const closed = closedSize(account, rules, side);
  const held = account.positions.find((each) => each.instrument === rules.symbol && each.side === opens);
  // What the position is before the trade, with the sign of what the trade opens.
  const before = (held?.size ?? closed.negated()).times(mark);
  const isHedged = account.positionMode === 'HEDGE';
  const orders = account.openOrders.find(
    (each) => each.instrument === rules.symbol && (!isHedged || each.side === opens),
  );
  const segments = maintenanceCurve(rules.tiers, policy);
  const floors = segments.map(({ floor }) => floor);
  const signed = [ZERO, ...floors.flatMap((floor) => [floor, floor.negated()])];
  if (orders !== undefined) {
    const { adds, reduces } = orderSides(orders, { side: opens });
    signed.push(...floors.flatMap((floor) => [floor.minus(adds), reduces.minus(floor)]));
  }
  const { numerator, denominator } = policy.liquidationRatio;
  return [
    ...signed.map((notional) => ({ numerator: notional.minus(before), denominator: mark })),
    // Where both sides of orders are alike.
    ...(orders === undefined ? [] : [turnOf(orderSides(orders, { side: opens }), before, mark)]),
    // Where maintenance margin / liquidation ratio overtakes notional / leverage.
    ...segments.flatMap(({ slope, intercept, maxLeverage }) => {
      const most = min(leverage, maxLeverage);
      const rise = numerator.minus(slope.times(denominator).times(most));
      const start = intercept.times(denominator).times(most);
      if (rise.isZero() || start.isZero()) return [];
      const [above, below] = rise.isNegative() ? [start.negated(), rise.negated()] : [start, rise];
      return [above, above.negated()].map((notional) => ({
        numerator: notional.minus(before.times(below)),
        denominator: mark.times(below),
      }));
    }),
  ];
}

function turnOf(
  { adds, reduces }: { readonly adds: Decimal; readonly reduces: Decimal },
  before: Decimal,
  mark: Decimal,
): Size {
  return { numerator: reduces.minus(adds).minus(before.times(2)), denominator: mark.times(2) };
}

/** What an equity of the asset covers, less what it requires where it is owed: for what is opened, and for the status. */
export function coverPieces(
  asset: string,
  price: Decimal,
  account: AccountState,
  policy: Policy,
): readonly RealPiece[] {
  const table = collateralTableOf(asset, countingOf(asset, account), policy);
  const whole = { counted: ONE, required: ONE } as const;
  const initial = { ...whole, table: table === null ? null : initialTable(table), margin: 'initial' } as const;
  const maintenance = { ...whole, table, margin: 'maintenance' } as const;
  return [initial, maintenance].flatMap((weighing) => equityPieces(asset, price, weighing, policy));
}

/** An equity after a trade of a size. */
export interface EquityAt {
  readonly size: Decimal;
  readonly equity: Decimal;
}

/**
 * By an equity that moves straight from one size to another but for roundings: where its value reaches a piece.
 *
 * @param price the index of the asset
 */
export function equityBends(pieces: readonly RealPiece[], price: Decimal, from: EquityAt, to: EquityAt): Size[] {
  const moved = to.equity.minus(from.equity);
  if (moved.isZero()) return [];
  const length = to.size.minus(from.size);
  const perValue = moved.abs().times(price);
  return pieces.flatMap(({ from: value }) => {
    if (value === null) return [];
    const gap = value.minus(from.equity.times(price));
    const along = (moved.isNegative() ? gap.negated() : gap).times(length);
    return [{ numerator: from.size.times(perValue).plus(along), denominator: perValue }];
  });
}

/**
 * The first numbers of steps of each form, in rising order: 1, and those at and above each size. A size that is a whole
 * number of steps is a form of its own, since it belongs to the one before or to the one after it.
 */
export function startsOf(sizes: readonly Size[], step: Decimal, most: Decimal): Decimal[] {
  const starts = new Map<string, Decimal>([['1', ONE]]);
  for (const { numerator, denominator } of sizes) {
    const below = wholeQuotientDown(numerator, denominator.times(step));
    for (const start of [below, below.plus(ONE)]) {
      if (start.gt(ONE) && start.lte(most)) starts.set(start.toFixed(), start);
    }
  }
  return [...starts.values()].sort((a, b) => a.cmp(b));
}
