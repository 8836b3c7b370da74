/** Simulates an account after hypothetical changes, and under price shocks. Nothing is stored. */
import { Arg, Ctx, Field, FieldResolver, ObjectType, Resolver, Root } from 'type-graphql';

import type { AccountRecord } from '../../ledger/records.js';
import { stressed, whatIf } from '../../ledger/what-if.js';
import { ONE, ZERO, decimal, type Decimal } from '../../margin/decimal.js';
import { yieldIfBusy } from '../../platform/yielding.js';
import { Account } from './account.js';
import { SimulationInput } from './simulation-input.js';
import { holdingsOf, marginOf } from './read-account.js';
import type { Context } from '../execution/context.js';
import { Cost, perItem } from '../types/cost.js';
import { badUserInput } from '../types/api-error.js';
import { boundedList } from '../types/lists.js';
import { MarginSummary, marginSummary } from './margin-summary.js';
import { PositionFields, positionFieldsResolver, positionsIn, type AccountPosition } from './position-fields.js';
import { UserError, userErrors } from '../types/refusals.js';
import { DecimalScalar } from '../types/scalars.js';

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
      collateralAssets: boundedList('collateralAssets', input.collateralAssets ?? []),
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
