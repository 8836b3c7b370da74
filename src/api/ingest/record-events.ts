/** Mutations by which the venue's own systems report prices, fills and transfers. */
import { Arg, Ctx, Field, FieldResolver, ID, InputType, Int, Mutation, ObjectType, Resolver, Root } from 'type-graphql';

import type { ReportedEventsResult } from '../../ledger/reported/events.js';
import { recordFills, type NewFill } from '../../ledger/reported/fills.js';
import type { AccountRecord } from '../../ledger/records.js';
import { recordTransfers } from '../../ledger/reported/transfers.js';
import type { Decimal } from '../../margin/decimal.js';
import { Access } from '../types/access.js';
import { ANSWER_ONLY, Cost } from '../types/cost.js';
import { Account } from '../account/account.js';
import { changedAccounts } from '../account/changed-accounts.js';
import type { Context } from '../execution/context.js';
import { TradeSide } from '../types/enums.js';
import { localId } from '../types/global-id.js';
import { MAX_BATCH, boundedList } from '../types/lists.js';
import { Position, positionsOf, type AccountPosition } from '../account/position.js';
import { UserError, userErrors } from '../types/refusals.js';
import { DateTimeScalar, DecimalScalar } from '../types/scalars.js';
import { FillTermsInput, termsOf } from './fill-terms.js';
import { RecordedBatch, WarnedBatch, countsOf } from './recorded-batch.js';

@InputType({
  description: 'What one source says of one price: either of an `asset`, or of an `instrument` of a `venue`.',
})
export class QuoteInput {
  @Field(() => String, { nullable: true, description: 'Symbol of the asset whose index the source quotes.' })
  asset?: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      'Symbol of the asset that the price of an `asset` is in: USDT, or the unit of a venue. Null: USDT. With a venue: null.',
  })
  unit?: string | null;

  @Field(() => String, { nullable: true, description: 'Code of the venue whose mark price it is.' })
  venue?: string | null;

  @Field(() => String, { nullable: true, description: 'Symbol of the instrument whose mark price it is.' })
  instrument?: string | null;

  @Field(() => DecimalScalar, {
    description: 'Of an asset in `unit`, of an instrument in its quote asset; above 0, at most 1e12.',
  })
  price!: Decimal;

  @Field(() => String, { description: 'Who says so, in 1 to 100 characters.' })
  source!: string;

  @Field(() => DateTimeScalar, {
    description:
      'When it held; at most a minute ahead of this server. Of two quotes the later one counts, by this instant but not ' +
      'later than it was received, then by receipt. One dated ahead is outranked by whatever is received after it.',
  })
  at!: Date;
}

@InputType({ description: 'One batch of quotes.' })
export class PublishPricesInput {
  @Field(() => [QuoteInput], { description: 'At most 1,000.' })
  quotes!: QuoteInput[];
}

@ObjectType({ description: 'What became of a batch of quotes.', simpleResolvers: true })
export class PublishPricesPayload {
  @Field(() => Int, {
    description: 'How many were taken: neither ignored nor refused.',
  })
  accepted!: number;

  @Field(() => [UserError], {
    description:
      'One for each quote that changes nothing, with its path: a newer one of its source, or of its mark, is known. ' +
      'There is nothing to be sent again.',
  })
  ignored!: readonly UserError[];

  @Field(() => [UserError], { description: 'One for each quote that was refused, with its path.' })
  errors!: readonly UserError[];
}

@InputType({ description: 'A trade of the matching engine.' })
export class FillInput extends FillTermsInput {
  @Field(() => ID, { description: "The venue's id of the fill; unique at the venue for ever." })
  fillId!: string;

  @Field(() => String, { description: "Symbol of an instrument of the account's venue." })
  instrument!: string;

  @Field(() => TradeSide, { description: 'The direction.' })
  side!: 'BUY' | 'SELL';

  @Field(() => DecimalScalar, { description: 'In the base asset; above 0, at most 1e15.' })
  size!: Decimal;

  @Field(() => DecimalScalar, { description: 'In the quote asset; above 0, at most 1e12.' })
  price!: Decimal;

  @Field(() => DateTimeScalar, { description: 'When it happened at the venue; at most a minute ahead of this server.' })
  at!: Date;
}

@InputType({ description: 'Fills, recorded in the order of the list.' })
export class RecordFillsInput {
  @Field(() => [FillInput], { description: 'At most 1,000.' })
  fills!: FillInput[];
}

@ObjectType({ description: 'What became of a batch of fills.', simpleResolvers: true })
export class RecordFillsPayload extends WarnedBatch {
  @Field(() => [Position], {
    description: 'The open positions in the instruments of the fills that were taken or known.',
  })
  positions!: readonly AccountPosition[];

  @Field(() => [UserError], { description: 'One for each fill that was refused, with its path.' })
  errors!: readonly UserError[];
}

/** Positions are computed only for those who ask for them. */
type RecordedFills = Omit<RecordFillsPayload, 'positions'> & { readonly recordedFills: ReportedEventsResult<NewFill> };

@Resolver(() => RecordFillsPayload)
export class RecordFillsPayloadResolver {
  @FieldResolver()
  async positions(
    @Root() { recordedFills: { standing, holdings } }: RecordedFills,
    @Ctx() context: Context,
  ): Promise<AccountPosition[]> {
    const wanted = new Map<string, Set<string>>();
    for (const { accountId, instrument } of standing) {
      wanted.set(accountId, (wanted.get(accountId) ?? new Set()).add(instrument));
    }
    const accountIds = [...wanted.keys()];
    await changedAccounts(accountIds, context, holdings);
    const positions = await Promise.all(accountIds.map((id) => positionsOf(id, context)));
    return positions.flat().filter(({ account, instrument }) => wanted.get(account.id)?.has(instrument) === true);
  }
}

@InputType({ description: 'A movement of money that began elsewhere.' })
export class TransferInput {
  @Field(() => ID, { description: "The venue's id of the transfer; unique at the venue for ever." })
  transferId!: string;

  @Field(() => ID, { description: 'The account that it goes to, or comes from.' })
  accountId!: string;

  @Field(() => String, { description: 'Symbol of the asset.' })
  asset!: string;

  @Field(() => DecimalScalar, {
    description: 'In units of the asset, at most 1e15 either way. Positive: a deposit; negative: a withdrawal; not 0.',
  })
  quantity!: Decimal;

  @Field(() => DateTimeScalar, { description: 'When it happened at the venue; at most a minute ahead of this server.' })
  at!: Date;
}

@InputType({ description: 'Transfers, recorded in the order of the list.' })
export class RecordTransfersInput {
  @Field(() => [TransferInput], { description: 'At most 1,000.' })
  transfers!: TransferInput[];
}

@ObjectType({ description: 'What became of a batch of transfers.', simpleResolvers: true })
export class RecordTransfersPayload extends RecordedBatch {
  @Field(() => [Account], { description: 'The accounts that changed now.' })
  accounts!: readonly AccountRecord[];

  @Field(() => [UserError], { description: 'One for each transfer that was refused, with its path.' })
  errors!: readonly UserError[];
}

@Resolver()
export class RecordEventsResolver {
  @Access('SERVICE')
  @Cost(ANSWER_ONLY)
  @Mutation(() => PublishPricesPayload, {
    description:
      'Services. Quotes per source. An index price is composed from its sources; a mark price is taken as it is. Each ' +
      'quote is taken or refused by itself; what is acknowledged is stored.',
  })
  async publishPrices(
    @Arg('input', () => PublishPricesInput, { description: 'The quotes.' }) input: PublishPricesInput,
    @Ctx() { prices }: Context,
  ): Promise<PublishPricesPayload> {
    const quotes = boundedList('quotes', input.quotes, MAX_BATCH).map((quote) => ({
      ...quote,
      asset: quote.asset ?? null,
      unit: quote.unit ?? null,
      venue: quote.venue ?? null,
      instrument: quote.instrument ?? null,
    }));
    const { accepted, ignored, refusals } = await prices.publish(quotes);
    return { accepted, ignored: userErrors(ignored), errors: userErrors(refusals) };
  }

  @Access('SERVICE')
  @Cost(ANSWER_ONLY)
  @Mutation(() => RecordFillsPayload, {
    description:
      'Services. Records fills: exactly once per `fillId`, however often it is sent. A fill is a fact: no margin is ' +
      'asked for. In hedge mode a fill that closes more than its side is refused. After each fill, debts past the ' +
      "venue's thresholds are exchanged; those ledger entries name the fill.",
  })
  async recordFills(
    @Arg('input', () => RecordFillsInput, { description: 'The fills.' }) input: RecordFillsInput,
    @Ctx() context: Context,
  ): Promise<RecordedFills> {
    const fills = boundedList('fills', input.fills, MAX_BATCH).map((fill) => ({
      ...fill,
      ...termsOf(fill),
    }));
    const recorded = await recordFills(context, fills, context.now);
    return { ...countsOf(recorded), warnings: userErrors(recorded.warnings), recordedFills: recorded };
  }

  @Access('SERVICE')
  @Cost(ANSWER_ONLY)
  @Mutation(() => RecordTransfersPayload, {
    description:
      'Services. Records deposits and withdrawals: exactly once per `transferId`. A withdrawal must leave what the ' +
      'positions need, and a deposit must fit under the platform cap; one that is refused is not remembered, and its id ' +
      'may come again.',
  })
  async recordTransfers(
    @Arg('input', () => RecordTransfersInput, { description: 'The transfers.' }) input: RecordTransfersInput,
    @Ctx() context: Context,
  ): Promise<RecordTransfersPayload> {
    const transfers = boundedList('transfers', input.transfers, MAX_BATCH).map((transfer) => ({
      ...transfer,
      accountId: localId('Account', transfer.accountId),
    }));
    const result = await recordTransfers(context, transfers, context.now);
    return { ...countsOf(result), accounts: await changedAccounts(result.changed, context, result.holdings) };
  }
}
