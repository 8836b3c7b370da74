import { Arg, Ctx, Field, FieldResolver, ID, ObjectType, Resolver, Root } from 'type-graphql';

import type { AccountRecord } from '../ledger/records.js';
import type { PositionReport } from '../margin/assess.js';
import { roundUp, type Decimal } from '../margin/decimal.js';
import { Account, marginOf } from './account.js';
import type { Context } from './context.js';
import { MarginMode, MarginStatus, PositionSide } from './enums.js';
import { globalId } from './global-id.js';
import { ID_DESCRIPTION, Node } from './node.js';
import { DecimalScalar } from './scalars.js';
import { Instrument } from './venue.js';

@ObjectType({
  implements: Node,
  description:
    'An open position: one instrument, one side. Amounts in USDT. Its id is that of its account, instrument and side, ' +
    "stable for life; `node` answers null while its size is 0. The account's owner, admins, services.",
  simpleResolvers: true,
})
export class Position {
  @Field(() => PositionSide, { description: 'The direction.' })
  side!: string;

  @Field(() => DecimalScalar, { description: 'In the base asset; above 0.' })
  size!: Decimal;

  @Field(() => DecimalScalar, {
    description: 'What the open size was filled for on average, rounded down; for show only.',
  })
  entryPrice!: Decimal;

  @Field(() => DecimalScalar, { nullable: true, description: 'In USDT. Null when there never was one.' })
  markPrice!: Decimal | null;

  @Field(() => DecimalScalar, { nullable: true, description: 'size x markPrice. Null without a mark price.' })
  notional!: Decimal | null;

  @Field(() => DecimalScalar, { description: 'A whole number from 1.' })
  leverage!: Decimal;

  @Field(() => MarginMode, { description: 'What stands behind it.' })
  marginMode!: string;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: '±(notional - cost of the open size); negative: a loss. Null without a mark price.',
  })
  unrealizedPnl!: Decimal | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description:
      "notional / min(leverage, the tier's maximum), never below maintenance margin; rounded up. Null without a mark price.",
  })
  initialMargin!: Decimal | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description:
      'By the tier of the notional and the policy, with the liquidation fee; rounded up. Null without a mark price.',
  })
  maintenanceMargin!: Decimal | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: "Isolated: this position's own. Cross: the account's. Null as in MarginSummary.",
  })
  marginRatio!: Decimal | null;

  @Field(() => MarginStatus, { description: "Isolated: this position's own. Cross: the account's." })
  status!: string;
}

/** A position of an account, with its state. */
export interface AccountPosition extends PositionReport {
  readonly account: AccountRecord;
}

@Resolver(() => Position)
export class PositionResolver {
  @FieldResolver(() => ID, { description: ID_DESCRIPTION })
  id(@Root() position: AccountPosition): string {
    return globalId('Position', position.account.id, position.instrument, position.side);
  }

  @FieldResolver(() => Account, { description: 'The account that holds it.' })
  account(@Root() position: AccountPosition): AccountRecord {
    return position.account;
  }

  @FieldResolver(() => Instrument, { description: 'What it is a position in.' })
  instrument(@Root() position: AccountPosition, @Ctx() { rulebook }: Context): unknown {
    return rulebook.instrument(position.account.venue, position.instrument);
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
  const { account, report } = await marginOf(accountId, context);
  return report.positions.map((position) => ({
    ...position,
    account,
    initialMargin: position.initialMargin === null ? null : roundUp(position.initialMargin),
    maintenanceMargin: position.maintenanceMargin === null ? null : roundUp(position.maintenanceMargin),
  }));
}
