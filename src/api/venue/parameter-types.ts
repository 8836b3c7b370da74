/** The types of the schema for the parameters of a policy, made from the table of parameters. */
import { Field, InputType, ObjectType } from 'type-graphql';

import type { RecordShape } from '../../policy/versions/parameter-values.js';
import { POLICY_PARAMETERS, type NamedParameter } from '../../policy/versions/policy-parameters.js';
import * as enums from '../types/enums.js';
import { DecimalScalar } from '../types/scalars.js';

/** What is answered, and what a draft states. */
interface Pair {
  readonly output: object;
  readonly input: object;
}

/** By the name of the record. */
const records = new Map<string, Pair>();
for (const { type } of POLICY_PARAMETERS) {
  if (type.record !== null && !records.has(type.record.name)) records.set(type.record.name, typesOf(type.record));
}

/** A choice is registered as an enum by the parameter's name. */
export function parameterTypes({ name, type }: NamedParameter): Pair {
  switch (type.name) {
    case 'FLAG':
      return { output: Boolean, input: Boolean };
    case 'PART':
      return { output: DecimalScalar, input: DecimalScalar };
    case 'CHOICE': {
      const choice = enumOf(name);
      return { output: choice, input: choice };
    }
    case 'RECORD':
    case 'CHOICES': {
      const pair = records.get(type.record?.name ?? '');
      if (pair === undefined) throw new Error(`The parameter ${name} has no record.`);
      return pair;
    }
  }
}

function enumOf(name: string): object {
  const choice = Object.entries(enums).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
  if (choice === undefined) throw new Error(`The choices of the parameter ${name} are no enum of the schema.`);
  return choice;
}

function typesOf({ name, description, fields, choices }: RecordShape): Pair {
  class Output {}
  class Input {}
  ObjectType(name, { description, simpleResolvers: true })(Output);
  InputType(`${name}Input`, { description })(Input);
  for (const [field, meaning] of Object.entries(fields)) {
    const choice = choices?.[field];
    const type = choice === undefined ? DecimalScalar : enumOf(choice.enum);
    for (const { prototype } of [Output, Input]) Field(() => type, { description: meaning })(prototype, field);
  }
  return { output: Output, input: Input };
}
