/** The mutation by which the venue takes a fill or a trade back. */
import { Arg, Ctx, Field, ID, InputType, Mutation, ObjectType, Resolver } from 'type-graphql';

import { findFills, type FillRecord } from '../../ledger/history.js';
import { recordReversal } from '../../ledger/reported/reversals.js';
import { refuse } from '../../margin/refusal.js';
import { Access } from '../types/access.js';
import { Cost, TRANSACTION } from '../types/cost.js';
import { changedAccounts } from '../account/changed-accounts.js';
import { Fill } from '../account/history.js';
import type { Context } from '../execution/context.js';
import { UserError, userErrors } from '../types/refusals.js';
import { DateTimeScalar } from '../types/scalars.js';

@InputType({ description: 'A fill, or a trade, that is to be as if it had never been. Exactly one of them is named.' })
export class ReverseFillInput {
  @Field(() => ID, {
    description: "The venue's id of the reversal, which is a fill, or a trade, itself: unique among these for ever.",
  })
  reversalId!: string;

  @Field(() => String, { description: 'Code of the venue that has recorded it.' })
  venue!: string;

  @Field(() => ID, {
    nullable: true,
    description: 'The id of a fill that was reported by itself. Null: a trade is meant.',
  })
  fillId?: string | null;

  @Field(() => ID, {
    nullable: true,
    description: 'The id of a trade; both its sides are reversed. Null: a fill is meant.',
  })
  tradeId?: string | null;

  @Field(() => DateTimeScalar, {
    description: 'When it was reversed at the venue; at most a minute ahead of this server.',
  })
  at!: Date;
}

@ObjectType({ description: 'What became of a reversal.', simpleResolvers: true })
export class ReverseFillPayload {
  @Field(() => [Fill], {
    description:
      "The reversal, as a fill of kind REVERSAL; of a trade the buyer's and the seller's. Empty when refused.",
  })
  reversals!: readonly FillRecord[];

  @Field(() => Boolean, { description: 'Whether it was recorded before, with the same content; false when refused.' })
  alreadyKnown!: boolean;

  @Field(() => [UserError], { description: 'Why it was refused; empty when it is recorded.' })
  errors!: readonly UserError[];
}

@Resolver()
export class ReverseFillResolver {
  @Access('SERVICE')
  @Cost(TRANSACTION)
  @Mutation(() => ReverseFillPayload, {
    description:
      'Services. Takes a fill back, or a trade on both sides or on neither: size, cost, realised PnL, fee and isolated ' +
      'margin become what they would be, had it never been recorded. Ledger entries of the kinds that it takes back make ' +
      'the difference, and name both fills. Interest and funding stay. A fill is reversed once. REVERSAL_IMPOSSIBLE names ' +
      'the recorded fact in the way: a later fill that closed the position and opened the other side, what the insurance ' +
      'fund paid or was exchanged for a debt since, a change of mode, or the reversal that there is. No margin is asked for.',
  })
  async reverseFill(
    @Arg('input', () => ReverseFillInput, { description: 'What is to be reversed.' }) input: ReverseFillInput,
    @Ctx() context: Context,
  ): Promise<ReverseFillPayload> {
    const { reversalId, venue, at } = input;
    const what = input.fillId == null ? 'trade' : 'fill';
    const id = input.fillId ?? input.tradeId ?? null;
    if (id === null || (input.fillId != null && input.tradeId != null)) {
      const refusal = refuse('INVALID_INPUT', 'Expected either `fillId` or `tradeId`.', ['fillId']);
      return { reversals: [], alreadyKnown: false, errors: userErrors([refusal]) };
    }
    const result = await recordReversal(context, { reversalId, venue, what, id, at }, context.now);
    if (result.refusals.length > 0) {
      return { reversals: [], alreadyKnown: false, errors: userErrors(result.refusals) };
    }
    await changedAccounts(result.changed, context, result.holdings);
    return {
      reversals: await findFills(context.db, venue, what, reversalId),
      alreadyKnown: result.alreadyKnown > 0,
      errors: [],
    };
  }
}
