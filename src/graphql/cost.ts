/**
 * What an operation may cost. Types lead back to each other (an account has positions, a position its account), so that
 * a few dozen words can ask for millions of objects: that is seen before anything is executed.
 */
import { getNullableType, isListType, type DocumentNode, type GraphQLError, type GraphQLSchema } from 'graphql';
import { getComplexity, type ComplexityEstimatorArgs } from 'graphql-query-complexity';

import { ApiError } from './errors.js';
import { LONGEST_LIST } from './lists.js';

/** A hundred accounts with all that they hold and what explains their margin are about a quarter of it. */
export const MAX_COST = 200_000;

/** Of a list that names no size: more than an ordinary account has, less than the venue's largest. */
const PLAIN_LIST = 10;

/** Why the operation is refused; null: it may run. A field costs 1, and what is below a list its size times. */
export function problemOfCost(
  schema: GraphQLSchema,
  document: DocumentNode,
  operationName: string | null | undefined,
  variables: Record<string, unknown>,
): GraphQLError | null {
  const cost = getComplexity({
    schema,
    query: document,
    variables,
    estimators: [estimate],
    ...(operationName == null ? {} : { operationName }),
  });
  if (cost <= MAX_COST) return null;
  const message = `The operation would cost ${cost}, and may cost ${MAX_COST}: ask for fewer at a time, or for less of each.`;
  return new ApiError('LIMIT_EXCEEDED', message, 400);
}

function estimate({ type, field, args, childComplexity }: ComplexityEstimatorArgs): number {
  return 1 + sizeOf(type.name, field, args) * childComplexity;
}

function sizeOf(
  typeName: string,
  field: ComplexityEstimatorArgs['field'],
  args: ComplexityEstimatorArgs['args'],
): number {
  // The connection has been multiplied by `first` already.
  if (typeName.endsWith('Connection')) return 1;
  const first: unknown = args['first'];
  // What asks for more than a page may hold is refused by the field itself, with what it expects.
  if (typeof first === 'number') return Math.min(Math.max(first, 1), LONGEST_LIST);
  if (!isListType(getNullableType(field.type))) return 1;
  const named = Object.values(args).find((arg) => Array.isArray(arg)) as unknown[] | undefined;
  return named === undefined ? PLAIN_LIST : Math.max(named.length, 1);
}
