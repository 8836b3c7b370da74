/** The mutation by which the venue's own systems report a transfer between two accounts. */
import { Arg, Ctx, Field, ID, InputType, Mutation, ObjectType, Resolver } from 'type-graphql';

import { recordAccountTransfer } from '../../ledger/reported/account-transfers.js';
import type { AccountRecord } from '../../ledger/records.js';
import type { Decimal } from '../../margin/decimal.js';
import { Access } from '../types/access.js';
import { ANSWER_ONLY, Cost } from '../types/cost.js';
import { Account } from '../account/account.js';
import { changedAccounts } from '../account/changed-accounts.js';
import type { Context } from '../execution/context.js';
import { localId } from '../types/global-id.js';
import { UserError, userErrors } from '../types/refusals.js';
import { DateTimeScalar, DecimalScalar } from '../types/scalars.js';

@InputType({ description: 'Money that goes from one account of a venue to another one.' })
export class RecordAccountTransferInput {
  @Field(() => ID, {
    description: "The venue's id of the transfer; unique among its transfers between accounts for ever.",
  })
  transferId!: string;

  @Field(() => ID, { description: 'The account that it comes from.' })
  fromAccountId!: string;

  @Field(() => ID, { description: 'The account that it goes to: another one, of the same venue.' })
  toAccountId!: string;

  @Field(() => String, { description: 'Symbol of the asset.' })
  asset!: string;

  @Field(() => DecimalScalar, {
    description:
      'In units of the asset; above 0, at most 1e15 and what `Account.maxTransferable` says of the account that it comes ' +
      'from.',
  })
  quantity!: Decimal;

  @Field(() => DateTimeScalar, { description: 'When it happened at the venue; at most a minute ahead of this server.' })
  at!: Date;
}

@ObjectType({ description: 'What became of a transfer between two accounts.', simpleResolvers: true })
export class RecordAccountTransferPayload {
  @Field(() => Account, {
    nullable: true,
    description: 'The account that it came from, as it is now; null when it was refused.',
  })
  from!: AccountRecord | null;

  @Field(() => Account, {
    nullable: true,
    description: 'The account that it went to, as it is now; null when it was refused.',
  })
  to!: AccountRecord | null;

  @Field(() => Boolean, { description: 'Whether it was recorded before, with the same content; false when refused.' })
  alreadyKnown!: boolean;

  @Field(() => [UserError], {
    description:
      'Why it was refused; empty when it is recorded. `field` names the side at fault: `fromAccountId` or `toAccountId`.',
  })
  errors!: readonly UserError[];
}

@Resolver()
export class RecordAccountTransferResolver {
  @Access('SERVICE')
  @Cost(ANSWER_ONLY)
  @Mutation(() => RecordAccountTransferPayload, {
    description:
      'Services. Records a transfer between two accounts of a venue: on both or on neither, and once per `transferId`. ' +
      'What leaves must be transferable, as with a withdrawal; what comes must fit under the platform cap, as a deposit, ' +
      'beside the room that it leaves. One that is refused is not remembered, and its id may come again.',
  })
  async recordAccountTransfer(
    @Arg('input', () => RecordAccountTransferInput, { description: 'The transfer.' }) input: RecordAccountTransferInput,
    @Ctx() context: Context,
  ): Promise<RecordAccountTransferPayload> {
    const [fromAccountId, toAccountId] = [
      localId('Account', input.fromAccountId),
      localId('Account', input.toAccountId),
    ];
    const transfer = { ...input, fromAccountId, toAccountId };
    const result = await recordAccountTransfer(context, transfer, context.now);
    const alreadyKnown = result.alreadyKnown > 0;
    if (result.refusals.length > 0) return { from: null, to: null, alreadyKnown, errors: userErrors(result.refusals) };
    const accounts = await changedAccounts([fromAccountId, toAccountId], context, result.holdings);
    const [from = null, to = null] = accounts;
    return { from, to, alreadyKnown, errors: [] };
  }
}
