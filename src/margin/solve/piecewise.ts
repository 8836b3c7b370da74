/**
 * Functions of one variable t > 0 that are made of straight pieces and may jump where a piece begins, and where such
 * a function first falls below 0 on either side of t = 1. Exact: breakpoints and roots are fractions, compared by
 * cross-multiplication.
 */
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

interface Segment {
  readonly from: Fraction;
  /** Null: without end. */
  readonly to: Fraction | null;
  readonly slope: Decimal;
  readonly intercept: Decimal;
}

const START: Fraction = { dividend: ZERO, divisor: ONE };
const HERE: Fraction = { dividend: ONE, divisor: ONE };

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
  for (const segment of segments(line).reverse()) {
    if (compare(segment.from, HERE) >= 0) continue;
    const to = segment.to === null || compare(segment.to, HERE) > 0 ? HERE : segment.to;
    if (valueAt(to, segment).lt(ZERO)) return to;
    // Not below 0 at its end: only a piece that rises to there can be below 0 before.
    const root = segment.slope.gt(ZERO) ? rootOf(segment) : null;
    if (root !== null && compare(root, segment.from) > 0) return root;
  }
  return null;
}

/** The infimum of the t > 1 where the function is below 0; null where there is none. */
export function firstBelowZeroOverOne(line: Piecewise): Fraction | null {
  for (const segment of segments(line)) {
    if (segment.to !== null && compare(segment.to, HERE) <= 0) continue;
    const from = compare(segment.from, HERE) < 0 ? HERE : segment.from;
    if (valueAt(from, segment).lt(ZERO)) return from;
    // Not below 0 at its start: only a piece that falls from there can be below 0 later.
    const root = segment.slope.lt(ZERO) ? rootOf(segment) : null;
    if (root !== null && (segment.to === null || compare(root, segment.to) < 0)) return root;
  }
  return null;
}

export function compare(a: Fraction, b: Fraction): number {
  return a.dividend.times(b.divisor).cmp(b.dividend.times(a.divisor));
}

/** The pieces in order, those without length left out. */
function segments(line: Piecewise): Segment[] {
  const kinks = [...line.kinks].sort((a, b) => compare(a.at, b.at));
  const pieces: Segment[] = [];
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
function valueAt({ dividend, divisor }: Fraction, { slope, intercept }: Segment): Decimal {
  return slope.times(dividend).plus(intercept.times(divisor));
}

function rootOf({ slope, intercept }: Segment): Fraction {
  return { dividend: slope.lt(ZERO) ? intercept : intercept.negated(), divisor: slope.abs() };
}
