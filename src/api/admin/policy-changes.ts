/** Changes of a venue's other rules: interest, maintenance tiers, and the policy itself. Versioned, dated, audited. */
import { Arg, Ctx, Field, ID, InputType, Int, Mutation, ObjectType, Resolver } from 'type-graphql';

import type { Decimal } from '../../margin/decimal.js';
import { changeMaintenanceTiers } from '../../policy/changes/maintenance-change.js';
import { changeInterestRate, changeMarginPolicy } from '../../policy/changes/policy-change.js';
import { Access } from '../types/access.js';
import { Cost, TRANSACTION } from '../types/cost.js';
import type { Context } from '../execution/context.js';
import { MaintenanceMethod } from '../types/enums.js';
import { parseGlobalId } from '../types/global-id.js';
import { requestOf } from '../execution/idempotent-request.js';
import { UserError, userErrors } from '../types/refusals.js';
import { DateTimeScalar, DecimalScalar } from '../types/scalars.js';
import { Instrument, MarginPolicy } from '../venue/venue.js';

@InputType()
abstract class DatedChange {
  @Field(() => DateTimeScalar, {
    nullable: true,
    description:
      'When it takes effect: not in the past, and after every version that is scheduled already. Left out or null: at once.',
  })
  effectiveFrom?: Date | null;

  @Field(() => String, { description: 'Why, in 1 to 1,000 characters; everybody can read it.' })
  reason!: string;

  @Field(() => ID, { description: 'Sent again with the same input within 24 hours it answers the same payload.' })
  idempotencyKey!: string;
}

const POLICY_VERSION = "The newest version of the venue's policy that the admin saw, scheduled ones included.";

@InputType({ description: 'What a debt in one asset shall cost.' })
export class ChangeInterestRateInput extends DatedChange {
  @Field(() => String, { description: "The venue's code." })
  venue!: string;

  @Field(() => String, { description: 'The symbol of the asset that is owed.' })
  asset!: string;

  @Field(() => DecimalScalar, { description: 'Per full hour, as a part of 1; 0 ends the interest.' })
  hourlyRate!: Decimal;

  @Field(() => DecimalScalar, { description: 'In units of the asset, from 0 on: no interest on a debt within it.' })
  freeThreshold!: Decimal;

  @Field(() => Int, { description: POLICY_VERSION })
  expectedVersion!: number;
}

@InputType({ description: 'What a notional between floor and cap shall need, and allow.' })
export class MaintenanceTierInput {
  @Field(() => DecimalScalar, { description: 'Of the notional, in USDT; the first is 0.' })
  floor!: Decimal;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'In USDT, and the floor of the next tier. Null: without end; only in the last tier.',
  })
  cap?: Decimal | null;

  @Field(() => DecimalScalar, { description: 'Above 0, as a part of 1; without the liquidation fee of the policy.' })
  maintenanceRate!: Decimal;

  @Field(() => DecimalScalar, { description: 'At least 1, and at most that of the instrument.' })
  maxLeverage!: Decimal;
}

@InputType({
  description: 'Maintenance tiers that an instrument shall have. The amounts follow from floors and rates.',
})
export class ChangeMaintenanceTiersInput extends DatedChange {
  @Field(() => String, {
    nullable: true,
    description: "The venue's code; null where `instrument` is an id, or a symbol that one venue only lists.",
  })
  venue?: string | null;

  @Field(() => String, { description: 'The symbol of the instrument, or its id.' })
  instrument!: string;

  @Field(() => [MaintenanceTierInput], { description: 'All of them: contiguous from 0, from 1 to 50.' })
  tiers!: MaintenanceTierInput[];

  @Field(() => Int, { description: '`tiersVersion` of the instrument, as the admin saw it.' })
  expectedVersion!: number;
}

@InputType({ description: 'The balance below which other assets are converted to cover the debt.' })
export class AutoExchangeThresholdInput {
  @Field(() => String, { description: 'The symbol of the asset that is owed.' })
  asset!: string;

  @Field(() => DecimalScalar, { description: 'In units of the asset; 0 or negative.' })
  balance!: Decimal;
}

@InputType({ description: "A change of a venue's margin policy. What is left out, or null, stays as it is." })
export class ChangeMarginPolicyInput extends DatedChange {
  @Field(() => String, { description: "The venue's code." })
  venue!: string;

  @Field(() => Boolean, {
    nullable: true,
    description: 'True: liquidated when the margin balance is at or below maintenance margin; false: only when below.',
  })
  liquidatesAtEquality?: boolean | null;

  @Field(() => MaintenanceMethod, { nullable: true, description: 'How maintenance margin follows from the tiers.' })
  maintenanceMethod?: 'PROGRESSIVE' | 'FLAT' | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'Added to the maintenance rate of every position; from 0 to 1.',
  })
  liquidationFeeRate?: Decimal | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'The margin ratio from which on the status is WARNING; from 0 to that of MARGIN_CALL.',
  })
  warningRatio?: Decimal | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'The margin ratio from which on the status is MARGIN_CALL; from 0 to 1.',
  })
  marginCallRatio?: Decimal | null;

  @Field(() => Boolean, {
    nullable: true,
    description: 'Whether isolated positions are allowed in multi-asset mode; those that are open stay.',
  })
  isolatedInMultiAsset?: boolean | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'Value of debts x this rate is required as margin; from 0 to 1.',
  })
  debtMarginRate?: Decimal | null;

  @Field(() => [AutoExchangeThresholdInput], {
    nullable: true,
    description: 'All thresholds, one an asset, at most 50; empty: nothing is converted.',
  })
  autoExchange?: AutoExchangeThresholdInput[] | null;

  @Field(() => Int, { description: POLICY_VERSION })
  expectedVersion!: number;
}

@ObjectType({ description: 'What became of a change of an interest rate.', simpleResolvers: true })
export class ChangeInterestRatePayload {
  @Field(() => MarginPolicy, { nullable: true, description: 'The new version; null when it was refused.' })
  policy!: unknown;

  @Field(() => [UserError], { description: 'Why it was refused; empty when it was made.' })
  errors!: readonly UserError[];
}

@ObjectType({ description: 'What became of a change of maintenance tiers.', simpleResolvers: true })
export class ChangeMaintenanceTiersPayload {
  @Field(() => Instrument, { nullable: true, description: 'The instrument; null when the change was refused.' })
  instrument!: unknown;

  @Field(() => [UserError], { description: 'Why it was refused; empty when it was made.' })
  errors!: readonly UserError[];
}

@ObjectType({ description: 'What became of a change of a margin policy.', simpleResolvers: true })
export class ChangeMarginPolicyPayload {
  @Field(() => MarginPolicy, { nullable: true, description: 'The new version; null when it was refused.' })
  policy!: unknown;

  @Field(() => [UserError], { description: 'Why it was refused; empty when it was made.' })
  errors!: readonly UserError[];
}

@Resolver()
export class PolicyChanges {
  @Access('ADMIN')
  @Cost(TRANSACTION)
  @Mutation(() => ChangeInterestRatePayload, {
    description:
      "Admins. Adds a version of the venue's policy, with another rate for one asset. Hours that end before it takes " +
      'effect are paid by the version that held then.',
  })
  async changeInterestRate(
    @Arg('input', () => ChangeInterestRateInput, { description: 'What shall be in force.' })
    input: ChangeInterestRateInput,
    @Ctx() context: Context,
  ): Promise<ChangeInterestRatePayload> {
    const { idempotencyKey, ...change } = input;
    const { version, refusals } = await changeInterestRate(
      context,
      { ...change, effectiveFrom: change.effectiveFrom ?? null },
      requestOf('changeInterestRate', idempotencyKey, change, context),
      context.now,
    );
    return { policy: version, errors: userErrors(refusals) };
  }

  @Access('ADMIN')
  @Cost(TRANSACTION)
  @Mutation(() => ChangeMaintenanceTiersPayload, {
    description: 'Admins. Adds a version of the maintenance tiers of an instrument.',
  })
  async changeMaintenanceTiers(
    @Arg('input', () => ChangeMaintenanceTiersInput, { description: 'What shall be in force.' })
    input: ChangeMaintenanceTiersInput,
    @Ctx() context: Context,
  ): Promise<ChangeMaintenanceTiersPayload> {
    const { idempotencyKey, ...change } = input;
    const { instrument, refusals } = await changeMaintenanceTiers(
      context,
      {
        ...change,
        ...namedBy(change),
        tiers: change.tiers.map((tier) => ({ ...tier, cap: tier.cap ?? null })),
        effectiveFrom: change.effectiveFrom ?? null,
      },
      requestOf('changeMaintenanceTiers', idempotencyKey, change, context),
      context.now,
    );
    return { instrument, errors: userErrors(refusals) };
  }

  @Access('ADMIN')
  @Cost(TRANSACTION)
  @Mutation(() => ChangeMarginPolicyPayload, {
    description: "Admins. Adds a version of the venue's policy; interest and guard rails go along as they are.",
  })
  async changeMarginPolicy(
    @Arg('input', () => ChangeMarginPolicyInput, { description: 'What shall be in force.' })
    input: ChangeMarginPolicyInput,
    @Ctx() context: Context,
  ): Promise<ChangeMarginPolicyPayload> {
    const { idempotencyKey, ...change } = input;
    const { version, refusals } = await changeMarginPolicy(
      context,
      {
        ...change,
        effectiveFrom: change.effectiveFrom ?? null,
        liquidatesAtEquality: change.liquidatesAtEquality ?? undefined,
        maintenanceMethod: change.maintenanceMethod ?? undefined,
        liquidationFeeRate: change.liquidationFeeRate ?? undefined,
        warningRatio: change.warningRatio ?? undefined,
        marginCallRatio: change.marginCallRatio ?? undefined,
        isolatedInMultiAsset: change.isolatedInMultiAsset ?? undefined,
        debtMarginRate: change.debtMarginRate ?? undefined,
        autoExchange: change.autoExchange ?? undefined,
      },
      requestOf('changeMarginPolicy', idempotencyKey, change, context),
      context.now,
    );
    return { policy: version, errors: userErrors(refusals) };
  }
}

/** An instrument by its id, which says the venue, or by its symbol. */
function namedBy({ venue, instrument }: Pick<ChangeMaintenanceTiersInput, 'venue' | 'instrument'>): {
  venue: string | null;
  instrument: string;
} {
  const id = parseGlobalId(instrument);
  const [listedBy, symbol] = id?.type === 'Instrument' ? id.local : [];
  if (listedBy === undefined || symbol === undefined || (venue ?? listedBy) !== listedBy) {
    return { venue: venue ?? null, instrument };
  }
  return { venue: listedBy, instrument: symbol };
}
