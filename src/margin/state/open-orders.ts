/**
 * What resting orders require beside the positions (rules: 20; source: 002). Orders are weighed by what they would make
 * of the position if those of one side were filled, and the worse side counts.
 */
import { maintenanceCurve, pieceAt, valueAt } from '../curve.js';
import { ZERO, max, min, quotientUp, type Decimal } from '../decimal.js';
import type { InstrumentRules, MarginMode, Market, OpenOrders, Policy, PositionSide, PriceState } from '../model.js';
import { indexPrice } from './collateral.js';
import { inUnit, settlementAssetOf } from './settlement.js';
import { NOTHING_REQUIRED, leastBalance, requirement, type Requirement } from './requirement.js';

/** What the orders of an instrument require beyond its position, and the orders themselves. Amounts in its quote asset. */
export interface OpenOrdersReport extends OpenOrders {
  /** Rounded up at 18 digits, but for what open losses add, which is exact; null: a price that it takes never was. */
  readonly initialMargin: Decimal | null;
  /** Exact; null as `initialMargin`. */
  readonly maintenanceMargin: Decimal | null;
  readonly settlementAsset: string;
  /** The index of the settlement asset, in the venue's unit; null: it never had one. */
  readonly settlementPrice: PriceState | null;
  /** Symbols whose price is older than the limit, and on which rests what is required. */
  readonly staleSymbols: readonly string[];
}

/** A position, with what it requires alone; null without a mark price. */
export interface AssessedPosition {
  readonly instrument: string;
  readonly side: PositionSide;
  readonly cost: Decimal;
  readonly leverage: Decimal;
  readonly marginMode: MarginMode;
  readonly notional: Decimal | null;
  readonly initialMargin: Decimal | null;
  readonly maintenanceMargin: Decimal | null;
}

/** Notionals of orders as a position sees them: those in its direction, and those against it; in the quote asset, from 0. */
export interface OrderSides {
  readonly adds: Decimal;
  readonly reduces: Decimal;
}

interface HasSide {
  readonly side: PositionSide;
}

/** The orders of an account in one instrument, in hedge mode on one side. */
type OrdersOf = Pick<OpenOrders, 'instrument' | 'side'>;

/** Whether the policy's requirements look at the notionals of orders at all (rules: 20). */
export function weighsOrders({ openOrders }: Pick<Policy, 'openOrders'>): boolean {
  return openOrders.initial === 'WORST_SIDE' || openOrders.maintenance === 'WORST_SIDE';
}

/** Whether these are the orders beside this position: of its instrument, and in hedge mode of its side. */
export function areBeside(orders: OrdersOf, position: HasSide & { readonly instrument: string }): boolean {
  return orders.instrument === position.instrument && (orders.side === null || orders.side === position.side);
}

/** The notionals of orders as the position beside them sees them; null: there is none. */
export function orderSides(orders: OpenOrders, position: HasSide | null): OrderSides {
  return sidesOf(orders.side, position, orders.buyNotional, orders.sellNotional, ZERO);
}

/** The same of their sizes, in the base asset. */
export function orderSizes(orders: OpenOrders, position: HasSide | null): OrderSides {
  return sidesOf(orders.side, position, orders.buySize, orders.sellSize, ZERO);
}

/**
 * In hedge mode an order against its side closes it and opens nothing, so that it counts nothing. Without a position
 * either side may be taken for the one that they add to: of both the worse one counts.
 *
 * @param of the side of the orders in hedge mode; null: one-way mode
 */
export function sidesOf<T>(
  of: PositionSide | null,
  position: HasSide | null,
  buys: T,
  sells: T,
  nothing: T,
): { readonly adds: T; readonly reduces: T } {
  const [adds, against] = (position?.side ?? of ?? 'LONG') === 'LONG' ? [buys, sells] : [sells, buys];
  return { adds, reduces: of === null ? against : nothing };
}

/**
 * The worst side (rules: 20): the larger notional of those that the position has if all orders in its direction were
 * filled, or all against it. With a signed notional P this is max(|P + buys|, |P - sells|).
 *
 * @param notional of the position, in the quote asset, from 0; 0 where there is none
 */
export function worstNotional(notional: Decimal, { adds, reduces }: OrderSides): Decimal {
  return max(notional.plus(adds), reduces.minus(notional));
}

/**
 * What the orders require beyond the position alone (rules: 20). Initial: worst side / min(leverage, the maximum of its
 * tier), never below that of the position alone, nor below maintenance margin / liquidation ratio; beside an isolated
 * position what lies beyond it is never below its own. Open losses are added where the policy says so. Leverage is the position's, else that of the orders.
 *
 * Without a mark price an isolated position concerns only itself: its cost stands for its notional. What the orders
 * beside a cross one require is then not known, nor what their open loss is.
 *
 * @param position the one beside the orders; null: there is none
 */
export function assessOpenOrders(
  orders: OpenOrders,
  position: AssessedPosition | null,
  market: Market,
  policy: Policy,
): OpenOrdersReport {
  const losing = policy.openOrders.openLoss === 'INITIAL';
  const isAsked = opens(orders) && (losing || weighsOrders(policy));
  const settlementAsset = settlementAssetOf(orders.instrument, policy);
  const settlementPrice = indexPrice(settlementAsset, market, policy);
  const mark = market.mark(orders.instrument);
  let needed: Requirement | null = NOTHING_REQUIRED;
  const staleSymbols: string[] = [];
  if (isAsked) {
    needed = settlementPrice === null ? null : excessOf(orders, position, mark, policy);
    const takesMark = needed !== null && (losing || position !== null);
    if (takesMark && mark?.stale === true) staleSymbols.push(orders.instrument);
    if (settlementPrice?.stale === true) staleSymbols.push(settlementAsset);
  }
  // Field by field, as in `assessMargin`: a spread takes several times as long as all the rest.
  return {
    instrument: orders.instrument,
    side: orders.side,
    buySize: orders.buySize,
    sellSize: orders.sellSize,
    buyNotional: orders.buyNotional,
    sellNotional: orders.sellNotional,
    leverage: orders.leverage,
    initialMargin: needed === null ? null : needed.initialMargin,
    maintenanceMargin: needed === null ? null : needed.maintenanceMargin,
    settlementAsset,
    settlementPrice,
    staleSymbols,
  };
}

/** What orders that open something require beyond the position; null: it takes what is not known. */
function excessOf(
  orders: OpenOrders,
  position: AssessedPosition | null,
  mark: PriceState | null,
  policy: Policy,
): Requirement | null {
  const losing = policy.openOrders.openLoss === 'INITIAL';
  const rules = policy.instruments.get(orders.instrument);
  const notional = position === null ? ZERO : notionalOf(position);
  if (rules === undefined || notional === null || (losing && mark === null)) return null;
  const loss = losing && mark !== null ? lossAtOnce(orders, mark.price) : ZERO;
  if (!weighsOrders(policy)) return { initialMargin: loss, maintenanceMargin: ZERO };

  const leverage = position?.leverage ?? orders.leverage;
  const alone = position === null ? NOTHING_REQUIRED : requirementAlone(position, notional, rules, policy);
  const worst = worstNotional(notional, orderSides(orders, position));
  const piece = pieceAt(maintenanceCurve(rules.tiers, policy), worst);
  let [initialMargin, maintenanceMargin] = [ZERO, ZERO];
  if (policy.openOrders.initial === 'WORST_SIDE') {
    const least = quotientUp(worst, min(leverage, piece.maxLeverage));
    initialMargin = max(initialMargin, least.minus(alone.initialMargin));
  }
  if (policy.openOrders.maintenance === 'WORST_SIDE') {
    const whole = valueAt(piece, worst);
    maintenanceMargin = whole.minus(alone.maintenanceMargin);
    // Beside an isolated position, whose margin is its own, the cross account bears the excess alone.
    const isApart = position?.marginMode === 'ISOLATED';
    const least = leastBalance(isApart ? maintenanceMargin : whole, policy);
    initialMargin = max(initialMargin, isApart ? least : least.minus(alone.initialMargin));
  }
  return { initialMargin: initialMargin.plus(loss), maintenanceMargin };
}

function requirementAlone(
  { leverage, initialMargin, maintenanceMargin }: AssessedPosition,
  notional: Decimal,
  rules: InstrumentRules,
  policy: Policy,
): Requirement {
  if (initialMargin !== null && maintenanceMargin !== null) return { initialMargin, maintenanceMargin };
  return requirement(notional, leverage, rules, policy);
}

function notionalOf({ notional, cost, marginMode }: AssessedPosition): Decimal | null {
  return notional ?? (marginMode === 'ISOLATED' ? cost : null);
}

/** Whether an order can open anything: in hedge mode those against their side cannot. */
function opens({ side, buySize, sellSize }: OpenOrders): boolean {
  return (side !== 'SHORT' && !buySize.isZero()) || (side !== 'LONG' && !sellSize.isZero());
}

/** What the orders would lose at once if they were filled at their limits: buys above the mark, sells below it. */
function lossAtOnce({ side, buySize, sellSize, buyNotional, sellNotional }: OpenOrders, mark: Decimal): Decimal {
  const ofBuys = side === 'SHORT' ? ZERO : max(ZERO, buyNotional.minus(buySize.times(mark)));
  const ofSells = side === 'LONG' ? ZERO : max(ZERO, sellSize.times(mark).minus(sellNotional));
  return ofBuys.plus(ofSells);
}

/**
 * What all orders of an account require, beyond its positions, in the venue's unit; always of the cross account
 * (rules: 20).
 */
export interface OrderRequirement {
  readonly openOrders: readonly OpenOrdersReport[];
  /** Sums of what is known. */
  readonly initialMargin: Decimal;
  readonly maintenanceMargin: Decimal;
  /** Symbols of prices that the orders take and that never were, and of those that are stale. */
  readonly unpriced: readonly string[];
  readonly stale: readonly string[];
}

const NO_ORDERS: OrderRequirement = { openOrders: [], ...NOTHING_REQUIRED, unpriced: [], stale: [] };

export function requiredByOrders(
  orders: readonly OpenOrders[],
  positions: readonly AssessedPosition[],
  market: Market,
  policy: Policy,
): OrderRequirement {
  if (orders.length === 0) return NO_ORDERS;
  let { initialMargin, maintenanceMargin } = NOTHING_REQUIRED;
  const unpriced: string[] = [];
  const stale: string[] = [];
  const openOrders = orders.map((each) => {
    const position = positions.find((held) => areBeside(each, held)) ?? null;
    const assessed = assessOpenOrders(each, position, market, policy);
    const { settlementPrice, settlementAsset } = assessed;
    stale.push(...assessed.staleSymbols);
    if (assessed.initialMargin === null) unpriced.push(settlementPrice === null ? settlementAsset : each.instrument);
    initialMargin = initialMargin.plus(inUnit(assessed.initialMargin, settlementPrice));
    maintenanceMargin = maintenanceMargin.plus(inUnit(assessed.maintenanceMargin, settlementPrice));
    return assessed;
  });
  return { openOrders, initialMargin, maintenanceMargin, unpriced, stale };
}
