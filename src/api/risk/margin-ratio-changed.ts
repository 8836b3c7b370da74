/** The margin state of accounts as it moves: each state, or those of many accounts once a period. */
import { Arg, Field, FieldResolver, ID, Int, ObjectType, Resolver, Root, Subscription } from 'type-graphql';

import { UnreadableAccountError, type AccountRecord } from '../../ledger/records.js';
import { decimal, type Decimal } from '../../margin/decimal.js';
import {
  UpdateListStream,
  UpdateStream,
  type MarginUpdate,
  type WatchOptions,
  type Watcher,
} from '../../risk/streams/watch-stream.js';
import { isUuid } from '../../platform/ids.js';
import { ANY_ROLE, Access, maySee, viewerOf, watchesNothing } from '../types/access.js';
import { ANSWER_ONLY, Cost } from '../types/cost.js';
import { Account } from '../account/account.js';
import type { Context } from '../execution/context.js';
import { MarginChangeCause, MarginStatus } from '../types/enums.js';
import { badUserInput } from '../types/api-error.js';
import { localId } from '../types/global-id.js';
import { boundedList } from '../types/lists.js';
import { MarginSummary, marginSummary } from '../account/margin-summary.js';
import { Position } from '../account/position.js';
import { positionsIn, type AccountPosition } from '../account/position-fields.js';
import { DecimalScalar } from '../types/scalars.js';

@ObjectType({ description: 'A margin state that is pushed.', simpleResolvers: true })
export class MarginRatioChange {
  @Field(() => MarginStatus, {
    nullable: true,
    description: 'The `margin.status` that this stream sent last; null in the first state of the account.',
  })
  previousStatus!: string | null;

  @Field(() => Int, { description: 'Rises by one per account and stream; a gap means that states were skipped.' })
  sequence!: number;

  @Field(() => MarginChangeCause, { description: 'Why it is pushed.' })
  cause!: string;
}

const MIN_CHANGE: Decimal = decimal('0.001');

const MAX_PERIOD_SECONDS = 3_600;

/** Arguments of both subscriptions. */
const accountIdsArg = Arg('accountIds', () => [ID], { description: 'The accounts, from 1 to 100.' });
const minChangeArg = Arg('minChange', () => DecimalScalar, {
  nullable: true,
  defaultValue: MIN_CHANGE,
  description:
    'How far a margin ratio must have moved since the last state, from 0 on; 0: after whatever is different in the ' +
    'account, its policy, its wallet value, its initial collateral and margin, or the margin balance and maintenance ' +
    'margin of it or of an isolated position; null: 0.001.',
});

interface WatchArgs {
  readonly accountIds: readonly string[];
  readonly minChange: Decimal | null;
  readonly every: number | null | undefined;
}

@Resolver(() => MarginRatioChange)
export class MarginRatioChangedResolver {
  @FieldResolver(() => Account, { description: 'The account that it is about.' })
  account(@Root() { state }: MarginUpdate): AccountRecord {
    return state.account;
  }

  @Cost(20)
  @FieldResolver(() => MarginSummary, { description: 'Its whole state.' })
  margin(@Root() { state }: MarginUpdate): MarginSummary {
    return marginSummary(state);
  }

  @FieldResolver(() => [Position], { description: 'Its isolated positions, in full, by symbol.' })
  isolatedPositions(@Root() { state }: MarginUpdate): AccountPosition[] {
    return positionsIn(state).filter(({ marginMode }) => marginMode === 'ISOLATED');
  }

  @Access(...ANY_ROLE)
  @Cost(ANSWER_ONLY)
  @Subscription(() => MarginRatioChange, {
    description:
      'Any role; accounts that the viewer may not see are left out, and BAD_USER_INPUT says that there are no others. First the state of each account as it is ' +
      '(SNAPSHOT), then its full state again whenever the ratio or that of an isolated position has moved by ' +
      '`minChange`, the status of either has changed, or a price that it takes has become stale or fresh again. States ' +
      'in between may be skipped; the last one never is.',
    subscribe: watchBy(UpdateStream),
  })
  marginRatioChanged(
    @Root() update: MarginUpdate,
    @accountIdsArg _accountIds: string[],
    @minChangeArg _minChange: Decimal | null,
    @Arg('every', () => Int, {
      nullable: true,
      description:
        'Seconds from one sending to the next, from 1 to 3600: then the newest state of each account that has moved. First ' +
        'states do not wait. Null: each state is sent at once.',
    })
    _every: number | null | undefined,
  ): MarginUpdate {
    return update;
  }

  @Access(...ANY_ROLE)
  @Cost(ANSWER_ONLY)
  @Subscription(() => [MarginRatioChange], {
    description:
      'Any role, as of `marginRatioChanged`. The same states, for screens of many accounts on slow networks: at most one message in ' +
      '`every` seconds, with the newest state of each account that has moved. First the state of each account, in one ' +
      'message or a few. Alerts do not wait: they come by `riskAlerts`.',
    subscribe: watchBy(UpdateListStream),
  })
  marginRatiosChanged(
    @Root() updates: readonly MarginUpdate[],
    @accountIdsArg _accountIds: string[],
    @minChangeArg _minChange: Decimal | null,
    @Arg('every', () => Int, {
      nullable: true,
      defaultValue: 1,
      description: 'Seconds from one message to the next, from 1 to 3600; null: states are sent at once.',
    })
    _every: number | null,
  ): readonly MarginUpdate[] {
    return updates;
  }
}

/** Subscribes by a stream of this class. */
function watchBy<S extends Watcher & AsyncIterable<unknown>>(Stream: new (options: WatchOptions) => S) {
  return async ({ args, context }: { args: object; context: unknown }): Promise<S> => {
    const options = await optionsOf(args as WatchArgs, context as Context);
    return (context as Context).loop.watch(new Stream(options));
  };
}

/** What is watched: accounts that the viewer may see, by the arguments of the subscription. */
async function optionsOf(args: WatchArgs, context: Context): Promise<WatchOptions> {
  const minChange = args.minChange ?? MIN_CHANGE;
  if (minChange.isNegative() && !minChange.isZero()) throw badUserInput('Expected `minChange` from 0 on.');
  const every = args.every ?? null;
  if (every !== null && (every < 1 || every > MAX_PERIOD_SECONDS)) {
    throw badUserInput(`Expected \`every\` from 1 to ${MAX_PERIOD_SECONDS} seconds, got ${every}.`);
  }
  if (args.accountIds.length === 0) throw badUserInput('Expected at least one id in `accountIds`.');
  const ids = boundedList('accountIds', args.accountIds).map((id) => localId('Account', id));
  const wanted = [...new Set(ids.filter(isUuid))];
  const viewer = viewerOf(context);
  const found = await context.loaders.holdings.loadMany(wanted);
  const visible = found.flatMap((held) => {
    // One that cannot be read follows when it can be; all others are served.
    if (held instanceof UnreadableAccountError) return maySee(viewer, held) ? [held.accountId] : [];
    if (held instanceof Error) throw held;
    return held !== null && maySee(viewer, held.account) ? [held.account.id] : [];
  });
  if (visible.length === 0) throw watchesNothing();
  return { accountIds: visible, minChange, everyMs: every === null ? null : every * 1_000 };
}
