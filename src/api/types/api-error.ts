/** Errors for the client, with the codes of the contract. */
import { GraphQLError } from 'graphql';

export type ErrorCode =
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'BAD_USER_INPUT'
  | 'GRAPHQL_PARSE_FAILED'
  | 'GRAPHQL_VALIDATION_FAILED'
  | 'CURSOR_EXPIRED'
  | 'LIMIT_EXCEEDED'
  | 'RATE_LIMITED'
  | 'OPERATION_NOT_SUPPORTED'
  | 'SERVICE_UNAVAILABLE'
  | 'INTERNAL_SERVER_ERROR';

export interface ErrorDetails {
  /** Further extensions for the client, beside the code. */
  readonly extensions?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An error whose text the client may see. */
export class ApiError extends GraphQLError {
  /** HTTP status of an answer that is only this error. */
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

/** Longest part of an unknown symbol that is repeated. */
const MAX_SHOWN = 100;

export function unknownAsset(symbol: string): ApiError {
  return badUserInput(`There is no asset ${JSON.stringify(symbol.slice(0, MAX_SHOWN))}.`);
}

export function unknownInstrument(venue: string, symbol: string): ApiError {
  return badUserInput(`${venue} has no instrument ${JSON.stringify(symbol.slice(0, MAX_SHOWN))}.`);
}
