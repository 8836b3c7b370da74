/**
 * Exact sums of many decimals that the columns hold as floats. A decimal of few digits is a whole number of tenths,
 * hundredths and so on. While that number is below 2^51, the float next to the decimal determines it. Whole numbers are
 * added without error.
 */
import { ZERO, decimal, type Decimal } from '../../margin/decimal.js';

/** In place of a number of digits: the float does not determine the decimal. */
export const INEXACT = 255;

const MAX_DIGITS = 18;
/** Below this, a product with a power of ten is off by less than a half, so that rounding finds the whole number. */
const MAX_UNITS = 2 ** 51;
const POWERS = Array.from({ length: MAX_DIGITS + 1 }, (_, digits) => 10 ** digits);

/**
 * The number of fraction digits of a decimal, or INEXACT if its float does not determine it.
 *
 * @param plain the decimal in plain notation, without trailing zeros
 */
export function digitsOf(plain: string, float: number): number {
  const point = plain.indexOf('.');
  const digits = point < 0 ? 0 : plain.length - point - 1;
  if (digits > MAX_DIGITS) return INEXACT;
  // Slightly below, since the float and the product are rounded.
  return Math.abs(float) * (POWERS[digits] as number) < MAX_UNITS * 0.999 ? digits : INEXACT;
}

export class ExactSum {
  /** By number of digits: the sum below 2^52, and the carry. */
  private readonly small = new Float64Array(MAX_DIGITS + 1);
  private readonly carried: bigint[] = Array.from({ length: MAX_DIGITS + 1 }, () => 0n);
  /** Of those that their floats do not determine. */
  private others = ZERO;

  /**
   * Adds a decimal: its float, and `digitsOf` it.
   *
   * @param exact the decimal itself; needed where `digits` may be INEXACT, and called only then
   */
  add(float: number, digits: number, exact?: () => Decimal): void {
    if (digits === INEXACT) {
      if (exact === undefined) throw new Error('Expected the exact decimal, which its float does not determine.');
      this.others = this.others.plus(exact());
      return;
    }
    const whole = Math.round(float * (POWERS[digits] as number));
    const sum = (this.small[digits] as number) + whole;
    if (Math.abs(sum) < 2 ** 52) {
      this.small[digits] = sum;
      return;
    }
    this.carried[digits] = (this.carried[digits] as bigint) + BigInt(sum);
    this.small[digits] = 0;
  }

  get total(): Decimal {
    let total = this.others;
    this.carried.forEach((carried, digits) => {
      const whole = carried + BigInt(this.small[digits] as number);
      if (whole !== 0n) total = total.plus(decimal(`${whole}e-${digits}`));
    });
    return total;
  }
}
