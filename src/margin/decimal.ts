/**
 * Exact decimals, and the few ways in which this project rounds.
 *
 * Sums and products are exact: 400 significant digits hold every product that the bounds on inputs allow
 * (30 integer and 18 fraction digits each, at most five factors). Quotients are never taken with `div`, which would
 * round at the working precision; `quotientUp`, `quotientDown` and `quotientHalfEven` round once, at 18 digits, on the
 * side that their name says.
 */
import { Decimal as DecimalJs } from 'decimal.js';

export const Decimal = DecimalJs.clone({
  precision: 400,
  rounding: DecimalJs.ROUND_DOWN,
  // Plain notation always: an exponent must never reach a client or a database.
  toExpNeg: -9e15,
  toExpPos: 9e15,
});
export type Decimal = DecimalJs;

/** Fraction digits of every number that is stored or answered. */
export const SCALE = 18;

export const ZERO: Decimal = new Decimal(0);
export const ONE: Decimal = new Decimal(1);

const SCALE_FACTOR: Decimal = new Decimal(10).pow(SCALE);
/** One unit of the last digit. */
export const SMALLEST_STEP: Decimal = new Decimal(10).pow(-SCALE);
const PLAIN = /^-?(?:0|[1-9][0-9]{0,29})(?:\.[0-9]{1,18})?$/;

/** Longest text that can be a decimal: a sign, 30 digits, a point, 18 digits. */
const MAX_CHARACTERS = 50;

/**
 * Reads a decimal in plain notation with at most 30 integer and 18 fraction digits (rules: 1). Null when the text is
 * anything else; long texts are refused without being scanned.
 */
export function parseDecimal(text: string): Decimal | null {
  return text.length <= MAX_CHARACTERS && PLAIN.test(text) ? new Decimal(text) : null;
}

/** For literals and columns of the database, which are known to be decimals; throws on anything else. */
export function decimal(text: string | number): Decimal {
  return new Decimal(text);
}

/** Towards plus infinity, at 18 digits (rules: 1). */
export function roundUp(value: Decimal): Decimal {
  return value.decimalPlaces() <= SCALE ? value : value.toDecimalPlaces(SCALE, DecimalJs.ROUND_CEIL);
}

/** Towards minus infinity, at 18 digits (rules: 1). */
export function roundDown(value: Decimal): Decimal {
  return value.decimalPlaces() <= SCALE ? value : value.toDecimalPlaces(SCALE, DecimalJs.ROUND_FLOOR);
}

/**
 * The integer quotient of `dividend` x 10^18 by `divisor`, towards zero, with what is left over.
 * Exact, however many digits the operands have, since only the integer part is computed.
 */
function scaledQuotient(dividend: Decimal, divisor: Decimal): { whole: Decimal; rest: Decimal } {
  if (divisor.isZero()) throw new RangeError('A quotient was asked for with a divisor of zero.');
  const scaled = dividend.times(SCALE_FACTOR);
  const whole = scaled.divToInt(divisor);
  return { whole, rest: scaled.minus(whole.times(divisor)) };
}

function unscale(whole: Decimal): Decimal {
  return whole.times(SMALLEST_STEP);
}

/**
 * dividend / divisor, towards plus infinity, at 18 digits (rules: 1).
 *
 * @throws RangeError when the divisor is 0
 */
export function quotientUp(dividend: Decimal, divisor: Decimal): Decimal {
  const { whole, rest } = scaledQuotient(dividend, divisor);
  const positive = dividend.isNegative() === divisor.isNegative();
  return unscale(rest.isZero() || !positive ? whole : whole.plus(ONE));
}

/**
 * dividend / divisor, towards minus infinity, at 18 digits (rules: 1).
 *
 * @throws RangeError when the divisor is 0
 */
export function quotientDown(dividend: Decimal, divisor: Decimal): Decimal {
  const { whole, rest } = scaledQuotient(dividend, divisor);
  const positive = dividend.isNegative() === divisor.isNegative();
  return unscale(rest.isZero() || positive ? whole : whole.minus(ONE));
}

/**
 * dividend / divisor, to the nearest at 18 digits, ties to the even digit (rules: 1).
 *
 * @throws RangeError when the divisor is 0
 */
export function quotientHalfEven(dividend: Decimal, divisor: Decimal): Decimal {
  const { whole, rest } = scaledQuotient(dividend, divisor);
  const twice = rest.abs().times(2).cmp(divisor.abs());
  const away = twice > 0 || (twice === 0 && !whole.mod(2).isZero());
  if (!away) return unscale(whole);
  const positive = dividend.isNegative() === divisor.isNegative();
  return unscale(positive ? whole.plus(ONE) : whole.minus(ONE));
}

export function min(a: Decimal, b: Decimal): Decimal {
  return a.lte(b) ? a : b;
}

export function max(a: Decimal, b: Decimal): Decimal {
  return a.gte(b) ? a : b;
}

export function sum(values: Iterable<Decimal>): Decimal {
  let total = ZERO;
  for (const value of values) total = total.plus(value);
  return total;
}

/** Plain notation without trailing zeros and without "-0", of a number that has at most 18 fraction digits already. */
export function toPlain(value: Decimal): string {
  return value.isZero() ? '0' : value.toFixed();
}
