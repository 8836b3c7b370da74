/** Changes of an instrument's maintenance tiers. */
import { Arg, Ctx, Field, InputType, Mutation, ObjectType, Resolver } from 'type-graphql';

import type { Decimal } from '../../margin/decimal.js';
import { maintenanceTiers, type TiersDraft } from '../../policy/versions/maintenance-tiers.js';
import { Access } from '../types/access.js';
import { Cost, TRANSACTION, perAccount, sum } from '../types/cost.js';
import type { Context } from '../execution/context.js';
import { parseGlobalId } from '../types/global-id.js';
import { DecimalScalar } from '../types/scalars.js';
import { MaintenanceTiers, MaintenanceTiersResolver } from '../venue/maintenance-tiers.js';
import { Instrument } from '../venue/venue.js';
import { ChangePayload, addDatedFields, makeChange, type DatedChange, type RuleKind } from './rule-change.js';

@InputType({ description: 'What a notional between floor and cap shall need, and allow.' })
export class MaintenanceTierInput {
  @Field(() => DecimalScalar, { description: 'Of the notional, in the quote asset; the first is 0.' })
  floor!: Decimal;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'In the quote asset, and the floor of the next tier. Null: without end; only in the last tier.',
  })
  cap?: Decimal | null;

  @Field(() => DecimalScalar, { description: 'Above 0, as a part of 1; without the liquidation fee of the policy.' })
  maintenanceRate!: Decimal;

  @Field(() => DecimalScalar, { description: 'At least 1, and at most that of the instrument.' })
  maxLeverage!: Decimal;
}

const TIERS_DESCRIPTION = 'Maintenance tiers that an instrument shall have. The amounts follow from floors and rates.';

@InputType({ description: TIERS_DESCRIPTION })
class MaintenanceTiersDraft {
  @Field(() => String, {
    nullable: true,
    description: "The venue's code; null where `instrument` is an id, or a symbol that one venue only lists.",
  })
  venue?: string | null;

  @Field(() => String, { description: 'The symbol of the instrument, or its id.' })
  instrument!: string;

  @Field(() => [MaintenanceTierInput], { description: 'All of them: contiguous from 0, from 1 to 50.' })
  tiers!: MaintenanceTierInput[];
}

@InputType({ description: TIERS_DESCRIPTION })
export class ChangeMaintenanceTiersInput extends MaintenanceTiersDraft {}

addDatedFields(ChangeMaintenanceTiersInput, {
  expectedVersion: '`tiersVersion` of the instrument, as the admin saw it.',
});

@ObjectType({ description: 'What became of a change of maintenance tiers.', simpleResolvers: true })
export class ChangeMaintenanceTiersPayload extends ChangePayload {
  @Field(() => Instrument, { nullable: true, description: 'The instrument; null when the change was refused.' })
  instrument!: unknown;

  @Field(() => MaintenanceTiers, { nullable: true, description: 'The new version; null when it was refused.' })
  version!: unknown;
}

@Resolver()
class MaintenanceChanges {
  @Access('ADMIN')
  @Cost(sum(TRANSACTION, perAccount('compared')))
  @Mutation(() => ChangeMaintenanceTiersPayload, {
    description:
      'Admins. Adds a version of the maintenance tiers of an instrument. A rate beyond half or double of what it was, a ' +
      'higher rate or less leverage with less notice than the guard rails say, and tiers that would lift an account to ' +
      'LIQUIDATION need `force`.',
  })
  async changeMaintenanceTiers(
    @Arg('input', () => ChangeMaintenanceTiersInput, { description: 'What shall be in force.' })
    input: ChangeMaintenanceTiersInput & DatedChange,
    @Ctx() context: Context,
  ): Promise<ChangeMaintenanceTiersPayload> {
    const made = await makeChange('changeMaintenanceTiers', maintenanceTiers, tiersDraftOf(input), input, context);
    const { version } = made;
    return {
      instrument: version === null ? null : context.rulebook.instrument(version.venue, version.instrument),
      ...made,
    };
  }
}

function tiersDraftOf(input: MaintenanceTiersDraft): TiersDraft {
  return { ...namedBy(input), tiers: input.tiers.map((tier) => ({ ...tier, cap: tier.cap ?? null })) };
}

/** An instrument by its id, which says the venue, or by its symbol. */
function namedBy({ venue, instrument }: MaintenanceTiersDraft): { venue: string | null; instrument: string } {
  const id = parseGlobalId(instrument);
  const [listedBy, symbol] = id?.type === 'Instrument' ? id.local : [];
  if (listedBy === undefined || symbol === undefined || (venue ?? listedBy) !== listedBy) {
    return { venue: venue ?? null, instrument };
  }
  return { venue: listedBy, instrument: symbol };
}

export const KINDS: readonly RuleKind[] = [
  {
    rule: maintenanceTiers,
    resolvers: [MaintenanceTiersResolver, MaintenanceChanges],
    field: 'maintenanceTiers',
    description: 'Maintenance tiers that an instrument shall have.',
    input: MaintenanceTiersDraft,
    draftOf: tiersDraftOf,
  },
];
