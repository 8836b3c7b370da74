/**
 * Errors as the contract names them. What is not one of these never shows its text to a client.
 */
import { randomUUID } from 'node:crypto';

import { GraphQLError } from 'graphql';

import { isUnavailable } from '../platform/database.js';
import type { Logger } from '../platform/log.js';

export type ErrorCode =
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'BAD_USER_INPUT'
  | 'GRAPHQL_PARSE_FAILED'
  | 'GRAPHQL_VALIDATION_FAILED'
  | 'LIMIT_EXCEEDED'
  | 'OPERATION_NOT_SUPPORTED'
  | 'SERVICE_UNAVAILABLE'
  | 'INTERNAL_SERVER_ERROR';

/** An error that is meant for the client, text and all. */
export class ApiError extends GraphQLError {
  constructor(code: ErrorCode, message: string, httpStatus?: number) {
    super(message, {
      extensions: { code, ...(httpStatus === undefined ? {} : { http: { status: httpStatus } }) },
    });
  }
}

export function badUserInput(message: string): ApiError {
  return new ApiError('BAD_USER_INPUT', message);
}

const LONGEST_MESSAGE = 1_000;
/** What stands at the end of a long message: what was expected, after what came. */
const LONGEST_END = 600;

/** GraphQL's own messages repeat what came, which may be 90,000 digits: they lose their middle. */
export function shortened(message: string): string {
  if (message.length <= LONGEST_MESSAGE) return message;
  return `${message.slice(0, LONGEST_MESSAGE - LONGEST_END)}…${message.slice(-LONGEST_END)}`;
}

/**
 * What a client may see of an error. Ours, and those of the language itself, pass; anything else is logged under an id
 * that the client can quote, and says nothing.
 */
export function masked(error: GraphQLError, log: Logger): GraphQLError {
  const { originalError } = error;
  const meant = originalError === undefined || originalError === null || originalError instanceof GraphQLError;
  const message = shortened(error.message);
  if (meant) {
    // What the language itself finds wrong while it executes, such as null for an argument that must not be, has no code.
    const extensions = { code: 'BAD_USER_INPUT', ...error.extensions };
    return copy(error, message, extensions);
  }
  const id = randomUUID();
  const unavailable = isUnavailable(originalError);
  log.error({ err: originalError, id, path: error.path }, 'A request failed.');
  return unavailable
    ? copy(error, 'The service cannot answer at the moment; try again shortly.', { code: 'SERVICE_UNAVAILABLE', id })
    : copy(error, `Something went wrong here; it was logged as ${id}.`, { code: 'INTERNAL_SERVER_ERROR', id });
}

function copy(error: GraphQLError, message: string, extensions: Record<string, unknown>): GraphQLError {
  return new GraphQLError(message, {
    ...(error.nodes === undefined ? {} : { nodes: error.nodes }),
    ...(error.path === undefined ? {} : { path: error.path }),
    extensions,
  });
}
