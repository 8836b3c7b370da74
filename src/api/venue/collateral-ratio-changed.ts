/** The stream of changes of collateral ratios: scheduled, in force, cancelled. */
import { Arg, Resolver, Root, Subscription } from 'type-graphql';

import type { RatioVersion } from '../../policy/versions/ratio-version.js';
import { ANY_ROLE, Access } from '../types/access.js';
import { ANSWER_ONLY, Cost } from '../types/cost.js';
import { CollateralRatio } from './collateral-ratio.js';
import type { Context } from '../execution/context.js';

interface WatchArgs {
  readonly venue?: string | null;
  readonly chain?: string | null;
}

@Resolver()
export class CollateralRatioChangedResolver {
  @Access(...ANY_ROLE)
  @Cost(ANSWER_ONLY)
  @Subscription(() => CollateralRatio, {
    description:
      'Any role. A version when it is scheduled, when it takes effect, and when it is cancelled: its `status` says which. ' +
      'A client that reads slowly is sent each version as it stands by then. An unknown code has no events.',
    subscribe: ({ args, context }) => {
      const { venue, chain } = args as WatchArgs;
      return (context as Context).ratioFeed.watch({ venue: venue ?? null, chain: chain ?? null });
    },
  })
  collateralRatioChanged(
    @Root() version: RatioVersion,
    @Arg('venue', () => String, { nullable: true, description: 'Only of this venue; null: of all.' })
    _venue: string | null | undefined,
    @Arg('chain', () => String, { nullable: true, description: 'Only on this chain; null: on all, and on none.' })
    _chain: string | null | undefined,
  ): RatioVersion {
    return version;
  }
}
