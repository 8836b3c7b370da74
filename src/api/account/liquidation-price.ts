import { Field, ObjectType } from 'type-graphql';

import type { Decimal } from '../../margin/decimal.js';
import { NoLiquidationPrice } from '../types/enums.js';
import { DecimalScalar } from '../types/scalars.js';

@ObjectType({
  description:
    "The price (a mark in the quote asset, an index in the venue's unit) at which the policy's liquidation ratio x margin balance meets maintenance margin, all else " +
    'unchanged; rounded towards the present price.',
  simpleResolvers: true,
})
export class LiquidationPrice {
  @Field(() => DecimalScalar, {
    nullable: true,
    description:
      'Above 0. The one relatively nearer the present price, when there is one on either side; of equally near ones ' +
      'the lower. Null: see `reason`.',
  })
  price!: Decimal | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'The one on the other side of the present price. Null where there is none.',
  })
  otherPrice!: Decimal | null;

  @Field(() => NoLiquidationPrice, { nullable: true, description: 'Why there is none; null when there is one.' })
  reason!: string | null;
}
