/**
 * How far a margin ratio may go before something has to happen, from an exact state. Ratio here is what status and
 * alert rules compare: maintenance margin / margin balance, infinite where the balance is not positive.
 */
import { SMALLEST_STEP, decimal, type Decimal } from '../../margin/decimal.js';
import type { MarginStatus } from '../../margin/model.js';

/** The bucket may sleep while its ratio is surely above `low` and surely below `high`. */
export interface QuietRange {
  readonly status: MarginStatus;
  readonly low: number;
  /** Infinity: no ratio is too high. */
  readonly high: number;
}

/** The cross state of an account or an isolated position, as `assessMargin` reports it. */
export interface UnitAmounts {
  readonly status: MarginStatus;
  readonly marginBalance: Decimal;
  readonly maintenanceMargin: Decimal;
}

/** Somebody is to be told when the ratio has moved by `minChange` from what was told last. */
export interface Watch {
  /** The ratio as told (rounded up at 18 digits); null: there was none, or `minChange` is 0 and it is of no account. */
  readonly lastSent: Decimal | null;
  readonly minChange: Decimal;
}

/** No finite ratio is above this: amounts have at most some 60 integer digits and 80 fraction digits. */
const INFINITE = Number.MAX_VALUE;

/** The float of a decimal is off by one unit roundoff, this product by another: four are enough for both. */
const UP = 1 + 2 ** -51;
const DOWN = 1 - 2 ** -51;

/**
 * Between the nearest boundaries on both sides. Boundaries (greater than 0) are all ratios at which something happens:
 * those of the statuses, of alert rules, and those at which either arms again. A state exactly on one of them has no
 * corridor: which side it is on is the business of whoever drew the boundary, and the bucket stays awake until it has
 * left it.
 */
export function quietRangeOf(
  unitState: UnitAmounts,
  boundaries: readonly Decimal[],
  watches: readonly Watch[],
): QuietRange {
  const { status, marginBalance, maintenanceMargin } = unitState;
  const awake: QuietRange = { status, low: Infinity, high: 0 };
  if (watches.some(({ minChange }) => !minChange.gt(0))) return awake;
  // There is no ratio, and its status is all that can change.
  if (status === 'UNPRICED' || status === 'NO_EXPOSURE') return { status, low: 0, high: Infinity };

  let low = decimal(0);
  let high: Decimal | null = null;
  for (const boundary of boundaries) {
    const side = maintenanceMargin.cmp(marginBalance.times(boundary));
    if (side === 0) return awake;
    if (side > 0 && boundary.gt(low)) low = boundary;
    if (side < 0 && (high === null || boundary.lt(high))) high = boundary;
  }
  for (const { lastSent, minChange } of watches) {
    // It was infinite, and is told again when it is finite.
    if (lastSent === null) return { status, low: INFINITE, high: Infinity };
    const lowest = lastSent.minus(minChange);
    // A ratio that was sent is rounded up: it exceeds the exact one by less than the last digit.
    const highest = lastSent.plus(minChange).minus(SMALLEST_STEP);
    if (lowest.gt(low)) low = lowest;
    if (high === null || highest.lt(high)) high = highest;
  }
  return { status, low: low.toNumber() * UP, high: high === null ? Infinity : high.toNumber() * DOWN };
}
