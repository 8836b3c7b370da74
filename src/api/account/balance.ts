import { Arg, Ctx, Field, FieldResolver, ObjectType, Resolver, Root } from 'type-graphql';

import type { MarginState } from '../../ledger/margin-state.js';
import type { AccountRecord } from '../../ledger/records.js';
import type { CollateralContribution } from '../../margin/state/collateral.js';
import type { Decimal } from '../../margin/decimal.js';
import { assetLiquidationPrice } from '../../margin/solve/liquidation-price.js';
import { maxTransferable } from '../../margin/solve/transferable.js';
import { yieldIfBusy } from '../../platform/yielding.js';
import { Account } from './account.js';
import { marginOf } from './read-account.js';
import { Asset } from '../venue/asset.js';
import type { Context } from '../execution/context.js';
import { Cost } from '../types/cost.js';
import { LiquidationPrice } from './liquidation-price.js';
import { unknownAsset } from '../types/api-error.js';
import { DecimalScalar } from '../types/scalars.js';

@ObjectType({ description: 'What an account holds or owes of one asset.', simpleResolvers: true })
export class Balance {
  @Field(() => DecimalScalar, { description: 'In units of the asset, without isolated margin. Negative: owed.' })
  quantity!: Decimal;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: "In the venue's unit at index price, before any ratio. Null without a price.",
  })
  value!: Decimal | null;

  @Field(() => Boolean, {
    description:
      'The asset is taken out of the collateral: what is held of it counts nothing, and is never exchanged; what is owed ' +
      'counts in full. False in single-asset mode, where one asset counts and no other.',
  })
  switchedOff!: boolean;
}

/** A balance with the margin state that it is part of. */
interface AccountBalance extends CollateralContribution {
  readonly state: MarginState;
}

@Resolver(() => Balance)
export class BalanceResolver {
  @FieldResolver(() => Asset, { description: 'The asset that is held or owed.' })
  asset(@Root() { asset }: AccountBalance, @Ctx() { rulebook }: Context): unknown {
    return rulebook.assets.get(asset);
  }

  @Cost(20, { isLong: true })
  @FieldResolver(() => LiquidationPrice, {
    description:
      'The index price of this asset at which the account would be liquidated, tiers and caps included. What is priced ' +
      'as it moves along, and what is settled in it; all other prices, marks too, stay. ' +
      "The venue's unit, which is always 1: NOT_REACHABLE.",
  })
  liquidationPrice(@Root() { asset, state }: AccountBalance): LiquidationPrice {
    const { holds, report, market, policy } = state;
    return assetLiquidationPrice(asset, holds, report, market, policy);
  }
}

@Resolver(() => Account)
export class AccountBalancesResolver {
  @FieldResolver(() => [Balance], { description: 'All balances other than 0, by symbol.' })
  async balances(@Root() account: AccountRecord, @Ctx() context: Context): Promise<AccountBalance[]> {
    const state = await marginOf(account.id, context);
    const held = state.report.collateral.filter(({ quantity }) => !quantity.isZero());
    return held.map((contribution) => ({ ...contribution, state }));
  }

  @FieldResolver(() => [Asset], {
    description:
      'Assets that are taken out of the collateral (`setCollateralAsset`), by symbol, whether or not any is held: what ' +
      'is held counts nothing, what is owed counts in full. In single-asset mode they change nothing. Usually empty.',
  })
  switchedOffAssets(@Root() account: AccountRecord, @Ctx() { rulebook }: Context): unknown {
    return account.switchedOff.map((symbol) => rulebook.assets.get(symbol));
  }

  @Cost(20)
  @FieldResolver(() => DecimalScalar, {
    description:
      'What can be taken out of the asset without breaking the initial margin or the floor for transfers, in units of ' +
      'the asset, rounded down; ' +
      'unrealised profit cannot leave. Balances with a stale price count 0. 0 when there is nothing, when the asset ' +
      'cannot leave, while a debt, a cross position or what open orders require is stale or without a price, and while ' +
      'the asset itself is stale and something is required. In single-asset mode assets other than the one that counts, ' +
      'and in multi-asset mode those that are switched off, leave entirely while nothing is owed in any ' +
      'asset and the account is neither in LIQUIDATION nor UNPRICED. An unknown asset is BAD_USER_INPUT.',
  })
  async maxTransferable(
    @Root() account: AccountRecord,
    @Arg('asset', () => String, { description: 'Symbol of the asset.' }) asset: string,
    @Ctx() context: Context,
  ): Promise<Decimal> {
    if (!context.rulebook.assets.has(asset)) throw unknownAsset(asset);
    const { holds, market, policy } = await marginOf(account.id, context);
    await yieldIfBusy();
    return maxTransferable(asset, holds, market, policy);
  }
}
