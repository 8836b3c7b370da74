import { Field, ObjectType } from 'type-graphql';

import { roundUp, type Decimal } from '../../margin/decimal.js';
import type { RefusalOf } from '../../margin/refusal.js';
import { ErrorCode } from './enums.js';
import { DecimalScalar } from './scalars.js';

@ObjectType({ description: 'A refusal that the client is expected to show or handle.', simpleResolvers: true })
export class UserError {
  @Field(() => ErrorCode, { description: 'What kind of refusal; clients branch on this.' })
  code!: keyof typeof ErrorCode;

  @Field(() => String, { description: 'What was expected, what came, and what to do, in English.' })
  message!: string;

  @Field(() => DecimalScalar, {
    nullable: true,
    description:
      'What it would take, in the unit of the field at fault, rounded up; null where it is no matter of quantity.',
  })
  required!: Decimal | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'What there is, in the same unit, rounded down; null where it is no matter of quantity.',
  })
  available!: Decimal | null;

  @Field(() => [String], {
    nullable: true,
    description: 'Path in the input, e.g. ["input", "fills", "3", "size"]; null where no one field is at fault.',
  })
  field!: readonly string[] | null;
}

/** Paths of refusals are relative to the input; every mutation or query that refuses has its argument named `input`. */
export function userErrors(refusals: readonly RefusalOf<keyof typeof ErrorCode>[]): UserError[] {
  return refusals.map(({ code, message, field, required, available }) => ({
    code,
    message,
    required: required === undefined ? null : roundUp(required),
    available: available ?? null,
    field: field === undefined ? null : ['input', ...field],
  }));
}
