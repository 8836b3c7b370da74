/** A venue's margin policy, as it is answered. */
import { Ctx, Field, FieldResolver, Int, ObjectType, Resolver, Root } from 'type-graphql';

import type { Decimal } from '../../margin/decimal.js';
import { POLICY_PARAMETERS } from '../../policy/versions/policy-parameters.js';
import type { PolicyVersion } from '../../policy/versions/policy-version.js';
import type { Context } from '../execution/context.js';
import { TierUnit } from '../types/enums.js';
import { Node } from '../types/node.js';
import { DateTimeScalar, DecimalScalar } from '../types/scalars.js';
import { Asset } from './asset.js';
import { parameterTypes } from './parameter-types.js';
import { RuleVersion } from './rule-version.js';

@ObjectType({ description: "What a debt in one asset costs under a venue's policy.", simpleResolvers: true })
export class InterestRule {
  @Field(() => Asset, { description: 'The asset that is owed, and in which the interest is charged.' })
  asset!: unknown;

  @Field(() => DecimalScalar, { description: 'Per full hour, as a part of 1.' })
  hourlyRate!: Decimal;

  @Field(() => DecimalScalar, { description: 'In units of the asset, positive: no interest on a debt within it.' })
  freeThreshold!: Decimal;
}

@ObjectType({ description: 'A piece of what is owed, and what it requires.', simpleResolvers: true })
export class LiabilityTier {
  @Field(() => DecimalScalar, { description: 'Of the amount owed, in the unit of the table; included.' })
  floor!: Decimal;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'Not included. Null: without end. Above the last cap the last tier goes on.',
  })
  cap!: Decimal | null;

  @Field(() => DecimalScalar, { description: 'Part of this piece that is required as initial margin; from 0.' })
  initialRate!: Decimal;

  @Field(() => DecimalScalar, { description: 'Part of this piece that is required as maintenance margin; from 0.' })
  maintenanceRate!: Decimal;
}

@ObjectType({
  description: 'What is required for debts in an asset, progressively by the amount.',
  simpleResolvers: true,
})
export class LiabilityTable {
  @Field(() => Asset, {
    nullable: true,
    description: 'The asset that is owed. Null: any that has no table of its own.',
  })
  asset!: unknown;

  @Field(() => TierUnit, { description: 'What floors and caps are in.' })
  tierUnit!: string;

  @Field(() => [LiabilityTier], { description: 'Contiguous from 0.' })
  tiers!: readonly LiabilityTier[];
}

@ObjectType({ description: 'When a debt in one asset is covered by selling others.', simpleResolvers: true })
export class AutoExchangeThreshold {
  @Field(() => Asset, { description: 'The asset that is owed.' })
  asset!: unknown;

  @Field(() => DecimalScalar, { description: 'Below this balance (negative) other assets are converted.' })
  balance!: Decimal;
}

@ObjectType({ description: 'How a venue covers debts by selling other assets.', simpleResolvers: true })
export class AutoExchangeRule {
  @Field(() => [AutoExchangeThreshold], { description: 'One for each asset that is covered.' })
  thresholds!: readonly AutoExchangeThreshold[];
}

@ObjectType({
  description: 'A piece of the value that one exchange sells, and what is credited.',
  simpleResolvers: true,
})
export class ExchangeTier {
  @Field(() => DecimalScalar, { description: "Of the value sold, in the venue's unit; included." })
  floor!: Decimal;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: "In the venue's unit; not included. Null: without end. Above the last cap the last tier goes on.",
  })
  cap!: Decimal | null;

  @Field(() => DecimalScalar, { description: 'Part of this piece that the debt is credited; above 0, at most 1.' })
  rate!: Decimal;
}

@ObjectType({
  description: 'What an automatic exchange credits for one asset, progressively by the value sold of it.',
  simpleResolvers: true,
})
export class ExchangeRate {
  @Field(() => Asset, { description: 'The asset that is sold.' })
  asset!: unknown;

  @Field(() => [ExchangeTier], { description: 'Contiguous from 0.' })
  tiers!: readonly ExchangeTier[];
}

@ObjectType({
  description:
    'What a change of a rule needs `force` for; beside these, a lower tier of a ratio that counts less than a higher one, ' +
    'a unit that counts less than 0.99, a maintenance or interest rate beyond half or double, and a policy, interest rate or ' +
    'tiers that lift an account to LIQUIDATION.',
  simpleResolvers: true,
})
export class GuardRails {
  @Field(() => DecimalScalar, {
    description:
      'Largest step, e.g. 0.1: of a ratio (what the next coin counts, at any size of a balance), of a threshold of the ' +
      'status, and of the liquidation fee.',
  })
  maxStep!: Decimal;

  @Field(() => Int, {
    description:
      'Shortest notice, in hours, of what is stricter than before: a cut of a ratio or an initial ratio at any size of a balance, or of a ' +
      'cap, a policy that asks for more margin or allows less, dearer interest, a higher maintenance rate, less leverage.',
  })
  minNoticeHours!: number;
}

@ObjectType({
  implements: [Node, RuleVersion],
  description: "A venue's margin rules in force: which formula, where the boundary lies, what debt costs. Any role.",
  simpleResolvers: true,
})
export class MarginPolicy {
  @Field(() => Int, { description: 'From 1; a change is a new version.' })
  version!: number;

  @Field(() => DateTimeScalar, { description: 'When this version took effect, or will.' })
  effectiveFrom!: Date;

  @Field(() => String, { nullable: true, description: 'The document that it comes from; null for a change made here.' })
  source!: string | null;

  @Field(() => DateTimeScalar, { description: 'When it was recorded.' })
  createdAt!: Date;
}

for (const parameter of POLICY_PARAMETERS) {
  const { name, description } = parameter;
  Field(() => parameterTypes(parameter).output, { description })(MarginPolicy.prototype, name);
}

@Resolver(() => MarginPolicy)
export class MarginPolicyResolver {
  @FieldResolver(() => [LiabilityTable], {
    description: 'What debts require beside the positions. Empty: `debtMarginRate` says it for every asset.',
  })
  liabilities(@Root() policy: PolicyVersion, @Ctx() { rulebook }: Context): LiabilityTable[] {
    return policy.liabilities.map((table) => ({
      ...table,
      asset: table.asset === null ? null : rulebook.assets.get(table.asset),
    }));
  }

  @FieldResolver(() => [InterestRule], { description: 'One for each asset on whose debts interest is charged.' })
  interest(@Root() policy: PolicyVersion, @Ctx() { rulebook }: Context): InterestRule[] {
    return policy.interest.map((rule) => ({ ...rule, asset: rulebook.assets.get(rule.asset) }));
  }

  @FieldResolver(() => AutoExchangeRule, { nullable: true, description: 'Null where the venue converts nothing.' })
  autoExchange(@Root() policy: PolicyVersion, @Ctx() { rulebook }: Context): AutoExchangeRule | null {
    if (policy.autoExchange.length === 0) return null;
    return {
      thresholds: policy.autoExchange.map((rule) => ({ ...rule, asset: rulebook.assets.get(rule.asset) })),
    };
  }

  @FieldResolver(() => [ExchangeRate], {
    description: 'What an automatic exchange credits, by asset. What is not listed is credited at its value.',
  })
  exchangeRates(@Root() policy: PolicyVersion, @Ctx() { rulebook }: Context): ExchangeRate[] {
    return policy.exchangeRates.map((rate) => ({ ...rate, asset: rulebook.assets.get(rate.asset) }));
  }

  @FieldResolver(() => GuardRails, { description: 'What a change of a rule has to keep to.' })
  guardRails(@Root() policy: PolicyVersion): GuardRails {
    return { maxStep: policy.guardMaxStep, minNoticeHours: policy.guardMinNoticeHours };
  }
}
