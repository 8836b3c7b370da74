import { Field, ID, InterfaceType } from 'type-graphql';

@InterfaceType({
  description: 'Anything with a global id, to be read again with `node`.',
  resolveType: (value: { __typename?: string }) => value.__typename,
})
export abstract class Node {
  @Field(() => ID, { description: 'Global and opaque.' })
  id!: string;
}

export const ID_DESCRIPTION = 'Global and opaque; stays the same for life. Any role that may see the object.';
