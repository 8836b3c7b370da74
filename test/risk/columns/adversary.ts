/** Accounts, prices and rules that sit on thresholds and on floors of tiers, or one digit beside them. */
import { decimal, quotientDown, roundDown, Decimal } from '../../../src/margin/decimal.js';
import { Fraction } from '../../../src/margin/fraction.js';
import { assessMargin, type MarginReport } from '../../../src/margin/state/assess.js';
import type { AccountState, Market, MarginStatus, Policy, PriceState } from '../../../src/margin/model.js';

/** Ratios at which something happens: statuses, the same armed again, and two rules of users. */
export const BOUNDARIES: readonly Fraction[] = [
  '0.5',
  '0.8',
  '1',
  '0.475',
  '0.76',
  '0.95',
  '0.123456789012345678',
  '3',
].map((ratio) => Fraction.of(decimal(ratio)));

/** The cross account, or an isolated position. */
export interface KnownUnit {
  readonly status: MarginStatus;
  readonly marginBalance: Decimal;
  readonly maintenanceMargin: Decimal;
  readonly marginRatio: Decimal | null;
  /** What the amounts are in, in the venue's unit: of an isolated position its settlement asset. */
  readonly rate: Decimal;
}

/** In the order of the margin units in the columns; unknown amounts are 0. */
export function unitStatesOf(report: MarginReport): KnownUnit[] {
  const isolated = report.positions.filter(({ marginMode }) => marginMode === 'ISOLATED');
  return [
    { ...report, rate: decimal(1) },
    ...isolated.map(({ status, isolatedMargin, unrealizedPnl, maintenanceMargin, marginRatio, settlementPrice }) => ({
      status,
      marginBalance: unrealizedPnl === null ? decimal(0) : isolatedMargin.plus(unrealizedPnl),
      maintenanceMargin: maintenanceMargin ?? decimal(0),
      marginRatio,
      rate: settlementPrice?.price ?? decimal(1),
    })),
  ];
}

/** Moves the unit and isolated margins so that in each margin unit maintenance = boundary x balance, off by `beside`. */
export function onBoundary(
  account: AccountState,
  market: Market,
  policy: Policy,
  { numerator, denominator }: Fraction,
  beside: Decimal,
): AccountState {
  const [cross, ...isolated] = unitStatesOf(assessMargin(account, market, policy));
  const missing = ({ marginBalance, maintenanceMargin }: KnownUnit): Decimal =>
    quotientDown(maintenanceMargin.times(denominator), numerator).minus(roundDown(marginBalance)).plus(beside);
  const lacks = cross === undefined ? decimal(0) : missing(cross);
  const lacking = isolated.map(missing);
  return {
    ...account,
    balances: account.balances.map((balance) =>
      balance.asset === policy.unit ? { ...balance, quantity: balance.quantity.plus(lacks) } : balance,
    ),
    positions: account.positions.map((position) =>
      position.marginMode === 'ISOLATED'
        ? { ...position, isolatedMargin: position.isolatedMargin.plus(lacking.shift() ?? 0) }
        : position,
    ),
  };
}

/** Prices moved by `relative` and then by `absolute`, at 18 digits and above 0. */
export interface Move {
  readonly relative: Decimal;
  readonly absolute: Decimal;
}

/** The market with the moves of some of its prices; a symbol without a move stays, that of `unpriced` has no price. */
export function moved(market: Market, moves: ReadonlyMap<string, Move>, unpriced: string | null): Market {
  const move = (symbol: string, state: PriceState | null): PriceState | null => {
    if (symbol === unpriced) return null;
    const by = moves.get(symbol);
    if (state === null || by === undefined) return state;
    const price = roundDown(state.price.times(by.relative).plus(by.absolute));
    return price.gt(0) ? { ...state, price } : state;
  };
  return {
    index: (asset) => move(asset, market.index(asset)),
    mark: (instrument) => move(instrument, market.mark(instrument)),
  };
}

/** The exact number that a float is: `decimal` would read the shortest text that stands for it. */
export function exactly(float: number): Decimal {
  let mantissa = float;
  let halvings = 0;
  while (!Number.isInteger(mantissa)) {
    mantissa *= 2;
    halvings += 1;
  }
  const known = HALVES.get(halvings) ?? new Decimal(5n ** BigInt(halvings), halvings);
  HALVES.set(halvings, known);
  return decimal(BigInt(mantissa).toString()).times(known);
}

/** Powers of one half, which take long. */
const HALVES = new Map<number, Decimal>();
