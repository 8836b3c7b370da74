/** The counts of every batch of reported events, by class of its payload. */
import { Field, Int, ObjectType } from 'type-graphql';

import type { BatchResult } from '../../ledger/ledger-checks.js';
import { UserError, userErrors } from '../types/refusals.js';

@ObjectType()
export abstract class RecordedBatch {
  @Field(() => Int, { description: 'How many are recorded now.' })
  recorded!: number;

  @Field(() => Int, { description: 'How many were recorded before, with the same content.' })
  alreadyKnown!: number;
}

/** Of facts that are taken, and may be at odds with the rules. */
@ObjectType()
export abstract class WarnedBatch extends RecordedBatch {
  @Field(() => [UserError], {
    description:
      'What is to be said of what is recorded now, each with its path; of what was recorded before there is none. ' +
      'ORDERS_OUTDATED: its `openOrders` were not taken, since a later report is known; nothing is to be done. ' +
      'SETTLEMENT_NOT_ACCEPTED: it leaves a position open that is settled in an asset which does not count in the account.',
  })
  warnings!: readonly UserError[];
}

export function countsOf({ recorded, alreadyKnown, refusals }: BatchResult): RecordedBatch & { errors: UserError[] } {
  return { recorded, alreadyKnown, errors: userErrors(refusals) };
}
