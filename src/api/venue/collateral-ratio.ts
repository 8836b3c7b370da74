/** A version of a collateral ratio, as it is answered. */
import { Ctx, Field, FieldResolver, ObjectType, Resolver, Root } from 'type-graphql';

import type { Decimal } from '../../margin/decimal.js';
import type { CollateralTier as CollateralTierRecord } from '../../margin/model.js';
import type { RatioVersion } from '../../policy/versions/ratio-version.js';
import { effectiveTo } from '../../policy/versions/rule-version.js';
import { Asset } from './asset.js';
import { Chain } from './chain.js';
import type { Context } from '../execution/context.js';
import { TierUnit } from '../types/enums.js';
import { Node } from '../types/node.js';
import { DateTimeScalar, DecimalScalar } from '../types/scalars.js';
import { RuleVersion } from './rule-version.js';
import { Venue } from './venue.js';

@ObjectType({ description: 'What the part of a balance between floor and cap counts.', simpleResolvers: true })
export class CollateralTier {
  @Field(() => DecimalScalar, { description: 'In the unit that `tierUnit` says; from 0 on.' })
  floor!: Decimal;

  @Field(() => DecimalScalar, { nullable: true, description: 'In the same unit. Null: without end.' })
  cap!: Decimal | null;

  @Field(() => DecimalScalar, { description: 'From 0 to 1.' })
  ratio!: Decimal;
}

@ObjectType({
  implements: [Node, RuleVersion],
  description:
    'What one asset counts as collateral on one chain of one venue, from one instant on. Never edited: a change is a ' +
    'new version. Any role.',
  simpleResolvers: true,
})
export class CollateralRatio {
  @Field(() => TierUnit, { description: 'What floors and caps of the tiers are stated in.' })
  tierUnit!: string;

  @Field(() => [CollateralTier], {
    description:
      'Contiguous from 0; the last cap is null unless nothing above it counts. A flat ratio is one tier. A balance ' +
      'goes through them progressively.',
  })
  tiers!: readonly CollateralTierRecord[];

  @Field(() => [CollateralTier], {
    nullable: true,
    description:
      'What counts when something is to be opened or taken out; nowhere more than `tiers`, in the same unit. Null: as ' +
      '`tiers` say.',
  })
  initialTiers!: readonly CollateralTierRecord[] | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'Coins of one account that count at most; null: no limit.',
  })
  userCap!: Decimal | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'Coins of all accounts that count at most; null: no limit.',
  })
  platformCap!: Decimal | null;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description:
      'When it took effect: later than `effectiveFrom` where no server ran then. Null: it is scheduled, was cancelled, or ' +
      'is being recorded.',
  })
  appliedAt!: Date | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'When it was cancelled; null: it was not.' })
  cancelledAt!: Date | null;

  @Field(() => String, { nullable: true, description: 'Why it was cancelled, in words; null: it was not.' })
  cancelReason!: string | null;

  @Field(() => String, { nullable: true, description: 'The document that it comes from; null for a change made here.' })
  source!: string | null;

  @Field(() => DateTimeScalar, { description: 'When it was recorded.' })
  createdAt!: Date;
}

@Resolver(() => CollateralRatio)
export class CollateralRatioResolver {
  @FieldResolver(() => Venue, { description: 'The venue whose accounts it concerns.' })
  venue(@Root() ratio: RatioVersion, @Ctx() { rulebook }: Context): unknown {
    return rulebook.venues.get(ratio.venue);
  }

  @FieldResolver(() => Chain, { nullable: true, description: 'Null where the venue has no chains.' })
  chain(@Root() ratio: RatioVersion, @Ctx() { rulebook }: Context): unknown {
    return ratio.chain === null ? null : rulebook.chains.get(ratio.chain);
  }

  @FieldResolver(() => Asset, { description: 'The asset that counts so much.' })
  asset(@Root() ratio: RatioVersion, @Ctx() { rulebook }: Context): unknown {
    return rulebook.assets.get(ratio.asset);
  }

  @FieldResolver(() => DateTimeScalar, {
    nullable: true,
    description: 'When the version that follows takes effect; null while there is none.',
  })
  effectiveTo(@Root() ratio: RatioVersion, @Ctx() { rulebook }: Context): Date | null {
    return effectiveTo(ratio, rulebook.ratioVersions(ratio.venue, ratio.chain, ratio.asset));
  }

  @FieldResolver(() => DecimalScalar, {
    description:
      'Coins that are counted against `platformCap`: sum over the multi-asset accounts of this venue and chain of ' +
      'min(max(quantity, 0), userCap).',
  })
  platformUsed(@Root() ratio: RatioVersion, @Ctx() { loaders }: Context): Promise<Decimal> {
    return loaders.platformUsed.load(ratio);
  }

  @FieldResolver(() => String, {
    nullable: true,
    description:
      'Subject of the admin who cancelled it. Admins; null for everybody else, and where it was not cancelled.',
  })
  cancelledBy(@Root() ratio: RatioVersion, @Ctx() { viewer }: Context): string | null {
    return viewer?.roles.includes('ADMIN') === true ? ratio.cancelledBy : null;
  }
}
