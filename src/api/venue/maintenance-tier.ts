/** One tier of an instrument's maintenance margin, as it is answered. */
import { Field, Int, ObjectType } from 'type-graphql';

import type { Decimal } from '../../margin/decimal.js';
import { DecimalScalar } from '../types/scalars.js';

@ObjectType({ description: 'What a notional between floor and cap needs, and allows.', simpleResolvers: true })
export class MaintenanceTier {
  @Field(() => Int, { description: 'From 1.' })
  tier!: number;

  @Field(() => DecimalScalar, { description: 'Of the notional, in the quote asset; included.' })
  floor!: Decimal;

  @Field(() => DecimalScalar, {
    nullable: true,
    description:
      'Of the notional, in the quote asset; not included. Null: without end. Above the last cap the last tier goes on.',
  })
  cap!: Decimal | null;

  @Field(() => DecimalScalar, { description: 'As a part of 1; without the liquidation fee of the policy.' })
  maintenanceRate!: Decimal;

  @Field(() => DecimalScalar, {
    description: 'In the quote asset, deducted where the method is PROGRESSIVE; 0 where it is FLAT.',
  })
  maintenanceAmount!: Decimal;

  @Field(() => DecimalScalar, { description: 'The highest leverage that counts in this tier.' })
  maxLeverage!: Decimal;
}
