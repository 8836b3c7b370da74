/** The compiled cost of a document is what graphql-query-complexity computes of it at each request. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  GraphQLError,
  Kind,
  getNamedType,
  getNullableType,
  isLeafType,
  isListType,
  parse,
  validate,
  visit,
  type DocumentNode,
  type GraphQLField,
} from 'graphql';
import { getComplexity, type ComplexityEstimatorArgs } from 'graphql-query-complexity';

import { keyIn } from '../../../src/api/documents/cost.js';
import { PreparedDocument } from '../../../src/api/documents/prepared-document.js';
import { createSchema } from '../../../src/api/schema.js';
import { mayCall } from '../../../src/api/types/access.js';
import { amountOf, declaredCost, itemsAsked, itemsIn, type CostBasis } from '../../../src/api/types/cost.js';
import type { Role } from '../../../src/platform/tokens.js';
import { DocumentGenerator, drawing } from '../../support/documents.js';

const schema = createSchema();
type Field = GraphQLField<unknown, unknown>;

const isLeaf = (field: Field): boolean => isLeafType(getNamedType(field.type));

/** The number of items that a field answers, as the rule says in words. */
function sizeOf(typeName: string, field: Field, args: Record<string, unknown>): number {
  if (typeName.endsWith('Connection')) return 1;
  const first = field.args.find(({ name }) => name === 'first');
  if (first !== undefined) {
    const asked: unknown = args['last'] ?? args['first'] ?? first.defaultValue;
    return typeof asked === 'number' ? Math.min(Math.max(asked, 1), 100) : 10;
  }
  if (typeName === 'Subscription') return Math.max(itemsIn(args), 1);
  if (typeName === 'Mutation') return Math.max(Math.ceil(itemsIn(args) / 10), 1);
  if (isLeaf(field) || !isListType(getNullableType(field.type))) return 1;
  const named = itemsAsked(field, args);
  return Array.isArray(named) ? Math.max(named.length, 1) : 10;
}

function oracle(document: DocumentNode, variables: Record<string, unknown>, basis: CostBasis): unknown {
  const keyed: { key: string; work: number }[] = [];
  const estimate = ({ type, field, args, childComplexity }: ComplexityEstimatorArgs): number => {
    const introspection = field.name === '__schema' ? 500 : field.name === '__type' ? 50 : 0;
    const own = mayCall(basis.viewer, field) ? amountOf(declaredCost(field) ?? introspection, args, basis) : 0;
    const each = isLeaf(field) && declaredCost(field) === undefined ? 1 : 0;
    const key = type.name === 'Mutation' ? keyIn(args) : null;
    if (key !== null && own > 0) keyed.push({ key, work: own });
    if (type.name.startsWith('__')) return each + childComplexity;
    return own + sizeOf(type.name, field, args) * (each + childComplexity);
  };
  try {
    return { total: getComplexity({ schema, query: document, variables, estimators: [estimate] }), keyed };
  } catch (error) {
    if (error instanceof GraphQLError) return null;
    throw error;
  }
}

const ROLES: readonly (readonly Role[] | null)[] = [null, ['TRADER'], ['ADMIN'], ['SERVICE']];

describe('the cost of a document that is compiled once', () => {
  it('is that of a walk over it at each request, for every viewer, condition, and number of accounts', () => {
    let [counted, refused, keyed] = [0, 0, 0];
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom('query', 'mutation'), (seed, kind) => {
        const source = new DocumentGenerator(schema, drawing(seed)).document(kind);
        const document = parse(source);
        expect(validate(schema, document).map(({ message }) => message)).toEqual([]);
        const operation = new PreparedDocument(schema, document).operationOf('Asked');
        for (const roles of ROLES) {
          for (const [accounts, variables] of [
            [0, {}],
            [100_000, { yes: false }],
            [7_777, { yes: null }],
          ] as const) {
            const viewer = roles === null ? null : { subject: 'somebody', roles, expiresAt: Infinity };
            const coerced = operation?.coerce(variables).coerced ?? {};
            const expected = oracle(document, variables, { viewer, accounts });
            const found = operation?.costOf(coerced, { viewer, accounts });
            expect(found).toEqual(expected);
            if (expected === null) refused++;
            else counted++;
            keyed += found?.keyed.length ?? 0;
          }
        }
      }),
      { numRuns: 120 },
    );
    // Null for a condition refuses a document.
    expect(counted).toBeGreaterThan(500);
    expect(refused).toBeGreaterThan(50);
    expect(keyed).toBeGreaterThan(0);
  });

  it('is not counted where fragments unfold to too many selections, however short the document is', () => {
    const levels = Array.from({ length: 14 }, (_, level) =>
      level === 13
        ? 'fragment F13 on Account { id }'
        : `fragment F${level} on Account { ...F${level + 1} ... on Account { ...F${level + 1} } }`,
    );
    const document = parse(`{ account(id: "x") { ...F0 } } ${levels.join(' ')}`);
    expect(validate(schema, document)).toEqual([]);
    const basis = { viewer: null, accounts: 0 };
    expect(oracle(document, {}, basis)).toBeNull();
    expect(new PreparedDocument(schema, document).operationOf(null)?.costOf({}, basis)).toBeNull();
  });

  it('leaves the document as it is', () => {
    const document = parse('query ($first: Int) { accounts(first: $first) { nodes { id } } }');
    const before = JSON.stringify(document);
    const operation = new PreparedDocument(schema, document).operationOf(null);
    const totals = [3, 50, undefined, 3].map((first) => {
      const { coerced } = operation?.coerce({ first }) ?? {};
      return operation?.costOf(coerced ?? {}, { viewer: null, accounts: 0 })?.total;
    });
    expect(totals).toEqual([3, 50, 20, 3]);
    expect(JSON.stringify(visit(document, { [Kind.NAME]: () => undefined }))).toBe(before);
  });
});
