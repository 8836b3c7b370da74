/** Changes of collateral ratios, and what is taken back of them. */
import { Arg, Ctx, Field, ID, InputType, Int, Mutation, ObjectType, Resolver } from 'type-graphql';

import { usedKeys } from '../../platform/idempotency.js';
import { writeImpact } from '../../risk/impact/impact-record.js';
import { cancelCollateralRatio } from '../../policy/changes/ratio-cancel.js';
import { changeCollateralRatio } from '../../policy/changes/ratio-change.js';
import { Access } from '../types/access.js';
import { Cost, TRANSACTION, perAccount, sum } from '../types/cost.js';
import { CollateralRatio } from '../venue/collateral-ratio.js';
import { CollateralRatioDraft, draftOf } from './collateral-ratio-draft.js';
import { CollateralRatioImpact, impactOfDraft, storedImpact, type ImpactAnswer } from './collateral-ratio-impact.js';
import type { Context } from '../execution/context.js';
import { localId } from '../types/global-id.js';
import { requestOf } from '../execution/idempotent-request.js';
import { UserError, userErrors } from '../types/refusals.js';
import { DateTimeScalar } from '../types/scalars.js';

@InputType({
  description:
    'A change of what one asset counts. One of `ratio` and `tiers`, or neither to keep them; caps that are left out ' +
    'stay as in the version that it follows, null takes them away.',
})
export class ChangeCollateralRatioInput extends CollateralRatioDraft {
  @Field(() => DateTimeScalar, {
    nullable: true,
    description:
      'When it takes effect: not in the past, and after every version that is scheduled already. Left out or null: at once.',
  })
  effectiveFrom?: Date | null;

  @Field(() => String, { description: 'Why, in 1 to 1,000 characters; everybody can read it.' })
  reason!: string;

  @Field(() => Int, {
    description:
      'The newest version that the admin saw, scheduled and cancelled ones included; 0 for an asset that had none.',
  })
  expectedVersion!: number;

  @Field(() => Boolean, {
    nullable: true,
    defaultValue: false,
    description:
      "Passes the policy's guard rails (largest step, notice of a cut, order of tiers, USDT of at least 0.99); recorded in " +
      'the audit. Null: false.',
  })
  force?: boolean | null;

  @Field(() => ID, { description: 'Sent again with the same input within 24 hours it answers the same payload.' })
  idempotencyKey!: string;
}

@ObjectType({ description: 'What became of a change of a collateral ratio.', simpleResolvers: true })
export class ChangeCollateralRatioPayload {
  @Field(() => CollateralRatio, { nullable: true, description: 'The new version; null when it was refused.' })
  collateralRatio!: unknown;

  @Field(() => CollateralRatioImpact, {
    nullable: true,
    description: 'Whom it hurts, as it was computed just before; null when it was refused.',
  })
  impact!: ImpactAnswer | null;

  @Field(() => [UserError], { description: 'Why it was refused; empty when it was made.' })
  errors!: readonly UserError[];
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

  @Field(() => ID, { description: 'Sent again with the same input within 24 hours it answers the same payload.' })
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
    input: ChangeCollateralRatioInput,
    @Ctx() context: Context,
  ): Promise<ChangeCollateralRatioPayload> {
    const { idempotencyKey, ...rest } = input;
    const change = { ...rest, force: rest.force ?? false };
    const draft = draftOf(change);
    const request = requestOf('changeCollateralRatio', idempotencyKey, change, context);
    // A used key changes nothing, and stores no impact.
    const used = await usedKeys(context.db, request.viewer, [idempotencyKey], context.now);
    const impact = used.size > 0 ? null : await impactOfDraft(draft, context);
    const { version, refusals } = await changeCollateralRatio(
      context,
      {
        ...draft,
        effectiveFrom: change.effectiveFrom ?? null,
        reason: change.reason,
        expectedVersion: change.expectedVersion,
        force: change.force,
        impact: impact === null ? null : writeImpact(impact),
        concerned: impact?.concerned ?? [],
      },
      request,
      context.now,
    );
    return {
      collateralRatio: version,
      impact: version === null ? null : storedImpact(version, context),
      errors: userErrors(refusals),
    };
  }

  @Access('ADMIN')
  @Cost(TRANSACTION)
  @Mutation(() => CancelCollateralRatioPayload, {
    description: 'Admins. Takes a version back that is scheduled; it stays in the history, cancelled.',
  })
  async cancelCollateralRatio(
    @Arg('input', () => CancelCollateralRatioInput, { description: 'Which one, and why.' })
    input: CancelCollateralRatioInput,
    @Ctx() context: Context,
  ): Promise<CancelCollateralRatioPayload> {
    const { idempotencyKey, ...rest } = input;
    const cancellation = { ...rest, force: rest.force ?? false };
    const { version, refusals } = await cancelCollateralRatio(
      context,
      { ...cancellation, id: localId('CollateralRatio', cancellation.id) },
      requestOf('cancelCollateralRatio', idempotencyKey, cancellation, context),
      context.now,
    );
    return { collateralRatio: version, errors: userErrors(refusals) };
  }
}
