/** The overview of a venue, for its risk team. */
import { Arg, Ctx, Field, FieldResolver, Int, ObjectType, Query, Resolver, Root } from 'type-graphql';

import type { Decimal } from '../../margin/decimal.js';
import type { AssetTotal as Total } from '../../risk/impact/holding-totals.js';
import { Access } from '../types/access.js';
import { Cost, perAccount } from '../types/cost.js';
import { Asset } from '../venue/asset.js';
import { Chain } from '../venue/chain.js';
import type { Context } from '../execution/context.js';
import { MarginStatus } from '../types/enums.js';
import { badUserInput } from '../types/api-error.js';
import { DateTimeScalar, DecimalScalar } from '../types/scalars.js';

@ObjectType({ description: 'How many accounts have a status. Admins.', simpleResolvers: true })
export class StatusCount {
  @Field(() => MarginStatus, { description: 'The worst of the cross state and of every isolated position.' })
  status!: string;

  @Field(() => Int, { description: 'How many.' })
  accounts!: number;
}

@ObjectType({ description: 'What all accounts of the venue hold and owe of an asset on a chain. Admins.' })
export class AssetTotal {
  @Field(() => DecimalScalar, { description: 'The sum of positive balances, in units of the asset.' })
  held!: Decimal;

  @Field(() => DecimalScalar, { description: 'The sum of debts, in units of the asset; positive.' })
  owed!: Decimal;

  @Field(() => DecimalScalar, {
    description:
      "What the positive balances count as collateral, without PnL, in the venue's unit; without a price 0. Rounded down.",
  })
  collateralValue!: Decimal;
}

@ObjectType({
  description: 'The venue at a glance: exact counts and sums at the prices of one instant. Admins.',
  simpleResolvers: true,
})
export class RiskOverview {
  @Field(() => DateTimeScalar, { description: 'The instant of the prices.' })
  asOf!: Date;

  @Field(() => [StatusCount], {
    description: 'All statuses, from calm to lost, as the live monitor last evaluated them.',
  })
  accounts!: readonly StatusCount[];

  @Field(() => Int, {
    description: 'Accounts of the venue that this server cannot read at the moment: they are in none of these numbers.',
  })
  setAside!: number;

  @Field(() => DecimalScalar, {
    description:
      "What the cross accounts in LIQUIDATION lack to its boundary, in the venue's unit: maintenance margin / liquidation ratio less " +
      'margin balance, summed. Rounded down.',
  })
  shortfall!: Decimal;

  @Field(() => [AssetTotal], { description: 'By symbol, then chain; what nobody holds or owes is left out.' })
  assets!: readonly object[];
}

type TotalHere = Total & { readonly venue: string; readonly asOf: Date };

@Resolver(() => AssetTotal)
export class RiskOverviewResolver {
  @FieldResolver(() => Asset, { description: 'The asset.' })
  asset(@Root() total: TotalHere, @Ctx() { rulebook }: Context): unknown {
    return rulebook.assets.get(total.asset);
  }

  @FieldResolver(() => Chain, { nullable: true, description: 'The chain; null where the venue has none.' })
  chain(@Root() total: TotalHere, @Ctx() { rulebook }: Context): unknown {
    return total.chain === null ? null : rulebook.chains.get(total.chain);
  }

  @FieldResolver(() => DecimalScalar, {
    nullable: true,
    description: 'Coins of all accounts that count at most, by the ratio in force; null: no limit, or not accepted.',
  })
  platformCap(@Root() { venue, chain, asset, asOf }: TotalHere, @Ctx() { rulebook }: Context): Decimal | null {
    const found = rulebook.ratiosInForce(asOf, { venue, asset }).find((ratio) => ratio.chain === chain);
    return found?.platformCap ?? null;
  }

  @Access('ADMIN')
  @Cost(perAccount('read'))
  @Query(() => RiskOverview, { description: 'Admins. The venue at a glance.' })
  async riskOverview(
    @Arg('venue', () => String, { description: "The venue's code; an unknown one is BAD_USER_INPUT." }) venue: string,
    @Ctx() { loop, rulebook }: Context,
  ): Promise<RiskOverview> {
    if (!rulebook.venues.has(venue)) throw badUserInput('There is no such venue.');
    const overview = await loop.allAccounts.overviews.of(loop.snapshot, venue);
    return {
      ...overview,
      setAside: loop.setAside.unreadableAt(venue),
      assets: overview.assets.map((total) => ({ ...total, venue, asOf: overview.asOf })),
    };
  }
}
