/** The query of the impact of any change of rules before it is made. */
import { Arg, Ctx, Field, InputType, Query, Resolver } from 'type-graphql';

import { draftedVersion, placesUnder } from '../../policy/changes/change-rule.js';
import type { AnyRule } from '../../policy/versions/rules.js';
import { catchUp, impactOf } from '../../risk/impact/impact.js';
import type { Context } from '../execution/context.js';
import { Access } from '../types/access.js';
import { Cost, perAccount } from '../types/cost.js';
import { badUserInput } from '../types/api-error.js';
import { CollateralRatioImpact, answerOf, type ImpactAnswer } from './collateral-ratio-impact.js';
import { RULE_KINDS } from './rule-kinds.js';

@InputType({ description: 'A change of one rule: exactly one of the fields.' })
export class RuleChangeDraft {
  readonly [field: string]: object | null | undefined;
}

for (const { field, input, description } of RULE_KINDS) {
  Field(() => input, { nullable: true, description })(RuleChangeDraft.prototype, field);
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
    await catchUp(loop);
    return answerOf(await impactOf(loop, places));
  }
}

function named(change: RuleChangeDraft): { readonly rule: AnyRule; readonly draft: unknown } {
  const given = RULE_KINDS.flatMap((kind) => {
    const input = change[kind.field] ?? null;
    return input === null ? [] : [{ rule: kind.rule, draft: kind.draftOf(input) }];
  });
  const [first, second] = given;
  if (first === undefined || second !== undefined) {
    throw badUserInput(`Expected exactly one field in \`change\`, got ${given.length}.`);
  }
  return first;
}
