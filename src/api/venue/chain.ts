import { Field, FieldResolver, ID, ObjectType, Resolver, Root } from 'type-graphql';

import type { ChainRecord } from '../../policy/rulebook/rulebook.js';
import { globalId } from '../types/global-id.js';
import { ID_DESCRIPTION, Node } from '../types/node.js';

@ObjectType({
  implements: Node,
  description: 'A chain on which a venue keeps accounts. Any role.',
  simpleResolvers: true,
})
export class Chain {
  @Field(() => String, { description: 'BNB_CHAIN, ETHEREUM, ARBITRUM, SOLANA.' })
  code!: string;

  @Field(() => String, { description: 'The name for people.' })
  name!: string;
}

@Resolver(() => Chain)
export class ChainResolver {
  @FieldResolver(() => ID, { description: ID_DESCRIPTION })
  id(@Root() chain: ChainRecord): string {
    return globalId('Chain', chain.code);
  }
}
