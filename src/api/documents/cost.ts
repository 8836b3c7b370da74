/**
 * Computes the cost of an operation before it is executed. Types refer to each other (an account has positions, a
 * position its account), so a short document can request millions of values. The cost of a field is declared beside
 * it. This file multiplies it by the sizes of the lists around the field.
 *
 * A document is compiled once. What it costs is computed at each request, by its variables, its viewer, and the number of
 * accounts.
 */
import {
  GraphQLError,
  Kind,
  SchemaMetaFieldDef,
  TypeMetaFieldDef,
  TypeNameMetaFieldDef,
  getNamedType,
  getNullableType,
  isAbstractType,
  isCompositeType,
  isInterfaceType,
  isLeafType,
  isListType,
  isObjectType,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';

import { mayCall } from '../types/access.js';
import { amountOf, declaredCost, itemsAsked, itemsIn, type CostArguments, type CostBasis } from '../types/cost.js';
import { MAX_LIST } from '../types/lists.js';
import { hasCondition, isLeftOut } from './conditions.js';
import { argumentsOf, type Variables } from './field-arguments.js';

/** Assumed size of a list without one: more than an ordinary account has, less than the venue's largest. */
const PLAIN_LIST = 10;

/** Selections that are counted at most, with fragments spread out. */
const MAX_SELECTIONS = 10_000;

/** Cost of introspection, the same for all clients: GraphiQL's query returns some 200 names with all their parts. */
const INTROSPECTION: ReadonlyMap<string, number> = new Map([
  ['__schema', 500],
  ['__type', 50],
]);

const META_FIELDS: ReadonlyMap<string, Field> = new Map(
  [SchemaMetaFieldDef, TypeMetaFieldDef, TypeNameMetaFieldDef].map((field) => [field.name, field]),
);

export interface OperationCost {
  readonly total: number;
  /** The part of the total that the work of each mutation with an idempotency key costs. */
  readonly keyed: readonly { readonly key: string; readonly work: number }[];
}

/** Null: with fragments spread out, there are too many selections to count. */
export type CostOf = (variables: Variables, basis: CostBasis) => OperationCost | null;

type Field = GraphQLField<unknown, unknown>;
type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

/** One request whose cost is counted. */
class Counting {
  selections = 0;
  readonly keyed: { key: string; work: number }[] = [];

  constructor(
    readonly variables: Variables,
    readonly basis: CostBasis,
  ) {}
}

type Cost = (counting: Counting) => number;

/** The document of the operation must be valid. */
export function compileCost(schema: GraphQLSchema, operation: OperationDefinitionNode, fragments: Fragments): CostOf {
  const cost = new CostCompiler(schema, fragments).ofSelections(
    operation.selectionSet,
    schema.getRootType(operation.operation),
  );
  return (variables, basis) => {
    const counting = new Counting(variables, basis);
    try {
      const total = cost(counting);
      return { total, keyed: counting.keyed };
    } catch (error) {
      if (error instanceof GraphQLError) return null;
      throw error;
    }
  };
}

/** A selection, the types that its cost counts for, and what may leave it out. */
interface Part {
  /** A number: the same in every request. */
  readonly cost: Cost | number;
  readonly types: readonly string[];
  /** Null: it is never left out. */
  readonly condition: SelectionNode | null;
}

class CostCompiler {
  private readonly ofFragments = new Map<string, Cost>();

  constructor(
    private readonly schema: GraphQLSchema,
    private readonly fragments: Fragments,
  ) {}

  /** An answer has one of the possible types, so the dearest of them is what the selections cost. */
  ofSelections(set: SelectionSetNode | undefined, type: GraphQLCompositeType | null | undefined): Cost {
    if (set === undefined || type == null) return free;
    const own = this.typesOf(type);
    const parts = set.selections.flatMap((selection) => this.partOf(selection, type, own));
    const count = set.selections.length;
    const sum = parts.every(({ types }) => types === own) ? sumOf(parts) : dearestOf(parts);
    return (counting) => {
      counting.selections += count;
      if (counting.selections >= MAX_SELECTIONS) throw new GraphQLError('There are too many selections to count.');
      return sum(counting);
    };
  }

  private partOf(selection: SelectionNode, type: GraphQLCompositeType, own: readonly string[]): Part[] {
    const condition = hasCondition(selection) ? selection : null;
    if (selection.kind === Kind.FIELD) {
      const cost = this.ofField(selection, type);
      return cost === null ? [] : [{ cost, types: own, condition }];
    }
    if (selection.kind === Kind.INLINE_FRAGMENT) {
      const { typeCondition: on } = selection;
      const inner = on === undefined ? type : this.schema.getType(on.name.value);
      if (!isCompositeType(inner)) return [];
      return [{ cost: this.ofSelections(selection.selectionSet, inner), types: this.typesOf(inner), condition }];
    }
    const fragment = this.fragments.get(selection.name.value);
    const inner = fragment === undefined ? undefined : this.schema.getType(fragment.typeCondition.name.value);
    if (fragment === undefined || !isCompositeType(inner)) return [];
    return [{ cost: this.ofFragment(fragment, inner), types: this.typesOf(inner), condition }];
  }

  /** Compiled once, however often it is spread. */
  private ofFragment({ name, selectionSet }: FragmentDefinitionNode, type: GraphQLCompositeType): Cost {
    let known = this.ofFragments.get(name.value);
    if (known === undefined) {
      let compiled: Cost | null = null;
      known = (counting) => (compiled ??= this.ofSelections(selectionSet, type))(counting);
      this.ofFragments.set(name.value, known);
    }
    return known;
  }

  private ofField(node: FieldNode, parent: GraphQLCompositeType): Cost | number | null {
    const fields = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields() : {};
    const field = META_FIELDS.get(node.name.value) ?? fields[node.name.value];
    if (field === undefined) return null;
    const type = getNamedType(field.type);
    const below = isCompositeType(type) ? this.ofSelections(node.selectionSet, type) : free;
    const read = argumentsOf(field, node);
    const [own, each, size] = [ownCost(parent.name, field), costOfEach(field), sizeOf(parent.name, field)];
    const isConstant = own === free && below === free && field.args.length === 0;
    if (isConstant && typeof size === 'number') return size * each;
    // Introspection of a type is cheap, and the rules of validation bound it.
    if (parent.name.startsWith('__')) return (counting) => each + below(counting);
    return (counting) => {
      const args = read(counting.variables);
      const inner = each + below(counting);
      return own(args, counting) + (typeof size === 'number' ? size : size(args)) * inner;
    };
  }

  private typesOf(type: GraphQLCompositeType): readonly string[] {
    let known = this.types.get(type);
    if (known === undefined) {
      known = isAbstractType(type) ? this.schema.getPossibleTypes(type).map(({ name }) => name) : [type.name];
      this.types.set(type, known);
    }
    return known;
  }

  private readonly types = new Map<GraphQLCompositeType, readonly string[]>();
}

function free(): number {
  return 0;
}

/** What selections cost that count for the same types. Most are scalars, which are added up once. */
function sumOf(parts: readonly Part[]): Cost {
  let always = 0;
  const others: Part[] = [];
  for (const part of parts) {
    if (typeof part.cost === 'number' && part.condition === null) always += part.cost;
    else others.push(part);
  }
  return (counting) => {
    let total = always;
    for (const part of others) total += amountOfPart(part, counting);
    return total;
  };
}

/** What selections cost for the type for which they cost most. */
function dearestOf(parts: readonly Part[]): Cost {
  const names = [...new Set(parts.flatMap(({ types }) => types))];
  const placed = parts.map((part) => ({ part, places: part.types.map((name) => names.indexOf(name)) }));
  return (counting) => {
    const sums = new Float64Array(names.length);
    for (const { part, places } of placed) {
      const amount = amountOfPart(part, counting);
      for (const place of places) sums[place] = (sums[place] ?? 0) + amount;
    }
    return Math.max(...sums, 0);
  };
}

function amountOfPart({ cost, condition }: Part, counting: Counting): number {
  if (condition !== null && isLeftOut(condition, counting.variables)) return 0;
  return typeof cost === 'number' ? cost : cost(counting);
}

/** The key of a mutation; null: it takes none. */
export function keyIn(args: Readonly<Record<string, unknown>>): string | null {
  const input = args['input'] as { readonly idempotencyKey?: unknown } | null | undefined;
  const key = input?.idempotencyKey;
  return typeof key === 'string' ? key : null;
}

/** Paid once, however many items the field answers. */
function ownCost(parent: string, field: Field): (args: CostArguments, counting: Counting) => number {
  const declared = declaredCost(field) ?? INTROSPECTION.get(field.name) ?? 0;
  if (declared === 0) return free;
  return (args, { basis, keyed }) => {
    // A viewer who may not call the field causes no work, and the cost must not reveal the number of accounts.
    if (!mayCall(basis.viewer, field)) return 0;
    const own = amountOf(declared, args, basis);
    const key = parent === 'Mutation' && own > 0 ? keyIn(args) : null;
    if (key !== null) keyed.push({ key, work: own });
    return own;
  };
}

/** Paid for every item of the field, beside the fields selected from it. */
function costOfEach(field: Field): number {
  return isLeaf(field) && declaredCost(field) === undefined ? 1 : 0;
}

function isLeaf(field: Field): boolean {
  return isLeafType(getNamedType(field.type));
}

/** The number of items that the field answers, by its arguments. */
function sizeOf(parent: string, field: Field): number | ((args: CostArguments) => number) {
  // The connection has been multiplied by its page already.
  if (parent.endsWith('Connection')) return 1;
  const first = field.args.find(({ name }) => name === 'first');
  if (first !== undefined) {
    return (args) => {
      const asked: unknown = args['last'] ?? args['first'] ?? first.defaultValue;
      // The field itself refuses more items than a page may hold, with a better message.
      return typeof asked === 'number' ? Math.min(Math.max(asked, 1), MAX_LIST) : PLAIN_LIST;
    };
  }
  // A stream first sends the state of every watched account.
  if (parent === 'Subscription') return (args) => Math.max(itemsIn(args), 1);
  // The payload of a mutation has its items in plain lists.
  if (parent === 'Mutation') return (args) => Math.max(Math.ceil(itemsIn(args) / PLAIN_LIST), 1);
  // A list of scalars is one value with several parts.
  if (isLeaf(field) || !isListType(getNullableType(field.type))) return 1;
  return (args) => {
    const named = itemsAsked(field, args);
    return Array.isArray(named) ? Math.max(named.length, 1) : PLAIN_LIST;
  };
}
