/** Whom a change of any rule would hurt, before it is made. */
import { Arg, Ctx, Field, InputType, Query, Resolver } from 'type-graphql';

import { draftedVersion, placesUnder } from '../../policy/changes/change-rule.js';
import { collateralRatio } from '../../policy/versions/collateral-ratio.js';
import { maintenanceTiers } from '../../policy/versions/maintenance-tiers.js';
import { interestRate, marginPolicy } from '../../policy/versions/margin-policy.js';
import type { AnyRule } from '../../policy/versions/rules.js';
import { impactOf } from '../../risk/impact/impact.js';
import type { Context } from '../execution/context.js';
import { Access } from '../types/access.js';
import { Cost, perAccount } from '../types/cost.js';
import { badUserInput } from '../types/api-error.js';
import { CollateralRatioDraft, draftOf } from './collateral-ratio-draft.js';
import { CollateralRatioImpact, answerOf, type ImpactAnswer } from './collateral-ratio-impact.js';
import { MaintenanceTiersDraft, tiersDraftOf } from './maintenance-changes.js';
import { InterestRateDraft, MarginPolicyDraft, policyDraftOf } from './policy-changes.js';

@InputType({ description: 'A change of one rule: exactly one of the fields.' })
export class RuleChangeDraft {
  @Field(() => CollateralRatioDraft, { nullable: true, description: 'What one asset shall count.' })
  collateralRatio?: CollateralRatioDraft | null;

  @Field(() => MarginPolicyDraft, { nullable: true, description: "What a venue's margin policy shall say." })
  marginPolicy?: MarginPolicyDraft | null;

  @Field(() => InterestRateDraft, { nullable: true, description: 'What a debt in one asset shall cost.' })
  interestRate?: InterestRateDraft | null;

  @Field(() => MaintenanceTiersDraft, {
    nullable: true,
    description: 'Maintenance tiers that an instrument shall have.',
  })
  maintenanceTiers?: MaintenanceTiersDraft | null;
}

@Resolver()
export class RulePreview {
  @Access('ADMIN')
  @Cost(perAccount('compared'))
  @Query(() => CollateralRatioImpact, {
    description:
      'Admins. What a change of a rule would do to every account at the present prices if it were in force, without making ' +
      'it. A draft that could not be made is BAD_USER_INPUT.',
  })
  async previewRuleChange(
    @Arg('change', () => RuleChangeDraft, { description: 'What would be in force.' }) change: RuleChangeDraft,
    @Ctx() context: Context,
  ): Promise<ImpactAnswer> {
    const { rule, draft } = named(change);
    const { rulebook, loop, now } = context;
    const drafted = draftedVersion(rule, draft, rulebook, now);
    if ('refusals' in drafted) throw badUserInput(drafted.refusals[0]?.message ?? 'The draft could not be made.');
    const places = placesUnder(rule, [drafted.version], rulebook, now);
    return answerOf(await impactOf(loop.accounts, loop.snapshot, places));
  }
}

function named(change: RuleChangeDraft): { readonly rule: AnyRule; readonly draft: unknown } {
  const given: { readonly rule: AnyRule; readonly draft: unknown }[] = [];
  if (change.collateralRatio != null) {
    given.push({ rule: collateralRatio, draft: draftOf(change.collateralRatio) });
  }
  if (change.marginPolicy != null) {
    given.push({ rule: marginPolicy, draft: policyDraftOf(change.marginPolicy) });
  }
  if (change.interestRate != null) given.push({ rule: interestRate, draft: change.interestRate });
  if (change.maintenanceTiers != null) {
    given.push({ rule: maintenanceTiers, draft: tiersDraftOf(change.maintenanceTiers) });
  }
  const [first, second] = given;
  if (first === undefined || second !== undefined) {
    throw badUserInput(`Expected exactly one field in \`change\`, got ${given.length}.`);
  }
  return first;
}
