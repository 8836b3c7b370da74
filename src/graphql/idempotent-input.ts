import { Decimal, toPlain } from '../margin/decimal.js';

/** An input as plain data, in which equal inputs are equal: decimals and instants as text, what was left out left out. */
export function plainInput(input: unknown): unknown {
  if (Decimal.isDecimal(input)) return toPlain(input);
  if (input instanceof Date) return input.toISOString();
  if (Array.isArray(input)) return input.map(plainInput);
  if (typeof input === 'object' && input !== null) {
    return Object.fromEntries(Object.entries(input).map(([name, value]) => [name, plainInput(value)]));
  }
  return input;
}
