/** Operations made of the schema itself, so that what is added to it is asked for without a word being written here. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  OperationTypeNode,
  buildSchema,
  getNamedType,
  getNullableType,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
} from 'graphql';

import { PACKAGE_ROOT } from '../../../src/platform/package-root.js';

/** As it is published; `schema.test.ts` holds it against the code. */
export function publishedSchema(): GraphQLSchema {
  return buildSchema(readFileSync(join(PACKAGE_ROOT, 'schema.graphql'), 'utf8'));
}

export interface RootField {
  readonly operation: OperationTypeNode;
  readonly field: GraphQLField<unknown, unknown>;
}

export function rootFields(schema: GraphQLSchema): RootField[] {
  return Object.values(OperationTypeNode).flatMap((operation) =>
    Object.values(schema.getRootType(operation)?.getFields() ?? {}).map((field) => ({ operation, field })),
  );
}

/** Paths of the arguments, and of the fields of their inputs, that have this type, such as "input.fills.accountId". */
export function argumentsOfType({ field }: RootField, typeName: string): string[] {
  const below = (path: string, type: GraphQLInputType, within: readonly GraphQLNamedType[]): string[] => {
    const named = getNamedType(type);
    if (named.name === typeName) return [path];
    if (!isInputObjectType(named) || within.includes(named)) return [];
    return Object.values(named.getFields()).flatMap((each) =>
      below(`${path}.${each.name}`, each.type, [...within, named]),
    );
  };
  return field.args.flatMap((arg) => below(arg.name, arg.type, []));
}

/** Literals by the path of an argument, or by the last name of it; what is required beside gets any value of its type. */
export type Values = Readonly<Record<string, string>>;

const ANY: Values = {
  ID: '"x"',
  String: '"x"',
  Int: '1',
  Boolean: 'false',
  Decimal: '"1"',
  DateTime: '"2026-01-01T00:00:00Z"',
};

/**
 * What is asked of the answer: the name of its type; its own fields and those of what stands in it; every field of every
 * type that can be reached.
 */
export type Reach = 'name' | 'near' | 'everything';

const LEVELS: Readonly<Record<Reach, number>> = { name: 0, near: 2, everything: Infinity };

export function operationOf(
  schema: GraphQLSchema,
  { operation, field }: RootField,
  values: Values,
  reach: Reach,
): string {
  const selection = isLeafType(getNamedType(field.type)) ? '' : selectionOf(schema, field.type, values, LEVELS[reach]);
  return `${operation} { ${field.name}${argumentsOf(field.args, values)} ${selection} }`;
}

function argumentsOf(args: readonly GraphQLArgument[], values: Values): string {
  const given = args.flatMap((arg) => literalOf(arg, arg.name, isRequiredArgument(arg), values) ?? []);
  return given.length === 0 ? '' : `(${given.join(', ')})`;
}

/** "name: value"; null where it may be left out, and nothing is said of it. */
function literalOf(
  input: GraphQLArgument | GraphQLInputField,
  path: string,
  required: boolean,
  values: Values,
): string | null {
  const isNamed = Object.keys(values).some((key) => [path, input.name].includes(key) || key.startsWith(`${path}.`));
  if (!required && !isNamed) return null;
  return `${input.name}: ${valueOf(input.type, path, values)}`;
}

function valueOf(type: GraphQLInputType, path: string, values: Values): string {
  const nullable = getNullableType(type);
  if (isListType(nullable)) return `[${valueOf(nullable.ofType, path, values)}]`;
  const value = values[path] ?? values[path.split('.').at(-1) ?? ''];
  if (value !== undefined) return value;
  if (isEnumType(nullable)) return nullable.getValues()[0]?.name ?? '';
  if (isInputObjectType(nullable)) {
    const fields = Object.values(nullable.getFields()).flatMap(
      (field) => literalOf(field, `${path}.${field.name}`, isRequiredInputField(field), values) ?? [],
    );
    return `{${fields.join(', ')}}`;
  }
  const any = ANY[nullable.toString()];
  if (any === undefined) throw new Error(`No value is known of the type ${nullable.toString()}.`);
  return any;
}

/** An object that is selected: by the field that answers it, or as one kind of what is abstract. */
interface Branch {
  readonly prefix: string;
  readonly type: GraphQLNamedType;
  readonly level: number;
  readonly branches: Branch[];
}

/**
 * Each type is looked into where it is nearest to the root, and once; where it comes again its plain fields are asked
 * for. So every field that leads from one object to another is followed, in a document that does not grow beyond bounds.
 */
function selectionOf(schema: GraphQLSchema, type: GraphQLOutputType, values: Values, levels: number): string {
  const root: Branch = { prefix: '', type: getNamedType(type), level: 1, branches: [] };
  const seen = new Set<GraphQLNamedType>();
  const waiting = [root];
  for (let branch = waiting.shift(); branch !== undefined; branch = waiting.shift()) {
    if (seen.has(branch.type) || branch.level >= levels) continue;
    seen.add(branch.type);
    branch.branches.push(...branchesOf(schema, branch, values));
    waiting.push(...branch.branches);
  }
  return levels === 0 ? '{ __typename }' : printed(root, values);
}

function branchesOf(schema: GraphQLSchema, { type, level }: Branch, values: Values): Branch[] {
  if (isAbstractType(type)) {
    return schema
      .getPossibleTypes(type)
      .map((kind) => ({ prefix: `... on ${kind.name}`, type: kind, level, branches: [] }));
  }
  if (!isObjectType(type)) return [];
  return Object.values(type.getFields()).flatMap((field) => {
    const target = getNamedType(field.type);
    return isLeafType(target)
      ? []
      : { prefix: selected(type, field, values), type: target, level: level + 1, branches: [] };
  });
}

function printed({ prefix, type, branches }: Branch, values: Values): string {
  const fields = isObjectType(type) ? Object.values(type.getFields()) : [];
  const plain = fields.flatMap((field) =>
    isObjectType(type) && isLeafType(getNamedType(field.type)) ? selected(type, field, values) : [],
  );
  const inner = branches.map((branch) => printed(branch, values));
  return isLeafType(type) ? prefix : `${prefix} { ${['__typename', ...plain, ...inner].join(' ')} }`;
}

/** With a name of its own: fields of one name, of several kinds of objects, would have to agree in their types. */
function selected(type: GraphQLObjectType, field: GraphQLField<unknown, unknown>, values: Values): string {
  return `${type.name}_${field.name}: ${field.name}${argumentsOf(field.args, values)}`;
}

/** Whether objects of a type can be reached from another one by fields. */
export function leadsTo(schema: GraphQLSchema, from: GraphQLOutputType, target: string): boolean {
  const seen = new Set<string>();
  const walk = (type: GraphQLNamedType): boolean => {
    if (type.name === target) return true;
    if (seen.has(type.name)) return false;
    seen.add(type.name);
    if (isAbstractType(type)) return schema.getPossibleTypes(type).some(walk);
    if (!isObjectType(type)) return false;
    return Object.values(type.getFields()).some((field) => walk(getNamedType(field.type)));
  };
  return walk(getNamedType(from));
}
