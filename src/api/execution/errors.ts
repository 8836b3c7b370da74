/** What a client may see of an error. Only an ApiError, or an error of GraphQL itself, shows its text. */
import { randomUUID } from 'node:crypto';

import { GraphQLError, type GraphQLFormattedError } from 'graphql';

import { AccountsBusyError } from '../../ledger/ledger-checks.js';
import { UnreadableAccountError } from '../../ledger/records.js';
import { NotRecordedError, isTooLarge, isUnavailable } from '../../platform/database/database-errors.js';
import { TooManyWritesError } from '../../platform/lanes.js';
import type { Logger } from '../../platform/log.js';
import { AccountsLoadingError } from '../../risk/engine/account-cache.js';
import { ApiError, type ErrorCode } from '../types/api-error.js';
import { globalId } from '../types/global-id.js';

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
  const telling = tellable(originalError);
  if (telling !== null) return copy(error, telling.message, telling.extensions);
  if (originalError instanceof AccountsLoadingError) {
    return copy(error, originalError.message, { code: 'SERVICE_UNAVAILABLE' });
  }
  if (isMeant(originalError)) {
    // GraphQL's own errors of execution, such as null for a non-null argument, have no code.
    const extensions = { code: 'BAD_USER_INPUT', ...error.extensions };
    return copy(error, presentable(error.message), extensions);
  }
  const hidden = unexpected(originalError, log, error.path);
  return copy(error, hidden.message, hidden.extensions);
}

/** Whether the same operation may succeed shortly: the server or its database was at fault, and not the request. */
export function mayPass(errors: readonly GraphQLError[]): boolean {
  return errors.some(
    ({ originalError, extensions }) => !isMeant(originalError) || extensions['code'] === 'SERVICE_UNAVAILABLE',
  );
}

/** Whether nothing failed but accounts that this server cannot read. */
export function areOfSetAside(errors: readonly GraphQLError[]): boolean {
  return errors.every(({ originalError }) => originalError instanceof UnreadableAccountError);
}

function isMeant(originalError: Error | null | undefined): boolean {
  return originalError === undefined || originalError === null || originalError instanceof GraphQLError;
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

/** Failures that are no defect, and that a log line for each request would not explain better. */
function tellable(error: unknown): ApiError | null {
  if (error instanceof UnreadableAccountError) return accountSetAside(error);
  if (error instanceof AccountsBusyError) return accountsBusy(error);
  if (error instanceof TooManyWritesError) {
    const message = `${error.most} of your writes run or wait here already, and this one did nothing. Send it again when they are answered.`;
    return new ApiError('RATE_LIMITED', message, undefined, { extensions: { retryAfter: 1 } });
  }
  return null;
}

/** Accounts that one message names. */
const MAX_NAMED = 5;

function accountsBusy({ accountIds }: AccountsBusyError): ApiError {
  const named = accountIds.slice(0, MAX_NAMED).map((id) => globalId('Account', id));
  const more = accountIds.length - named.length;
  if (more > 0) named.push(`${more} more`);
  const accounts = `the account${accountIds.length === 1 ? '' : 's'} ${named.join(', ')}`;
  return new ApiError(
    'SERVICE_UNAVAILABLE',
    `Other work holds ${accounts}, and nothing was recorded; try again shortly.`,
  );
}

/** The loop logs such an account once, and not each request for it. */
function accountSetAside({ accountId }: UnreadableAccountError): ApiError {
  const id = globalId('Account', accountId);
  const message =
    `The account ${id} cannot be read by this server at the moment, and nothing of it was changed; ` +
    'try again shortly. All other accounts are served.';
  return new ApiError('SERVICE_UNAVAILABLE', message);
}

/** The client's error for a failure of the database; null: the failure is not a known one. */
function codeOf(error: unknown): readonly [ErrorCode, string] | null {
  if (error instanceof NotRecordedError) {
    const message = 'Other work holds what this needs, and nothing was recorded; try again shortly.';
    return ['SERVICE_UNAVAILABLE', message];
  }
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
