/** The mutation by which the venue's engine reports what rests. */
import { Arg, Ctx, Field, ID, InputType, Int, Mutation, ObjectType, Resolver } from 'type-graphql';

import type { AccountRecord } from '../../ledger/records.js';
import { reportOpenOrders } from '../../ledger/reported/open-orders.js';
import { Access } from '../types/access.js';
import { ANSWER_ONLY, Cost } from '../types/cost.js';
import { Account } from '../account/account.js';
import { changedAccounts } from '../account/changed-accounts.js';
import type { Context } from '../execution/context.js';
import { PositionSide } from '../types/enums.js';
import { localId } from '../types/global-id.js';
import { MAX_BATCH, boundedList } from '../types/lists.js';
import { UserError, userErrors } from '../types/refusals.js';
import { OrderAmountsInput } from './order-amounts.js';

@InputType({ description: 'All resting orders of an account in one instrument, in hedge mode on one side of it.' })
export class OpenOrdersInput extends OrderAmountsInput {
  @Field(() => ID, { description: 'The account whose orders they are.' })
  accountId!: string;

  @Field(() => String, { description: "Symbol of an instrument of the account's venue." })
  instrument!: string;

  @Field(() => PositionSide, {
    nullable: true,
    description: 'Which side of a hedged account, required there; ignored in one-way mode.',
  })
  positionSide?: 'LONG' | 'SHORT' | null;
}

@InputType({ description: 'Reports, taken in the order of the list.' })
export class ReportOpenOrdersInput {
  @Field(() => [OpenOrdersInput], { description: 'At most 1,000.' })
  orders!: OpenOrdersInput[];
}

@ObjectType({ description: 'What became of a batch of reports.', simpleResolvers: true })
export class ReportOpenOrdersPayload {
  @Field(() => Int, { description: 'How many were taken: neither ignored nor refused.' })
  accepted!: number;

  @Field(() => [UserError], {
    description:
      'One for each report that changes nothing, with its path: a later one of the same orders is known. There is nothing ' +
      'to be sent again.',
  })
  ignored!: readonly UserError[];

  @Field(() => [Account], { description: 'The accounts that changed now.' })
  accounts!: readonly AccountRecord[];

  @Field(() => [UserError], { description: 'One for each report that was refused, with its path.' })
  errors!: readonly UserError[];
}

@Resolver()
export class ReportOpenOrdersResolver {
  @Access('SERVICE')
  @Cost(ANSWER_ONLY)
  @Mutation(() => ReportOpenOrdersPayload, {
    description:
      'Services. Says what the resting orders of accounts would buy and sell. A report replaces the one before it of the ' +
      'same account, instrument and side, and is taken only if its sequence is above that one; sizes of 0 clear it. Leave ' +
      'out orders that only reduce. It is a fact: no margin is asked for.',
  })
  async reportOpenOrders(
    @Arg('input', () => ReportOpenOrdersInput, { description: 'The reports.' }) input: ReportOpenOrdersInput,
    @Ctx() context: Context,
  ): Promise<ReportOpenOrdersPayload> {
    const reports = boundedList('orders', input.orders, MAX_BATCH).map((orders) => ({
      ...orders,
      accountId: localId('Account', orders.accountId),
      positionSide: orders.positionSide ?? null,
    }));
    const { recorded, warnings, refusals, changed, holdings } = await reportOpenOrders(context, reports, context.now);
    return {
      accepted: recorded,
      ignored: userErrors(warnings),
      accounts: await changedAccounts(changed, context, holdings),
      errors: userErrors(refusals),
    };
  }
}
