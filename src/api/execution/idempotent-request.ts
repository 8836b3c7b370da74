import { Decimal, toPlain } from '../../margin/decimal.js';
import type { IdempotentRequest } from '../../platform/idempotency.js';
import { viewerOf } from '../types/access.js';
import type { Context } from './context.js';

/** A mutation with its key, as it is stored. `input` lacks the key and has its defaults filled in. */
export function requestOf(mutation: string, key: string, input: object, context: Context): IdempotentRequest {
  return { viewer: viewerOf(context).subject, key, mutation, input: plainInput(input) };
}

/** An input as plain data, in which equal inputs are equal: decimals and instants as text, what was left out left out. */
function plainInput(input: unknown): unknown {
  if (input instanceof Decimal) return toPlain(input);
  if (input instanceof Date) return input.toISOString();
  if (Array.isArray(input)) return input.map(plainInput);
  if (typeof input === 'object' && input !== null) {
    return Object.fromEntries(Object.entries(input).map(([name, value]) => [name, plainInput(value)]));
  }
  return input;
}
