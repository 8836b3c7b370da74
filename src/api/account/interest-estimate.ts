import { Ctx, Field, FieldResolver, ObjectType, Resolver, Root } from 'type-graphql';

import { interestOfComingHour, type InterestToCome } from '../../ledger/interest.js';
import type { AccountRecord } from '../../ledger/records.js';
import type { Decimal } from '../../margin/decimal.js';
import { Account } from './account.js';
import { marginOf } from './read-account.js';
import { Asset } from '../venue/asset.js';
import type { Context } from '../execution/context.js';
import { Cost } from '../types/cost.js';
import { DateTimeScalar, DecimalScalar } from '../types/scalars.js';

@ObjectType({
  description:
    'What a debt would cost at the next full hour, if nothing changed. The owner of the account, admins, services.',
  simpleResolvers: true,
})
export class InterestEstimate {
  @Field(() => DecimalScalar, {
    description: 'In units of the asset, above 0, rounded up; the ledger entry would be its negative.',
  })
  quantity!: Decimal;

  @Field(() => DateTimeScalar, { description: 'The full UTC hour at which it would be charged.' })
  chargedAt!: Date;
}

@Resolver(() => InterestEstimate)
export class InterestEstimateResolver {
  @FieldResolver(() => Asset, { description: 'The asset that is owed, and in which interest is charged.' })
  asset(@Root() { asset }: InterestToCome, @Ctx() { rulebook }: Context): unknown {
    return rulebook.assets.get(asset);
  }
}

@Resolver(() => Account)
export class AccountInterestResolver {
  @Cost(20)
  @FieldResolver(() => [InterestEstimate], {
    description:
      'What the coming hour would charge on the balances as they are, by the rules that will hold then: one for each ' +
      'asset in which interest falls due, by symbol. Empty where nothing would be charged, and in single-asset mode.',
  })
  async interestEstimate(@Root() account: AccountRecord, @Ctx() context: Context): Promise<InterestToCome[]> {
    return interestOfComingHour(await marginOf(account.id, context), context.rulebook);
  }
}
