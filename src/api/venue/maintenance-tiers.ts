/** A version of an instrument's maintenance tiers, as it is answered. */
import { Ctx, Field, FieldResolver, ObjectType, Resolver, Root } from 'type-graphql';

import type { MaintenanceTier as MaintenanceTierRecord } from '../../margin/model.js';
import type { MaintenanceVersion } from '../../policy/versions/policy-version.js';
import type { Context } from '../execution/context.js';
import { Node } from '../types/node.js';
import { DateTimeScalar } from '../types/scalars.js';
import { MaintenanceTier } from './maintenance-tier.js';
import { RuleVersion } from './rule-version.js';
import { Instrument } from './venue.js';

@ObjectType({
  implements: [Node, RuleVersion],
  description: 'The maintenance tiers of one instrument, from one instant on. Any role.',
  simpleResolvers: true,
})
export class MaintenanceTiers {
  @Field(() => [MaintenanceTier], {
    description:
      'Contiguous from 0. The amounts are those of the method that held when the version was made; `Instrument.tiers` ' +
      'has those of the method in force.',
  })
  tiers!: readonly MaintenanceTierRecord[];

  @Field(() => String, { nullable: true, description: 'The document that it comes from; null for a change made here.' })
  source!: string | null;

  @Field(() => DateTimeScalar, { description: 'When it was recorded.' })
  createdAt!: Date;
}

@Resolver(() => MaintenanceTiers)
export class MaintenanceTiersResolver {
  @FieldResolver(() => Instrument, { description: 'The instrument whose tiers these are.' })
  instrument(@Root() { venue, instrument }: MaintenanceVersion, @Ctx() { rulebook }: Context): unknown {
    return rulebook.instrument(venue, instrument);
  }
}
