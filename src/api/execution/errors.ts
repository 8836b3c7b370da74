/** What a client may see of an error. Only an ApiError, or an error of GraphQL itself, shows its text. */
import { randomUUID } from 'node:crypto';

import { GraphQLError, type GraphQLFormattedError } from 'graphql';

import { isTooLarge, isUnavailable } from '../../platform/database.js';
import type { Logger } from '../../platform/log.js';
import { ApiError, type ErrorCode } from '../types/api-error.js';

const MAX_MESSAGE = 1_000;
/** Characters kept at the end of a long message, which says what was expected. */
const MAX_END = 600;

/**
 * GraphQL's own messages repeat the input, which may have 90,000 digits, so the middle is cut out. They also suggest
 * names of the schema. Those are removed, since they would reveal it.
 */
export function presentable(message: string): string {
  const plain = message.replace(/ Did you mean .*\?$/s, '');
  if (plain.length <= MAX_MESSAGE) return plain;
  return `${plain.slice(0, MAX_MESSAGE - MAX_END)}…${plain.slice(-MAX_END)}`;
}

/** The error for a transport that has no statuses and headers of its own. */
export function withoutHttp(error: GraphQLError): GraphQLError {
  const { http, ...extensions } = error.extensions;
  return http === undefined ? error : copy(error, error.message, extensions);
}

/**
 * What a client may see of an error. An ApiError and GraphQL's own errors pass. Any other error is logged under an id
 * that the client can quote, and its text is hidden.
 */
export function masked(error: GraphQLError, log: Logger): GraphQLError {
  const { originalError } = error;
  const meant = originalError === undefined || originalError === null || originalError instanceof GraphQLError;
  const message = presentable(error.message);
  if (meant) {
    // GraphQL's own errors of execution, such as null for a non-null argument, have no code.
    const extensions = { code: 'BAD_USER_INPUT', ...error.extensions };
    return copy(error, message, extensions);
  }
  const hidden = unexpected(originalError, log, error.path);
  return copy(error, hidden.message, hidden.extensions);
}

/** GraphQL's own error with the code of the contract. The error thrown by a scalar is dropped. */
export function coded(error: GraphQLError, code: string): GraphQLError {
  return new GraphQLError(presentable(error.message), {
    ...(error.nodes === undefined ? {} : { nodes: error.nodes }),
    ...(error.source === undefined ? {} : { source: error.source }),
    ...(error.positions === undefined ? {} : { positions: error.positions }),
    extensions: { code, http: { status: 400 } },
  });
}

/** Replaces an error whose text no client may see. */
export function unexpected(error: unknown, log: Logger, path?: GraphQLError['path']): ApiError {
  const id = randomUUID();
  log.error({ err: error, id, path }, 'A request failed.');
  const [code, message] = codeOf(error) ?? [
    'INTERNAL_SERVER_ERROR',
    `Something went wrong here; it was logged as ${id}.`,
  ];
  return new ApiError(code, message, undefined, { extensions: { id } });
}

/** The client's error for a failure of the database; null: the failure is not a known one. */
function codeOf(error: unknown): readonly [ErrorCode, string] | null {
  if (isUnavailable(error)) {
    return ['SERVICE_UNAVAILABLE', 'The service cannot answer at the moment; try again shortly.'];
  }
  if (isTooLarge(error)) {
    const message =
      'A number would be larger than what is kept, which is 30 digits before the point; nothing was recorded.';
    return ['BAD_USER_INPUT', message];
  }
  return null;
}

/** The body of an answer that is only this error. */
export function asAnswer(error: GraphQLError): { readonly errors: readonly GraphQLFormattedError[] } {
  return { errors: [withoutHttp(error).toJSON()] };
}

function copy(error: GraphQLError, message: string, extensions: Record<string, unknown>): GraphQLError {
  return new GraphQLError(message, {
    ...(error.nodes === undefined ? {} : { nodes: error.nodes }),
    ...(error.source === undefined ? {} : { source: error.source }),
    ...(error.positions === undefined ? {} : { positions: error.positions }),
    ...(error.path === undefined ? {} : { path: error.path }),
    extensions,
  });
}
