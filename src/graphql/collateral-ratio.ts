import {
  Arg,
  Ctx,
  Field,
  FieldResolver,
  ID,
  InputType,
  Int,
  Mutation,
  ObjectType,
  Query,
  Resolver,
  Root,
} from 'type-graphql';

import type { Decimal } from '../margin/decimal.js';
import type { CollateralTier as CollateralTierRecord } from '../margin/model.js';
import { changeCollateralRatio } from '../policy/ratio-change.js';
import { effectiveTo, ratioStatus, type RatioVersion } from '../policy/ratio-version.js';
import type { AssetRecord } from '../policy/rulebook.js';
import { ANY_ROLE, Access, viewerOf } from './access.js';
import { Asset } from './asset.js';
import { Chain } from './chain.js';
import type { Context } from './context.js';
import { CollateralRatioStatus, TierUnit } from './enums.js';
import { globalId } from './global-id.js';
import { plainInput } from './idempotent-input.js';
import { ID_DESCRIPTION, Node } from './node.js';
import {
  AFTER_DESCRIPTION,
  FIRST_DESCRIPTION,
  PAGE_DEFAULT,
  connectionOf,
  pageOf,
  sequenceOf,
  type Page,
} from './pages.js';
import { UserError, userErrors } from './refusals.js';
import { DateTimeScalar, DecimalScalar } from './scalars.js';
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
  implements: Node,
  description:
    'What one asset counts as collateral on one chain of one venue, from one instant on. Never edited: a change is a ' +
    'new version. Any role.',
  simpleResolvers: true,
})
export class CollateralRatio {
  @Field(() => Int, { description: 'From 1, rising by one with every change.' })
  version!: number;

  @Field(() => TierUnit, { description: 'What floors and caps of the tiers are stated in.' })
  tierUnit!: string;

  @Field(() => [CollateralTier], {
    description:
      'Contiguous from 0; the last cap is null unless nothing above it counts. A flat ratio is one tier. A balance ' +
      'goes through them progressively.',
  })
  tiers!: readonly CollateralTierRecord[];

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

  @Field(() => DateTimeScalar, { description: 'From this instant on it counts.' })
  effectiveFrom!: Date;

  @Field(() => String, { description: 'Why it was changed, in words.' })
  reason!: string;

  @Field(() => String, { nullable: true, description: 'The document that it comes from; null for a change made here.' })
  source!: string | null;

  @Field(() => DateTimeScalar, { description: 'When it was recorded.' })
  createdAt!: Date;
}

const Ratios = connectionOf('CollateralRatio', () => CollateralRatio, 'versions of a collateral ratio');

@InputType({ description: 'What the part of a balance between floor and cap shall count.' })
export class CollateralTierInput {
  @Field(() => DecimalScalar, { description: 'In the unit that `tierUnit` says; the first is 0.' })
  floor!: Decimal;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'In the same unit, and the floor of the next tier. Null: without end; only in the last tier.',
  })
  cap?: Decimal | null;

  @Field(() => DecimalScalar, { description: 'From 0 to 1.' })
  ratio!: Decimal;
}

@InputType({
  description:
    'A change of what one asset counts. One of `ratio` and `tiers`, or neither to keep them; caps that are left out ' +
    'stay as in the newest version, null takes them away.',
})
export class ChangeCollateralRatioInput {
  @Field(() => String, { description: "The venue's code." })
  venue!: string;

  @Field(() => String, {
    nullable: true,
    description: "The chain's code: required where the venue has chains, refused where it has none.",
  })
  chain?: string | null;

  @Field(() => String, { description: 'The symbol of the asset.' })
  asset!: string;

  @Field(() => DecimalScalar, { nullable: true, description: 'Either one ratio for every quantity, from 0 to 1…' })
  ratio?: Decimal | null;

  @Field(() => [CollateralTierInput], { nullable: true, description: '…or tiers, contiguous from 0, at most 50.' })
  tiers?: CollateralTierInput[] | null;

  @Field(() => TierUnit, { nullable: true, description: 'What floors and caps are stated in. Left out: stays.' })
  tierUnit?: 'QUOTE_VALUE' | 'QUANTITY' | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'Coins of one account that count at most. Left out: stays; null: no limit.',
  })
  userCap?: Decimal | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'Coins of all accounts that count at most. Left out: stays; null: no limit.',
  })
  platformCap?: Decimal | null;

  @Field(() => String, { description: 'Why, in 1 to 1,000 characters; everybody can read it.' })
  reason!: string;

  @Field(() => Int, { description: 'The newest version that the admin saw; 0 for an asset that had none.' })
  expectedVersion!: number;

  @Field(() => ID, { description: 'Sent again with the same input within 24 hours it answers the same payload.' })
  idempotencyKey!: string;
}

@ObjectType({ description: 'What became of a change of a collateral ratio.', simpleResolvers: true })
export class ChangeCollateralRatioPayload {
  @Field(() => CollateralRatio, { nullable: true, description: 'The new version; null when it was refused.' })
  collateralRatio!: unknown;

  @Field(() => [UserError], { description: 'Why it was refused; empty when it was made.' })
  errors!: readonly UserError[];
}

@Resolver(() => CollateralRatio)
export class CollateralRatioResolver {
  @FieldResolver(() => ID, { description: ID_DESCRIPTION })
  id(@Root() ratio: RatioVersion): string {
    return globalId('CollateralRatio', ratio.id);
  }

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

  @FieldResolver(() => CollateralRatioStatus, { description: 'Where this version stands now.' })
  status(@Root() ratio: RatioVersion, @Ctx() { rulebook, now }: Context): string {
    return ratioStatus(ratio, rulebook.ratioVersions(ratio.venue, ratio.chain, ratio.asset), now);
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
    description: 'Subject of the admin who made the change. Admins; null for everybody else, and for reference data.',
  })
  changedBy(@Root() ratio: RatioVersion, @Ctx() { viewer }: Context): string | null {
    return viewer?.roles.includes('ADMIN') === true ? ratio.changedBy : null;
  }

  @Access(...ANY_ROLE)
  @Query(() => [CollateralRatio], {
    description: 'The ratios in force, by venue, chain and asset. Any role. An unknown code gives an empty list.',
  })
  collateralRatios(
    @Arg('venue', () => String, { nullable: true, description: 'Only of this venue; null: of all.' })
    venue: string | null | undefined,
    @Arg('chain', () => String, { nullable: true, description: 'Only on this chain; null: on all, and on none.' })
    chain: string | null | undefined,
    @Arg('asset', () => String, { nullable: true, description: 'Only of this asset; null: of all.' })
    asset: string | null | undefined,
    @Arg('at', () => DateTimeScalar, { nullable: true, description: 'In force at this instant; null: now.' })
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
  @Query(() => Ratios.Connection, {
    description: 'All versions of one ratio, newest first. Any role. Unknown codes give an empty list.',
  })
  collateralRatioHistory(
    @Arg('venue', () => String, { description: "The venue's code." }) venue: string,
    @Arg('chain', () => String, { nullable: true, description: "The chain's code; null where the venue has none." })
    chain: string | null | undefined,
    @Arg('asset', () => String, { description: 'The symbol of the asset.' }) asset: string,
    @Arg('first', () => Int, { nullable: true, defaultValue: PAGE_DEFAULT, description: FIRST_DESCRIPTION })
    first: number | null,
    @Arg('after', () => String, { nullable: true, description: AFTER_DESCRIPTION }) after: string | null | undefined,
    @Ctx() { rulebook }: Context,
  ): Promise<Page<RatioVersion>> {
    const versions = [...rulebook.ratioVersions(venue, chain ?? null, asset)].reverse();
    return pageOf({
      first,
      after,
      cursorOf: ({ version }) => [String(version)],
      read: (cursor, limit) => {
        const before = sequenceOf(cursor);
        return versions.filter(({ version }) => before === null || version < before).slice(0, limit);
      },
    });
  }

  @Access('ADMIN')
  @Mutation(() => ChangeCollateralRatioPayload, {
    description: 'Admins. Takes effect at once. Versions never change; this adds one.',
  })
  async changeCollateralRatio(
    @Arg('input', () => ChangeCollateralRatioInput, { description: 'What shall be in force.' })
    input: ChangeCollateralRatioInput,
    @Ctx() context: Context,
  ): Promise<ChangeCollateralRatioPayload> {
    const { idempotencyKey, ...change } = input;
    const { version, refusals } = await changeCollateralRatio(
      context,
      {
        ...change,
        chain: change.chain ?? null,
        ratio: change.ratio ?? undefined,
        tiers: change.tiers?.map((tier) => ({ ...tier, cap: tier.cap ?? null })),
        tierUnit: change.tierUnit ?? undefined,
      },
      {
        viewer: viewerOf(context).subject,
        key: idempotencyKey,
        mutation: 'changeCollateralRatio',
        input: plainInput(change),
      },
      context.now,
    );
    return { collateralRatio: version, errors: userErrors(refusals) };
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
    @Arg('at', () => DateTimeScalar, { nullable: true, description: 'In force at this instant; null: now.' })
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
