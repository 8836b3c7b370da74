/** The fields that positions and simulated positions share: both are positions in a margin state. */
import { Arg, Ctx, Field, FieldResolver, ObjectType, Resolver, Root, type ClassType } from 'type-graphql';

import { liquidationPriceOf, type MarginState } from '../../ledger/margin-state.js';
import type { AccountRecord } from '../../ledger/records.js';
import type { PositionReport } from '../../margin/state/assess.js';
import { roundUp, type Decimal } from '../../margin/decimal.js';
import type { Context } from '../execution/context.js';
import { Cost } from '../types/cost.js';
import { MarginMode, MarginStatus, PositionSide } from '../types/enums.js';
import { LiquidationPrice } from './liquidation-price.js';
import { DecimalScalar } from '../types/scalars.js';
import { Instrument } from '../venue/venue.js';

@ObjectType({ description: 'A position.', simpleResolvers: true })
export abstract class PositionFields {
  @Field(() => PositionSide, { description: 'The direction.' })
  side!: string;

  @Field(() => DecimalScalar, { description: 'In the base asset; above 0.' })
  size!: Decimal;

  @Field(() => DecimalScalar, {
    description: 'What the open size was filled for on average, rounded down; for show only.',
  })
  entryPrice!: Decimal;

  @Field(() => DecimalScalar, { nullable: true, description: 'In the quote asset. Null when there never was one.' })
  markPrice!: Decimal | null;

  @Field(() => DecimalScalar, { nullable: true, description: 'size x markPrice. Null without a price.' })
  notional!: Decimal | null;

  @Field(() => DecimalScalar, { description: 'A whole number from 1.' })
  leverage!: Decimal;

  @Field(() => MarginMode, { description: 'What stands behind it.' })
  marginMode!: string;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: '±(notional - cost of the open size); negative: a loss. Null without a price.',
  })
  unrealizedPnl!: Decimal | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: "Isolated: this position's own. Cross: the account's. Null as in MarginSummary.",
  })
  marginRatio!: Decimal | null;

  @Field(() => MarginStatus, { description: "Isolated: this position's own. Cross: the account's." })
  status!: string;
}

/** A position with the margin state that it is part of, which answers what is not a number of its own. */
export interface AccountPosition extends PositionReport {
  readonly account: AccountRecord;
  readonly state: MarginState;
}

export function positionsIn(state: MarginState): AccountPosition[] {
  return state.report.positions.map((position) => ({ ...position, account: state.account, state }));
}

/** The fields that are computed when they are asked for. */
export function positionFieldsResolver(type: () => ClassType<PositionFields>): ClassType<object> {
  @Resolver(type)
  class PositionFieldsResolver {
    @FieldResolver(() => Instrument, { description: 'What it is a position in.' })
    instrument(@Root() { account, instrument }: AccountPosition, @Ctx() { rulebook }: Context): unknown {
      return rulebook.instrument(account.venue, instrument);
    }

    @FieldResolver(() => DecimalScalar, {
      nullable: true,
      description:
        "notional / min(leverage, the tier's maximum), never below maintenance margin / the policy's `liquidationRatio`; " +
        'rounded up. Null without a price.',
    })
    initialMargin(@Root() { initialMargin }: AccountPosition): Decimal | null {
      return initialMargin === null ? null : roundUp(initialMargin);
    }

    @FieldResolver(() => DecimalScalar, {
      nullable: true,
      description:
        'By the tier of the notional and the policy, with the liquidation fee; rounded up. Null without a price.',
    })
    maintenanceMargin(@Root() { maintenanceMargin }: AccountPosition): Decimal | null {
      return maintenanceMargin === null ? null : roundUp(maintenanceMargin);
    }

    @FieldResolver(() => DecimalScalar, {
      nullable: true,
      description:
        "What one of the quote asset is worth in the venue's unit, as the index of the settlement asset says: the amounts " +
        'here x it are what MarginSummary adds up. 1 where it is settled in the unit. Null when there never was one.',
    })
    settlementPrice(@Root() { settlementPrice }: AccountPosition): Decimal | null {
      return settlementPrice === null ? null : settlementPrice.price;
    }

    @FieldResolver(() => DecimalScalar, {
      nullable: true,
      description: 'Set aside for this position, in the settlement asset, without its PnL. Null in cross margin.',
    })
    isolatedMargin(@Root() { marginMode, isolatedMargin }: AccountPosition): Decimal | null {
      return marginMode === 'ISOLATED' ? isolatedMargin : null;
    }

    @Cost(20, { isLong: true })
    @FieldResolver(() => LiquidationPrice, {
      description:
        'The mark price at which it would be liquidated. Cross: with the whole account, so that both sides of a hedge ' +
        'share it. Isolated: by its own margin.',
    })
    liquidationPrice(
      @Root() position: AccountPosition,
      @Arg('indexFollows', () => Boolean, {
        nullable: true,
        defaultValue: false,
        description:
          'True: the index of the base asset, and of what is priced as it, moves with the mark price, and with it what ' +
          'the account holds and owes of them. Of no effect in isolated margin.',
      })
      indexFollows: boolean | null | undefined,
    ): LiquidationPrice {
      return liquidationPriceOf(position.state, position, indexFollows ?? false);
    }
  }
  return PositionFieldsResolver;
}
