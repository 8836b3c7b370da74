/** Changes of a venue's margin policy: its parameters, and the interest on debts. */
import { Arg, Ctx, Field, InputType, Mutation, ObjectType, Resolver } from 'type-graphql';

import type { Decimal } from '../../margin/decimal.js';
import { interestRate, marginPolicy, type PolicyDraft } from '../../policy/versions/margin-policy.js';
import { POLICY_PARAMETERS, type PolicyParameters } from '../../policy/versions/policy-parameters.js';
import { Access } from '../types/access.js';
import { Cost, TRANSACTION, perAccount, sum } from '../types/cost.js';
import type { Context } from '../execution/context.js';
import { DecimalScalar } from '../types/scalars.js';
import { MarginPolicy, MarginPolicyResolver } from '../venue/margin-policy.js';
import { parameterTypes } from '../venue/parameter-types.js';
import { ChangePayload, addDatedFields, makeChange, type DatedChange, type RuleKind } from './rule-change.js';

const POLICY_VERSION =
  "The newest version of the venue's policy that the admin saw, scheduled and cancelled ones included.";

@InputType({ description: 'What a debt in one asset shall cost.' })
class InterestRateDraft {
  @Field(() => String, { description: "The venue's code." })
  venue!: string;

  @Field(() => String, { description: 'The symbol of the asset that is owed.' })
  asset!: string;

  @Field(() => DecimalScalar, { description: 'Per full hour, as a part of 1; 0 ends the interest.' })
  hourlyRate!: Decimal;

  @Field(() => DecimalScalar, { description: 'In units of the asset, from 0 on: no interest on a debt within it.' })
  freeThreshold!: Decimal;
}

@InputType({ description: 'What a debt in one asset shall cost.' })
export class ChangeInterestRateInput extends InterestRateDraft {}

addDatedFields(ChangeInterestRateInput, { expectedVersion: POLICY_VERSION });

@InputType({ description: 'The balance below which other assets are converted to cover the debt.' })
export class AutoExchangeThresholdInput {
  @Field(() => String, { description: 'The symbol of the asset that is owed.' })
  asset!: string;

  @Field(() => DecimalScalar, { description: 'In units of the asset; 0 or negative.' })
  balance!: Decimal;
}

@InputType({ description: 'What is credited for the value sold between floor and cap.' })
export class ExchangeTierInput {
  @Field(() => DecimalScalar, {
    description: "Of the value that one exchange sells, in the venue's unit; the first is 0.",
  })
  floor!: Decimal;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: "In the venue's unit, and the floor of the next tier. Null: without end; only in the last tier.",
  })
  cap?: Decimal | null;

  @Field(() => DecimalScalar, { description: 'Above 0, at most 1, and at least any ratio of the asset at the venue.' })
  rate!: Decimal;
}

@InputType({ description: 'What an automatic exchange shall credit for one asset.' })
export class ExchangeRateInput {
  @Field(() => String, { description: 'The symbol of the asset that is sold.' })
  asset!: string;

  @Field(() => [ExchangeTierInput], {
    description: 'All of them: contiguous from 0, from 1 to 50. Above a last cap the last tier goes on.',
  })
  tiers!: ExchangeTierInput[];
}

/** The parameters of a draft, as they are stated. One that is omitted or null stays. */
type Edits = { readonly [K in keyof PolicyParameters]?: unknown };

@InputType({ description: "What a venue's margin policy shall say. What is left out, or null, stays as it is." })
class MarginPolicyDraft {
  @Field(() => String, { description: "The venue's code." })
  venue!: string;

  @Field(() => [AutoExchangeThresholdInput], {
    nullable: true,
    description: 'All thresholds, one an asset, at most 50; empty: nothing is converted.',
  })
  autoExchange?: AutoExchangeThresholdInput[] | null;

  @Field(() => [ExchangeRateInput], {
    nullable: true,
    description: 'All rates, one an asset, at most 50; empty: everything is credited at its value.',
  })
  exchangeRates?: ExchangeRateInput[] | null;
}

for (const parameter of POLICY_PARAMETERS) {
  const { name, draft: description } = parameter;
  Field(() => parameterTypes(parameter).input, { nullable: true, description })(MarginPolicyDraft.prototype, name);
}

@InputType({ description: "A change of a venue's margin policy. What is left out, or null, stays as it is." })
export class ChangeMarginPolicyInput extends MarginPolicyDraft {}

addDatedFields(ChangeMarginPolicyInput, { expectedVersion: POLICY_VERSION });

@ObjectType({ description: 'What became of a change of an interest rate.', simpleResolvers: true })
export class ChangeInterestRatePayload extends ChangePayload {
  @Field(() => MarginPolicy, { nullable: true, description: 'The new version; null when it was refused.' })
  policy!: unknown;
}

@ObjectType({ description: 'What became of a change of a margin policy.', simpleResolvers: true })
export class ChangeMarginPolicyPayload extends ChangePayload {
  @Field(() => MarginPolicy, { nullable: true, description: 'The new version; null when it was refused.' })
  policy!: unknown;
}

/** Converts the input for the rules: an omitted field is undefined. */
function policyDraftOf(input: MarginPolicyDraft & Edits): PolicyDraft {
  const edits = POLICY_PARAMETERS.map(({ name, type }) => {
    const stated = input[name] ?? undefined;
    return [name, stated === undefined ? undefined : type.fromStated(stated)] as const;
  });
  const exchangeRates = input.exchangeRates?.map(({ asset, tiers }) => ({
    asset,
    tiers: tiers.map(({ floor, cap, rate }) => ({ floor, cap: cap ?? null, rate })),
  }));
  const autoExchange = input.autoExchange ?? undefined;
  return { ...Object.fromEntries(edits), venue: input.venue, autoExchange, exchangeRates };
}

@Resolver()
class PolicyChanges {
  @Access('ADMIN')
  @Cost(sum(TRANSACTION, perAccount('compared')))
  @Mutation(() => ChangeInterestRatePayload, {
    description:
      "Admins. Adds a version of the venue's policy, with another rate for one asset. Hours that end before it takes " +
      'effect are paid by the version that held then. A rate beyond half or double of what it was, and dearer interest with ' +
      'less notice than the guard rails say, need `force`.',
  })
  async changeInterestRate(
    @Arg('input', () => ChangeInterestRateInput, { description: 'What shall be in force.' })
    input: ChangeInterestRateInput & DatedChange,
    @Ctx() context: Context,
  ): Promise<ChangeInterestRatePayload> {
    const { version, ...made } = await makeChange('changeInterestRate', interestRate, input, input, context);
    return { policy: version, ...made };
  }

  @Access('ADMIN')
  @Cost(sum(TRANSACTION, perAccount('compared')))
  @Mutation(() => ChangeMarginPolicyPayload, {
    description:
      "Admins. Adds a version of the venue's policy; interest and guard rails go along as they are. A threshold or the " +
      'liquidation fee that moves farther than the guard rails say, what is stricter with less notice, and a policy that ' +
      'would lift an account to LIQUIDATION need `force`.',
  })
  async changeMarginPolicy(
    @Arg('input', () => ChangeMarginPolicyInput, { description: 'What shall be in force.' })
    input: ChangeMarginPolicyInput & Edits & DatedChange,
    @Ctx() context: Context,
  ): Promise<ChangeMarginPolicyPayload> {
    const { version, ...made } = await makeChange(
      'changeMarginPolicy',
      marginPolicy,
      policyDraftOf(input),
      input,
      context,
    );
    return { policy: version, ...made };
  }
}

export const KINDS: readonly RuleKind[] = [
  {
    rule: marginPolicy,
    resolvers: [MarginPolicyResolver, PolicyChanges],
    field: 'marginPolicy',
    description: "What a venue's margin policy shall say.",
    input: MarginPolicyDraft,
    draftOf: policyDraftOf,
  },
  {
    rule: interestRate,
    // Those of the policy: interest is a part of it.
    resolvers: [],
    field: 'interestRate',
    description: 'What a debt in one asset shall cost.',
    input: InterestRateDraft,
    draftOf: (input) => input,
  },
];
