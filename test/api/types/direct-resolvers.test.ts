/** What is called directly answers as type-graphql calls it. */
import 'reflect-metadata';

import { describe, expect, it } from '@jest/globals';
import { graphql, type GraphQLObjectType, type GraphQLSchema } from 'graphql';
import {
  Arg,
  Ctx,
  Field,
  FieldResolver,
  Info,
  InputType,
  Int,
  ObjectType,
  Query,
  Resolver,
  Root,
  UseMiddleware,
  buildSchemaSync,
} from 'type-graphql';

import { createSchema } from '../../../src/api/schema.js';
import { callDirectly } from '../../../src/api/types/direct-resolvers.js';

@InputType()
class Wanted {
  @Field(() => Int)
  number!: number;
}

@ObjectType()
class Thing {
  @Field(() => String)
  plain!: string;
}

interface ThingRecord {
  readonly plain: string;
}

@Resolver(() => Thing)
class ThingResolver {
  private readonly prefix = 'of an instance';

  @FieldResolver(() => String)
  mixed(
    @Ctx() context: object,
    @Arg('list', () => [Int], { nullable: true }) list: number[] | null | undefined,
    @Root() { plain }: ThingRecord,
    @Arg('text', () => String, { defaultValue: 'unsaid' }) text: string,
    @Info() { fieldName }: { readonly fieldName: string },
  ): string {
    return JSON.stringify([this.prefix, context, list, plain, text, fieldName]);
  }

  @FieldResolver(() => Boolean)
  isInstance(@Arg('wanted', () => Wanted) wanted: Wanted): boolean {
    return wanted instanceof Wanted;
  }

  @FieldResolver(() => String)
  nothing(): string {
    return this.prefix;
  }

  @FieldResolver(() => String)
  fails(@Root() { plain }: ThingRecord): string {
    throw new Error(`It fails of ${plain}.`);
  }

  @UseMiddleware((_data, next) => next().then((value: unknown) => `${String(value)} by a middleware`))
  @FieldResolver(() => String)
  wrapped(): string {
    return 'wrapped';
  }

  @Query(() => [Thing])
  things(@Arg('count', () => Int) count: number): ThingRecord[] {
    return Array.from({ length: count }, (_, index) => ({ plain: `thing ${index}` }));
  }
}

const RESOLVERS = [ThingResolver] as const;

function build(): GraphQLSchema {
  return buildSchemaSync({ resolvers: RESOLVERS, validate: false });
}

const QUERY = `query ($list: [Int!]) {
  things(count: 2) {
    plain mixed(list: $list) said: mixed(list: null, text: "said") nothing wrapped
    isInstance(wanted: { number: 1 })
  }
}`;

describe('a resolver that is called directly', () => {
  it.each([
    [QUERY, { list: [1, 2] }],
    [QUERY, {}],
    ['{ things(count: 1) { plain fails } }', {}],
    ['{ things(count: null) { plain } }', {}],
  ])('answers the same: %s', async (source, variableValues) => {
    const asked = { source, variableValues, contextValue: { of: 'context' } };
    const expected = await graphql({ schema: build(), ...asked });
    const found = await graphql({ schema: callDirectly(build(), RESOLVERS), ...asked });
    expect(JSON.stringify(found)).toBe(JSON.stringify(expected));
  });

  it('is so only where type-graphql does nothing but read parameters', () => {
    const [former, direct] = [build(), callDirectly(build(), RESOLVERS)];
    const sourceOf = (schema: GraphQLSchema, field: string): string =>
      String((schema.getType('Thing') as GraphQLObjectType).getFields()[field]?.resolve);
    const changed = ['plain', 'mixed', 'nothing', 'fails', 'isInstance', 'wrapped'].filter(
      (field) => sourceOf(former, field) !== sourceOf(direct, field),
    );
    expect(changed).toEqual(['mixed', 'nothing', 'fails']);
  });
});

it('is every field of an account that takes no input', () => {
  const fields = (createSchema().getType('Account') as GraphQLObjectType).getFields();
  const wrapped = Object.values(fields).filter(({ resolve }) => String(resolve).includes('resolverData'));
  expect(wrapped.map(({ name }) => name)).toEqual(['simulate']);
});
