/**
 * Computes the cost of an operation before it is executed. Types refer to each other (an account has positions, a
 * position its account), so a short document can request millions of values. The cost of a field is declared beside
 * it. This file multiplies it by the sizes of the lists around the field.
 */
import {
  GraphQLError,
  getNamedType,
  getNullableType,
  isLeafType,
  isListType,
  type DocumentNode,
  type GraphQLSchema,
} from 'graphql';
import { getComplexity, type ComplexityEstimatorArgs } from 'graphql-query-complexity';

import { mayCall } from '../types/access.js';
import { amountOf, declaredCost, itemsAsked, itemsIn, type CostBasis } from '../types/cost.js';
import { MAX_LIST } from '../types/lists.js';
import { keyIn } from './idempotent-request.js';

/** Assumed size of a list without one: more than an ordinary account has, less than the venue's largest. */
const PLAIN_LIST = 10;

/** Cost of introspection, the same for all clients: GraphiQL's query returns some 200 names with all their parts. */
const INTROSPECTION: ReadonlyMap<string, number> = new Map([
  ['__schema', 500],
  ['__type', 50],
]);

export interface OperationCost {
  readonly total: number;
  /** The part of the total that the work of each mutation with an idempotency key costs. */
  readonly keyed: readonly { readonly key: string; readonly work: number }[];
}

/** Null: with fragments spread out, there are too many selections to count. */
export function costOf(
  schema: GraphQLSchema,
  document: DocumentNode,
  operationName: string | null | undefined,
  variables: Record<string, unknown>,
  basis: CostBasis,
): OperationCost | null {
  const keyed: { key: string; work: number }[] = [];
  try {
    const total = getComplexity({
      schema,
      query: document,
      variables,
      estimators: [
        (asked) => {
          const own = ownCost(asked, basis);
          const { type, field, args, childComplexity } = asked;
          const key = type.name === 'Mutation' ? keyIn(args) : null;
          if (key !== null && own > 0) keyed.push({ key, work: own });
          // Introspection of a type is cheap, and the rules of validation bound it.
          if (type.name.startsWith('__')) return each(asked) + childComplexity;
          return own + sizeOf(type.name, field, args) * (each(asked) + childComplexity);
        },
      ],
      ...(operationName == null ? {} : { operationName }),
    });
    return { total, keyed };
  } catch (error) {
    if (error instanceof GraphQLError) return null;
    throw error;
  }
}

/** Paid once, however many items the field answers. */
function ownCost({ field, args }: ComplexityEstimatorArgs, basis: CostBasis): number {
  // A viewer who may not call the field causes no work, and the cost must not reveal the number of accounts.
  if (!mayCall(basis.viewer, field)) return 0;
  return amountOf(declaredCost(field) ?? INTROSPECTION.get(field.name) ?? 0, args, basis);
}

/** Paid for every item of the field, beside the fields selected from it. */
function each({ field }: ComplexityEstimatorArgs): number {
  return isLeaf(field) && declaredCost(field) === undefined ? 1 : 0;
}

function isLeaf(field: ComplexityEstimatorArgs['field']): boolean {
  return isLeafType(getNamedType(field.type));
}

function sizeOf(
  typeName: string,
  field: ComplexityEstimatorArgs['field'],
  args: ComplexityEstimatorArgs['args'],
): number {
  // The connection has been multiplied by `first` already.
  if (typeName.endsWith('Connection')) return 1;
  const first = field.args.find(({ name }) => name === 'first');
  if (first !== undefined) {
    const asked: unknown = args['first'] ?? first.defaultValue;
    // The field itself refuses more items than a page may hold, with a better message.
    return typeof asked === 'number' ? Math.min(Math.max(asked, 1), MAX_LIST) : PLAIN_LIST;
  }
  // A stream first sends the state of every watched account.
  if (typeName === 'Subscription') return Math.max(itemsIn(args), 1);
  // The payload of a mutation has its items in plain lists.
  if (typeName === 'Mutation') return Math.max(Math.ceil(itemsIn(args) / PLAIN_LIST), 1);
  // A list of scalars is one value with several parts.
  if (isLeaf(field) || !isListType(getNullableType(field.type))) return 1;
  const named = itemsAsked(field, args);
  return Array.isArray(named) ? Math.max(named.length, 1) : PLAIN_LIST;
}
