import {
  Arg,
  Ctx,
  Field,
  FieldResolver,
  ID,
  InputType,
  Int,
  Mutation,
  ObjectType,
  Query,
  Resolver,
  Root,
} from 'type-graphql';

import { countAccounts, openAccount } from '../../ledger/accounts.js';
import type { AccountRecord } from '../../ledger/records.js';
import { worstStatus } from '../../margin/state/status.js';
import type { MarginStatus as MarginStatusCode } from '../../margin/model.js';
import { idsOfStatus, isConfinedQuery } from '../../risk/engine/risk-order.js';
import { ANY_ROLE, Access, confinedTo, viewerOf } from '../types/access.js';
import { ANSWER_ONLY, Cost, TRANSACTION, amountOf, perAccount, type FieldCost } from '../types/cost.js';
import { Chain } from '../venue/chain.js';
import type { Context } from '../execution/context.js';
import { AccountOrder, CollateralMode, MarginStatus, PositionMode } from '../types/enums.js';
import { globalId } from '../types/global-id.js';
import { requestOf } from '../execution/idempotent-request.js';
import { accountPage, riskPage, setAsideIn, type AccountPage } from './account-list.js';
import { MarginSummary, marginSummary } from './margin-summary.js';
import { accountFrom, marginOf, namedAccount } from './read-account.js';
import { ID_DESCRIPTION, Node } from '../types/node.js';
import { AFTER_DESCRIPTION, FIRST_DESCRIPTION, PAGE_DEFAULT, connectionOf } from '../types/pagination.js';
import { UserError, userErrors } from '../types/refusals.js';
import { DateTimeScalar } from '../types/scalars.js';
import { Venue } from '../venue/venue.js';

@ObjectType({
  implements: Node,
  description:
    'A portfolio at one venue, on one chain. Its owner, admins and services; to anybody else it does not exist.',
  simpleResolvers: true,
})
export class Account {
  @Field(() => String, { description: 'The name that it was opened with.' })
  name!: string;

  @Field(() => String, { description: 'Subject of the trader that owns it.' })
  owner!: string;

  @Field(() => ID, {
    nullable: true,
    description: "The venue's own id of it, unique at the venue; null where it was opened without one.",
  })
  externalId!: string | null;

  @Field(() => CollateralMode, { description: 'How its collateral counts.' })
  collateralMode!: string;

  @Field(() => PositionMode, { description: 'How fills of one instrument add up.' })
  positionMode!: string;

  @Field(() => Int, { description: 'Rises by one with every change of the account; from 1.' })
  version!: number;

  @Field(() => DateTimeScalar, { description: 'When it was opened.' })
  openedAt!: Date;
}

export const Accounts = connectionOf('Account', () => Account, 'accounts');

@InputType({ description: 'Which accounts; all conditions must hold. Traders see their own, whatever the filter.' })
export class AccountFilter {
  @Field(() => String, { nullable: true, description: "The venue's code." })
  venue?: string | null;

  @Field(() => String, { nullable: true, description: "The chain's code." })
  chain?: string | null;

  @Field(() => String, { nullable: true, description: 'Subject of the owner.' })
  owner?: string | null;

  @Field(() => String, { nullable: true, description: 'The whole name, letter for letter.' })
  name?: string | null;

  @Field(() => String, { nullable: true, description: 'Symbol of an asset that the account holds or owes.' })
  asset?: string | null;

  @Field(() => [MarginStatus], {
    nullable: true,
    description:
      'One of these statuses (the worst of the cross state and of every isolated position), as the server ' +
      'has last assessed it. Null: any.',
  })
  status?: readonly MarginStatusCode[] | null;
}

@InputType({ description: 'An account to be opened.' })
export class OpenAccountInput {
  @Field(() => String, { description: 'A name for people, of 1 to 200 characters.' })
  name!: string;

  @Field(() => String, { description: 'Subject of the trader that shall own it, of 1 to 200 characters.' })
  owner!: string;

  @Field(() => String, { description: "The venue's code." })
  venue!: string;

  @Field(() => String, {
    nullable: true,
    description: "The chain's code: required where the venue has chains, refused where it has none.",
  })
  chain?: string | null;

  @Field(() => CollateralMode, {
    nullable: true,
    defaultValue: 'MULTI_ASSET',
    description: 'How its collateral counts. Null: MULTI_ASSET.',
  })
  collateralMode!: 'SINGLE_ASSET' | 'MULTI_ASSET' | null;

  @Field(() => PositionMode, {
    nullable: true,
    defaultValue: 'ONE_WAY',
    description: 'How fills of one instrument add up. Null: ONE_WAY.',
  })
  positionMode!: 'ONE_WAY' | 'HEDGE' | null;

  @Field(() => ID, {
    nullable: true,
    description:
      "The venue's own id of the account, of 1 to 200 characters; unique at the venue for ever. Sent again with the same " +
      'content it answers the same account, whatever the idempotency key, and opens nothing; with other content it is ' +
      'refused with IDEMPOTENCY_KEY_REUSED. Content is what it was opened with: modes that were set since do not count. ' +
      'Null: none.',
  })
  externalId?: string | null;

  @Field(() => ID, { description: 'Sent again with the same input within 24 hours it answers the same account.' })
  idempotencyKey!: string;
}

@ObjectType({ description: 'What became of the opening of an account.', simpleResolvers: true })
export class OpenAccountPayload {
  @Field(() => Account, { nullable: true, description: 'The account; null when it was refused.' })
  account!: AccountRecord | null;

  @Field(() => [UserError], { description: 'Why it was refused; empty when it was opened.' })
  errors!: readonly UserError[];
}

/** A query by risk or status looks at every account, unless it names an owner or an account name. */
const costOfAccounts: FieldCost = (args, basis) => {
  const { where, orderBy } = args as { readonly where?: AccountFilter | null; readonly orderBy?: string | null };
  if (basis.viewer === null || (orderBy !== 'RISK_DESC' && where?.status == null)) return 0;
  const { owner, name } = where ?? {};
  const isConfined = isConfinedQuery({ owner, name, visibleTo: confinedTo(basis.viewer) });
  return isConfined ? 0 : amountOf(perAccount('read'), args, basis);
};

@Resolver(() => Account)
export class AccountResolver {
  @FieldResolver(() => ID, { description: ID_DESCRIPTION })
  id(@Root() account: AccountRecord): string {
    return globalId('Account', account.id);
  }

  @FieldResolver(() => Venue, { description: 'Where it trades.' })
  venue(@Root() account: AccountRecord, @Ctx() { rulebook }: Context): unknown {
    return rulebook.venues.get(account.venue);
  }

  @FieldResolver(() => Chain, {
    nullable: true,
    description: 'Where its collateral lies; null where the venue has none.',
  })
  chain(@Root() account: AccountRecord, @Ctx() { rulebook }: Context): unknown {
    return account.chain === null ? null : rulebook.chains.get(account.chain);
  }

  @Cost(20)
  @FieldResolver(() => MarginStatus, { description: 'The worst of the cross state and of every isolated position.' })
  async status(@Root() account: AccountRecord, @Ctx() context: Context): Promise<string> {
    return worstStatus((await marginOf(account.id, context)).report);
  }

  @Cost(20)
  @FieldResolver(() => MarginSummary, { description: 'The cross-margin state now, with what explains every number.' })
  async margin(@Root() account: AccountRecord, @Ctx() context: Context): Promise<MarginSummary> {
    return marginSummary(await marginOf(account.id, context));
  }

  @Access(...ANY_ROLE)
  @Cost(ANSWER_ONLY)
  @Query(() => Account, {
    nullable: true,
    description:
      'One account, by `id`, or by `externalId` and `venue`. Its owner, admins, services; null where there is none, or it ' +
      "is not the viewer's to see.",
  })
  async account(
    @Arg('id', () => ID, { nullable: true, description: 'The global id of the account; null: it is named otherwise.' })
    id: string | null | undefined,
    @Arg('externalId', () => ID, {
      nullable: true,
      description: "The venue's own id of the account, in place of `id`, together with `venue`; null: `id` is named.",
    })
    externalId: string | null | undefined,
    @Arg('venue', () => String, { nullable: true, description: 'Code of the venue of `externalId`; null without it.' })
    venue: string | null | undefined,
    @Arg('atLeastVersion', () => Int, {
      nullable: true,
      description:
        'A version that the caller knows of, such as the one that a mutation of another server has answered. The server ' +
        'waits for it, at most 2 seconds, and then says SERVICE_UNAVAILABLE. Null: the newest that this server knows.',
    })
    atLeastVersion: number | null | undefined,
    @Ctx() context: Context,
  ): Promise<AccountRecord | null> {
    const named = await namedAccount({ id, externalId, venue }, context);
    return named === null ? null : accountFrom(named, atLeastVersion ?? 0, context);
  }

  @Access(...ANY_ROLE)
  @Cost(costOfAccounts)
  @Query(() => Accounts.Connection, {
    description: 'Accounts, oldest first unless an order is named. Traders: their own. Admins and services: all.',
  })
  accounts(
    @Arg('first', () => Int, { nullable: true, defaultValue: PAGE_DEFAULT, description: FIRST_DESCRIPTION })
    first: number | null,
    @Arg('after', () => String, { nullable: true, description: AFTER_DESCRIPTION }) after: string | null | undefined,
    @Arg('where', () => AccountFilter, { nullable: true, description: 'Which; null: all.' })
    where: AccountFilter | null | undefined,
    @Arg('orderBy', () => AccountOrder, { nullable: true, description: 'The order; null: by id, oldest first.' })
    orderBy: 'NAME' | 'RISK_DESC' | null | undefined,
    @Ctx() context: Context,
  ): Promise<AccountPage> {
    const { status, ...rest } = where ?? {};
    const statuses = status == null ? null : new Set(status);
    const query = { ...rest, statuses, visibleTo: confinedTo(viewerOf(context)) };
    if (orderBy === 'RISK_DESC') return riskPage(context, { ...query, orderBy: 'ID' }, first, after);
    return accountPage(context, { ...query, orderBy: orderBy ?? 'ID' }, first, after);
  }

  @Access('ADMIN', 'SERVICE')
  @Cost(TRANSACTION)
  @Mutation(() => OpenAccountPayload, { description: 'Admins and services. Opens an account for a trader.' })
  async openAccount(
    @Arg('input', () => OpenAccountInput, { description: 'The account.' }) input: OpenAccountInput,
    @Ctx() context: Context,
  ): Promise<OpenAccountPayload> {
    const { idempotencyKey, externalId, ...asked } = input;
    const account = {
      ...asked,
      chain: asked.chain ?? null,
      collateralMode: asked.collateralMode ?? 'MULTI_ASSET',
      positionMode: asked.positionMode ?? 'ONE_WAY',
      // Without one, the request is that of servers that know none.
      ...(externalId == null ? {} : { externalId }),
    };
    const { roles } = viewerOf(context);
    const opened = await openAccount(
      context,
      account,
      requestOf('openAccount', idempotencyKey, account, context),
      context.now,
      roles.includes('ADMIN') ? context.audit : null,
    );
    return { account: opened.account, errors: userErrors(opened.refusals) };
  }
}

@Resolver(() => Accounts.Connection)
export class AccountConnectionResolver {
  @FieldResolver(() => Int, {
    nullable: true,
    description:
      'How many there are on all pages; counted only when asked for. Null where more than 10,000 accounts have the ' +
      'statuses that are asked for.',
  })
  async totalCount(@Root() { query }: AccountPage, @Ctx() { db, loop }: Context): Promise<number | null> {
    if (query.statuses === null) return countAccounts(db, query);
    const ids = await idsOfStatus(db, loop.allAccounts, query);
    return ids === null ? null : countAccounts(db, { ...query, ids });
  }

  @FieldResolver(() => [ID], {
    description:
      'Ids of accounts of the query, whatever their page and status, that this server cannot read or assess at the ' +
      'moment: they are on no page, and their queries are SERVICE_UNAVAILABLE. At most 100; nearly always empty.',
  })
  async setAside(@Root() { query }: AccountPage, @Ctx() context: Context): Promise<string[]> {
    return (await setAsideIn(context, query)).map(({ id }) => globalId('Account', id));
  }
}
