import { Arg, Field, FieldResolver, ID, Int, ObjectType, Resolver, Root, Subscription } from 'type-graphql';

import { UnreadableAccountError, type AccountRecord } from '../../ledger/records.js';
import { decimal, type Decimal } from '../../margin/decimal.js';
import type { MarginUpdate } from '../../risk/streams/watch-stream.js';
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

interface WatchArgs {
  readonly accountIds: readonly string[];
  readonly minChange: Decimal | null;
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
    subscribe: ({ args, context }) => watch(args as WatchArgs, context as Context),
  })
  marginRatioChanged(
    @Root() update: MarginUpdate,
    @Arg('accountIds', () => [ID], { description: 'The accounts, from 1 to 100.' }) _accountIds: string[],
    @Arg('minChange', () => DecimalScalar, {
      nullable: true,
      defaultValue: MIN_CHANGE,
      description:
        'How far a margin ratio must have moved since the last state, from 0 on; 0: after whatever is different in the ' +
        'account, its policy, or its wallet value, margin balance and maintenance margin; null: 0.001.',
    })
    _minChange: Decimal | null,
  ): MarginUpdate {
    return update;
  }
}

async function watch(args: WatchArgs, context: Context): Promise<AsyncIterable<MarginUpdate>> {
  const minChange = args.minChange ?? MIN_CHANGE;
  if (minChange.isNegative() && !minChange.isZero()) throw badUserInput('Expected `minChange` from 0 on.');
  if (args.accountIds.length === 0) throw badUserInput('Expected at least one id in `accountIds`.');
  const ids = boundedList('accountIds', args.accountIds).map((id) => localId('Account', id));
  const wanted = [...new Set(ids.filter(isUuid))];
  const viewer = viewerOf(context);
  const found = await context.loaders.holdings.loadMany(wanted);
  const visible = found.flatMap((held) => {
    if (held instanceof UnreadableAccountError && !maySee(viewer, held)) return [];
    if (held instanceof Error) throw held;
    return held !== null && maySee(viewer, held.account) ? [held.account.id] : [];
  });
  if (visible.length === 0) throw watchesNothing();
  return context.loop.watch(visible, minChange);
}
