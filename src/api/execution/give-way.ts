/**
 * Fields that take long to compute from what is at hand wait for a turn first, so that a request for a thousand of them
 * leaves the event loop to others in between; and what nobody waits for any more ends there. What is read first gives
 * way after that, where it is computed: waiting before would take apart what is read at once.
 */
import { isObjectType, type GraphQLFieldResolver, type GraphQLSchema } from 'graphql';

import { turn } from '../../platform/yielding.js';
import type { Context } from './context.js';

const LONG: readonly (readonly [type: string, field: string])[] = [
  ['Balance', 'liquidationPrice'],
  ['Position', 'liquidationPrice'],
  ['Position', 'maxRemovableMargin'],
  ['SimulatedPosition', 'liquidationPrice'],
];

/** Puts the wait in front of every field that takes long. */
export function giveWay(schema: GraphQLSchema): GraphQLSchema {
  for (const [typeName, fieldName] of LONG) {
    const type = schema.getType(typeName);
    const field = isObjectType(type) ? type.getFields()[fieldName] : undefined;
    if (field?.resolve === undefined) throw new Error(`${typeName}.${fieldName} is no field that is computed.`);
    field.resolve = waiting(field.resolve);
  }
  return schema;
}

type Resolver = GraphQLFieldResolver<unknown, Context>;

function waiting(resolve: Resolver): Resolver {
  return (source, args, context, info) => {
    const wait = turn();
    if (wait === null) return resolve(source, args, context, info);
    return wait.then(() => {
      context.patience.check();
      return resolve(source, args, context, info);
    });
  };
}
