/** The counts of every batch of reported events, by class of its payload. */
import { Field, Int, ObjectType } from 'type-graphql';

import type { BatchResult } from '../../ledger/ledger-checks.js';
import { userErrors, type UserError } from '../types/refusals.js';

@ObjectType()
export abstract class RecordedBatch {
  @Field(() => Int, { description: 'How many are recorded now.' })
  recorded!: number;

  @Field(() => Int, { description: 'How many were recorded before, with the same content.' })
  alreadyKnown!: number;
}

export function countsOf({ recorded, alreadyKnown, refusals }: BatchResult): RecordedBatch & { errors: UserError[] } {
  return { recorded, alreadyKnown, errors: userErrors(refusals) };
}
