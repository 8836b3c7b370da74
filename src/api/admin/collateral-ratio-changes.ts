/** The mutation that changes collateral ratios. */
import { Arg, Ctx, Field, InputType, Mutation, ObjectType, Resolver } from 'type-graphql';

import { collateralRatio } from '../../policy/versions/collateral-ratio.js';
import { Access } from '../types/access.js';
import { Cost, TRANSACTION, perAccount, sum } from '../types/cost.js';
import { CollateralRatio, CollateralRatioResolver } from '../venue/collateral-ratio.js';
import { CollateralRatioDraft, draftOf } from './collateral-ratio-draft.js';
import type { Context } from '../execution/context.js';
import { ChangePayload, addDatedFields, makeChange, type DatedChange, type RuleKind } from './rule-change.js';

@InputType({
  description:
    'A change of what one asset counts. One of `ratio` and `tiers`, or neither to keep them; caps that are left out ' +
    'stay as in the version that it follows, null takes them away.',
})
export class ChangeCollateralRatioInput extends CollateralRatioDraft {}

addDatedFields(
  ChangeCollateralRatioInput,
  {
    expectedVersion:
      'The newest version that the admin saw, scheduled and cancelled ones included; 0 for an asset that had none.',
    force:
      "Passes the policy's guard rails (largest step, notice of a cut, order of tiers, the venue's unit of at least 0.99); recorded in " +
      'the audit. Null: false.',
  },
  { defaultValue: false },
);

@ObjectType({ description: 'What became of a change of a collateral ratio.', simpleResolvers: true })
export class ChangeCollateralRatioPayload extends ChangePayload {
  @Field(() => CollateralRatio, { nullable: true, description: 'The new version; null when it was refused.' })
  collateralRatio!: unknown;
}

@Resolver()
class CollateralRatioChanges {
  @Access('ADMIN')
  @Cost(sum(TRANSACTION, perAccount('compared')))
  @Mutation(() => ChangeCollateralRatioPayload, {
    description:
      'Admins. Adds a version, which takes effect at `effectiveFrom` in every server; versions never change. A step of a ' +
      'ratio (what the next coin counts, at any size of a balance) beyond the guard rails of the policy, a cut of a ratio, ' +
      'an initial ratio or a cap with less notice, a lower tier that counts less than a higher one, and the unit below 0.99 need `force`.',
  })
  async changeCollateralRatio(
    @Arg('input', () => ChangeCollateralRatioInput, { description: 'What shall be in force.' })
    input: ChangeCollateralRatioInput & DatedChange,
    @Ctx() context: Context,
  ): Promise<ChangeCollateralRatioPayload> {
    const asked = { ...input, force: input.force ?? false };
    const { version, ...made } = await makeChange(
      'changeCollateralRatio',
      collateralRatio,
      draftOf(input),
      asked,
      context,
    );
    return { collateralRatio: version, ...made };
  }
}

export const KINDS: readonly RuleKind[] = [
  {
    rule: collateralRatio,
    resolvers: [CollateralRatioResolver, CollateralRatioChanges],
    field: 'collateralRatio',
    description: 'What one asset shall count.',
    input: CollateralRatioDraft,
    draftOf,
  },
];
