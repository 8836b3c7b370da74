/**
 * The quiet range of a margin unit, from its exact state: margin ratios between which nothing has to happen. The ratio
 * is the one that statuses and alert rules compare: maintenance margin / margin balance, infinite where the balance is
 * not positive.
 */
import { SMALLEST_STEP, ZERO, type Decimal } from '../../margin/decimal.js';
import { Fraction } from '../../margin/fraction.js';
import type { MarginStatus } from '../../margin/model.js';

/** The margin unit may sleep while its ratio is surely above `low` and surely below `high`. */
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

/** A subscriber is sent the ratio when it has moved by `minChange` since it was last sent. */
export interface Watch {
  /**
   * The ratio last sent (rounded up at 18 digits). Null: there was none, or `minChange` is 0 and it does not matter.
   */
  readonly lastSent: Decimal | null;
  readonly minChange: Decimal;
}

/** No finite ratio is above this: amounts have at most some 60 integer digits and 80 fraction digits. */
const INFINITE = Number.MAX_VALUE;

/** The float of a fraction is off by three unit roundoffs, and this product by another: eight cover them. */
const UP = 1 + 2 ** -50;
const DOWN = 1 - 2 ** -50;

/**
 * The range between the nearest boundaries on both sides. `boundaries` (all above 0) are every ratio at which something
 * happens: those of statuses and alert rules, and those at which either rearms. A state exactly on a boundary has no
 * quiet range: each boundary has its own rule of equality. The unit stays awake until it has left the boundary.
 */
export function quietRangeOf(
  unitState: UnitAmounts,
  boundaries: readonly Fraction[],
  watches: readonly Watch[],
): QuietRange {
  const { status, marginBalance, maintenanceMargin } = unitState;
  const awake: QuietRange = { status, low: Infinity, high: 0 };
  if (watches.some(({ minChange }) => !minChange.gt(0))) return awake;
  // Without a ratio only the status can change.
  if (status === 'UNPRICED' || status === 'NO_EXPOSURE') return { status, low: 0, high: Infinity };

  let low = Fraction.of(ZERO);
  let high: Fraction | null = null;
  for (const boundary of boundaries) {
    const side = boundary.sideOf(maintenanceMargin, marginBalance);
    if (side === 0) return awake;
    if (side > 0 && boundary.cmp(low) > 0) low = boundary;
    if (side < 0 && (high === null || boundary.cmp(high) < 0)) high = boundary;
  }
  for (const { lastSent, minChange } of watches) {
    // It was infinite, and is sent when it becomes finite.
    if (lastSent === null) return { status, low: INFINITE, high: Infinity };
    const lowest = Fraction.of(lastSent.minus(minChange));
    // A sent ratio is rounded up: it exceeds the exact one by less than the last digit.
    const highest = Fraction.of(lastSent.plus(minChange).minus(SMALLEST_STEP));
    if (lowest.cmp(low) > 0) low = lowest;
    if (high === null || highest.cmp(high) < 0) high = highest;
  }
  return { status, low: low.toNumber() * UP, high: high === null ? Infinity : high.toNumber() * DOWN };
}
