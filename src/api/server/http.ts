/**
 * HTTP for all routes: timeouts, the headers for browsers, and one form of errors. server.ts adds the routes.
 */
import { STATUS_CODES } from 'node:http';

import type { ApolloServer, BaseContext } from '@apollo/server';
import { fastifyApolloHandler } from '@as-integrations/fastify';
import cors from '@fastify/cors';
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { GraphQLError } from 'graphql';

import type { Logger } from '../../platform/log.js';
import { asAnswer, presentable, unexpected } from '../execution/errors.js';
import { ApiError } from '../types/api-error.js';
import type { Limits } from '../execution/limits.js';

export interface HttpOptions {
  readonly limits: Limits;
  /** Further origins whose pages may use the API, such as "https://app.example". */
  readonly origins: readonly string[];
  readonly log: Logger;
}

export async function createHttp({ limits, origins, log }: HttpOptions): Promise<FastifyInstance> {
  const app = fastify({
    bodyLimit: limits.serviceBodyBytes,
    // Running requests get time to end; connections without a request are closed at once.
    forceCloseConnections: 'idle',
    requestTimeout: limits.requestSeconds * 1_000,
    keepAliveTimeout: limits.idleSeconds * 1_000,
    // Ends connections whose client does not read the answer. A connection is also silent while the server computes.
    connectionTimeout: (limits.operationSeconds + limits.unreadSeconds) * 1_000,
    http: { headersTimeout: limits.headersSeconds * 1_000, connectionsCheckingInterval: 1_000 },
    frameworkErrors: (error, _request, reply) => void answerError(error, reply, log),
    clientErrorHandler: (error, socket) => {
      const status = CLIENT_ERRORS[error.code] ?? 400;
      const body = JSON.stringify(asAnswer(new ApiError('BAD_USER_INPUT', `${STATUS_CODES[status]}.`)));
      if (!socket.writable) return void socket.destroy();
      socket.end(
        `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n` +
          `Content-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      );
    },
  });
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(HEADERS);
    done();
  });
  if (origins.length > 0) {
    await app.register(cors, {
      origin: [...origins],
      methods: ['GET', 'POST'],
      exposedHeaders: ['retry-after'],
      maxAge: PREFLIGHT_SECONDS,
      strictPreflight: false,
    });
  }
  app.setErrorHandler<FastifyError>((error, _request, reply) => answerError(error, reply, log));
  app.setNotFoundHandler((request, reply) => {
    const message = `There is nothing at ${request.method} ${request.url.slice(0, 200)}.`;
    return reply.code(404).send(asAnswer(new ApiError('BAD_USER_INPUT', message)));
  });
  return app;
}

export interface ApolloRoute<C extends BaseContext> {
  readonly path: string;
  /** Runs before the body is read. */
  readonly onRequest?: (request: FastifyRequest) => Promise<void>;
  /** Runs after the body is read, and before Apollo gets it. */
  readonly preHandler?: (request: FastifyRequest) => Promise<void>;
  readonly context: (request: FastifyRequest) => Promise<C>;
}

/** Operations by HTTP; Apollo reads the request and writes the answer. */
export function serveApollo<C extends BaseContext>(
  app: FastifyInstance,
  apollo: ApolloServer<C>,
  { path, context, ...hooks }: ApolloRoute<C>,
): void {
  app.route({
    url: path,
    method: ['GET', 'POST', 'OPTIONS'],
    ...hooks,
    handler: fastifyApolloHandler(apollo, { context }),
  });
}

/** The pages need nothing but what this server has; GraphiQL's editor sets styles in its markup. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
];

/** Of every answer, for browsers: those that helmet sets. */
const HEADERS = {
  'content-security-policy': CONTENT_SECURITY_POLICY.join(';'),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
  'x-dns-prefetch-control': 'off',
  'x-download-options': 'noopen',
  'x-frame-options': 'SAMEORIGIN',
  'x-permitted-cross-domain-policies': 'none',
  'x-xss-protection': '0',
};

/** How long a browser caches the answer to a preflight. */
const PREFLIGHT_SECONDS = 600;

/** Statuses of requests that are not HTTP, or too slow. All others get 400. */
const CLIENT_ERRORS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

const GRAPHQL_RESPONSE = 'application/graphql-response+json';

interface HttpOfError {
  readonly status?: number;
  readonly headers?: ReadonlyMap<string, string>;
}

/** Errors of requests that do not reach Apollo, in the same form as Apollo's. */
function answerError(error: FastifyError | Error, reply: FastifyReply, log: Logger): FastifyReply {
  // Clients of GraphQL over HTTP read the errors of a refusal only under this name.
  if (reply.request.headers.accept?.includes(GRAPHQL_RESPONSE) === true)
    reply.type(`${GRAPHQL_RESPONSE}; charset=utf-8`);
  if (error instanceof GraphQLError) {
    const { status = 200, headers = [] } = (error.extensions['http'] ?? {}) as HttpOfError;
    if (status === 413) reply.header('connection', 'close');
    return reply.code(status).headers(Object.fromEntries(headers)).send(asAnswer(error));
  }
  const { statusCode: status = 500, code: reason } = error as Partial<FastifyError>;
  if (status === 413) reply.header('connection', 'close');
  if (status < 500) {
    const code = status === 413 ? 'LIMIT_EXCEEDED' : 'BAD_USER_INPUT';
    const message =
      reason === 'FST_ERR_CTP_INVALID_JSON_BODY' ? 'Invalid JSON in the body.' : presentable(error.message);
    return reply.code(status).send(asAnswer(new ApiError(code, message)));
  }
  return reply.code(500).send(asAnswer(unexpected(error, log)));
}
