/** Reads and streams alerts. */
import {
  Arg,
  Args,
  ArgsType,
  Ctx,
  Field,
  FieldResolver,
  ID,
  Int,
  Query,
  Resolver,
  Root,
  Subscription,
} from 'type-graphql';

import { readAccounts, type AccountRecord } from '../../ledger/records.js';
import { MAX_ACKNOWLEDGED, findAlerts } from '../../risk/alerts/alert-records.js';
import type { CursorProblem } from '../../risk/alerts/alert-feed.js';
import type { SentAlert } from '../../risk/alerts/alert-stream.js';
import { isUuid } from '../../platform/ids.js';
import { ANY_ROLE, Access, confinedTo, maySee, viewerOf, watchesNothing } from '../types/access.js';
import { ANSWER_ONLY, Cost } from '../types/cost.js';
import { Account } from '../account/account.js';
import type { Context } from '../execution/context.js';
import { ApiError, badUserInput } from '../types/api-error.js';
import { localId } from '../types/global-id.js';
import { MAX_LIST } from '../types/lists.js';
import { costOfFilters } from '../types/page-filters.js';
import { readAlertCursor, writeAlertCursor } from './alert-cursor.js';
import { AlertArgs, alertPage, type AlertsPage } from './alert-page.js';
import { Alerts, RiskAlert } from './risk-alert.js';

const ACCOUNT_IDS =
  `Only of these accounts, from 1 to ${MAX_LIST}; those that the viewer may not see are passed over. Null: of all that ` +
  'the viewer may see.';
const WATCHED_IDS = `${ACCOUNT_IDS} If the viewer may see none of them, the subscription is refused with BAD_USER_INPUT.`;

@ArgsType()
class RootAlertArgs extends AlertArgs {
  @Field(() => [ID], { nullable: true, description: ACCOUNT_IDS })
  readonly accountIds?: readonly string[] | null;
}

@Resolver()
export class RiskAlertsResolver {
  @Access(...ANY_ROLE)
  @Cost(costOfFilters)
  @Query(() => Alerts.Connection, {
    description:
      'Stored alerts, newest first. Any role; of the accounts that the viewer may see: traders their own, admins and ' +
      'services all.',
  })
  riskAlerts(@Args(() => RootAlertArgs) args: RootAlertArgs, @Ctx() context: Context): Promise<AlertsPage> {
    const { accountIds } = args;
    const filter = {
      owner: confinedTo(viewerOf(context)),
      accountIds: accountIds == null ? null : localAccountIds(accountIds),
    };
    return alertPage(context, args, (choice, range) => findAlerts(context.db, filter, choice, range));
  }
}

@Resolver(() => RiskAlert)
export class RiskAlertStreamResolver {
  @Access(...ANY_ROLE)
  @Cost(ANSWER_ONLY)
  @Subscription(() => RiskAlert, {
    description:
      'Alerts in order, none skipped and none twice: those after the cursor first, then live. Any role; of the accounts ' +
      'that the viewer may see, those that are opened later too. After a lost connection, subscribe again with the ' +
      '`cursor` of the last alert that was handled. An alert whose fields cannot be read is not passed over: the stream ' +
      'waits for it, and ends with an error if that takes too long.',
    subscribe: ({ args, context }) => listen(args as ListenArgs, context as Context),
  })
  riskAlerts(
    @Root() alert: SentAlert,
    @Arg('accountIds', () => [ID], { nullable: true, description: WATCHED_IDS })
    _accountIds: string[] | null | undefined,
    @Arg('after', () => String, {
      nullable: true,
      description:
        'A cursor of an alert, or a `liveCursor`: the stream begins after it. One after which alerts are no longer kept is ' +
        'CURSOR_EXPIRED; one beyond the last alert that is stored is BAD_USER_INPUT. Null: live only. The header ' +
        '`Last-Event-ID` of a request for server-sent events goes before it.',
    })
    _after: string | null | undefined,
  ): SentAlert {
    return alert;
  }
}

interface ListenArgs {
  readonly accountIds?: readonly string[] | null;
  readonly after?: string | null;
}

async function listen(args: ListenArgs, context: Context): Promise<AsyncIterable<SentAlert>> {
  const viewer = viewerOf(context);
  const { seal } = context;
  // What a client sends by itself when it connects again is newer than the arguments of its first request.
  const cursor = context.lastEventId ?? args.after ?? null;
  const after = cursor === null ? null : readAlertCursor(seal, cursor).seq;
  const wanted = args.accountIds == null ? null : localAccountIds(args.accountIds);
  const found = wanted === null ? null : await readAccounts(context.db, wanted);
  const accountIds = found?.filter((account) => maySee(viewer, account)).map(({ id }) => id) ?? null;
  if (accountIds?.length === 0) throw watchesNothing();
  const stream = await context.alertFeed.stream({ owner: confinedTo(viewer), accountIds, after });
  if (typeof stream === 'string') throw PROBLEMS[stream]();
  stream.places = {
    start: writeAlertCursor(seal, stream.startsAfter),
    of: ({ seq }) => writeAlertCursor(seal, seq),
  };
  return stream;
}

const PROBLEMS: Record<CursorProblem, () => ApiError> = {
  BEYOND: () =>
    badUserInput(
      'The cursor lies beyond the last alert that is stored: the database was put back to an earlier state since. Read ' +
        '`riskAlerts` for what is stored, and subscribe with its `liveCursor`.',
    ),
  EXPIRED: () =>
    new ApiError(
      'CURSOR_EXPIRED',
      'Alerts after the cursor are no longer kept. Read `riskAlerts` for what is, and subscribe with its `liveCursor`.',
    ),
};

/** The ids of accounts that the viewer names; what is no id of an account is left out. */
export function localAccountIds(ids: readonly string[]): string[] {
  if (ids.length < 1 || ids.length > MAX_LIST) {
    throw badUserInput(`Expected 1 to ${MAX_LIST} ids in \`accountIds\`, or null for all; got ${ids.length}.`);
  }
  return [...new Set(ids.map((id) => localId('Account', id)).filter(isUuid))];
}

@Resolver(() => Account)
export class AccountAlertsResolver {
  @Cost(costOfFilters)
  @FieldResolver(() => Alerts.Connection, { description: 'Its alerts, newest first.' })
  alerts(
    @Root() account: AccountRecord,
    @Args(() => AlertArgs) args: AlertArgs,
    @Ctx() context: Context,
  ): Promise<AlertsPage> {
    return alertPage(context, args, (choice, range) =>
      context.loaders.alertPage.load({ accountId: account.id, choice, ...range }),
    );
  }

  @Cost(20)
  @FieldResolver(() => Int, {
    description: `Its alerts that nobody has acknowledged, from 0 on; ${MAX_ACKNOWLEDGED} stands for that many or more.`,
  })
  unacknowledgedAlerts(@Root() account: AccountRecord, @Ctx() { loaders }: Context): Promise<number> {
    return loaders.unacknowledged.load(account.id);
  }
}
