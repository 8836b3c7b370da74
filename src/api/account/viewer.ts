import { Arg, Ctx, Field, FieldResolver, Int, ObjectType, Query, Resolver, Root } from 'type-graphql';

import type { Viewer as ViewerRecord } from '../../platform/tokens.js';
import { ANY_ROLE, Access, viewerOf } from '../types/access.js';
import { ANSWER_ONLY, Cost } from '../types/cost.js';
import { Accounts } from './account.js';
import { accountPage } from './account-list.js';
import type { Context } from '../execution/context.js';
import { Role } from '../types/enums.js';
import { AFTER_DESCRIPTION, FIRST_DESCRIPTION, PAGE_DEFAULT } from '../types/pagination.js';

@ObjectType({ description: 'Who is asking, by the token.', simpleResolvers: true })
export class Viewer {
  @Field(() => String, { description: "The token's subject." })
  subject!: string;

  @Field(() => [Role], { description: "The token's roles that this server knows." })
  roles!: readonly string[];
}

@Resolver(() => Viewer)
export class ViewerResolver {
  @Access(...ANY_ROLE)
  @Cost(ANSWER_ONLY)
  @Query(() => Viewer, { description: 'Who is asking. Any role.' })
  viewer(@Ctx() context: Context): ViewerRecord {
    return viewerOf(context);
  }

  @FieldResolver(() => Accounts.Connection, { description: 'The accounts that the viewer owns, oldest first.' })
  accounts(
    @Root() viewer: ViewerRecord,
    @Arg('first', () => Int, { nullable: true, defaultValue: PAGE_DEFAULT, description: FIRST_DESCRIPTION })
    first: number | null,
    @Arg('after', () => String, { nullable: true, description: AFTER_DESCRIPTION }) after: string | null | undefined,
    @Ctx() context: Context,
  ): Promise<unknown> {
    return accountPage(context, { visibleTo: viewer.subject, statuses: null, orderBy: 'ID' }, first, after);
  }
}
