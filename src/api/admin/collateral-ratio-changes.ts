/** Mutations that change collateral ratios and cancel changes. */
import { Arg, Ctx, Field, ID, InputType, Mutation, ObjectType, Resolver } from 'type-graphql';

import { cancelRule } from '../../policy/changes/cancel-rule.js';
import { collateralRatio } from '../../policy/versions/collateral-ratio.js';
import { Access } from '../types/access.js';
import { Cost, TRANSACTION, perAccount, sum } from '../types/cost.js';
import { CollateralRatio } from '../venue/collateral-ratio.js';
import { CollateralRatioDraft, draftOf } from './collateral-ratio-draft.js';
import type { Context } from '../execution/context.js';
import { parseGlobalId } from '../types/global-id.js';
import { requestOf } from '../execution/idempotent-request.js';
import { UserError, userErrors } from '../types/refusals.js';
import { ChangePayload, KEY_DESCRIPTION, addDatedFields, makeChange, type DatedChange } from './rule-change.js';

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
      "Passes the policy's guard rails (largest step, notice of a cut, order of tiers, USDT of at least 0.99); recorded in " +
      'the audit. Null: false.',
  },
  { defaultValue: false },
);

@ObjectType({ description: 'What became of a change of a collateral ratio.', simpleResolvers: true })
export class ChangeCollateralRatioPayload extends ChangePayload {
  @Field(() => CollateralRatio, { nullable: true, description: 'The new version; null when it was refused.' })
  collateralRatio!: unknown;
}

@InputType({ description: 'A version of a collateral ratio that shall not take effect.' })
export class CancelCollateralRatioInput {
  @Field(() => ID, { description: 'Of the version; it must be scheduled.' })
  id!: string;

  @Field(() => String, { description: 'Why, in 1 to 1,000 characters; everybody can read it.' })
  reason!: string;

  @Field(() => Boolean, {
    nullable: true,
    defaultValue: false,
    description:
      'Where another version is scheduled after it, that one then follows the one before: passes the guard rails that ' +
      'stand against that; recorded in the audit. Null: false.',
  })
  force?: boolean | null;

  @Field(() => ID, { description: KEY_DESCRIPTION })
  idempotencyKey!: string;
}

@ObjectType({ description: 'What became of a cancellation.', simpleResolvers: true })
export class CancelCollateralRatioPayload {
  @Field(() => CollateralRatio, { nullable: true, description: 'The version, cancelled; null when it was refused.' })
  collateralRatio!: unknown;

  @Field(() => [UserError], { description: 'Why it was refused; empty when it was cancelled.' })
  errors!: readonly UserError[];
}

@Resolver()
export class CollateralRatioChanges {
  @Access('ADMIN')
  @Cost(sum(TRANSACTION, perAccount('compared')))
  @Mutation(() => ChangeCollateralRatioPayload, {
    description:
      'Admins. Adds a version, which takes effect at `effectiveFrom` in every server; versions never change. A step of a ' +
      'ratio (what the next coin counts, at any size of a balance) beyond the guard rails of the policy, a cut of a ratio ' +
      'or a cap with less notice, a lower tier that counts less than a higher one, and USDT below 0.99 need `force`.',
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

  @Access('ADMIN')
  @Cost(TRANSACTION)
  @Mutation(() => CancelCollateralRatioPayload, {
    description:
      'Admins. Takes a version back that is scheduled; it stays in the history, cancelled. `cancelRuleChange` does it for ' +
      'every rule.',
  })
  async cancelCollateralRatio(
    @Arg('input', () => CancelCollateralRatioInput, { description: 'Which one, and why.' })
    input: CancelCollateralRatioInput,
    @Ctx() context: Context,
  ): Promise<CancelCollateralRatioPayload> {
    const { idempotencyKey, ...rest } = input;
    const cancellation = { ...rest, force: rest.force ?? false };
    const parsed = parseGlobalId(cancellation.id);
    const { version, refusals } = await cancelRule(
      context,
      collateralRatio,
      { ...cancellation, id: parsed?.type === collateralRatio.kind ? parsed.local.join(':') : '' },
      requestOf('cancelCollateralRatio', idempotencyKey, cancellation, context),
      context.now,
    );
    return { collateralRatio: version, errors: userErrors(refusals) };
  }
}
