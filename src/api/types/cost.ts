/**
 * The cost of a field, declared beside it. A unit is at most some 50 microseconds of work. A root field without a cost
 * is refused at start; any other field without one costs 1 where it is a scalar, and nothing where it is an object.
 */
import type { GraphQLField } from 'graphql';
import { Extensions } from 'type-graphql';

import type { Viewer } from '../../platform/tokens.js';

/** The values that a cost may depend on, beside the arguments of its field. */
export interface CostBasis {
  readonly viewer: Viewer | null;
  /** Accounts that this server knows at this instant, of all venues. */
  readonly accounts: number;
}

export type CostArguments = Readonly<Record<string, unknown>>;

/** Paid once for the field. The fields selected from it are paid beside it. */
export type FieldCost = number | ((args: CostArguments, basis: CostBasis) => number);

export interface CostOptions {
  /** The field computes for milliseconds: its resolver yields first, so that other requests run in between. */
  readonly isLong?: boolean;
  /** The argument with one item for each item that the field answers, where several arguments are lists. */
  readonly itemsOf?: string;
}

export function Cost(cost: FieldCost, options: CostOptions = {}): MethodDecorator {
  return Extensions({ cost, ...options });
}

/** Cost of a root field that itself is free; only the fields selected from it cost. */
export const ANSWER_ONLY = 0;

/** Cost of a mutation that is one transaction. Batches cost by their items instead. */
export const TRANSACTION = 20;

/** Accounts that one unit pays for, by the work on each account. */
export const ACCOUNTS_PER_UNIT = {
  /** Read where it stands: 0.03 to 0.9 microseconds, measured over 100,000 accounts of 5 assets and 5 positions. */
  read: 50,
  /** Valued before and after a change of rules: 2.7 to 3.2 microseconds where all of them hold what is changed. */
  compared: 15,
} as const;

/** Cost of a field that does this work on every account, even if it returns few. */
export function perAccount(done: keyof typeof ACCOUNTS_PER_UNIT): FieldCost {
  return (_args, { accounts }) => Math.ceil(accounts / ACCOUNTS_PER_UNIT[done]);
}

export function sum(...costs: readonly FieldCost[]): FieldCost {
  return (args, basis) => costs.reduce<number>((total, cost) => total + amountOf(cost, args, basis), 0);
}

/** From 0 on: a cost that an argument could make negative would pay for others. */
export function amountOf(cost: FieldCost, args: CostArguments, basis: CostBasis): number {
  return typeof cost === 'number' ? cost : Math.max(cost(args, basis), 0);
}

/** Cost of a field that computes anew for each item of an argument. */
export function perItem(cost: number, argument: string): FieldCost {
  return (args) => cost * Math.max(itemsIn(args[argument]), 1);
}

/** The number of items in a value: in the list itself, or in the lists of an input. */
export function itemsIn(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  if (typeof value !== 'object' || value === null) return 0;
  // A Decimal is no input object, though it holds a list of digits. An input literal of the document has no prototype.
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return 0;
  return Object.values(value).reduce<number>((sum, each) => sum + itemsIn(each), 0);
}

/** Undefined: the field declares none. */
export function declaredCost({
  extensions,
}: Pick<GraphQLField<unknown, unknown>, 'extensions'>): FieldCost | undefined {
  return extensions['cost'] as FieldCost | undefined;
}

export function isLong({ extensions }: Pick<GraphQLField<unknown, unknown>, 'extensions'>): boolean {
  return extensions['isLong'] === true;
}

/** The list among the arguments that says how many items a field answers; undefined: none does. */
export function itemsAsked(
  { extensions }: Pick<GraphQLField<unknown, unknown>, 'extensions'>,
  args: CostArguments,
): unknown {
  const { itemsOf } = extensions as CostOptions;
  return itemsOf === undefined ? Object.values(args).find((arg) => Array.isArray(arg)) : args[itemsOf];
}
