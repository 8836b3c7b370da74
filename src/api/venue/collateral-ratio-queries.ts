/** Queries of the collateral ratios in force, of past ones and of scheduled ones. */
import { Arg, Ctx, FieldResolver, Int, Query, Resolver, Root } from 'type-graphql';

import { isRatio, type RatioVersion } from '../../policy/versions/ratio-version.js';
import type { AssetRecord } from '../../policy/rulebook/rulebook.js';
import { ANY_ROLE, Access } from '../types/access.js';
import { ANSWER_ONLY, Cost } from '../types/cost.js';
import { Asset } from './asset.js';
import { CollateralRatio } from './collateral-ratio.js';
import type { Context } from '../execution/context.js';
import { AFTER_DESCRIPTION, FIRST_DESCRIPTION, PAGE_DEFAULT, connectionOf, type Page } from '../types/pagination.js';
import { DateTimeScalar } from '../types/scalars.js';
import { historyPage } from './rule-version.js';

const Ratios = connectionOf('CollateralRatio', () => CollateralRatio, 'versions of a collateral ratio');

const AT_DESCRIPTION = 'In force at this instant, past or to come; null: now.';

@Resolver(() => CollateralRatio)
export class CollateralRatioQueries {
  @Access(...ANY_ROLE)
  @Cost(ANSWER_ONLY)
  @Query(() => [CollateralRatio], {
    description:
      'The ratios in force at `at`, by venue, chain and asset. Any role. An unknown code gives an empty list.',
  })
  collateralRatios(
    @Arg('venue', () => String, { nullable: true, description: 'Only of this venue; null: of all.' })
    venue: string | null | undefined,
    @Arg('chain', () => String, { nullable: true, description: 'Only on this chain; null: on all, and on none.' })
    chain: string | null | undefined,
    @Arg('asset', () => String, { nullable: true, description: 'Only of this asset; null: of all.' })
    asset: string | null | undefined,
    @Arg('at', () => DateTimeScalar, { nullable: true, description: AT_DESCRIPTION })
    at: Date | null | undefined,
    @Ctx() { rulebook, now }: Context,
  ): RatioVersion[] {
    return rulebook.ratiosInForce(at ?? now, {
      venue: venue ?? undefined,
      chain: chain ?? undefined,
      asset: asset ?? undefined,
    });
  }

  @Access(...ANY_ROLE)
  @Cost(ANSWER_ONLY)
  @Query(() => Ratios.Connection, {
    description:
      'All versions of one ratio, newest first, scheduled and cancelled ones included. Any role. Unknown codes give an ' +
      'empty list.',
  })
  collateralRatioHistory(
    @Arg('venue', () => String, { description: "The venue's code." }) venue: string,
    @Arg('chain', () => String, { nullable: true, description: "The chain's code; null where the venue has none." })
    chain: string | null | undefined,
    @Arg('asset', () => String, { description: 'The symbol of the asset.' }) asset: string,
    @Arg('first', () => Int, { nullable: true, defaultValue: PAGE_DEFAULT, description: FIRST_DESCRIPTION })
    first: number | null,
    @Arg('after', () => String, { nullable: true, description: AFTER_DESCRIPTION }) after: string | null | undefined,
    @Ctx() { rulebook, seal }: Context,
  ): Promise<Page<RatioVersion>> {
    return historyPage(rulebook.ratioVersions(venue, chain ?? null, asset), seal, first, after);
  }

  @Access(...ANY_ROLE)
  @Cost(ANSWER_ONLY)
  @Query(() => [CollateralRatio], {
    description:
      'The versions that are still to take effect, in the order in which they will. Any role. An unknown code gives an ' +
      'empty list.',
  })
  scheduledCollateralRatios(
    @Arg('venue', () => String, { nullable: true, description: 'Only of this venue; null: of all.' })
    venue: string | null | undefined,
    @Ctx() { rulebook, now }: Context,
  ): RatioVersion[] {
    return rulebook.scheduled(now, venue ?? undefined).filter(isRatio);
  }
}

@Resolver(() => Asset)
export class AssetRatiosResolver {
  @FieldResolver(() => [CollateralRatio], {
    description: 'Ratios in force, one per venue and chain that accept the asset.',
  })
  collateralRatios(
    @Root() asset: AssetRecord,
    @Arg('venue', () => String, { nullable: true, description: 'Only of this venue; null: of all.' })
    venue: string | null | undefined,
    @Arg('chain', () => String, { nullable: true, description: 'Only on this chain; null: on all, and on none.' })
    chain: string | null | undefined,
    @Arg('at', () => DateTimeScalar, { nullable: true, description: AT_DESCRIPTION })
    at: Date | null | undefined,
    @Ctx() { rulebook, now }: Context,
  ): RatioVersion[] {
    return rulebook.ratiosInForce(at ?? now, {
      venue: venue ?? undefined,
      chain: chain ?? undefined,
      asset: asset.symbol,
    });
  }
}
