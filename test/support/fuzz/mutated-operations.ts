/** What becomes of an operation by accident or by malice; each mutation is a small one, and some can be done on top of others. */
import {
  GraphQLError,
  Kind,
  getNamedType,
  isObjectType,
  isRequiredArgument,
  parse,
  parseValue,
  print,
  valueFromASTUntyped,
  visit,
  type ASTNode,
  type DocumentNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  type SelectionNode,
  type ValueNode,
} from 'graphql';

import { pick, type Dice, type FuzzedRequest } from './random-operations.js';
import { CHARACTERS, DIRECTIVES, EXTREME, OTHER_TYPES, SIZES, STRANGE, TYPES } from './strange-values.js';

export interface Materials {
  readonly schema: GraphQLSchema;
  readonly dice: Dice;
  /** Another operation, to be spliced in. */
  readonly other: FuzzedRequest;
  /** Of every type, of the sender and of others. */
  readonly ids: readonly string[];
}

type Mutation = (request: FuzzedRequest, materials: Materials) => FuzzedRequest;

const VALUES: readonly Kind[] = [
  ...[Kind.STRING, Kind.INT, Kind.FLOAT, Kind.BOOLEAN, Kind.ENUM, Kind.LIST, Kind.OBJECT, Kind.NULL],
];

/** Null where a mutation before has left no document. */
function documentOf(query: string): DocumentNode | null {
  try {
    return parse(query);
  } catch (error) {
    if (error instanceof GraphQLError) return null;
    throw error;
  }
}

/** One node of these kinds, at random, with another one (null: nothing) in its place; the text as it is where there is none. */
function replaced(query: string, dice: Dice, kinds: readonly Kind[], by: (node: ASTNode) => ASTNode | null): string {
  const document = documentOf(query);
  if (document === null) return query;
  let count = 0;
  const counted = (node: ASTNode): boolean => kinds.includes(node.kind);
  visit(document, { enter: (node) => void (count += counted(node) ? 1 : 0) });
  let left = count === 0 ? -1 : dice(count);
  return print(
    // On the way out, so that what is put in is not looked into.
    visit(document, { leave: (node) => (counted(node) && left-- === 0 ? by(node) : undefined) }),
  );
}

/** One value, at random, at any depth. */
function replacedIn(json: unknown, dice: Dice, by: unknown): unknown {
  if (typeof json !== 'object' || json === null || dice(3) === 0) return by;
  const entries: [string, unknown][] = Object.entries(json);
  if (entries.length === 0) return by;
  const chosen = dice(entries.length);
  const changed = entries.map(([key, value], index) => [key, index === chosen ? replacedIn(value, dice, by) : value]);
  return Array.isArray(json) ? changed.map(([, value]) => value) : Object.fromEntries(changed);
}

function isFilled(variables: unknown): variables is Record<string, unknown> {
  return typeof variables === 'object' && variables !== null && Object.keys(variables).length > 0;
}

/** A value in the place of another: among the variables where there are some, or in the text. */
function withValue(request: FuzzedRequest, dice: Dice, value: ValueNode): FuzzedRequest {
  if (isFilled(request.variables)) {
    const entries = Object.entries(request.variables);
    const chosen = dice(entries.length);
    const json = valueFromASTUntyped(value);
    const variables = entries.map(([key, old], index) => [key, index === chosen ? replacedIn(old, dice, json) : old]);
    return { ...request, variables: Object.fromEntries(variables) as unknown };
  }
  return { ...request, query: replaced(request.query, dice, VALUES, () => value) };
}

/** Also of what could not be written as a literal. */
function textOf(value: string): ValueNode {
  return { kind: Kind.STRING, value };
}

/** The first selection of a text in braces. */
function selectionsOf(text: string): readonly SelectionNode[] {
  const [definition] = parse(text).definitions;
  return definition?.kind === Kind.OPERATION_DEFINITION ? definition.selectionSet.selections : [];
}

function withDirectives<Node extends ASTNode>(node: Node, { dice }: Materials): Node {
  const texts = Array.from({ length: pick(dice, [1, 1, 1, 2, 60]) }, () => pick(dice, DIRECTIVES));
  const [selection] = selectionsOf(`{ x ${texts.join(' ')} }`);
  return { ...node, directives: selection?.directives ?? [] };
}

/** Objects within objects, as the types lead to each other. */
function chainOf(schema: GraphQLSchema, dice: Dice, depth: number): string {
  const names: string[] = [];
  let type: GraphQLNamedType | null | undefined = schema.getQueryType();
  while (isObjectType(type) && names.length < depth) {
    const onward: readonly GraphQLField<unknown, unknown>[] = Object.values(type.getFields()).filter(
      (field) => isObjectType(getNamedType(field.type)) && !field.args.some(isRequiredArgument),
    );
    const next = onward[dice(onward.length)];
    if (next === undefined) break;
    names.push(next.name);
    type = getNamedType(next.type);
  }
  return `{ ${names.join(' { ')} { __typename ${'} '.repeat(names.length)} }`;
}

/** What stands in the first operation, in fragments. */
function inFragments(query: string, dice: Dice): string {
  const document = documentOf(query);
  const [operation] = document?.definitions ?? [];
  if (operation?.kind !== Kind.OPERATION_DEFINITION) return query;
  const { operation: kind, variableDefinitions, selectionSet } = operation;
  const type = `${kind.charAt(0).toUpperCase()}${kind.slice(1)}`;
  const head = `${kind} ${variableDefinitions?.length ? `(${variableDefinitions.map(print).join(' ')})` : ''}`;
  const body = print(selectionSet);
  const size = pick(dice, SIZES);
  const twice = Array.from(
    { length: size },
    (_, index) => `fragment F${index + 1} on ${type} { ...F${index} ...F${index} }`,
  );
  return pick(dice, [
    `${head} { ...F } fragment F on ${type} ${body}`,
    `${head} { ${'...F '.repeat(size)} } fragment F on ${type} ${body}`,
    `${head} { ...F${size} } fragment F0 on ${type} ${body} ${twice.join(' ')}`,
    `${head} { ...F } fragment F on ${type} { ...G } fragment G on ${type} { ...F }`,
    `${head} { ...F } fragment F on Account ${body}`,
    `${head} { ...Missing ... on Nothing { x } } fragment F on ${type} ${body}`,
    `${head} ${body} fragment F on ${type} ${body} fragment F on ${type} ${body}`,
    `${head} { ${`... on ${type} { `.repeat(size)} ...F ${'} '.repeat(size)} } fragment F on ${type} ${body}`,
  ]);
}

const inText =
  (change: (text: string, at: number, materials: Materials) => string): Mutation =>
  (request, materials) => ({
    ...request,
    query: change(request.query, materials.dice(request.query.length + 1), materials),
  });

const inNode =
  (kinds: readonly Kind[], by: (node: ASTNode, materials: Materials) => ASTNode | null): Mutation =>
  (request, materials) => ({
    ...request,
    query: replaced(request.query, materials.dice, kinds, (node) => by(node, materials)),
  });

export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  'another type': (request, { dice }) => withValue(request, dice, parseValue(pick(dice, OTHER_TYPES))),
  null: (request, { dice }) => withValue(request, dice, { kind: Kind.NULL }),
  'an extreme number': (request, { dice }) => withValue(request, dice, parseValue(pick(dice, EXTREME))),
  'a strange text': (request, { dice }) => withValue(request, dice, textOf(pick(dice, STRANGE))),
  'another id': (request, { dice, ids }) => withValue(request, dice, textOf(pick(dice, ids))),
  'a long list': inNode(VALUES, (node, { dice }) => {
    return parseValue(`[${`${print(node)} `.repeat(pick(dice, [0, 2, 101, 300]))}]`);
  }),
  'a deep value': (request, { dice }) => {
    const depth = pick(dice, [3, 50, 400]);
    const [before, after] = pick(dice, [
      ['[', ']'],
      ['{a: ', '}'],
    ] as const);
    return withValue(request, dice, parseValue(`${before.repeat(depth)}1${after.repeat(depth)}`));
  },
  'something left out': inNode([Kind.ARGUMENT, Kind.OBJECT_FIELD, Kind.VARIABLE_DEFINITION, Kind.FIELD], () => null),
  'something too much': inNode([Kind.FIELD, Kind.OBJECT], (node, { dice }) => {
    const name = {
      kind: Kind.NAME,
      value: pick(dice, ['surplus', '__proto__', 'id', 'first', 'constructor', '__typename']),
    } as const;
    const value = parseValue(pick(dice, OTHER_TYPES));
    if (node.kind === Kind.OBJECT)
      return { ...node, fields: [...node.fields, { kind: Kind.OBJECT_FIELD, name, value }] };
    if (node.kind !== Kind.FIELD) return node;
    if (node.selectionSet === undefined || dice(2) === 0) {
      return { ...node, arguments: [...(node.arguments ?? []), { kind: Kind.ARGUMENT, name, value }] };
    }
    const selections = [...node.selectionSet.selections, { kind: Kind.FIELD, name } as const];
    return { ...node, selectionSet: { ...node.selectionSet, selections } };
  }),
  'a deep selection': (_request, { schema, dice }) => ({
    query: chainOf(schema, dice, pick(dice, [4, 12, 17, 60, 200])),
  }),
  'a wide selection': inNode([Kind.SELECTION_SET], (node, { dice }) => {
    if (node.kind !== Kind.SELECTION_SET) return node;
    const copies = Array.from({ length: pick(dice, SIZES) }, (_, index) =>
      node.selections.map((each) =>
        each.kind === Kind.FIELD
          ? { ...each, alias: { kind: Kind.NAME, value: `a${index}_${each.name.value}` } as const }
          : each,
      ),
    );
    return { ...node, selections: copies.flat() };
  }),
  'one field again': inNode([Kind.SELECTION_SET], (node, { dice }) => {
    if (node.kind !== Kind.SELECTION_SET) return node;
    return { ...node, selections: Array.from({ length: pick(dice, SIZES) }, () => node.selections).flat() };
  }),
  fragments: (request, { dice }) => ({ ...request, query: inFragments(request.query, dice) }),
  directives: inNode([Kind.FIELD, Kind.INLINE_FRAGMENT, Kind.OPERATION_DEFINITION], withDirectives),
  'directives of all': inNode([Kind.OPERATION_DEFINITION], (node, materials) => {
    if (node.kind !== Kind.OPERATION_DEFINITION) return node;
    const selections = node.selectionSet.selections.map((each) => withDirectives(each, materials));
    return { ...node, selectionSet: { ...node.selectionSet, selections } };
  }),
  'a broken declaration': inNode([Kind.VARIABLE_DEFINITION], (node, { dice }) => {
    if (node.kind !== Kind.VARIABLE_DEFINITION) return node;
    const text = `query ($x: ${pick(dice, TYPES)} = ${pick(dice, OTHER_TYPES)}) { x }`;
    const [definition] = parse(text).definitions;
    const other = definition?.kind === Kind.OPERATION_DEFINITION ? definition.variableDefinitions?.[0] : undefined;
    return other === undefined ? null : { ...other, variable: node.variable };
  }),
  'broken variables': (request, { dice }) => {
    const others = [[], null, 5, 'text', {}, { v0: { v0: 'x' } }, JSON.parse('{"__proto__": {"v0": 1}}') as unknown];
    return { ...request, variables: pick(dice, others) };
  },
  'another operation name': (request, { dice }) => ({
    ...request,
    operationName: pick(dice, ['', 'Nothing', '__proto__', 5, [], {}, '\0', null]),
  }),
  'truncated text': inText((text, at) => text.slice(0, at)),
  'a part cut out': inText((text, at, { dice }) => text.slice(0, at) + text.slice(at + 1 + dice(20))),
  'a part twice': inText((text, at, { dice }) => text.slice(0, at + dice(40)) + text.slice(at)),
  'spliced text': inText(
    (text, at, { other, dice }) => text.slice(0, at) + other.query.slice(dice(other.query.length)),
  ),
  'two operations': inText((text, _at, { other }) => `${text} ${other.query}`),
  'a stray character': inText((text, at, { dice }) => text.slice(0, at) + pick(dice, CHARACTERS) + text.slice(at)),
};
