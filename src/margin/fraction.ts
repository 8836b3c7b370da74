/**
 * Fractions of two decimals, which may have no decimal of their own, such as 1/1.05. They are compared in floats where
 * these leave no doubt, else exactly, and never divided.
 */
import { FLOAT_POWERS, ONE, type Decimal } from './decimal.js';

/**
 * A sum or difference of floats has the sign of the exact one if it exceeds this part of the magnitudes of both.
 *
 * u = 2^-53 is the relative error of one operation. `floatOf` is 0, or from 1e-149 to 1e150, or NaN, so that no quotient
 * of two is subnormal or infinite. It rounds units, power and quotient: 3u. The float of a fraction rounds two of these
 * and their quotient: 7u. `cmp` subtracts: 8u of both. In `isBelowZero` the product is within 3u + 7u + u and the sum
 * takes one more: 12u of both. A product too small for a float has its sign, or is 0 and far below u of the other term;
 * one too large is infinite, and exceeds nothing. DOUBT is 32u.
 */
const DOUBT = 2 ** -48;

/** The float of a decimal, within 3u; NaN, which exceeds nothing, for magnitudes that no rule leads to. */
function floatOf({ units, places }: Decimal): number {
  const float = Number(units) / (FLOAT_POWERS[places] ?? NaN);
  return Math.abs(float) < 1e150 ? float : NaN;
}

/** numerator / denominator, not rounded. The denominator is greater than 0 in whatever the rules compare. */
export class Fraction {
  private readonly float: number;

  constructor(
    readonly numerator: Decimal,
    readonly denominator: Decimal,
  ) {
    this.float = floatOf(numerator) / floatOf(denominator);
  }

  static of(value: Decimal): Fraction {
    return new Fraction(value, ONE);
  }

  get isOne(): boolean {
    return this.numerator.eq(this.denominator);
  }

  /** Exact. */
  times(factor: Decimal): Fraction {
    return new Fraction(this.numerator.times(factor), this.denominator);
  }

  /** Below 0 where this is less than the other, above 0 where it is more. Exact. */
  cmp(other: Fraction): number {
    const difference = this.float - other.float;
    if (Math.abs(difference) > DOUBT * (Math.abs(this.float) + Math.abs(other.float))) return difference;
    return this.numerator.times(other.denominator).cmp(other.numerator.times(this.denominator));
  }

  /** On which side of this a ratio lies, by cross-multiplication: the sign of part - this x whole. Exact. */
  sideOf(part: Decimal, whole: Decimal): number {
    const left = isPlainOne(this.denominator) ? part : part.times(this.denominator);
    return left.cmp(isPlainOne(this.numerator) ? whole : whole.times(this.numerator));
  }

  /** Whether slope x this + intercept is below 0. Exact. */
  isBelowZero(slope: Decimal, intercept: Decimal): boolean {
    const [rise, start] = [floatOf(slope) * this.float, floatOf(intercept)];
    const sum = rise + start;
    if (Math.abs(sum) > DOUBT * (Math.abs(rise) + Math.abs(start))) return sum < 0;
    return slope.times(this.numerator).plus(intercept.times(this.denominator)).isNegative();
  }

  /** Within three unit roundoffs of this: two conversions and a quotient. One of a decimal is the float next to it. */
  toNumber(): number {
    return this.numerator.toNumber() / this.denominator.toNumber();
  }

  toJSON(): { readonly numerator: Decimal; readonly denominator: Decimal } {
    return { numerator: this.numerator, denominator: this.denominator };
  }
}

/** 1/1: the whole. */
export const WHOLE: Fraction = Fraction.of(ONE);

/** Multiplying by it changes nothing, which saves most comparisons a product. */
function isPlainOne({ units, places }: Decimal): boolean {
  return units === 1n && places === 0;
}
