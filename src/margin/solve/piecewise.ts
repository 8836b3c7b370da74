/**
 * Functions of t > 0 made of straight pieces, which may jump where a piece begins, and where they fall below 0 around
 * t = 1 (rules: 9). Exact. Such a function is known by its value at t = 1 and by the parts of it that move; the search
 * goes outwards from there.
 */
import { pieceAt, type Segment } from '../curve.js';
import { ONE, ZERO, type Decimal } from '../decimal.js';
import { Fraction, WHOLE } from '../fraction.js';
import type { RealPiece } from './equity-pieces.js';
import type { OrderSides } from '../state/open-orders.js';

const HERE: Fraction = WHOLE;
const NOWHERE: Fraction = Fraction.of(ZERO);

/** slope x t + intercept */
interface Line {
  readonly slope: Decimal;
  readonly intercept: Decimal;
}

/** What is added to the line at `at` and beyond. */
interface Kink extends Line {
  readonly at: Fraction;
}

export class Piecewise {
  /** Of the piece that holds t = 1, or begins there. */
  private slope = ZERO;
  /** At t = 1 and below it; above it. */
  private readonly kinksBelow: Kink[] = [];
  private readonly kinksAbove: Kink[] = [];

  /** @param present the value at t = 1, of all that moves and all that does not */
  constructor(private readonly present: Decimal) {}

  /** A part that moves in proportion to t. */
  addProportional(presentValue: Decimal): void {
    this.slope = this.slope.plus(presentValue);
  }

  /**
   * A part that is weight x a curve of the rules at amount x t.
   *
   * @param segments contiguous from 0
   * @param amount the amount at t = 1, greater than 0
   * @param weight negative: the curve counts against
   */
  addCurve(segments: readonly Segment[], amount: Decimal, weight: Decimal = ONE): void {
    const weighted = amount.times(weight);
    this.slope = this.slope.plus(pieceAt(segments, amount).slope.times(weighted));
    for (const { floor, slope, intercept } of bendsOf(segments)) {
      const at = new Fraction(floor, amount);
      const kinks = at.cmp(HERE) > 0 ? this.kinksAbove : this.kinksBelow;
      kinks.push({ at, slope: slope.times(weighted), intercept: intercept.times(weight) });
    }
  }

  /**
   * A part that is weight x a curve of the rules at the larger of amount x t + adds and reduces - amount x t. It comes
   * down to its turn, and goes up from there.
   *
   * @param segments contiguous from 0
   * @param amount the amount at t = 1, greater than 0
   * @param sides from 0
   */
  addWorstSide(segments: readonly Segment[], amount: Decimal, sides: OrderSides, weight: Decimal): void {
    const pieces = worstSidePieces(segments, amount, sides);
    // The last piece that holds t = 1 or ends there.
    const here = pieces.findLastIndex(({ from, isOpen }) => {
      const side = from === null ? -1 : from.cmp(HERE);
      return side < 0 || (side === 0 && !isOpen);
    });
    pieces.forEach((piece, index) => {
      const slope = piece.slope.times(weight);
      if (index === here) this.slope = this.slope.plus(slope);
      const before = pieces[index - 1];
      if (before === undefined || piece.from === null) return;
      const kinks = index > here ? this.kinksAbove : this.kinksBelow;
      const intercept = piece.intercept.minus(before.intercept).times(weight);
      kinks.push({ at: piece.from, slope: slope.minus(before.slope.times(weight)), intercept });
    });
  }

  /**
   * A part that is a continuous function of still + moving x t, which may be below 0.
   *
   * @param pieces in rising order; the first one has no beginning
   */
  addAffine(pieces: readonly RealPiece[], still: Decimal, moving: Decimal): void {
    if (moving.isZero()) return;
    const rises = moving.gt(ZERO);
    const now = still.plus(moving);
    // The piece into which a larger t leads.
    const here = pieces.findLastIndex(({ from }) => from === null || (rises ? from.lte(now) : from.lt(now)));
    this.slope = this.slope.plus((pieces[here]?.slope ?? ZERO).times(moving));
    pieces.forEach(({ from, ...piece }, index) => {
      const before = pieces[index - 1];
      if (from === null || before === undefined) return;
      const at = rises ? new Fraction(from.minus(still), moving) : new Fraction(still.minus(from), moving.negated());
      if (at.cmp(NOWHERE) <= 0) return;
      const change = { slope: piece.slope.minus(before.slope), intercept: piece.intercept.minus(before.intercept) };
      const slope = change.slope.times(moving);
      const intercept = change.slope.times(still).plus(change.intercept);
      const kinks = at.cmp(HERE) > 0 ? this.kinksAbove : this.kinksBelow;
      kinks.push(rises ? { at, slope, intercept } : { at, slope: slope.negated(), intercept: intercept.negated() });
    });
  }

  /** The supremum of the t < 1 where the function is below 0; null where there is none. */
  lastBelowZeroUnderOne(): Fraction | null {
    let line = this.lineHere();
    let to = HERE;
    for (const kink of this.kinksBelow.sort((a, b) => b.at.cmp(a.at))) {
      const bound = kink.at.cmp(to) < 0 ? lastBelowZero(line, kink.at, to) : null;
      if (bound !== null) return bound;
      line = { slope: line.slope.minus(kink.slope), intercept: line.intercept.minus(kink.intercept) };
      to = kink.at;
    }
    return lastBelowZero(line, null, to);
  }

  /** The infimum of the t > 1 where the function is below 0; null where there is none. */
  firstBelowZeroOverOne(): Fraction | null {
    let line = this.lineHere();
    let from = HERE;
    for (const kink of this.kinksAbove.sort((a, b) => a.at.cmp(b.at))) {
      const bound = from.cmp(kink.at) < 0 ? firstBelowZero(line, from, kink.at) : null;
      if (bound !== null) return bound;
      line = { slope: line.slope.plus(kink.slope), intercept: line.intercept.plus(kink.intercept) };
      from = kink.at;
    }
    return firstBelowZero(line, from, null);
  }

  private lineHere(): Line {
    return { slope: this.slope, intercept: this.present.minus(this.slope) };
  }
}

/** What a curve changes by at the floor of a segment. */
interface Bend extends Line {
  readonly floor: Decimal;
}

const bends = new WeakMap<readonly Segment[], readonly Bend[]>();

/** Of all segments but the first, remembered by their array, which all positions of an instrument share. */
function bendsOf(segments: readonly Segment[]): readonly Bend[] {
  const known = bends.get(segments);
  if (known !== undefined) return known;
  const found = segments.slice(1).map(({ floor, slope, intercept }, index) => {
    const before = segments[index] as Segment;
    return { floor, slope: slope.minus(before.slope), intercept: intercept.minus(before.intercept) };
  });
  bends.set(segments, found);
  return found;
}

/** A line from `from` on; null: from 0 on. */
interface Piece extends Line {
  readonly from: Fraction | null;
  /** At `from` the piece before still holds. */
  readonly isOpen: boolean;
}

/**
 * The curve at max(amount x t + adds, reduces - amount x t), piece by piece. While it falls, a piece ends with its floor;
 * while it rises, one begins with it.
 */
function worstSidePieces(segments: readonly Segment[], amount: Decimal, { adds, reduces }: OrderSides): Piece[] {
  const pieces: Piece[] = [];
  const falls = reduces.gt(adds);
  // Doubled, since it is half of the sum where it turns.
  const lowest = falls ? adds.plus(reduces) : adds.times(2);
  let from: Fraction | null = null;
  if (falls) {
    for (const { floor, slope, intercept } of segments.filter((segment) => segment.floor.lt(reduces)).reverse()) {
      const line = { slope: slope.times(amount).negated(), intercept: slope.times(reduces).plus(intercept) };
      pieces.push({ ...line, from, isOpen: true });
      if (floor.times(2).lte(lowest)) break;
      from = new Fraction(reduces.minus(floor), amount);
    }
    from = new Fraction(reduces.minus(adds), amount.times(2));
  }
  segments.forEach(({ floor, slope, intercept }, index) => {
    if (segments[index + 1]?.floor.times(2).lte(lowest) === true) return;
    const start = floor.times(2).lte(lowest) ? from : new Fraction(floor.minus(adds), amount);
    const line = { slope: slope.times(amount), intercept: slope.times(adds).plus(intercept) };
    pieces.push({ ...line, from: start, isOpen: false });
  });
  return pieces;
}

/** The supremum of the t between from and to where the line is below 0. From null: from 0 on. */
function lastBelowZero({ slope, intercept }: Line, from: Fraction | null, to: Fraction): Fraction | null {
  if (to.isBelowZero(slope, intercept)) return to;
  // Not below 0 at its end: only a line that rises to there can be below 0 before.
  if (!slope.gt(ZERO) || !intercept.isNegative()) return null;
  const root = new Fraction(intercept.negated(), slope);
  return from === null || root.cmp(from) > 0 ? root : null;
}

/** The infimum of the t between from and to where the line is below 0. To null: without end. */
function firstBelowZero({ slope, intercept }: Line, from: Fraction, to: Fraction | null): Fraction | null {
  if (from.isBelowZero(slope, intercept)) return from;
  // Not below 0 at its start: only a line that falls from there can be below 0 later.
  if (!slope.isNegative()) return null;
  const root = new Fraction(intercept, slope.negated());
  return to === null || root.cmp(to) < 0 ? root : null;
}
