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

/**
 * What a client may see of an error. Ours, and those of the language itself, pass; anything else is logged under an id
 * that the client can quote, and says nothing.
 */
export function masked(error: GraphQLError, log: Logger): GraphQLError {
  const { originalError } = error;
  const meant = originalError === undefined || originalError === null || originalError instanceof GraphQLError;
  if (meant && error.message.length <= LONGEST_MESSAGE) return error;
  if (meant) return copy(error, `${error.message.slice(0, LONGEST_MESSAGE)}…`, { ...error.extensions });
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
