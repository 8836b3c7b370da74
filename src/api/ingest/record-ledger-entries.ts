/** The mutation by which the venue's own systems report other ledger entries. */
import { Arg, Ctx, Field, ID, InputType, Mutation, ObjectType, Resolver } from 'type-graphql';

import type { AccountRecord } from '../../ledger/records.js';
import { recordLedgerEntries } from '../../ledger/reported/entries.js';
import type { Decimal } from '../../margin/decimal.js';
import { Access } from '../types/access.js';
import { ANSWER_ONLY, Cost } from '../types/cost.js';
import { Account } from '../account/account.js';
import { changedAccounts } from '../account/changed-accounts.js';
import type { Context } from '../execution/context.js';
import { LedgerKind } from '../types/enums.js';
import { localId } from '../types/global-id.js';
import { MAX_BATCH, boundedList } from '../types/lists.js';
import { positionRef } from '../account/position.js';
import { UserError } from '../types/refusals.js';
import { DateTimeScalar, DecimalScalar } from '../types/scalars.js';
import { RecordedBatch, countsOf } from './recorded-batch.js';

@InputType({ description: 'Something that the venue has booked.' })
export class LedgerEntryInput {
  @Field(() => ID, { description: "The venue's id of the entry; unique at the venue for ever." })
  entryId!: string;

  @Field(() => ID, { description: 'The account that it is booked to.' })
  accountId!: string;

  @Field(() => ID, {
    nullable: true,
    description:
      'An open position of the account in isolated margin: its margin takes the entry, and the insurance fund what that ' +
      'lacks; the balance stays. Null: the balance takes it.',
  })
  positionId?: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "Symbol of an instrument of the account's venue that it is about, such as that of the position in cross margin " +
      'which funding is of; the ledger entries name it. Null: of none, or that of the named position.',
  })
  instrument?: string | null;

  @Field(() => String, {
    description: "Symbol of the asset; the settlement asset of the position's instrument where a position is named.",
  })
  asset!: string;

  @Field(() => DecimalScalar, {
    description: 'In units of the asset, at most 1e15 either way. Positive: the account gains; not 0.',
  })
  quantity!: Decimal;

  @Field(() => LedgerKind, { description: 'FUNDING, LIQUIDATION_FEE, INSURANCE, EARN or ADJUSTMENT.' })
  kind!: keyof typeof LedgerKind;

  @Field(() => DateTimeScalar, { description: 'When it happened at the venue; at most a minute ahead of this server.' })
  at!: Date;
}

@InputType({ description: 'Entries, recorded in the order of the list.' })
export class RecordLedgerEntriesInput {
  @Field(() => [LedgerEntryInput], { description: 'At most 1,000.' })
  entries!: LedgerEntryInput[];
}

@ObjectType({ description: 'What became of a batch of entries.', simpleResolvers: true })
export class RecordLedgerEntriesPayload extends RecordedBatch {
  @Field(() => [Account], { description: 'The accounts that changed now.' })
  accounts!: readonly AccountRecord[];

  @Field(() => [UserError], { description: 'One for each entry that was refused, with its path.' })
  errors!: readonly UserError[];
}

@Resolver()
export class RecordLedgerEntriesResolver {
  @Access('SERVICE')
  @Cost(ANSWER_ONLY)
  @Mutation(() => RecordLedgerEntriesPayload, {
    description:
      'Services. Records everything else that the venue books: FUNDING, LIQUIDATION_FEE, INSURANCE, EARN, ADJUSTMENT. ' +
      'Exactly once per `entryId`, however often it is sent; with a position, against its isolated margin. An entry is a ' +
      'fact: no margin is asked for.',
  })
  async recordLedgerEntries(
    @Arg('input', () => RecordLedgerEntriesInput, { description: 'The entries.' }) input: RecordLedgerEntriesInput,
    @Ctx() context: Context,
  ): Promise<RecordLedgerEntriesPayload> {
    const entries = boundedList('entries', input.entries, MAX_BATCH).map(({ positionId, ...entry }) => ({
      ...entry,
      accountId: localId('Account', entry.accountId),
      position: positionId == null ? null : positionRef(positionId),
      instrument: entry.instrument ?? null,
    }));
    const result = await recordLedgerEntries(context, entries, context.now);
    const accounts = await changedAccounts(result.changed, context, result.holdings);
    return { ...countsOf(result), accounts };
  }
}
