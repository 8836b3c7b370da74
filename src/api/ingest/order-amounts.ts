/** What rests in an instrument, as a report of its own states it, and a fill beside itself. */
import { Field, InputType } from 'type-graphql';

import type { Decimal } from '../../margin/decimal.js';
import { DecimalScalar } from '../types/scalars.js';

@InputType({ description: 'What resting orders would buy and sell, without those that only reduce.' })
export class OrderAmountsInput {
  @Field(() => DecimalScalar, { description: 'In the base asset; from 0, at most 1e15.' })
  buySize!: Decimal;

  @Field(() => DecimalScalar, {
    description:
      'Size x limit price of those that buy, added up, in the quote asset; from 0, above 0 where the size is.',
  })
  buyNotional!: Decimal;

  @Field(() => DecimalScalar, { description: 'In the base asset; from 0, at most 1e15.' })
  sellSize!: Decimal;

  @Field(() => DecimalScalar, {
    description:
      'Size x limit price of those that sell, added up, in the quote asset; from 0, above 0 where the size is.',
  })
  sellNotional!: Decimal;

  @Field(() => DecimalScalar, {
    description:
      'A whole number from 0 to 1e18 that rises from report to report of the same account, instrument and side. One that is ' +
      'not above the last is ignored.',
  })
  sequence!: Decimal;
}
