import { Arg, Ctx, FieldResolver, ID, Int, ObjectType, Resolver, Root } from 'type-graphql';

import type { PositionRef } from '../../ledger/ledger-checks.js';
import type { AccountRecord } from '../../ledger/records.js';
import type { Decimal } from '../../margin/decimal.js';
import { maxRemovableMargin } from '../../margin/change/isolated.js';
import { Account } from './account.js';
import { marginOf } from './read-account.js';
import type { Context } from '../execution/context.js';
import { Cost } from '../types/cost.js';
import { globalId, parseGlobalId } from '../types/global-id.js';
import { ID_DESCRIPTION, Node } from '../types/node.js';
import { PositionFields, positionFieldsResolver, positionsIn, type AccountPosition } from './position-fields.js';
import { DecimalScalar } from '../types/scalars.js';

export type { AccountPosition } from './position-fields.js';

@ObjectType({
  implements: Node,
  description:
    "An open position: one instrument, one side. Amounts in the instrument's quote asset, at par with its settlement " +
    'asset. Its id is that of its account, instrument and side, ' +
    "stable for life; `node` answers null while its size is 0. The account's owner, admins, services.",
  simpleResolvers: true,
})
export class Position extends PositionFields {}

export const PositionFieldsResolver = positionFieldsResolver(() => Position);

@Resolver(() => Position)
export class PositionResolver {
  @FieldResolver(() => ID, { description: ID_DESCRIPTION })
  id(@Root() { account, instrument, side }: AccountPosition): string {
    return globalId('Position', account.id, instrument, side);
  }

  @FieldResolver(() => Account, { description: 'The account that holds it.' })
  account(@Root() { account }: AccountPosition): AccountRecord {
    return account;
  }

  @Cost(20, { isLong: true })
  @FieldResolver(() => DecimalScalar, {
    nullable: true,
    description:
      'What `adjustPositionMargin` can take out at most, in the settlement asset, rounded down: the rest covers ' +
      'maintenance margin, and with the unrealised PnL initial margin. 0 while a price is missing or the mark is stale. ' +
      'Null in cross margin.',
  })
  maxRemovableMargin(@Root() position: AccountPosition): Decimal | null {
    return maxRemovableMargin(position);
  }

  @FieldResolver(() => Int, {
    nullable: true,
    description:
      'Place in the queue of auto-deleveraging, from 0 to 4; 4 is the fifth that would be reduced first. It is floor(5 x ' +
      'positions with a smaller score / all positions) of the same instrument and side at the venue. The score is max(0, ' +
      "unrealizedPnl) / max(1, the account's `walletValue`) x `marginRatio`, in the venue's unit; 0 without a profit, a " +
      'price or a ratio. It is computed from floats at each full half minute of UTC, stands until the next one, and is an ' +
      'estimate: no push is sent for it. Null for a position that was not open at the last one, and for up to 30 seconds ' +
      'after a server has started.',
  })
  adlQuantile(@Root() { account, instrument, side }: AccountPosition, @Ctx() { loop }: Context): number | null {
    return loop.accounts.adlRanks.quantileOf(account.id, account.venue, instrument, side);
  }
}

@Resolver(() => Account)
export class AccountPositionsResolver {
  @FieldResolver(() => [Position], { description: 'The open positions, by symbol.' })
  async positions(
    @Root() account: AccountRecord,
    @Arg('instrument', () => String, { nullable: true, description: 'Only in this instrument; null: in all.' })
    instrument: string | null | undefined,
    @Ctx() context: Context,
  ): Promise<AccountPosition[]> {
    const positions = await positionsOf(account.id, context);
    return instrument == null ? positions : positions.filter((position) => position.instrument === instrument);
  }
}

/** The open positions of an account that is known to exist. */
export async function positionsOf(accountId: string, context: Context): Promise<AccountPosition[]> {
  return positionsIn(await marginOf(accountId, context));
}

/** The position that a global id names. Any other id gives a position that no account has. */
export function positionRef(id: string): PositionRef {
  const parsed = parseGlobalId(id);
  const [accountId = '', instrument = '', side = ''] = parsed?.local ?? [];
  if (parsed?.type !== 'Position' || parsed.local.length !== 3 || (side !== 'LONG' && side !== 'SHORT')) {
    return { accountId: '', instrument: '', side: 'LONG' };
  }
  return { accountId, instrument, side };
}
