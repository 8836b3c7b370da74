/**
 * Functions of t > 0 made of straight pieces, which may jump where a piece begins, and where they fall below 0 around
 * t = 1 (rules: 9). Exact: breakpoints and roots are fractions, compared by cross-multiplication.
 */
import type { Segment } from '../curve.js';
import { ONE, ZERO, type Decimal } from '../decimal.js';

/** dividend / divisor; the divisor is greater than 0. */
export interface Fraction {
  readonly dividend: Decimal;
  readonly divisor: Decimal;
}

/** slope x t + intercept; from each kink on (the kink included) with what the kink adds. */
export interface Piecewise {
  readonly slope: Decimal;
  readonly intercept: Decimal;
  readonly kinks: readonly Kink[];
}

export interface Kink {
  /** Greater than 0. */
  readonly at: Fraction;
  readonly slope: Decimal;
  readonly intercept: Decimal;
}

interface Stretch {
  readonly from: Fraction;
  /** Null: without end. */
  readonly to: Fraction | null;
  readonly slope: Decimal;
  readonly intercept: Decimal;
}

const START: Fraction = { dividend: ZERO, divisor: ONE };
const HERE: Fraction = { dividend: ONE, divisor: ONE };

/** One piece without end. */
export function straight(slope: Decimal, intercept: Decimal): Piecewise {
  return { slope, intercept, kinks: [] };
}

/** The same value at every t. */
export function constant(value: Decimal): Piecewise {
  return straight(ZERO, value);
}

/**
 * A curve of the rules at amount x t, as a function of t.
 *
 * @param segments contiguous from 0; none: 0 everywhere
 * @param amount the amount at t = 1, greater than 0 unless there is only one segment
 */
export function along(segments: readonly Segment[], amount: Decimal): Piecewise {
  const [first, ...later] = segments;
  if (first === undefined) return constant(ZERO);
  let before = first;
  const kinks = later.map((segment): Kink => {
    const slope = segment.slope.minus(before.slope).times(amount);
    const intercept = segment.intercept.minus(before.intercept);
    before = segment;
    return { at: { dividend: segment.floor, divisor: amount }, slope, intercept };
  });
  return { slope: first.slope.times(amount), intercept: first.intercept, kinks };
}

/** The function times -1. */
export function negated({ slope, intercept, kinks }: Piecewise): Piecewise {
  const turned = kinks.map((kink) => ({ ...kink, slope: kink.slope.negated(), intercept: kink.intercept.negated() }));
  return { slope: slope.negated(), intercept: intercept.negated(), kinks: turned };
}

/** The sum of functions; none: 0 everywhere. */
export function add(parts: readonly Piecewise[]): Piecewise {
  let slope = ZERO;
  let intercept = ZERO;
  for (const part of parts) {
    slope = slope.plus(part.slope);
    intercept = intercept.plus(part.intercept);
  }
  return { slope, intercept, kinks: parts.flatMap(({ kinks }) => kinks) };
}

/** The supremum of the t < 1 where the function is below 0; null where there is none. */
export function lastBelowZeroUnderOne(line: Piecewise): Fraction | null {
  for (const stretch of stretches(line).reverse()) {
    if (compare(stretch.from, HERE) >= 0) continue;
    const to = stretch.to === null || compare(stretch.to, HERE) > 0 ? HERE : stretch.to;
    if (valueAt(to, stretch).lt(ZERO)) return to;
    // Not below 0 at its end: only a piece that rises to there can be below 0 before.
    const root = stretch.slope.gt(ZERO) ? rootOf(stretch) : null;
    if (root !== null && compare(root, stretch.from) > 0) return root;
  }
  return null;
}

/** The infimum of the t > 1 where the function is below 0; null where there is none. */
export function firstBelowZeroOverOne(line: Piecewise): Fraction | null {
  for (const stretch of stretches(line)) {
    if (stretch.to !== null && compare(stretch.to, HERE) <= 0) continue;
    const from = compare(stretch.from, HERE) < 0 ? HERE : stretch.from;
    if (valueAt(from, stretch).lt(ZERO)) return from;
    // Not below 0 at its start: only a piece that falls from there can be below 0 later.
    const root = stretch.slope.lt(ZERO) ? rootOf(stretch) : null;
    if (root !== null && (stretch.to === null || compare(root, stretch.to) < 0)) return root;
  }
  return null;
}

/** Below 0 where a < b, above 0 where a > b. */
export function compare(a: Fraction, b: Fraction): number {
  return a.dividend.times(b.divisor).cmp(b.dividend.times(a.divisor));
}

/** The pieces in order, those without length left out. */
function stretches(line: Piecewise): Stretch[] {
  const kinks = [...line.kinks].sort((a, b) => compare(a.at, b.at));
  const pieces: Stretch[] = [];
  let { slope, intercept } = line;
  let from = START;
  for (const kink of kinks) {
    if (compare(from, kink.at) < 0) pieces.push({ from, to: kink.at, slope, intercept });
    from = kink.at;
    slope = slope.plus(kink.slope);
    intercept = intercept.plus(kink.intercept);
  }
  return [...pieces, { from, to: null, slope, intercept }];
}

/** The value times the fraction's divisor, which keeps its sign. */
function valueAt({ dividend, divisor }: Fraction, { slope, intercept }: Stretch): Decimal {
  return slope.times(dividend).plus(intercept.times(divisor));
}

function rootOf({ slope, intercept }: Stretch): Fraction {
  return { dividend: slope.lt(ZERO) ? intercept : intercept.negated(), divisor: slope.abs() };
}
