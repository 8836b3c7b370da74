/** Cancels a scheduled version: of any kind of rule, and by the older mutation of a collateral ratio. */
import { Arg, Ctx, Field, ID, InputType, Mutation, ObjectType, Resolver } from 'type-graphql';

import { cancelRule } from '../../policy/changes/cancel-rule.js';
import { collateralRatio } from '../../policy/versions/collateral-ratio.js';
import { ruleOf } from '../../policy/versions/rules.js';
import type { Context } from '../execution/context.js';
import { requestOf } from '../execution/idempotent-request.js';
import { Access } from '../types/access.js';
import { Cost, TRANSACTION } from '../types/cost.js';
import { parseGlobalId } from '../types/global-id.js';
import { UserError, userErrors } from '../types/refusals.js';
import { CollateralRatio } from '../venue/collateral-ratio.js';
import { RuleVersion } from '../venue/rule-version.js';
import { KEY_DESCRIPTION, REASON_DESCRIPTION } from './rule-change.js';

/** The fields of every cancellation. */
@InputType()
abstract class Cancellation {
  @Field(() => String, { description: REASON_DESCRIPTION })
  reason!: string;

  @Field(() => ID, { description: KEY_DESCRIPTION })
  idempotencyKey!: string;
}

const FORCE =
  'Where another version is scheduled after it, that one then follows the one before: passes the guard rails that ' +
  'stand against that; recorded in the audit. Null: false.';

@InputType({ description: 'A version of a rule that shall not take effect.' })
export class CancelRuleChangeInput extends Cancellation {
  @Field(() => ID, { description: 'Of the version, of whatever rule; it must be scheduled.' })
  id!: string;

  @Field(() => Boolean, { nullable: true, description: FORCE })
  force?: boolean | null;
}

@InputType({ description: 'A version of a collateral ratio that shall not take effect.' })
export class CancelCollateralRatioInput extends Cancellation {
  @Field(() => ID, { description: 'Of the version; it must be scheduled.' })
  id!: string;

  @Field(() => Boolean, { nullable: true, defaultValue: false, description: FORCE })
  force?: boolean | null;
}

@ObjectType({ description: 'What became of a cancellation.', simpleResolvers: true })
export class CancelCollateralRatioPayload {
  @Field(() => CollateralRatio, { nullable: true, description: 'The version, cancelled; null when it was refused.' })
  collateralRatio!: unknown;

  @Field(() => [UserError], { description: 'Why it was refused; empty when it was cancelled.' })
  errors!: readonly UserError[];
}

@ObjectType({ description: 'What became of a cancellation of a rule change.', simpleResolvers: true })
export class CancelRuleChangePayload {
  @Field(() => RuleVersion, { nullable: true, description: 'The version, cancelled; null when it was refused.' })
  version!: unknown;

  @Field(() => [UserError], { description: 'Why it was refused; empty when it was cancelled.' })
  errors!: readonly UserError[];
}

@Resolver()
export class CancelRuleChange {
  @Access('ADMIN')
  @Cost(TRANSACTION)
  @Mutation(() => CancelRuleChangePayload, {
    description:
      'Admins. Takes a version back that is scheduled, of a collateral ratio, a margin policy or maintenance tiers; it ' +
      'stays in the history, cancelled.',
  })
  async cancelRuleChange(
    @Arg('input', () => CancelRuleChangeInput, { description: 'Which one, and why.' }) input: CancelRuleChangeInput,
    @Ctx() context: Context,
  ): Promise<CancelRuleChangePayload> {
    const { idempotencyKey, ...asked } = input;
    const parsed = parseGlobalId(input.id);
    const id = parsed?.local.length === 1 ? (parsed.local[0] ?? '') : '';
    const { version, refusals } = await cancelRule(
      context,
      parsed === null ? null : ruleOf(parsed.type),
      { id, reason: asked.reason, force: asked.force ?? false },
      requestOf('cancelRuleChange', idempotencyKey, asked, context),
      context.now,
    );
    return { version, errors: userErrors(refusals) };
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
