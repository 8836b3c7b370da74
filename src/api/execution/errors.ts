/** What a client may see of an error: what is not an ApiError, or the language's own, never shows its text. */
import { randomUUID } from 'node:crypto';

import { GraphQLError, type GraphQLFormattedError } from 'graphql';

import { isTooLarge, isUnavailable } from '../../platform/database.js';
import type { Logger } from '../../platform/log.js';
import { ApiError, type ErrorCode } from '../types/api-error.js';

const MAX_MESSAGE = 1_000;
/** What stands at the end of a long message: what was expected, after what came. */
const MAX_END = 600;

/**
 * GraphQL's own messages repeat what came, which may be 90,000 digits: they lose their middle. And they guess what was
 * meant, which would tell what there is.
 */
export function presentable(message: string): string {
  const plain = message.replace(/ Did you mean .*\?$/s, '');
  if (plain.length <= MAX_MESSAGE) return plain;
  return `${plain.slice(0, MAX_MESSAGE - MAX_END)}…${plain.slice(-MAX_END)}`;
}

/** As it goes over a transport that has no statuses and headers of its own. */
export function withoutHttp(error: GraphQLError): GraphQLError {
  const { http, ...extensions } = error.extensions;
  return http === undefined ? error : copy(error, error.message, extensions);
}

/**
 * What a client may see of an error. Ours, and those of the language itself, pass; anything else is logged under an id
 * that the client can quote, and says nothing.
 */
export function masked(error: GraphQLError, log: Logger): GraphQLError {
  const { originalError } = error;
  const meant = originalError === undefined || originalError === null || originalError instanceof GraphQLError;
  const message = presentable(error.message);
  if (meant) {
    // What the language itself finds wrong while it executes, such as null for an argument that must not be, has no code.
    const extensions = { code: 'BAD_USER_INPUT', ...error.extensions };
    return copy(error, message, extensions);
  }
  const hidden = unexpected(originalError, log, error.path);
  return copy(error, hidden.message, hidden.extensions);
}

/** An error of the language with the code of the contract; the error that a scalar threw goes no further. */
export function coded(error: GraphQLError, code: string): GraphQLError {
  return new GraphQLError(presentable(error.message), {
    ...(error.nodes === undefined ? {} : { nodes: error.nodes }),
    ...(error.source === undefined ? {} : { source: error.source }),
    ...(error.positions === undefined ? {} : { positions: error.positions }),
    extensions: { code, http: { status: 400 } },
  });
}

/** What stands for an error that no client is to see. */
export function unexpected(error: unknown, log: Logger, path?: GraphQLError['path']): ApiError {
  const id = randomUUID();
  log.error({ err: error, id, path }, 'A request failed.');
  const [code, message] = codeOf(error) ?? [
    'INTERNAL_SERVER_ERROR',
    `Something went wrong here; it was logged as ${id}.`,
  ];
  return new ApiError(code, message, undefined, { extensions: { id } });
}

/** What a failure of the database means to a client; null: nothing that is known here. */
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

/** An error as the body of an answer that is nothing else. */
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
