/** Audits mutations of admins that a client without the role sends. The guard of roles refuses them. */
import {
  GraphQLError,
  defaultFieldResolver,
  getNamedType,
  isInputObjectType,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLSchema,
} from 'graphql';

import type { Context } from '../execution/context.js';

/** Call after the guards of roles are in place. */
export function auditForbidden(schema: GraphQLSchema): GraphQLSchema {
  for (const field of Object.values(schema.getMutationType()?.getFields() ?? {})) {
    const roles = field.extensions['roles'] as readonly string[];
    if (roles.includes('ADMIN')) field.resolve = audited(field as Field, field.resolve ?? defaultFieldResolver);
  }
  return schema;
}

type Arguments = Readonly<Record<string, unknown>>;
type Field = GraphQLField<unknown, Context, Arguments>;
type Resolver = GraphQLFieldResolver<unknown, Context, Arguments>;

function audited(field: Field, inner: Resolver): Resolver {
  return async (source, args, context, info) => {
    try {
      return await inner(source, args, context, info);
    } catch (error) {
      const { viewer, audit, now } = context;
      if (viewer !== null && error instanceof GraphQLError && error.extensions['code'] === 'FORBIDDEN') {
        const subjectKey = subjectKeyOf(field, args['input']);
        const fact = { actor: viewer.subject, action: field.name, subject: null, subjectKey, reason: null, at: now };
        await audit.refused(fact, [{ code: 'FORBIDDEN', message: error.message }], undefined);
      }
      throw error;
    }
  };
}

/** Venue, chain and subject, as far as the input names them. A missing chain keeps its place in the key. */
function subjectKeyOf({ args: [argument] }: Field, input: unknown): string {
  const type = argument === undefined ? undefined : getNamedType(argument.type);
  const hasChain = isInputObjectType(type) && Object.hasOwn(type.getFields(), 'chain');
  const { venue, chain, asset, instrument, name, id } = input as Readonly<Record<string, string | null | undefined>>;
  const parts = [venue, hasChain ? (chain ?? '') : null, asset ?? instrument ?? name ?? id];
  return parts.filter((part) => part != null).join('/');
}
