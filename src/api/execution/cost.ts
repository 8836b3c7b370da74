/**
 * What an operation costs. Types lead back to each other (an account has positions, a position its account), so that
 * a few dozen words can ask for millions of values: that is seen before anything is executed. A unit is at most some
 * 50 microseconds of work.
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

import { MAX_LIST } from '../types/lists.js';

/** Of a list that names no size: more than an ordinary account has, less than the venue's largest. */
const PLAIN_LIST = 10;

/** Fields that are computed by the margin rules, and those that read a history to do it: each time, beside what is below. */
const COMPUTED: ReadonlyMap<string, number> = new Map([
  ['Account.margin', 20],
  ['Account.status', 20],
  ['Account.marginAt', 50],
  ['Account.simulate', 50],
  ['Account.stress', 20],
  ['Account.maxTransferable', 20],
  ['Position.liquidationPrice', 20],
  ['Position.maxRemovableMargin', 20],
  ['SimulatedPosition.liquidationPrice', 20],
  ['Balance.liquidationPrice', 20],
  ['MarginRatioChange.margin', 20],
  // The same for everybody, and large: the introspection of GraphiQL is some 200 names with all that they have.
  ['Query.__schema', 500],
  ['Query.__type', 50],
]);

/** Null: there are more selections, fragments spread out, than can be counted. */
export function costOf(
  schema: GraphQLSchema,
  document: DocumentNode,
  operationName: string | null | undefined,
  variables: Record<string, unknown>,
): number | null {
  try {
    return getComplexity({
      schema,
      query: document,
      variables,
      estimators: [estimate],
      ...(operationName == null ? {} : { operationName }),
    });
  } catch (error) {
    if (error instanceof GraphQLError) return null;
    throw error;
  }
}

function estimate({ type, field, args, childComplexity }: ComplexityEstimatorArgs): number {
  const computed = COMPUTED.get(`${type.name}.${field.name}`) ?? 0;
  const own = computed > 0 ? computed : isLeaf(field) ? 1 : 0;
  // What explains a type of the schema is at hand, and bounded by the rules of the language.
  if (type.name.startsWith('__')) return own + childComplexity;
  // A simulation is made once, and takes its changes one by one.
  if (field.name === 'simulate') return own * Math.max(itemsIn(args), 1) + childComplexity;
  return sizeOf(type.name, field, args) * (own + childComplexity);
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
  // Every account that is watched is told first as it is.
  if (typeName === 'Subscription') return Math.max(itemsIn(args), 1);
  // What a mutation answers of its items stands in plain lists below it.
  if (typeName === 'Mutation') return Math.max(Math.ceil(itemsIn(args) / PLAIN_LIST), 1);
  // A list of scalars is one value with several parts.
  if (isLeaf(field) || !isListType(getNullableType(field.type))) return 1;
  const named: unknown = args['shocks'] ?? Object.values(args).find((arg) => Array.isArray(arg));
  return Array.isArray(named) ? Math.max(named.length, 1) : PLAIN_LIST;
}

/** How many items the arguments bring, in lists of their own and in those of an input. */
function itemsIn(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  // A decimal is no input, though it has a list of digits inside.
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return 0;
  return Object.values(value).reduce<number>((sum, each) => sum + itemsIn(each), 0);
}
