/** What a plan answers is what graphql-js answers: data, the order of its names, errors, and what they null. */
import { setImmediate as nextRound } from 'node:timers/promises';

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  buildSchema,
  execute,
  getIntrospectionQuery,
  isAbstractType,
  isListType,
  isNonNullType,
  isObjectType,
  parse,
  responsePathAsArray,
  validate,
  type ExecutionResult,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
} from 'graphql';

import { PreparedDocument } from '../../../src/api/documents/prepared-document.js';
import { runPlan } from '../../../src/api/documents/run-plan.js';
import { createSchema } from '../../../src/api/schema.js';
import { DocumentGenerator, drawing } from '../../support/documents.js';

const SDL = `
  interface Named { name: String!  link: Named }
  type Node implements Named { name: String! link: Named id: ID! next: Node strict: Node! any: Any all: [Any!]! about: String }
  type Other implements Named { name: String! link: Named size: Int many: [[Node!]] colour: Colour }
  union Any = Node | Other
  enum Colour { RED BLUE }
  input Of { number: Int = 7, list: [Int!], colour: Colour }
  type Query { node: Node strict: Node! named(of: Of, plus: Int! = 3): Named nodes: [Node] firm: [Node!]! text: String
    count(plus: Int = 1, of: Of): Int! info: String any: [Any] }
  type Mutation { first: Node second(plus: Int): Int! third: [Named!] }
`;

function hash(text: string, seed: number): number {
  let state = seed;
  for (const letter of text) state = Math.imul(state ^ letter.charCodeAt(0), 16_777_619) >>> 0;
  return (state ^ (state >>> 13)) >>> 0;
}

/** Settles what resolvers have promised, one after the other in an order that does not depend on who executes them. */
class Late {
  private readonly pending: { readonly order: string; readonly settle: () => void }[] = [];

  promise(order: string, outcome: () => unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        try {
          resolve(outcome());
        } catch (error) {
          reject(error instanceof Error ? error : new Error('Expected an error.'));
        }
      };
      this.pending.push({ order, settle });
    });
  }

  async until<T>(result: Promise<T> | T): Promise<T> {
    await nextRound();
    while (this.pending.length > 0) {
      this.pending.sort((a, b) => (a.order < b.order ? -1 : 1));
      this.pending.shift()?.settle();
      await nextRound();
    }
    return result;
  }
}

interface World {
  readonly seed: number;
  readonly late: Late;
  /** Of 100 values: those that fail, and those that come late. */
  readonly failing: number;
  readonly promised: number;
}

/** A value of the type, or a failure, by the place in the answer. */
function valueOf(type: GraphQLOutputType, place: string, world: World, schema: GraphQLSchema): unknown {
  const chance = hash(place, world.seed);
  const fails = chance % 100 < world.failing;
  // graphql-js loses the errors of late items of a list where another fails at once.
  const inList = world.promised > 0 && /\.\d/.test(place);
  const late = hash(`late ${place}`, world.seed) % 100 < world.promised || (inList && fails);
  const make = (): unknown => {
    if (fails) {
      const kind = (chance >>> 8) % 5;
      if (kind === 0) return null;
      if (kind === 1) return undefined;
      if (kind === 2) return new Error(`returned at ${place}`);
      if (kind === 3) return { number: 'neither a scalar nor a list' };
      throw new Error(`thrown at ${place}`);
    }
    return plainValue(type, place, world, schema);
  };
  return late ? world.late.promise(`${chance % 1_000} ${place}`, make) : make();
}

function plainValue(type: GraphQLOutputType, place: string, world: World, schema: GraphQLSchema): unknown {
  const chance = hash(`value ${place}`, world.seed);
  if (isNonNullType(type)) return plainValue(type.ofType, place, world, schema);
  if (isListType(type)) {
    const items: unknown[] = [];
    for (let index = 0; index < chance % 4; index++) {
      const item = `${place}.${index}`;
      try {
        items.push(valueOf(type.ofType, item, world, schema));
      } catch (error) {
        items.push(error instanceof Error ? error : new Error(String(error)));
      }
    }
    return chance % 5 === 0 ? new Set(items) : items;
  }
  if (isAbstractType(type)) {
    const types = schema.getPossibleTypes(type);
    const chosen = types[chance % types.length];
    return chosen === undefined ? {} : { __typename: chosen.name, ...propertiesOf(chosen, place, world, schema) };
  }
  if (isObjectType(type)) return propertiesOf(type, place, world, schema);
  return (
    { Int: chance % 100, ID: `id${chance}`, Colour: chance % 3 === 0 && world.promised === 0 ? 'GREEN' : 'RED' }[
      type.toString()
    ] ?? place
  );
}

const isProperty = (name: string): boolean => ['name', 'id', 'size', 'colour'].includes(name);

/** The scalars that no resolver computes: as values, or as functions. */
function propertiesOf(type: GraphQLObjectType, place: string, world: World, schema: GraphQLSchema): object {
  const properties: Record<string, unknown> = {};
  for (const field of Object.values(type.getFields()).filter(({ name }) => isProperty(name))) {
    const at = `${place}.${field.name}`;
    const value = (): unknown => valueOf(field.type, at, world, schema);
    // What comes late, or fails, does so only where it is asked for.
    properties[field.name] = value;
    if (world.promised > 0 || hash(`function ${at}`, world.seed) % 3 === 0) continue;
    try {
      properties[field.name] = value();
    } catch {
      continue;
    }
  }
  return properties;
}

/** Everything but properties has a resolver. */
function schemaOf(): GraphQLSchema {
  const schema = buildSchema(SDL);
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    for (const field of Object.values(type.getFields())) {
      if (isProperty(field.name)) continue;
      field.resolve = (_source, args: object, world: World, info) => {
        if (field.name === 'info' || field.name === 'about') return described(info);
        const place = `${responsePathAsArray(info.path).join('.')} ${JSON.stringify(args)}`;
        return valueOf(field.type, place, world, schema);
      };
    }
  }
  return schema;
}

function described(info: GraphQLResolveInfo): string {
  const { fieldName, fieldNodes, returnType, parentType, path, fragments, rootValue, operation, variableValues } = info;
  return JSON.stringify([
    ...[fieldName, fieldNodes.length, String(returnType), parentType.name, responsePathAsArray(path), path.typename],
    ...[
      Object.keys(fragments),
      rootValue ?? null,
      operation.name?.value,
      variableValues,
      info.schema.description ?? null,
    ],
  ]);
}

const schema = schemaOf();

interface Case {
  readonly source: string;
  readonly world: Omit<World, 'late'>;
  readonly variables?: Record<string, unknown>;
}

async function bothOf({ source, world, variables = {} }: Case): Promise<[ExecutionResult, ExecutionResult]> {
  const document = parse(source);
  expect(validate(schema, document).map(({ message }) => message)).toEqual([]);
  const operation = new PreparedDocument(schema, document).operationOf(null);
  const coerced = operation?.coerce(variables).coerced;
  if (operation === null || coerced === undefined) throw new Error('Expected an operation and its variables.');
  const [late, other] = [new Late(), new Late()];
  const contextValue = { ...world, late };
  const expected = await late.until(execute({ schema, document, variableValues: variables, contextValue }));
  const found = await other.until(runPlan(operation.planFor(coerced), undefined, { ...world, late: other }, coerced));
  return [found, expected];
}

const textOf = ({ data, errors }: ExecutionResult): string =>
  JSON.stringify(
    { data, errors: errors?.map((error) => [error.toJSON(), error.originalError?.constructor.name]) },
    null,
    1,
  );

describe('a plan', () => {
  it.each([
    ['no failure, at once', 0, 0],
    ['failures, at once', 25, 0],
    ['few failures, at once', 6, 0],
    ['no failure, late', 0, 50],
    ['failures, late', 20, 50],
    ['few failures, late', 4, 30],
  ])('answers as graphql-js does: %s', async (_what, failing, promised) => {
    let [nulled, answered] = [0, 0];
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.constantFrom('query', 'mutation'), async (seed, kind) => {
        const source = new DocumentGenerator(schema, drawing(seed)).document(kind);
        const [found, expected] = await bothOf({ source, world: { seed, failing, promised } });
        expect(textOf(found)).toBe(textOf(expected));
        if (expected.data == null) nulled++;
        else answered++;
      }),
      { numRuns: 40 },
    );
    expect(answered).toBeGreaterThan(5);
    if (failing > 10) expect(nulled).toBeGreaterThan(0);
  });

  it.each([
    [
      'fields that are asked for twice',
      '{ node { name } text node { id next { name } } ...F } fragment F on Query { node { next { id } } }',
    ],
    ['names of JavaScript', '{ __proto__: text constructor: text toString: text then: text hasOwnProperty: text }'],
    ['a name that is not given for an object', '{ node { __proto__: name toJSON: name valueOf: id } }'],
    [
      'what resolvers hear of their field',
      'query Named($a: Int = 4) { info a: info node { about } named(plus: $a) { name } ...F } fragment F on Query { a: info }',
    ],
    [
      'arguments of all kinds',
      'query ($of: Of, $n: Int) { count(plus: $n, of: $of) b: count(of: { number: $n, list: [1, 2], colour: RED }) c: count }',
    ],
    ['serial fields', 'mutation { second third { name link { name } } a: second(plus: 3) first { next { name } } }'],
    [
      'abstract types',
      '{ any { __typename ... on Node { id } ... on Named { name } ... on Other { size } } named { link { name ... on Node { about } } } }',
    ],
  ])('answers as graphql-js does: %s', async (_what, source) => {
    for (let seed = 1; seed <= 10; seed++) {
      for (const [failing, promised] of [
        [0, 0],
        [0, 60],
        [15, 0],
        [15, 60],
      ] as const) {
        const variables = source.includes('$n') ? { of: { list: [seed] } } : {};
        const [found, expected] = await bothOf({ source, variables, world: { seed, failing, promised } });
        expect(textOf(found)).toBe(textOf(expected));
      }
    }
  });

  it('refuses arguments at each request as graphql-js does', async () => {
    const source = 'query ($plus: Int = 1) { node { name } named(plus: $plus) { name } }';
    const world = { seed: 1, failing: 0, promised: 0 };
    for (const plus of [null, 2, null]) {
      const [found, expected] = await bothOf({ source, variables: { plus }, world });
      expect(textOf(found)).toBe(textOf(expected));
      expect(found.errors?.length ?? 0).toBe(plus === null ? 1 : 0);
    }
  });

  it('answers introspection as graphql-js does', async () => {
    const real = createSchema();
    const document = parse(getIntrospectionQuery());
    const operation = new PreparedDocument(real, document).operationOf(null);
    if (operation === null) throw new Error('Expected an operation.');
    const found = await runPlan(operation.planFor({}), undefined, {}, {});
    expect(JSON.stringify(found)).toBe(JSON.stringify(await execute({ schema: real, document })));
  });
});

it('hears the errors of late items where another item of the list fails at once', async () => {
  const rejected = Promise.reject(new Error('late'));
  const lists = buildSchema('type Query { items: [Int!] }');
  const operation = new PreparedDocument(lists, parse('{ items }')).operationOf(null);
  if (operation === null) throw new Error('Expected an operation.');
  const result = await runPlan(operation.planFor({}), { items: [rejected, 1, null] }, {}, {});
  expect(JSON.parse(JSON.stringify(result))).toMatchObject({
    data: { items: null },
    errors: [{ message: 'Cannot return null for non-nullable field Query.items.', path: ['items', 2] }],
  });
  // An error that nobody hears would end the process now.
  await nextRound();
});

describe('a prepared operation', () => {
  const world = { seed: 3, failing: 0, promised: 0, late: new Late() };

  function operationOf(source: string): NonNullable<ReturnType<PreparedDocument['operationOf']>> {
    const operation = new PreparedDocument(schema, parse(source)).operationOf(null);
    if (operation === null) throw new Error('Expected an operation.');
    return operation;
  }

  it('keeps a plan for each choice of its conditions, and no more than eight', () => {
    const names = ['a', 'b', 'c', 'd'];
    const operation = operationOf(
      `query (${names.map((name) => `$${name}: Boolean!`).join()}, $n: Int) {
        count(plus: $n) ${names.map((name) => `${name}: text @include(if: $${name})`).join(' ')} }`,
    );
    const choose = (choice: number, n: number): Record<string, unknown> => {
      const chosen: Record<string, unknown> = { n };
      for (const [bit, name] of names.entries()) chosen[name] = (choice & (1 << bit)) !== 0;
      return chosen;
    };
    const plan = operation.planFor(choose(5, 1));
    expect(operation.planFor(choose(5, 2))).toBe(plan);
    const kept = Array.from({ length: 16 }, (_, choice) => operation.planFor(choose(choice, 1)));
    for (const [choice, each] of kept.entries()) {
      const { data } = runPlan(each, undefined, world, choose(choice, 1)) as ExecutionResult;
      expect(Object.keys(data ?? {})).toEqual(['count', ...names.filter((_name, bit) => (choice & (1 << bit)) !== 0)]);
    }
    expect(kept.filter((each, choice) => operation.planFor(choose(choice, 1)) === each).length).toBeLessThanOrEqual(8);
  });

  it('lets go of a plan that fragments have unfolded to far more fields than the document has characters', () => {
    const levels = Array.from({ length: 8 }, (_, level) => {
      const below = level === 7 ? 'name' : `strict { ...F${level + 1} } next { ...F${level + 1} }`;
      return `fragment F${level} on Node { ${below} }`;
    });
    const operation = operationOf(`{ node { ...F0 } } ${levels.join(' ')}`);
    const plan = operation.planFor({});
    expect(runPlan(plan, undefined, world, {})).toHaveProperty('data.node');
    expect(plan.size).toBeGreaterThan(300);
    expect(operation.planFor({})).toBe(plan);
    operation.release(plan);
    expect(operation.planFor({})).not.toBe(plan);

    const small = operationOf('{ node { name } }');
    const kept = small.planFor({});
    expect(runPlan(kept, undefined, world, {})).toHaveProperty('data.node.name');
    small.release(kept);
    expect(small.planFor({})).toBe(kept);
  });
});
