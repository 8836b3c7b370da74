/** What the resting orders of an account would buy and sell, as its venue reports it, and what they require. */
import { Arg, Ctx, Field, FieldResolver, ObjectType, Resolver, Root } from 'type-graphql';

import { isResting, ordersKey, type AccountRecord, type OpenOrdersRecord } from '../../ledger/records.js';
import { roundUp, type Decimal } from '../../margin/decimal.js';
import type { OpenOrdersReport } from '../../margin/state/open-orders.js';
import { Account } from './account.js';
import { holdingsOf, marginOf } from './read-account.js';
import type { Context } from '../execution/context.js';
import { Cost } from '../types/cost.js';
import { PositionSide } from '../types/enums.js';
import { DecimalScalar } from '../types/scalars.js';
import { Instrument } from '../venue/venue.js';

@ObjectType({
  description:
    'All resting orders of an account in one instrument, in hedge mode on one side of it, as the venue has last reported ' +
    "them. Notionals and margins in the instrument's quote asset. The account's owner, admins, services.",
  simpleResolvers: true,
})
export class OpenOrders {
  @Field(() => Instrument, { description: 'What they are orders for.' })
  instrument!: unknown;

  @Field(() => PositionSide, { nullable: true, description: 'Of which side of a hedge; null in one-way mode.' })
  side!: string | null;

  @Field(() => DecimalScalar, { description: 'What they would buy, in the base asset; from 0.' })
  buySize!: Decimal;

  @Field(() => DecimalScalar, { description: 'What they would sell, in the base asset; from 0.' })
  sellSize!: Decimal;

  @Field(() => DecimalScalar, { description: 'Size x limit price of those that buy, added up; from 0.' })
  buyNotional!: Decimal;

  @Field(() => DecimalScalar, { description: 'Size x limit price of those that sell, added up; from 0.' })
  sellNotional!: Decimal;

  @Field(() => DecimalScalar, { description: 'Of the last report of them: a whole number.' })
  sequence!: Decimal;

  @Field(() => DecimalScalar, {
    nullable: true,
    description:
      'What they need beyond the position to be opened, by the policy; rounded up. Null while it takes a price that there ' +
      'never was.',
  })
  initialMargin!: Decimal | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'What they add to maintenance margin, by the policy; rounded up. Null as `initialMargin`.',
  })
  maintenanceMargin!: Decimal | null;
}

@Resolver(() => Account)
export class AccountOpenOrdersResolver {
  @Cost(20)
  @FieldResolver(() => [OpenOrders], {
    description:
      'What its resting orders would buy and sell, by symbol and side: as the venue reports it, without orders that only ' +
      'reduce. An instrument without resting orders is left out.',
  })
  async openOrders(
    @Root() account: AccountRecord,
    @Arg('instrument', () => String, { nullable: true, description: 'Only in this instrument; null: in all.' })
    instrument: string | null | undefined,
    @Ctx() context: Context,
  ): Promise<OpenOrders[]> {
    const { openOrders } = await holdingsOf(account.id, context);
    const resting = [...openOrders.values()].filter(
      (orders) => isResting(orders) && (instrument == null || orders.instrument === instrument),
    );
    if (resting.length === 0) return [];
    const { report } = await marginOf(account.id, context);
    const reports = new Map(report.openOrders.map((each) => [ordersKey(each.instrument, each.side), each]));
    return resting.map((orders) =>
      shown(account, orders, reports.get(ordersKey(orders.instrument, orders.side)), context),
    );
  }
}

function shown(
  { venue }: AccountRecord,
  { instrument, ...orders }: OpenOrdersRecord,
  required: OpenOrdersReport | undefined,
  { rulebook }: Context,
): OpenOrders {
  const rounded = (amount: Decimal | null | undefined): Decimal | null => (amount == null ? null : roundUp(amount));
  return {
    ...orders,
    instrument: rulebook.instrument(venue, instrument),
    initialMargin: rounded(required?.initialMargin),
    maintenanceMargin: rounded(required?.maintenanceMargin),
  };
}
