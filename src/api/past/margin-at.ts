import { Arg, Ctx, Field, FieldResolver, ObjectType, Resolver, Root } from 'type-graphql';

import type { AccountRecord } from '../../ledger/records.js';
import { Account } from '../account/account.js';
import type { Context } from '../execution/context.js';
import { Cost } from '../types/cost.js';
import { NoMarginAsOf } from '../types/enums.js';
import { MarginSummary, marginSummary } from '../account/margin-summary.js';
import { DateTimeScalar } from '../types/scalars.js';

@ObjectType({
  description: 'A margin state of the past, or why there is none. The owner, admins, services.',
  simpleResolvers: true,
})
export class MarginAsOf {
  @Field(() => MarginSummary, {
    nullable: true,
    description:
      'With `asOf` as it was asked for, and the versions of account, policy and collateral ratios of that time. Null: ' +
      'see `reason`.',
  })
  margin!: MarginSummary | null;

  @Field(() => NoMarginAsOf, { nullable: true, description: 'Why there is none; null when there is one.' })
  reason!: string | null;
}

@Resolver(() => Account)
export class MarginAsOfResolver {
  @Cost(50)
  @FieldResolver(() => MarginAsOf, {
    description:
      'The cross-margin state as it was: balances, positions, settings and modes as they were recorded by then, ratios ' +
      'and policy in force, prices as they were published. What was recorded later is absent, whenever it happened. An ' +
      "account that held nothing but the venue's unit, and had no open orders, is answered without prices.",
  })
  async marginAt(
    @Root() account: AccountRecord,
    @Arg('at', () => DateTimeScalar, { description: 'From `openedAt` to now; what is of this very instant is in it.' })
    at: Date,
    @Ctx() { loaders }: Context,
  ): Promise<MarginAsOf> {
    const { margin, reason } = await loaders.marginAt.load({ account, at });
    return { margin: margin === null ? null : marginSummary(margin), reason };
  }
}
