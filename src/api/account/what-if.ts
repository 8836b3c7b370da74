/** Simulates an account after hypothetical changes, and under price shocks. Nothing is stored. */
import { Arg, Ctx, Field, FieldResolver, InputType, ObjectType, Resolver, Root } from 'type-graphql';

import type { AccountRecord } from '../../ledger/records.js';
import { stressed, whatIf } from '../../ledger/what-if.js';
import { ONE, ZERO, decimal, type Decimal } from '../../margin/decimal.js';
import type {
  CollateralMode as Mode,
  MarginMode as InstrumentMode,
  PositionSide as Side,
  TradeSide as Trade,
} from '../../margin/model.js';
import { yieldIfBusy } from '../../platform/yielding.js';
import { Account } from './account.js';
import { holdingsOf, marginOf } from './read-account.js';
import type { Context } from '../execution/context.js';
import { Cost, perItem } from '../types/cost.js';
import { CollateralMode, MarginMode, PositionSide, TradeSide } from '../types/enums.js';
import { badUserInput } from '../types/api-error.js';
import { boundedList } from '../types/lists.js';
import { MarginSummary, marginSummary } from './margin-summary.js';
import { PositionFields, positionFieldsResolver, positionsIn, type AccountPosition } from './position-fields.js';
import { UserError, userErrors } from '../types/refusals.js';
import { DecimalScalar } from '../types/scalars.js';

@InputType({ description: 'A trade that is not made.' })
export class SimulatedTrade {
  @Field(() => String, { description: "Symbol of an instrument of the account's venue." })
  instrument!: string;

  @Field(() => TradeSide, { description: 'The direction.' })
  side!: Trade;

  @Field(() => PositionSide, {
    nullable: true,
    description: 'Which side of a hedged account, required there; ignored in one-way mode.',
  })
  positionSide?: Side | null;

  @Field(() => DecimalScalar, { description: 'In the base asset; above 0, at most 1e15.' })
  size!: Decimal;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'In the quote asset; above 0, at most 1e12. Null: the present mark price.',
  })
  price?: Decimal | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    defaultValue: ZERO,
    description: 'In units of `feeAsset`, at most 1e15 either way; positive: paid, negative: a rebate.',
  })
  fee?: Decimal | null;

  @Field(() => String, {
    nullable: true,
    description: 'Symbol of the asset that the fee is in, and whose balance pays it. Null: the settlement asset.',
  })
  feeAsset?: string | null;
}

@InputType({ description: 'An order that does not rest, beside those that do.' })
export class SimulatedOrder {
  @Field(() => String, { description: "Symbol of an instrument of the account's venue." })
  instrument!: string;

  @Field(() => TradeSide, { description: 'The direction.' })
  side!: Trade;

  @Field(() => PositionSide, {
    nullable: true,
    description: 'Which side of a hedged account, required there; ignored in one-way mode.',
  })
  positionSide?: Side | null;

  @Field(() => DecimalScalar, { description: 'In the base asset; above 0, at most 1e15.' })
  size!: Decimal;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'The limit, in the quote asset; above 0, at most 1e12. Null: the present mark price.',
  })
  price?: Decimal | null;
}

@InputType({ description: 'A deposit or a withdrawal that is not made.' })
export class SimulatedTransfer {
  @Field(() => String, { description: 'Symbol of the asset.' })
  asset!: string;

  @Field(() => DecimalScalar, {
    description: 'In units of the asset, at most 1e15 either way, not 0. Positive: in; negative: out.',
  })
  quantity!: Decimal;
}

@InputType({
  description:
    "An asset's index price or an instrument's mark price as it might be; it moves only what it names. Of two for the " +
    'same price the last counts.',
})
export class SimulatedPrice {
  @Field(() => String, {
    description:
      "Symbol of an asset other than the venue's unit, or of an instrument of the account's venue. What is priced as the asset " +
      'follows; a price for an asset that is priced as another is one for that other.',
  })
  symbol!: string;

  @Field(() => DecimalScalar, {
    description: "Of an asset in the venue's unit, of an instrument in its quote asset; above 0, at most 1e12.",
  })
  price!: Decimal;
}

@InputType({ description: 'A leverage that is not set.' })
export class SimulatedLeverage {
  @Field(() => String, { description: "Symbol of an instrument of the account's venue." })
  instrument!: string;

  @Field(() => DecimalScalar, { description: "A whole number from 1 to the tier's maximum." })
  leverage!: Decimal;
}

@InputType({ description: 'A margin mode that is not set.' })
export class SimulatedMarginMode {
  @Field(() => String, { description: "Symbol of an instrument of the account's venue." })
  instrument!: string;

  @Field(() => MarginMode, { description: 'What positions in it are to have behind them.' })
  marginMode!: InstrumentMode;
}

@InputType({ description: 'Margin that is not moved in or out of an isolated position.' })
export class SimulatedMargin {
  @Field(() => String, { description: 'Symbol of the instrument of a position that the account has.' })
  instrument!: string;

  @Field(() => PositionSide, {
    nullable: true,
    description: 'Which side of a hedged account. Null: the one position in the instrument.',
  })
  positionSide?: Side | null;

  @Field(() => DecimalScalar, {
    description:
      'In the settlement asset, at most 1e15 either way, not 0. Positive: into the margin; negative: out of it.',
  })
  quantity!: Decimal;
}

const AT_MOST = 'at most 100; null: none.';

@InputType({
  description:
    'Hypothetical changes, at most 100 in each list. They are applied in this order: collateral mode, margin modes, ' +
    'leverages, transfers, margins, orders, trades, and then the prices; within a list in its own.',
})
export class SimulationInput {
  @Field(() => [SimulatedTrade], { nullable: true, defaultValue: [], description: `Trades, ${AT_MOST}` })
  trades?: SimulatedTrade[] | null;

  @Field(() => [SimulatedOrder], {
    nullable: true,
    defaultValue: [],
    description: `Orders that rest from then on, before the trades, ${AT_MOST}`,
  })
  orders?: SimulatedOrder[] | null;

  @Field(() => [SimulatedTransfer], { nullable: true, defaultValue: [], description: `Transfers, ${AT_MOST}` })
  transfers?: SimulatedTransfer[] | null;

  @Field(() => [SimulatedPrice], {
    nullable: true,
    defaultValue: [],
    description: `Prices after all other changes, ${AT_MOST}`,
  })
  prices?: SimulatedPrice[] | null;

  @Field(() => [SimulatedLeverage], { nullable: true, defaultValue: [], description: `Leverages, ${AT_MOST}` })
  leverages?: SimulatedLeverage[] | null;

  @Field(() => [SimulatedMarginMode], {
    nullable: true,
    defaultValue: [],
    description: `Margin modes of instruments, ${AT_MOST}`,
  })
  marginModes?: SimulatedMarginMode[] | null;

  @Field(() => [SimulatedMargin], {
    nullable: true,
    defaultValue: [],
    description: `Margin of isolated positions, before the trades, ${AT_MOST}`,
  })
  margins?: SimulatedMargin[] | null;

  @Field(() => CollateralMode, { nullable: true, description: 'The mode to switch to. Null: as it is.' })
  collateralMode?: Mode | null;
}

@ObjectType({
  description:
    'A position as it would be; no node, so that no cache takes it for the real one. Amounts in the quote asset. The fields mean ' +
    'what they mean in Position, at the simulated prices.',
  simpleResolvers: true,
})
export class SimulatedPosition extends PositionFields {}

export const SimulatedPositionFieldsResolver = positionFieldsResolver(() => SimulatedPosition);

@ObjectType({ description: 'The state of an account before and after hypothetical changes.', simpleResolvers: true })
export class Simulation {
  @Field(() => MarginSummary, { description: 'The cross-margin state as it is.' })
  before!: MarginSummary;

  @Field(() => MarginSummary, {
    description:
      'As it would be. A change that is refused for want of margin or balance is in it all the same, so that one sees ' +
      'what lacks; any other refused one is left out. A value out of bounds (INVALID_INPUT) leaves out everything.',
  })
  after!: MarginSummary;

  @Field(() => [SimulatedPosition], { description: 'All positions as they would be, by symbol.' })
  positions!: readonly AccountPosition[];

  @Field(() => Boolean, {
    description:
      'Whether the venue would accept it: every change passes its own rule at present prices, before the simulated ones.',
  })
  accepted!: boolean;

  @Field(() => UserError, { nullable: true, description: 'Of the first change that is refused; null when accepted.' })
  refusal!: UserError | null;

  @Field(() => [String], {
    description:
      'Assets and instruments whose stale price a trade or an order passed by only, by symbol: the venue accepts it, at prices that ' +
      'may be others by now. Empty when there are none.',
  })
  stale!: readonly string[];
}

@ObjectType({ description: 'An account under one shock of prices.', simpleResolvers: true })
export class StressPoint {
  @Field(() => DecimalScalar, { description: 'The shock, as it was asked for.' })
  shock!: Decimal;

  @Field(() => MarginSummary, { description: 'The cross-margin state as it would be.' })
  margin!: MarginSummary;
}

const MAX_SHOCKS = 101;
/** Bounds a shock, so that every answer stays within the digits of a decimal. */
const MAX_SHOCK: Decimal = decimal(1_000);

@Resolver(() => Account)
export class WhatIfResolver {
  @Cost(perItem(50, 'input'))
  @FieldResolver(() => Simulation, {
    description:
      'The state before and after hypothetical changes, by the rules and roundings of the real ones; nothing is stored. ' +
      'An automatic exchange that they would trigger is in it; interest is not.',
  })
  async simulate(
    @Root() account: AccountRecord,
    @Arg('input', () => SimulationInput, { description: 'The changes.' }) input: SimulationInput,
    @Ctx() context: Context,
  ): Promise<Simulation> {
    const trades = boundedList('trades', input.trades ?? []);
    const orders = boundedList('orders', input.orders ?? []);
    const margins = boundedList('margins', input.margins ?? []);
    const changes = {
      collateralMode: input.collateralMode ?? null,
      marginModes: boundedList('marginModes', input.marginModes ?? []),
      leverages: boundedList('leverages', input.leverages ?? []),
      transfers: boundedList('transfers', input.transfers ?? []),
      margins: margins.map(({ instrument, positionSide, quantity }) => ({
        ...{ instrument, quantity, positionSide: positionSide ?? null },
      })),
      orders: orders.map(({ instrument, side, positionSide, size, price }) => ({
        ...{ instrument, side, size, positionSide: positionSide ?? null, price: price ?? null },
      })),
      trades: trades.map(({ instrument, side, positionSide, size, price, fee, feeAsset }) => ({
        ...{ instrument, side, size },
        ...{ positionSide: positionSide ?? null, price: price ?? null, fee: fee ?? ZERO },
        feeAsset: feeAsset ?? null,
      })),
      prices: boundedList('prices', input.prices ?? []),
    };
    const { settings } = await holdingsOf(account.id, context);
    const state = await marginOf(account.id, context);
    const { before, after, refusal, stale } = await whatIf(context, state, settings, changes);
    return {
      before: marginSummary(before),
      after: marginSummary(after),
      positions: positionsIn(after),
      accepted: refusal === null,
      refusal: refusal === null ? null : (userErrors([refusal])[0] ?? null),
      stale,
    };
  }

  @Cost(perItem(20, 'shocks'), { itemsOf: 'shocks' })
  @FieldResolver(() => [StressPoint], {
    description:
      'The margin state with the index of every named asset, of what is priced as it is, and the marks on these moved by ' +
      'each shock, in the order asked; nothing is stored.',
  })
  async stress(
    @Root() account: AccountRecord,
    @Arg('shocks', () => [DecimalScalar], {
      description:
        'From 1 to 101 of them, each a part of 1 from -1 (everything named is worthless) to 1000: -0.2 is 20 % down.',
    })
    shocks: Decimal[],
    @Arg('symbols', () => [String], {
      nullable: true,
      description:
        "Assets, at most 100; an unknown one is BAD_USER_INPUT. Null: all but the venue's unit, which is always 1.",
    })
    symbols: string[] | null | undefined,
    @Ctx() context: Context,
  ): Promise<StressPoint[]> {
    if (shocks.length === 0) throw badUserInput('Expected at least one shock in `shocks`.');
    boundedList('shocks', shocks, MAX_SHOCKS);
    if (shocks.some((shock) => shock.plus(ONE).isNegative() || shock.gt(MAX_SHOCK))) {
      throw badUserInput('Expected `shocks` from -1 to 1000.');
    }
    const named = symbols == null ? null : boundedList('symbols', symbols);
    const unknown = named?.findIndex((symbol) => !context.rulebook.assets.has(symbol)) ?? -1;
    if (unknown !== -1) throw badUserInput(`There is no such asset as the one at ${unknown} of \`symbols\`.`);
    const state = await marginOf(account.id, context);
    const points: StressPoint[] = [];
    for (const shock of shocks) {
      await yieldIfBusy();
      context.patience.check();
      for (const under of stressed(state, [shock], named)) points.push({ shock, margin: marginSummary(under) });
    }
    return points;
  }
}
