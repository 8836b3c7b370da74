/** The draft of a collateral ratio, as an input of the API. */
import { Field, InputType } from 'type-graphql';

import type { Decimal } from '../../margin/decimal.js';
import type { CollateralTier } from '../../margin/model.js';
import type { RatioDraft } from '../../policy/versions/ratio-draft.js';
import { TierUnit } from '../types/enums.js';
import { DecimalScalar } from '../types/scalars.js';

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
    'What one asset shall count. One of `ratio` and `tiers`, or neither to keep them; caps that are left out stay as in ' +
    'the version that it follows, null takes them away.',
})
export class CollateralRatioDraft {
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

  @Field(() => [CollateralTierInput], {
    nullable: true,
    description:
      'What shall count when something is to be opened or taken out: tiers as above, nowhere more than these. Left out: ' +
      'stays; null: as the tiers say.',
  })
  initialTiers?: CollateralTierInput[] | null;

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
}

/** Converts the input for the rules: an omitted field is undefined, and only a cap or initial tiers can be null. */
export function draftOf(input: CollateralRatioDraft): RatioDraft {
  return {
    venue: input.venue,
    chain: input.chain ?? null,
    asset: input.asset,
    ratio: input.ratio ?? undefined,
    tiers: input.tiers?.map(tierOf),
    initialTiers: input.initialTiers === null ? null : input.initialTiers?.map(tierOf),
    tierUnit: input.tierUnit ?? undefined,
    userCap: input.userCap,
    platformCap: input.platformCap,
  };
}

function tierOf(tier: CollateralTierInput): CollateralTier {
  return { ...tier, cap: tier.cap ?? null };
}
