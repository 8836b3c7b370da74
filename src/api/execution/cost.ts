/**
 * What an operation costs. Types lead back to each other (an account has positions, a position its account), so that
 * a few dozen words can ask for millions of values: that is seen before anything is executed. What a field costs is
 * declared beside it; here it is multiplied by the sizes of the lists that the field is in.
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

/** Of a list that names no size: more than an ordinary account has, less than the venue's largest. */
const PLAIN_LIST = 10;

/** The same for everybody, and large: the introspection of GraphiQL is some 200 names with all that they have. */
const INTROSPECTION: ReadonlyMap<string, number> = new Map([
  ['__schema', 500],
  ['__type', 50],
]);

export interface OperationCost {
  readonly total: number;
  /** The part of the total that the work of each mutation with an idempotency key costs. */
  readonly keyed: readonly { readonly key: string; readonly work: number }[];
}

/** Null: there are more selections, fragments spread out, than can be counted. */
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
          // What explains a type of the schema is at hand, and bounded by the rules of the language.
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
  // Nothing is done for a viewer who may not call the field, and the cost must not say how many accounts there are.
  if (!mayCall(basis.viewer, field)) return 0;
  return amountOf(declaredCost(field) ?? INTROSPECTION.get(field.name) ?? 0, args, basis);
}

/** Paid for every item of the field, beside what is asked of it. */
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
    // What asks for more than a page may hold is refused by the field itself, with what it expects.
    return typeof asked === 'number' ? Math.min(Math.max(asked, 1), MAX_LIST) : PLAIN_LIST;
  }
  // The state of every account that is watched is sent first.
  if (typeName === 'Subscription') return Math.max(itemsIn(args), 1);
  // What a mutation answers of its items stands in plain lists below it.
  if (typeName === 'Mutation') return Math.max(Math.ceil(itemsIn(args) / PLAIN_LIST), 1);
  // A list of scalars is one value with several parts.
  if (isLeaf(field) || !isListType(getNullableType(field.type))) return 1;
  const named = itemsAsked(field, args);
  return Array.isArray(named) ? Math.max(named.length, 1) : PLAIN_LIST;
}
