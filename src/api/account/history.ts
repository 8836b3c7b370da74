import type DataLoader from 'dataloader';
import { Args, ArgsType, Ctx, Field, FieldResolver, ID, ObjectType, Resolver, Root } from 'type-graphql';

import type { FillRecord, HistoryPage, LedgerEntryRecord } from '../../ledger/history.js';
import type { AccountRecord } from '../../ledger/records.js';
import type { Decimal } from '../../margin/decimal.js';
import { Account } from './account.js';
import { recordOf } from './read-account.js';
import { Asset } from '../venue/asset.js';
import type { Context } from '../execution/context.js';
import { Cost } from '../types/cost.js';
import { FillKind, LedgerKind, PositionSide, TradeSide } from '../types/enums.js';
import { unknownAsset, unknownInstrument } from '../types/api-error.js';
import { sequenceId } from '../types/global-id.js';
import { ID_DESCRIPTION, Node } from '../types/node.js';
import { ONLY_KINDS, TimedPageArgs, costOfFilters, kindsOf, timesOf } from '../types/page-filters.js';
import { connectionOf, pageFrom, sequenceRange, type Page } from '../types/pagination.js';
import { DateTimeScalar, DecimalScalar } from '../types/scalars.js';
import { Instrument } from '../venue/venue.js';

@ObjectType({
  implements: Node,
  description: "One change of a balance. A balance is the sum of its entries. The account's owner, admins, services.",
  simpleResolvers: true,
})
export class LedgerEntry {
  @Field(() => DecimalScalar, { description: 'In units of the asset; positive: the balance rose.' })
  quantity!: Decimal;

  @Field(() => DecimalScalar, { description: 'The balance of the asset after this entry.' })
  balanceAfter!: Decimal;

  @Field(() => LedgerKind, { description: 'Why the balance changed.' })
  kind!: string;

  @Field(() => String, {
    description:
      "What it comes from: the venue's id of the fill, transfer or entry; of what this server books itself such as " +
      '"interest:2026-04-09T11:00:00.000Z", "withdrawal:...", "position:BTCUSDT/LONG", "collateralMode:MULTI_ASSET", "collateralAsset:BTC". An ' +
      'automatic exchange carries the reference of what led to it.',
  })
  reference!: string;

  @Field(() => DateTimeScalar, { description: 'When it was recorded: the state of the account follows this instant.' })
  at!: Date;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When the venue says it happened; null for what this server made itself.',
  })
  reportedAt!: Date | null;
}

@ObjectType({
  implements: Node,
  description: "A trade that the venue reported. The account's owner, admins, services.",
  simpleResolvers: true,
})
export class Fill {
  @Field(() => ID, {
    description:
      "The venue's own id of the fill; of a side of a trade that of the trade, of a reversal its `reversalId`.",
  })
  fillId!: string;

  @Field(() => TradeSide, { description: 'The direction.' })
  side!: string;

  @Field(() => PositionSide, { nullable: true, description: 'Which side of a hedged account; null in one-way mode.' })
  positionSide!: string | null;

  @Field(() => DecimalScalar, { description: 'In the base asset; above 0.' })
  size!: Decimal;

  @Field(() => DecimalScalar, { description: 'In the quote asset; above 0.' })
  price!: Decimal;

  @Field(() => DecimalScalar, { description: 'In units of `feeAsset`; positive: paid, negative: a rebate.' })
  fee!: Decimal;

  @Field(() => FillKind, { description: 'What it was at the venue: a trade, or made by the venue itself.' })
  kind!: string;

  @Field(() => DecimalScalar, {
    description:
      'Of what it closed, in the settlement asset, without the fee; negative: a loss. Of a reversal: by what that of all fills differs since.',
  })
  realizedPnl!: Decimal;

  @Field(() => DateTimeScalar, { description: 'As the venue reported it.' })
  at!: Date;

  @Field(() => DateTimeScalar, { description: 'When it was recorded: the state of the account follows this instant.' })
  recordedAt!: Date;
}

const Entries = connectionOf('LedgerEntry', () => LedgerEntry, 'ledger entries');
const Fills = connectionOf('Fill', () => Fill, 'fills');

@Resolver(() => LedgerEntry)
export class LedgerEntryResolver {
  @FieldResolver(() => ID, { description: ID_DESCRIPTION })
  id(@Root() entry: LedgerEntryRecord, @Ctx() { seal }: Context): string {
    return sequenceId(seal, 'LedgerEntry', entry.seq);
  }

  @FieldResolver(() => Account, { description: 'The account whose balance changed.' })
  account(@Root() entry: LedgerEntryRecord, @Ctx() context: Context): Promise<AccountRecord> {
    return recordOf(entry.accountId, context);
  }

  @FieldResolver(() => Asset, { description: 'The asset whose balance changed.' })
  asset(@Root() entry: LedgerEntryRecord, @Ctx() { rulebook }: Context): unknown {
    return rulebook.assets.get(entry.asset);
  }

  @FieldResolver(() => Instrument, {
    nullable: true,
    description:
      'The instrument that it comes from: of its fill, of the position whose margin was moved, or as the reported entry ' +
      'names it. An automatic exchange has that of what led to it. Null: of none, or recorded before entries named it.',
  })
  async instrument(@Root() entry: LedgerEntryRecord, @Ctx() context: Context): Promise<unknown> {
    if (entry.instrument === null) return null;
    const { venue } = await recordOf(entry.accountId, context);
    return context.rulebook.instrument(venue, entry.instrument);
  }

  @FieldResolver(() => Fill, {
    nullable: true,
    description:
      'The fill that it comes from, also that of an automatic exchange which a fill led to. Null: no fill, or recorded ' +
      'before entries named it.',
  })
  async fill(@Root() { fillSeq }: LedgerEntryRecord, @Ctx() context: Context): Promise<FillRecord | null> {
    return fillOf(fillSeq, context);
  }

  @FieldResolver(() => Fill, {
    nullable: true,
    description: 'The fill whose effect it takes back, where `fill` is the reversal of that; null: it takes none back.',
  })
  async reversedFill(
    @Root() { fillSeq, kind }: LedgerEntryRecord,
    @Ctx() context: Context,
  ): Promise<FillRecord | null> {
    // An exchange that a reversal led to is no part of it.
    if (fillSeq === null || kind === 'AUTO_EXCHANGE' || kind === 'EXCHANGE_COST') return null;
    return fillOf((await context.loaders.reversal.load(fillSeq)).reverses, context);
  }
}

@Resolver(() => Fill)
export class FillResolver {
  @FieldResolver(() => ID, { description: ID_DESCRIPTION })
  id(@Root() fill: FillRecord, @Ctx() { seal }: Context): string {
    return sequenceId(seal, 'Fill', fill.seq);
  }

  @FieldResolver(() => Account, { description: 'The account that traded.' })
  account(@Root() fill: FillRecord, @Ctx() context: Context): Promise<AccountRecord> {
    return recordOf(fill.accountId, context);
  }

  @FieldResolver(() => ID, {
    nullable: true,
    description:
      "The venue's own id of the trade of which it is one side; null: it was reported by itself, or is a reversal.",
  })
  tradeId(@Root() { fillId, tradePart, kind }: FillRecord): string | null {
    return tradePart === 'NONE' || kind === 'REVERSAL' ? null : fillId;
  }

  @FieldResolver(() => Asset, { description: 'The asset that the fee is in, and whose balance pays it.' })
  feeAsset(@Root() fill: FillRecord, @Ctx() { rulebook }: Context): unknown {
    return rulebook.assets.get(fill.feeAsset);
  }

  @FieldResolver(() => Fill, {
    nullable: true,
    description: 'The fill that it takes back, where it is of kind REVERSAL; else null.',
  })
  async reverses(@Root() { seq }: FillRecord, @Ctx() context: Context): Promise<FillRecord | null> {
    return fillOf((await context.loaders.reversal.load(seq)).reverses, context);
  }

  @FieldResolver(() => Fill, {
    nullable: true,
    description: 'The reversal by which it was taken back; null: it stands.',
  })
  async reversedBy(@Root() { seq }: FillRecord, @Ctx() context: Context): Promise<FillRecord | null> {
    return fillOf((await context.loaders.reversal.load(seq)).reversedBy, context);
  }

  @FieldResolver(() => Instrument, { description: 'What was traded.' })
  instrument(@Root() fill: FillRecord, @Ctx() { rulebook }: Context): unknown {
    return rulebook.instrument(fill.venue, fill.instrument);
  }
}

const ONLY_INSTRUMENT = "Only of this instrument of the account's venue; null: of all. Unknown: BAD_USER_INPUT.";

@ArgsType()
class LedgerArgs extends TimedPageArgs {
  @Field(() => String, { nullable: true, description: 'Only of this asset; null: of all. Unknown: BAD_USER_INPUT.' })
  readonly asset?: string | null;

  @Field(() => String, { nullable: true, description: ONLY_INSTRUMENT })
  readonly instrument?: string | null;

  @Field(() => [LedgerKind], { nullable: true, description: ONLY_KINDS })
  readonly kinds?: readonly string[] | null;
}

@ArgsType()
class FillArgs extends TimedPageArgs {
  @Field(() => String, { nullable: true, description: ONLY_INSTRUMENT })
  readonly instrument?: string | null;

  @Field(() => [FillKind], { nullable: true, description: ONLY_KINDS })
  readonly kinds?: readonly string[] | null;
}

@Resolver(() => Account)
export class AccountHistoryResolver {
  @Cost(costOfFilters)
  @FieldResolver(() => Entries.Connection, {
    description:
      'Every change of its balances, newest first. Those of kinds DEPOSIT, WITHDRAWAL and TRANSFER are its transfers.',
  })
  ledger(
    @Root() account: AccountRecord,
    @Args(() => LedgerArgs) args: LedgerArgs,
    @Ctx() context: Context,
  ): Promise<Page<LedgerEntryRecord>> {
    return historyPage(context, { list: 'ledger', account, args }, context.loaders.ledgerPage);
  }

  @Cost(costOfFilters)
  @FieldResolver(() => Fills.Connection, { description: 'Its trades and their reversals, newest first.' })
  fills(
    @Root() account: AccountRecord,
    @Args(() => FillArgs) args: FillArgs,
    @Ctx() context: Context,
  ): Promise<Page<FillRecord>> {
    return historyPage(context, { list: 'fills', account, args }, context.loaders.fillPage);
  }
}

/** The page that the arguments ask for; a symbol that the venue lacks is BAD_USER_INPUT. */
async function historyPage<T extends LedgerEntryRecord | FillRecord>(
  { seal, rulebook }: Context,
  { list, account, args }: { readonly list: string; readonly account: AccountRecord; readonly args: LedgerArgs },
  pages: DataLoader<HistoryPage, T[], string>,
): Promise<Page<T>> {
  const { asset = null, instrument = null, kinds } = args;
  if (asset !== null && !rulebook.assets.has(asset)) throw unknownAsset(asset);
  if (instrument !== null && rulebook.instrument(account.venue, instrument) === null) {
    throw unknownInstrument(account.venue, instrument);
  }
  const filter = { asset, instrument, kinds: kindsOf(kinds), ...timesOf(args) };
  return pageFrom({
    ...{ seal, list, args },
    cursorOf: ({ seq }: T) => [String(seq)],
    read: (range) => pages.load({ accountId: account.id, filter, ...sequenceRange(range) }),
  });
}

async function fillOf(seq: bigint | null, { loaders }: Context): Promise<FillRecord | null> {
  return seq === null ? null : loaders.fill.load(seq);
}
