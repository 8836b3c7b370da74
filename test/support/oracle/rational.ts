/** Exact rational numbers, as a numerator and a denominator above 0. Reduced only where denominators do not divide. */
export interface Rational {
  readonly n: bigint;
  readonly d: bigint;
}

export const zero: Rational = { n: 0n, d: 1n };
export const one: Rational = { n: 1n, d: 1n };

/** From plain decimal notation. */
export function rational(text: string): Rational {
  const [whole = '', fraction = ''] = text.split('.');
  return { n: BigInt(whole + fraction), d: 10n ** BigInt(fraction.length) };
}

export function plus(a: Rational, b: Rational): Rational {
  if (a.d === b.d) return { n: a.n + b.n, d: a.d };
  if (a.d % b.d === 0n) return { n: a.n + b.n * (a.d / b.d), d: a.d };
  if (b.d % a.d === 0n) return { n: a.n * (b.d / a.d) + b.n, d: b.d };
  return reduced(a.n * b.d + b.n * a.d, a.d * b.d);
}

export function negative(a: Rational): Rational {
  return { n: -a.n, d: a.d };
}

export function absolute(a: Rational): Rational {
  return a.n < 0n ? negative(a) : a;
}

export function minus(a: Rational, b: Rational): Rational {
  return plus(a, negative(b));
}

export function times(a: Rational, b: Rational): Rational {
  return { n: a.n * b.n, d: a.d * b.d };
}

export function over(a: Rational, b: Rational): Rational {
  if (b.n === 0n) throw new RangeError('division by zero');
  return b.n > 0n ? reduced(a.n * b.d, a.d * b.n) : reduced(-a.n * b.d, -a.d * b.n);
}

/** -1, 0 or 1. */
export function order(a: Rational, b: Rational): number {
  const difference = a.n * b.d - b.n * a.d;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

export function sign(a: Rational): number {
  return a.n < 0n ? -1 : a.n > 0n ? 1 : 0;
}

export function least(a: Rational, b: Rational): Rational {
  return order(a, b) <= 0 ? a : b;
}

export function most(a: Rational, b: Rational): Rational {
  return order(a, b) >= 0 ? a : b;
}

export function total(values: readonly Rational[]): Rational {
  return values.reduce(plus, zero);
}

const SCALE = 10n ** 18n;

/** Towards minus infinity, in units of the 18th digit. */
export function floorUnits({ n, d }: Rational): bigint {
  const whole = (n * SCALE) / d;
  return n < 0n && whole * d !== n * SCALE ? whole - 1n : whole;
}

export function fromUnits(units: bigint): Rational {
  return { n: units, d: SCALE };
}

export function floor18(a: Rational): Rational {
  return fromUnits(floorUnits(a));
}

export function ceil18(a: Rational): Rational {
  return negative(floor18(negative(a)));
}

/** Plain decimal notation without trailing zeros, or null where more than `digits` fraction digits would be needed. */
export function plainText(a: Rational, digits: number): string | null {
  const scale = 10n ** BigInt(digits);
  const units = a.n * scale;
  if (units % a.d !== 0n) return null;
  const value = units / a.d;
  const text = (value < 0n ? -value : value).toString().padStart(digits + 1, '0');
  const fraction = digits === 0 ? '' : text.slice(-digits).replace(/0+$/, '');
  const whole = digits === 0 ? text : text.slice(0, -digits);
  return `${value < 0n ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

function reduced(n: bigint, d: bigint): Rational {
  let a = n < 0n ? -n : n;
  let b = d;
  while (b !== 0n) [a, b] = [b, a % b];
  return a > 1n ? { n: n / a, d: d / a } : { n, d };
}
