/** Withdrawals from accounts, and transfers in and out of isolated margin. */
import { Arg, Ctx, Field, ID, InputType, Mutation, ObjectType, Resolver } from 'type-graphql';

import type { LedgerEntryRecord } from '../../ledger/history.js';
import { adjustPositionMargin, withdraw } from '../../ledger/withdrawals.js';
import type { AccountRecord } from '../../ledger/records.js';
import type { Decimal } from '../../margin/decimal.js';
import { Access, commandsFor, viewerOf } from '../types/access.js';
import { Cost, TRANSACTION } from '../types/cost.js';
import { Account } from './account.js';
import { requireFewAlerts } from './alert-pause.js';
import { changedAccounts } from './changed-accounts.js';
import type { Context } from '../execution/context.js';
import { localId } from '../types/global-id.js';
import { LedgerEntry } from './history.js';
import { requestOf } from '../execution/idempotent-request.js';
import { positionRef } from './position.js';
import { Position, positionsOf, type AccountPosition } from './position.js';
import { UserError, userErrors } from '../types/refusals.js';
import { DecimalScalar } from '../types/scalars.js';

const KEY = 'Of 1 to 200 characters. Sent again with the same input within 24 hours it moves nothing more.';

@InputType({ description: 'Money that shall leave an account.' })
export class WithdrawInput {
  @Field(() => ID, { description: "One of the trader's own accounts; any other is answered as if it did not exist." })
  accountId!: string;

  @Field(() => String, { description: 'Symbol of the asset.' })
  asset!: string;

  @Field(() => DecimalScalar, {
    description: 'In units of the asset; above 0, at most 1e15 and what `Account.maxTransferable` says.',
  })
  quantity!: Decimal;

  @Field(() => ID, { description: KEY })
  idempotencyKey!: string;
}

@ObjectType({ description: 'What became of a withdrawal.', simpleResolvers: true })
export class WithdrawPayload {
  @Field(() => Account, { nullable: true, description: 'The account as it is now; null when it was refused.' })
  account!: AccountRecord | null;

  @Field(() => LedgerEntry, {
    nullable: true,
    description: 'The record of the withdrawal, by which it is paid out; null when it was refused.',
  })
  entry!: LedgerEntryRecord | null;

  @Field(() => [UserError], { description: 'Why it was refused; empty when it was done.' })
  errors!: readonly UserError[];
}

@InputType({ description: 'Margin to be moved between the balance of the settlement asset and an isolated position.' })
export class AdjustPositionMarginInput {
  @Field(() => ID, {
    description:
      "An open isolated position of one of the trader's own accounts, or for services of any; any other is answered as if " +
      'it did not exist.',
  })
  positionId!: string;

  @Field(() => DecimalScalar, {
    description:
      'In the settlement asset, at most 1e15 either way. Positive adds, at most what is transferable of it; negative takes out, at most ' +
      '`Position.maxRemovableMargin`; not 0.',
  })
  quantity!: Decimal;

  @Field(() => ID, { description: KEY })
  idempotencyKey!: string;
}

@ObjectType({ description: 'What became of an adjustment of margin.', simpleResolvers: true })
export class AdjustPositionMarginPayload {
  @Field(() => Position, {
    nullable: true,
    description: 'The position as it is now; null when it was refused, or has been closed since.',
  })
  position!: AccountPosition | null;

  @Field(() => [UserError], { description: 'Why it was refused; empty when it was done.' })
  errors!: readonly UserError[];
}

@Resolver()
export class WithdrawalsResolver {
  @Access('TRADER')
  @Cost(TRANSACTION)
  @Mutation(() => WithdrawPayload, {
    description:
      'Traders, on their own accounts. Takes out at most what is transferable: what is left covers the initial margin ' +
      'and the floor for transfers, ' +
      'without unrealised profit. Refused where that takes a price that is stale. The ledger entry is the record: it is ' +
      'not to be reported again by `recordTransfers`.',
  })
  async withdraw(
    @Arg('input', () => WithdrawInput, { description: 'What, and from where.' }) input: WithdrawInput,
    @Ctx() context: Context,
  ): Promise<WithdrawPayload> {
    const accountId = localId('Account', input.accountId);
    const { asset, quantity } = input;
    const owner = viewerOf(context).subject;
    await requireFewAlerts({ accountId, owner }, context);
    const { idempotencyKey, ...asked } = input;
    const request = requestOf('withdraw', idempotencyKey, asked, context);
    const moved = await withdraw(context, { accountId, owner, asset, quantity }, request, context.now);
    if (moved.entry === null) return { account: null, entry: null, errors: userErrors(moved.refusals) };
    const [account = null] = await changedAccounts([accountId], context);
    return { account, entry: await context.loaders.ledgerEntry.load(moved.entry), errors: [] };
  }

  @Access('TRADER', 'SERVICE')
  @Cost(TRANSACTION)
  @Mutation(() => AdjustPositionMarginPayload, {
    description:
      'Traders, on their own accounts; services, on any. Isolated positions only. Positive adds, negative takes out. Leverage stays; the ' +
      'liquidation price follows the margin.',
  })
  async adjustPositionMargin(
    @Arg('input', () => AdjustPositionMarginInput, { description: 'How much, and of which position.' })
    input: AdjustPositionMarginInput,
    @Ctx() context: Context,
  ): Promise<AdjustPositionMarginPayload> {
    const ref = positionRef(input.positionId);
    const owner = commandsFor(viewerOf(context));
    if (input.quantity.isNegative()) await requireFewAlerts({ accountId: ref.accountId, owner }, context);
    const { idempotencyKey, ...asked } = input;
    const request = requestOf('adjustPositionMargin', idempotencyKey, asked, context);
    const own = { ...ref, owner, quantity: input.quantity };
    const moved = await adjustPositionMargin(context, own, request, context.now);
    if (moved.entry === null) return { position: null, errors: userErrors(moved.refusals) };
    await changedAccounts([ref.accountId], context);
    const positions = await positionsOf(ref.accountId, context);
    const position = positions.find(({ instrument, side }) => instrument === ref.instrument && side === ref.side);
    return { position: position ?? null, errors: [] };
  }
}
