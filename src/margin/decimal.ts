/**
 * Exact decimals, and the few ways in which this project rounds.
 *
 * A decimal is a whole number of units of 10^-places. Sums, differences and products have all their digits, however
 * many these are. There is no division: `quotientUp`, `quotientDown` and `quotientHalfEven` round once, at 18 digits, on
 * the side that their name says; `wholeQuotientDown` does so at a whole number.
 */

/** Fraction digits of every number that is stored or answered. */
export const SCALE = 18;

/** 10^n for each n up to the fraction digits of what the rules compare: five factors of 18, multiplied out. */
const POWERS: readonly bigint[] = Array.from({ length: 256 }, (_, exponent) => 10n ** BigInt(exponent));

function powerOfTen(exponent: number): bigint {
  return POWERS[exponent] ?? 10n ** BigInt(exponent);
}

/** A decimal, or a literal as `decimal` takes it. */
export type Operand = Decimal | string | number;

export class Decimal {
  /**
   * units x 10^-places. Equal numbers may have other units: 10 tenths are 1.
   *
   * @param places a whole number from 0
   */
  constructor(
    readonly units: bigint,
    readonly places: number,
  ) {}

  /** Exact. Sums begin at ZERO, and most of what is added to one is it: neither makes another decimal. */
  plus(other: Operand): Decimal {
    if (other === ZERO) return this;
    if (this === ZERO && typeof other === 'object') return other;
    const { units, places } = read(other);
    const gap = this.places - places;
    if (gap === 0) return new Decimal(this.units + units, places);
    return gap > 0
      ? new Decimal(this.units + units * powerOfTen(gap), this.places)
      : new Decimal(this.units * powerOfTen(-gap) + units, places);
  }

  /** Exact. */
  minus(other: Operand): Decimal {
    return this.plus(read(other).negated());
  }

  /** Exact. */
  times(other: Operand): Decimal {
    const { units, places } = read(other);
    return new Decimal(this.units * units, this.places + places);
  }

  negated(): Decimal {
    return new Decimal(-this.units, this.places);
  }

  abs(): Decimal {
    return this.units < 0n ? this.negated() : this;
  }

  /** Below 0 where this is less than the other, above 0 where it is more. */
  cmp(other: Operand): number {
    const { units, places } = read(other);
    const gap = this.places - places;
    const own = gap < 0 ? this.units * powerOfTen(-gap) : this.units;
    const others = gap > 0 ? units * powerOfTen(gap) : units;
    return own < others ? -1 : own > others ? 1 : 0;
  }

  lt(other: Operand): boolean {
    return this.cmp(other) < 0;
  }

  lte(other: Operand): boolean {
    return this.cmp(other) <= 0;
  }

  gt(other: Operand): boolean {
    return this.cmp(other) > 0;
  }

  gte(other: Operand): boolean {
    return this.cmp(other) >= 0;
  }

  eq(other: Operand): boolean {
    return this.cmp(other) === 0;
  }

  isZero(): boolean {
    return this.units === 0n;
  }

  /** Below 0; 0 has no sign. */
  isNegative(): boolean {
    return this.units < 0n;
  }

  isInteger(): boolean {
    return this.units % powerOfTen(this.places) === 0n;
  }

  /** The nearest float. */
  toNumber(): number {
    const { units, places } = this;
    // Both are floats themselves, so that their quotient is rounded once.
    const isShort = places <= 22 && units <= MAX_SAFE && units >= -MAX_SAFE;
    return isShort ? Number(units) / (FLOAT_POWERS[places] as number) : Number(this.toFixed());
  }

  /** Plain notation, whatever the size: an exponent must never reach a client or a database. No trailing zeros. */
  toFixed(): string {
    const { units, places } = this;
    if (places === 0) return units.toString();
    const digits = (units < 0n ? -units : units).toString().padStart(places + 1, '0');
    let end = digits.length;
    const point = end - places;
    while (end > point && digits[end - 1] === '0') end--;
    const plain = end === point ? digits.slice(0, point) : `${digits.slice(0, point)}.${digits.slice(point, end)}`;
    return units < 0n ? `-${plain}` : plain;
  }

  /** As `toFixed`, and so in JSON. */
  toString(): string {
    return this.toFixed();
  }

  toJSON(): string {
    return this.toFixed();
  }
}

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);
/** 10^n for n from 0, each the float next to it. */
export const FLOAT_POWERS: readonly number[] = Array.from({ length: 150 }, (_, exponent) => Number(`1e${exponent}`));

export const ZERO: Decimal = new Decimal(0n, 0);
export const ONE: Decimal = new Decimal(1n, 0);
/** One unit of the last digit. */
export const SMALLEST_STEP: Decimal = new Decimal(1n, SCALE);

// --- From text ---

const PLAIN = /^-?(?:0|[1-9][0-9]{0,29})(?:\.[0-9]{1,18})?$/;
const LITERAL = /^-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]{1,3})?$/;

/** Longest text that can be a decimal: a sign, 30 digits, a point, 18 digits. */
const MAX_CHARACTERS = 50;

/**
 * Reads a decimal in plain notation with at most 30 integer and 18 fraction digits (rules: 1). Null when the text is
 * anything else; long texts are refused without being scanned.
 */
export function parseDecimal(text: string): Decimal | null {
  return text.length <= MAX_CHARACTERS && PLAIN.test(text) ? readPlain(text) : null;
}

/**
 * For literals and columns of the database, which are known to be decimals.
 *
 * @throws RangeError on anything else
 */
export function decimal(text: string | number): Decimal {
  const literal = String(text);
  if (!LITERAL.test(literal)) throw new RangeError(`${literal.slice(0, MAX_CHARACTERS)} is not a decimal.`);
  const exponentAt = literal.indexOf('e');
  if (exponentAt < 0) return readPlain(literal);
  const { units, places } = readPlain(literal.slice(0, exponentAt));
  const left = places - Number(literal.slice(exponentAt + 1));
  return left >= 0 ? new Decimal(units, left) : new Decimal(units * powerOfTen(-left), 0);
}

function read(operand: Operand): Decimal {
  return typeof operand === 'object' ? operand : decimal(operand);
}

/** Without trailing zeros, so that sums and products have no more digits than they need. */
function readPlain(plain: string): Decimal {
  const point = plain.indexOf('.');
  if (point < 0) return new Decimal(BigInt(plain), 0);
  let end = plain.length;
  while (plain[end - 1] === '0') end--;
  return new Decimal(BigInt(plain.slice(0, point) + plain.slice(point + 1, end)), end - point - 1);
}

// --- Rounding (rules: 1) ---

/** Towards plus infinity, at 18 digits. */
export function roundUp(value: Decimal): Decimal {
  return value.places <= SCALE ? value : quotientUp(value, ONE);
}

/** Towards minus infinity, at 18 digits. */
export function roundDown(value: Decimal): Decimal {
  return value.places <= SCALE ? value : quotientDown(value, ONE);
}

/** dividend / divisor, towards plus infinity, at 18 digits. @throws RangeError when the divisor is 0 */
export function quotientUp(dividend: Decimal, divisor: Decimal): Decimal {
  const { above, below } = scaledFraction(dividend, divisor);
  return new Decimal(-floorOf(-above, below), SCALE);
}

/** dividend / divisor, towards minus infinity, at 18 digits. @throws RangeError when the divisor is 0 */
export function quotientDown(dividend: Decimal, divisor: Decimal): Decimal {
  const { above, below } = scaledFraction(dividend, divisor);
  return new Decimal(floorOf(above, below), SCALE);
}

/** The whole number next below dividend / divisor. @throws RangeError when the divisor is 0 */
export function wholeQuotientDown(dividend: Decimal, divisor: Decimal): Decimal {
  const { above, below } = scaledFraction(dividend, divisor);
  return new Decimal(floorOf(above, below * powerOfTen(SCALE)), 0);
}

/** dividend / divisor, to the nearest at 18 digits, ties to the even digit. @throws RangeError when the divisor is 0 */
export function quotientHalfEven(dividend: Decimal, divisor: Decimal): Decimal {
  const { above, below } = scaledFraction(dividend, divisor);
  const floor = floorOf(above, below);
  const twiceTheRest = (above - floor * below) * 2n;
  const isAboveHalf = twiceTheRest > below || (twiceTheRest === below && floor % 2n !== 0n);
  return new Decimal(isAboveHalf ? floor + 1n : floor, SCALE);
}

/** dividend / divisor x 10^18 as a fraction of whole numbers; the one below the line is greater than 0. */
function scaledFraction(dividend: Decimal, divisor: Decimal): { above: bigint; below: bigint } {
  if (divisor.isZero()) throw new RangeError('A quotient was asked for with a divisor of zero.');
  const shift = SCALE + divisor.places - dividend.places;
  const above = shift > 0 ? dividend.units * powerOfTen(shift) : dividend.units;
  const below = shift < 0 ? divisor.units * powerOfTen(-shift) : divisor.units;
  return below < 0n ? { above: -above, below: -below } : { above, below };
}

/** The whole number next below above / below, where below > 0. */
function floorOf(above: bigint, below: bigint): bigint {
  const towardsZero = above / below;
  return above < 0n && towardsZero * below !== above ? towardsZero - 1n : towardsZero;
}

// --- The rest ---

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

/** Plain notation without trailing zeros, of a number that has at most 18 fraction digits already. */
export function toPlain(value: Decimal): string {
  return value.toFixed();
}
