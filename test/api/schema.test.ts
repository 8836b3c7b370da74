import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';
import {
  buildSchema,
  getIntrospectionQuery,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  parse,
  type GraphQLNamedType,
} from 'graphql';

import { guardRootFields } from '../../src/api/types/access.js';
import { RULE_KINDS } from '../../src/api/admin/rule-kinds.js';
import { createSchema, printedSchema } from '../../src/api/schema.js';
import { LIMITS } from '../../src/api/execution/limits.js';
import { PACKAGE_ROOT } from '../../src/platform/package-root.js';
import { RULES } from '../../src/policy/versions/rules.js';

const schema = createSchema();
const types = Object.values(schema.getTypeMap()).filter(({ name }) => !name.startsWith('__'));

/** What stands in the schema without a word of explanation. */
function undescribed(type: GraphQLNamedType): string[] {
  const found: string[] = [];
  const look = (path: string, described: { readonly description?: string | null | undefined }): void => {
    if ((described.description ?? '').trim() === '') found.push(path);
  };
  // Roots have no meaning of their own.
  if (![schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].includes(type as never)) {
    look(type.name, type);
  }
  if (isObjectType(type) || isInterfaceType(type)) {
    for (const field of Object.values(type.getFields())) {
      look(`${type.name}.${field.name}`, field);
      for (const arg of field.args) look(`${type.name}.${field.name}(${arg.name})`, arg);
    }
  }
  if (isInputObjectType(type)) {
    for (const field of Object.values(type.getFields())) look(`${type.name}.${field.name}`, field);
  }
  if (isEnumType(type)) for (const value of type.getValues()) look(`${type.name}.${value.name}`, value);
  return found;
}

describe('the schema', () => {
  it('describes every type, field, argument and value', () => {
    const own = types.filter(({ name }) => !['String', 'Int', 'Boolean', 'ID', 'Float'].includes(name));
    expect(own.length).toBeGreaterThan(50);
    expect(own.flatMap(undescribed)).toEqual([]);
  });

  it('says of every root field who may call it', () => {
    const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
    const fields = roots.flatMap((root) => Object.values(root?.getFields() ?? {}));
    const silent = fields.filter(({ description }) => !/role|Admins|Services|Traders|owner/.test(description ?? ''));
    expect(fields.length).toBeGreaterThan(15);
    expect(silent.map(({ name }) => name)).toEqual([]);
  });

  it('declares of every root field who may call it and what it costs', () => {
    const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
    const fields = roots.flatMap((root) => Object.values(root?.getFields() ?? {}));
    const silent = fields.filter(({ extensions }) => !('roles' in extensions && 'cost' in extensions));
    expect(silent.map(({ name }) => name)).toEqual([]);
  });

  it.each<[string, object, string | null]>([
    ['without access', { cost: 0 }, 'Query.x does not say who may call it.'],
    ['without a cost', { roles: ['ADMIN'] }, 'Query.x does not say what it costs.'],
    ['with both', { roles: ['ADMIN'], cost: 0 }, null],
  ])('is built with no root field %s', (_what, extensions, refusal) => {
    const own = buildSchema('type Query { x: Int }');
    Object.assign(own.getQueryType()?.getFields()['x'] ?? {}, { extensions });
    const guard = (): unknown => guardRootFields(own);
    if (refusal === null) expect(guard()).toBe(own);
    else expect(guard).toThrow(refusal);
  });

  it('has the type of every kind of rule, with ids, and its draft in the preview', () => {
    const kinds = RULES.map(({ kind }) => kind).sort();
    const versions = ['Node', 'RuleVersion'].map((name) => {
      const type = schema.getType(name);
      return isInterfaceType(type) ? schema.getPossibleTypes(type).map((each) => each.name) : [];
    });
    expect(kinds.filter((kind) => !versions.every((names) => names.includes(kind)))).toEqual([]);
    expect([...new Set(RULE_KINDS.map(({ rule }) => rule.kind))].sort()).toEqual(kinds);
  });

  it('has no floats', () => {
    expect(schema.getType('Float')).toBeUndefined();
  });

  it('is what schema.graphql says', () => {
    expect(readFileSync(join(PACKAGE_ROOT, 'schema.graphql'), 'utf8')).toBe(printedSchema());
  });

  it('can be introspected by GraphiQL within the bound on tokens', () => {
    const query = getIntrospectionQuery({
      descriptions: true,
      schemaDescription: true,
      inputValueDeprecation: true,
      specifiedByUrl: true,
      directiveIsRepeatable: true,
    });
    expect(() => parse(query, { maxTokens: LIMITS.tokens })).not.toThrow();
  });
});
