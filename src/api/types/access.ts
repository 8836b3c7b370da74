/**
 * Access to fields and accounts. Every root field names its roles, and a guard in front of its resolver checks them.
 * The server refuses to start if a root field has no roles or no cost. Only this file decides which accounts a viewer
 * may see.
 */
import { defaultFieldResolver, type GraphQLField, type GraphQLFieldResolver, type GraphQLSchema } from 'graphql';
import { Extensions } from 'type-graphql';

import { ROLES, type Role, type Viewer } from '../../platform/tokens.js';
import { ApiError } from './api-error.js';
import { declaredCost } from './cost.js';

export const ANY_ROLE: readonly Role[] = ROLES;

/** The roles that may call a root field. */
export function Access(...roles: readonly Role[]): MethodDecorator {
  return Extensions({ roles });
}

/** Puts the check of roles in front of every root field. */
export function guardRootFields(schema: GraphQLSchema): GraphQLSchema {
  for (const root of [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]) {
    for (const field of Object.values(root?.getFields() ?? {})) {
      const roles = rolesOf(field);
      if (roles === undefined) throw new Error(`${root?.name}.${field.name} does not say who may call it.`);
      if (declaredCost(field) === undefined) throw new Error(`${root?.name}.${field.name} does not say what it costs.`);
      // A subscription is checked once, when it is opened. Its events reach only the client that opened it.
      if (root === schema.getSubscriptionType()) field.subscribe = guarded(roles, field.subscribe);
      else field.resolve = guarded(roles, field.resolve);
    }
  }
  return schema;
}

type Extended = Pick<GraphQLField<unknown, unknown>, 'extensions'>;

function rolesOf({ extensions }: Extended): readonly Role[] | undefined {
  return extensions['roles'] as readonly Role[] | undefined;
}

/** Whether a viewer has one of the roles of a field; anybody has where the field names none. */
export function mayCall(viewer: Viewer | null, field: Extended): boolean {
  const roles = rolesOf(field);
  return roles === undefined || hasRole(viewer, roles);
}

/** The part of a request that access depends on. The viewer is null without a token. */
interface Asking {
  readonly viewer: Viewer | null;
}

type Resolver = GraphQLFieldResolver<unknown, Asking>;

function guarded(roles: readonly Role[], resolve: Resolver | undefined): Resolver {
  const inner = resolve ?? defaultFieldResolver;
  return (source, args, context, info) => {
    requireRole(context.viewer, roles);
    return inner(source, args, context, info);
  };
}

function requireRole(viewer: Viewer | null, roles: readonly Role[]): void {
  if (viewer === null) {
    throw new ApiError('UNAUTHENTICATED', 'Send a token: "Authorization: Bearer ...".');
  }
  if (!hasRole(viewer, roles)) {
    throw new ApiError('FORBIDDEN', `This needs one of the roles ${roles.join(', ')}.`);
  }
}

function hasRole(viewer: Viewer | null, roles: readonly Role[]): boolean {
  return viewer?.roles.some((role) => roles.includes(role)) ?? false;
}

/** The viewer of a guarded field. */
export function viewerOf(context: Asking): Viewer {
  if (context.viewer === null) throw new ApiError('UNAUTHENTICATED', 'Send a token: "Authorization: Bearer ...".');
  return context.viewer;
}

/** For a subscription of accounts of which the viewer may see none, whether they exist or not. */
export function watchesNothing(): ApiError {
  const message = 'The viewer may see none of the accounts in `accountIds`: the subscription would watch nothing.';
  return new ApiError('BAD_USER_INPUT', message);
}

/** The owner whose accounts the viewer is confined to; null: all accounts. */
export function confinedTo(viewer: Viewer): string | null {
  return viewer.roles.includes('ADMIN') || viewer.roles.includes('SERVICE') ? null : viewer.subject;
}

/**
 * The owner whose accounts the viewer may change; null: all accounts. The venue's engine owns settings and isolated
 * margin; an admin who trades changes own accounts only.
 */
export function commandsFor(viewer: Viewer): string | null {
  return viewer.roles.includes('SERVICE') ? null : viewer.subject;
}

/** Whether the viewer may see an account. If not, the API answers as if the account did not exist. */
export function maySee(viewer: Viewer, account: { readonly owner: string }): boolean {
  const owner = confinedTo(viewer);
  return owner === null || owner === account.owner;
}
