/** The mutation by which the venue's matching engine reports trades of two accounts. */
import { Arg, Ctx, Field, ID, InputType, Mutation, ObjectType, Resolver } from 'type-graphql';

import type { AccountRecord } from '../../ledger/records.js';
import { recordTrades } from '../../ledger/reported/trades.js';
import type { Decimal } from '../../margin/decimal.js';
import { Access } from '../types/access.js';
import { ANSWER_ONLY, Cost } from '../types/cost.js';
import { Account } from '../account/account.js';
import { changedAccounts } from '../account/changed-accounts.js';
import type { Context } from '../execution/context.js';
import { MAX_BATCH, boundedList } from '../types/lists.js';
import { UserError, userErrors } from '../types/refusals.js';
import { DateTimeScalar, DecimalScalar } from '../types/scalars.js';
import { FillTermsInput, termsOf } from './fill-terms.js';
import { WarnedBatch, countsOf } from './recorded-batch.js';

@InputType({ description: 'One side of a trade.' })
export class TradePartyInput extends FillTermsInput {}

@InputType({ description: 'A trade of two accounts of a venue, in one of its instruments.' })
export class TradeInput {
  @Field(() => ID, {
    description: "The venue's id of the trade; unique among its trades for ever. Ids of single fills are others.",
  })
  tradeId!: string;

  @Field(() => String, { description: 'Symbol of an instrument of their venue.' })
  instrument!: string;

  @Field(() => DecimalScalar, {
    description: 'What the one bought and the other sold, in the base asset; above 0, at most 1e15.',
  })
  size!: Decimal;

  @Field(() => DecimalScalar, { description: 'In the quote asset; above 0, at most 1e12.' })
  price!: Decimal;

  @Field(() => TradePartyInput, { description: 'Who bought.' })
  buyer!: TradePartyInput;

  @Field(() => TradePartyInput, { description: 'Who sold: another account, of the same venue.' })
  seller!: TradePartyInput;

  @Field(() => DateTimeScalar, { description: 'When it happened at the venue; at most a minute ahead of this server.' })
  at!: Date;
}

@InputType({ description: 'Trades, recorded in the order of the list.' })
export class RecordTradesInput {
  @Field(() => [TradeInput], { description: 'At most 1,000.' })
  trades!: TradeInput[];
}

@ObjectType({ description: 'What became of a batch of trades.', simpleResolvers: true })
export class RecordTradesPayload extends WarnedBatch {
  @Field(() => [Account], { description: 'The accounts that changed now.' })
  accounts!: readonly AccountRecord[];

  @Field(() => [UserError], {
    description:
      'One for each trade that was refused, on both sides, with its path; where one side is at fault, it goes through ' +
      '`buyer` or `seller`.',
  })
  errors!: readonly UserError[];
}

@Resolver()
export class RecordTradesResolver {
  @Access('SERVICE')
  @Cost(ANSWER_ONLY)
  @Mutation(() => RecordTradesPayload, {
    description:
      'Services. Records trades between two accounts of a venue: each on both sides or on neither, and exactly once per ' +
      '`tradeId`, however often it is sent. Each side has a fill with this id, and over both the size is 0. A trade is a ' +
      'fact, as a fill is: no margin is asked for.',
  })
  async recordTrades(
    @Arg('input', () => RecordTradesInput, { description: 'The trades.' }) input: RecordTradesInput,
    @Ctx() context: Context,
  ): Promise<RecordTradesPayload> {
    const trades = boundedList('trades', input.trades, MAX_BATCH).map((trade) => ({
      ...trade,
      buyer: termsOf(trade.buyer),
      seller: termsOf(trade.seller),
    }));
    const result = await recordTrades(context, trades, context.now);
    const accounts = await changedAccounts(result.changed, context, result.holdings);
    return { ...countsOf(result), accounts, warnings: userErrors(result.warnings) };
  }
}
