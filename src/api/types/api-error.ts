/** Errors as the contract names them, meant for the client. */
import { GraphQLError } from 'graphql';

export type ErrorCode =
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'BAD_USER_INPUT'
  | 'GRAPHQL_PARSE_FAILED'
  | 'GRAPHQL_VALIDATION_FAILED'
  | 'LIMIT_EXCEEDED'
  | 'RATE_LIMITED'
  | 'OPERATION_NOT_SUPPORTED'
  | 'SERVICE_UNAVAILABLE'
  | 'INTERNAL_SERVER_ERROR';

export interface ErrorDetails {
  /** What a client may use, beside the code. */
  readonly extensions?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An error that is meant for the client, text and all. */
export class ApiError extends GraphQLError {
  /** Of an answer by HTTP that is nothing but this error. */
  readonly statusCode: number | undefined;

  constructor(code: ErrorCode, message: string, httpStatus?: number, { extensions, headers }: ErrorDetails = {}) {
    const http = {
      status: httpStatus,
      ...(headers === undefined ? {} : { headers: new Map(Object.entries(headers)) }),
    };
    super(message, { extensions: { code, ...extensions, ...(httpStatus === undefined ? {} : { http }) } });
    this.statusCode = httpStatus;
  }
}

export function badUserInput(message: string): ApiError {
  return new ApiError('BAD_USER_INPUT', message);
}
