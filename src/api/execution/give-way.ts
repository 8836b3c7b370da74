/**
 * Fields declared as long yield before they compute, so that a request for a thousand of them does not block the event
 * loop. A request whose client no longer waits ends there. Fields that read first yield after the read: an earlier
 * yield would split the batch of their loader.
 */
import { defaultFieldResolver, isObjectType, type GraphQLFieldResolver, type GraphQLSchema } from 'graphql';

import { yieldIfBusy } from '../../platform/yielding.js';
import { isLong } from '../types/cost.js';
import type { Context } from './context.js';

/** Puts the wait in front of every field that is declared as long. */
export function giveWay(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      if (isLong(field)) field.resolve = waiting(field.resolve ?? defaultFieldResolver);
    }
  }
  return schema;
}

type Resolver = GraphQLFieldResolver<unknown, Context>;

function waiting(resolve: Resolver): Resolver {
  return (source, args, context, info) => {
    const wait = yieldIfBusy();
    if (wait === null) return resolve(source, args, context, info);
    return wait.then(() => {
      context.patience.check();
      return resolve(source, args, context, info);
    });
  };
}
