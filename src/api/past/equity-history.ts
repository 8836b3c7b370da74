import { Arg, Ctx, Field, FieldResolver, Int, ObjectType, Resolver, Root } from 'type-graphql';

import type { AccountRecord } from '../../ledger/records.js';
import { roundUp, type Decimal } from '../../margin/decimal.js';
import { Account } from '../account/account.js';
import type { Context } from '../execution/context.js';
import { badUserInput } from '../types/api-error.js';
import { Cost, type CostArguments } from '../types/cost.js';
import { MarginStatus, NoMarginAsOf } from '../types/enums.js';
import { requireOrder } from '../types/page-filters.js';
import { DateTimeScalar, DecimalScalar } from '../types/scalars.js';

const MAX_POINTS = 500;
const POINTS_DEFAULT = 100;
/** As of `marginAt`. */
const COST_OF_POINT = 50;

@ObjectType({
  description: 'What an account came to at one instant. The owner of the account, admins, services.',
  simpleResolvers: true,
})
export class EquityPoint {
  @Field(() => DateTimeScalar, { description: 'The instant.' })
  at!: Date;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'As `MarginSummary.walletValue` at that instant. Null: see `reason`.',
  })
  walletValue!: Decimal | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'As `MarginSummary.unrealizedPnl` at that instant. Null: see `reason`.',
  })
  unrealizedPnl!: Decimal | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'As `MarginSummary.marginBalance` at that instant. Null: see `reason`.',
  })
  marginBalance!: Decimal | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'As `MarginSummary.marginRatio` at that instant, and null where that is; rounded up.',
  })
  marginRatio!: Decimal | null;

  @Field(() => MarginStatus, {
    nullable: true,
    description: 'As `MarginSummary.status` at that instant. Null: see `reason`.',
  })
  status!: string | null;

  @Field(() => NoMarginAsOf, { nullable: true, description: 'Why there is no state; null when there is one.' })
  reason!: string | null;
}

@Resolver(() => Account)
export class EquityHistoryResolver {
  @Cost(
    ({ points }: CostArguments) =>
      COST_OF_POINT * Math.min(typeof points === 'number' ? points : POINTS_DEFAULT, MAX_POINTS),
    {
      isLong: true,
    },
  )
  @FieldResolver(() => [EquityPoint], {
    description:
      'The cross-margin state at regular instants, as `marginAt` answers each: for a chart. The first point is at `from`, ' +
      'the last one at `to`, those between at whole milliseconds.',
  })
  async history(
    @Root() account: AccountRecord,
    @Arg('from', () => DateTimeScalar, { description: 'The first instant.' }) from: Date,
    @Arg('to', () => DateTimeScalar, { description: 'The last instant, after `from`.' }) to: Date,
    @Arg('points', () => Int, {
      defaultValue: POINTS_DEFAULT,
      description: `How many, from 2 to ${MAX_POINTS}; anything else is BAD_USER_INPUT.`,
    })
    points: number,
    @Ctx() { loaders }: Context,
  ): Promise<EquityPoint[]> {
    if (points < 2 || points > MAX_POINTS) {
      throw badUserInput(`Expected \`points\` from 2 to ${MAX_POINTS}, got ${points}.`);
    }
    requireOrder(from, to);
    const instants = Array.from({ length: points }, (_, place) => instantAt(from, to, place / (points - 1)));
    return Promise.all(
      instants.map(async (at) => {
        const { margin, reason } = await loaders.marginAt.load({ account, at });
        const report = margin?.report;
        return {
          at,
          walletValue: report?.walletValue ?? null,
          unrealizedPnl: report?.unrealizedPnl ?? null,
          marginBalance: report?.marginBalance ?? null,
          marginRatio: report?.marginRatio == null ? null : roundUp(report.marginRatio),
          status: report?.status ?? null,
          reason,
        };
      }),
    );
  }
}

/** @param part from 0 to 1 of the way */
function instantAt(from: Date, to: Date, part: number): Date {
  return new Date(Math.floor(from.getTime() + (to.getTime() - from.getTime()) * part));
}
