/** Margin ratios at which traders want to be alerted: the type, and how rules are set and removed. */
import { Arg, Ctx, Field, FieldResolver, ID, InputType, Mutation, ObjectType, Resolver, Root } from 'type-graphql';

import { MAX_RULES, removeAlertRule, setAlertRule, type AlertRuleRecord } from '../../risk/alerts/alert-rules.js';
import type { AccountRecord } from '../../ledger/records.js';
import type { Decimal } from '../../margin/decimal.js';
import { Access, viewerOf } from '../types/access.js';
import { Cost, TRANSACTION } from '../types/cost.js';
import { Account } from '../account/account.js';
import { recordOf } from '../account/read-account.js';
import { requireFewAlerts } from '../account/alert-pause.js';
import type { Context } from '../execution/context.js';
import { globalId, localId } from '../types/global-id.js';
import { ID_DESCRIPTION, Node } from '../types/node.js';
import { UserError, userErrors } from '../types/refusals.js';
import { DecimalScalar } from '../types/scalars.js';

@ObjectType({
  implements: Node,
  description:
    'A margin ratio at which the owner wants to be alerted, of the cross account and of each isolated position by ' +
    "itself. The account's owner, admins, services.",
  simpleResolvers: true,
})
export class AlertRule {
  @Field(() => DecimalScalar, {
    description:
      'It fires when maintenance margin / margin balance reaches this; above 0. Where something is required and the ' +
      'margin balance is not positive, it is reached whatever it says.',
  })
  marginRatio!: Decimal;

  @Field(() => DecimalScalar, {
    description: 'It arms again only when the margin ratio has fallen below this; above 0, at most `marginRatio`.',
  })
  rearmBelow!: Decimal;
}

@InputType({ description: 'A margin ratio at which an alert shall fire.' })
export class SetAlertRuleInput {
  @Field(() => ID, {
    description: "One of the trader's own accounts; any other is answered as if it did not exist.",
  })
  accountId!: string;

  @Field(() => DecimalScalar, {
    description:
      "Maintenance margin / margin balance: liquidation is at the policy's `liquidationRatio`. Above 0, at most 1000.",
  })
  marginRatio!: Decimal;

  @Field(() => DecimalScalar, {
    nullable: true,
    description:
      'Above 0, at most `marginRatio`. Null: 0.95 x `marginRatio`, rounded to the nearest at 18 fraction digits, ties ' +
      'to the even digit.',
  })
  rearmBelow?: Decimal | null;
}

@ObjectType({ description: 'What became of an alert rule.', simpleResolvers: true })
export class SetAlertRulePayload {
  @Field(() => AlertRule, {
    nullable: true,
    description: 'The rule, new or as it was there already; null when it was refused.',
  })
  rule!: AlertRuleRecord | null;

  @Field(() => [UserError], { description: 'Why it was refused; empty when the rule holds.' })
  errors!: readonly UserError[];
}

@InputType({ description: 'An alert rule to be removed.' })
export class RemoveAlertRuleInput {
  @Field(() => ID, {
    description: "A rule of one of the trader's own accounts; any other is answered as if it did not exist.",
  })
  id!: string;
}

@ObjectType({ description: 'What became of the removal of an alert rule.', simpleResolvers: true })
export class RemoveAlertRulePayload {
  @Field(() => ID, { nullable: true, description: 'Of the removed rule; null when it was refused.' })
  removedId!: string | null;

  @Field(() => [UserError], { description: 'Why it was refused; empty when it was removed.' })
  errors!: readonly UserError[];
}

@Resolver(() => AlertRule)
export class AlertRuleResolver {
  @FieldResolver(() => ID, { description: ID_DESCRIPTION })
  id(@Root() rule: AlertRuleRecord): string {
    return globalId('AlertRule', rule.id);
  }

  @FieldResolver(() => Account, { description: 'The account that it watches.' })
  async account(@Root() rule: AlertRuleRecord, @Ctx() context: Context): Promise<AccountRecord> {
    return recordOf(rule.accountId, context);
  }

  @Access('TRADER')
  @Cost(TRANSACTION)
  @Mutation(() => SetAlertRulePayload, {
    description:
      `Traders, on their own accounts. Adds a rule, at most ${MAX_RULES} an account, else LIMIT_EXCEEDED; one with the ` +
      'same numbers that is there already is answered as it is. A rule whose ratio is reached already fires at once. ' +
      'RATE_LIMITED while the account has had too many alerts within an hour, 200 by default.',
  })
  async setAlertRule(
    @Arg('input', () => SetAlertRuleInput, { description: 'The rule.' }) input: SetAlertRuleInput,
    @Ctx() context: Context,
  ): Promise<SetAlertRulePayload> {
    const own = {
      accountId: localId('Account', input.accountId),
      owner: viewerOf(context).subject,
      marginRatio: input.marginRatio,
      rearmBelow: input.rearmBelow ?? null,
    };
    await requireFewAlerts(own, context);
    const { ruleId, refusal } = await setAlertRule(context, own, context.now);
    if (ruleId === null) return { rule: null, errors: userErrors(refusal === null ? [] : [refusal]) };
    // Drops what the request's loader read before the mutation.
    context.loaders.alertRules.clear(own.accountId);
    return { rule: await context.loaders.alertRule.clear(ruleId).load(ruleId), errors: [] };
  }

  @Access('TRADER')
  @Cost(TRANSACTION)
  @Mutation(() => RemoveAlertRulePayload, {
    description: 'Traders, on their own accounts. The alerts that the rule has fired stay, without it.',
  })
  async removeAlertRule(
    @Arg('input', () => RemoveAlertRuleInput, { description: 'Which rule.' }) input: RemoveAlertRuleInput,
    @Ctx() context: Context,
  ): Promise<RemoveAlertRulePayload> {
    const ruleId = localId('AlertRule', input.id);
    const refusal = await removeAlertRule(context, { ruleId, owner: viewerOf(context).subject }, context.now);
    if (refusal !== null) return { removedId: null, errors: userErrors([refusal]) };
    context.loaders.alertRule.clear(ruleId);
    context.loaders.alertRules.clearAll();
    return { removedId: input.id, errors: [] };
  }
}

@Resolver(() => Account)
export class AccountAlertRulesResolver {
  @FieldResolver(() => [AlertRule], {
    description: `The margin ratios at which its owner wants to be alerted, lowest first; at most ${MAX_RULES}.`,
  })
  alertRules(@Root() account: AccountRecord, @Ctx() { loaders }: Context): Promise<AlertRuleRecord[]> {
    return loaders.alertRules.load(account.id);
  }
}
