/** The HTTP, WebSocket and event stream face of the pipeline: routes, health, and the pages for people. */
import type { AddressInfo, Socket } from 'node:net';
import { Transform, type Readable } from 'node:stream';

import { ApolloServer } from '@apollo/server';
import { ApolloServerPluginCacheControlDisabled } from '@apollo/server/plugin/disabled';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { GraphQLFormattedError } from 'graphql';

import { InvalidTokenError, type Authenticate, type Viewer } from '../../platform/tokens.js';
import type { Connections } from './sockets.js';
import { createContext, type Services } from '../execution/context.js';
import { presentable } from '../execution/errors.js';
import { ApiError } from '../types/api-error.js';
import { createHttp, serveApollo } from './http.js';
import type { Limits } from '../execution/limits.js';
import type { Readiness } from './readiness.js';
import { serveSite, type SiteOptions } from './site-routes.js';
import type { Client } from '../execution/operation.js';
import type { Pipeline } from '../execution/pipeline.js';
import { serveEventStreams } from './sse.js';
import { UnreadWatch } from './unread-watch.js';
import { GRAPHQL_PATH, serveWebSocket } from './websocket.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** The client of a request to the API. */
    client: Client;
  }
}

export interface ServerOptions {
  readonly services: Services;
  readonly pipeline: Pipeline;
  readonly authenticate: Authenticate;
  readonly limits: Limits;
  readonly connections: Connections;
  /** Further origins whose pages may use the API, such as "https://app.example". */
  readonly origins: readonly string[];
  readonly site: SiteOptions;
  readonly readiness: () => Promise<Readiness>;
}

export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const { services, pipeline, authenticate, limits, origins } = options;
  const app = await createHttp({ limits, origins, log: services.log });
  const apollo = createApollo(options);
  await apollo.start();
  app.decorateRequest('client');
  /** The client is authenticated before its body is read. */
  const identify = async (request: FastifyRequest): Promise<void> => {
    const viewer = await viewerOfHeader(authenticate, request.headers.authorization);
    request.client = { viewer, address: request.ip };
    const most = bodyLimitOf(request, limits);
    if (Number(request.headers['content-length'] ?? 0) > most) throw bodyTooLarge(most);
  };
  app.addHook('preParsing', async (request, _reply, payload) => {
    const { client, headers } = request;
    // What says how long it is has been measured already.
    if (client == null || headers['content-length'] !== undefined || request.body === null) return payload;
    return bounded(payload, bodyLimitOf(request, limits));
  });

  serveSite(app, options.site);
  serveApollo(app, apollo, {
    path: GRAPHQL_PATH,
    onRequest: identify,
    preHandler: async (request) => {
      const source = readSource(request, pipeline);
      const problem = source === null ? null : pipeline.problemOf(source);
      if (problem !== null) throw problem;
    },
    context: async ({ client }) => client,
  });
  app.get('/livez', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const readiness = await options.readiness();
    return reply.code(readiness.status === 'unavailable' ? 503 : 200).send(readiness);
  });

  const parts = { ...options, unread: new UnreadWatch(limits) };
  const streams = serveEventStreams(app, identify, parts);
  const sockets = serveWebSocket(app.server, parts);
  let draining = false;
  // Requests already in progress also get the header, so that their connections are not kept.
  app.addHook('onSend', async (_request, reply) => {
    if (draining) reply.header('connection', 'close');
  });
  const opened = new Set<Socket>();
  app.server.on('connection', (socket: Socket) => {
    opened.add(socket);
    socket.once('close', () => opened.delete(socket));
  });
  // Must run first: the server waits for its connections to end, and these are among them.
  app.addHook('preClose', async () => {
    draining = true;
    const tooLate = setTimeout(() => app.server.closeAllConnections(), limits.drainSeconds * 1_000);
    app.server.once('close', () => clearTimeout(tooLate));
    // Browsers and pools connect ahead of their requests; Node does not count such a connection as idle.
    for (const socket of opened) if (socket.bytesRead === 0) socket.destroy();
    streams.close();
    await sockets.close();
  });
  app.addHook('onClose', () => apollo.stop());
  return app;
}

function createApollo({ pipeline, services, limits }: ServerOptions): ApolloServer<Client> {
  return new ApolloServer<Client>({
    // Apollo reads the request and writes the answer; the pipeline does the work between.
    gateway: {
      load: async () => ({
        executor: ({ document, request, context }) => {
          const client = context as Client;
          return pipeline.run({
            document,
            operationName: request.operationName,
            variables: request.variables,
            transport: 'http',
            client,
            context: (patience) => createContext(services, client.viewer, patience),
          });
        },
      }),
      onSchemaLoadOrUpdate: (callback) => {
        callback({ apiSchema: pipeline.schema, coreSupergraphSdl: '' });
        return () => undefined;
      },
      stop: async () => undefined,
    },
    parseOptions: { maxTokens: limits.tokens },
    documentStore: pipeline.documents,
    // The pipeline decides who may introspect.
    introspection: true,
    // Pages of other origins can only send simple requests without a preflight, and those are refused.
    csrfPrevention: true,
    hideSchemaDetailsFromClientErrors: true,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    persistedQueries: false,
    formatError: inWordsOfTheContract,
    plugins: [ApolloServerPluginCacheControlDisabled()],
  });
}

function bodyLimitOf({ client }: FastifyRequest, { bodyBytes, serviceBodyBytes }: Limits): number {
  return client.viewer?.roles.includes('SERVICE') === true ? serviceBodyBytes : bodyBytes;
}

function bodyTooLarge(most: number): ApiError {
  return new ApiError('LIMIT_EXCEEDED', `Expected a body of at most ${most} bytes.`, 413);
}

/** The same stream, which fails when it exceeds the limit. */
function bounded(payload: Readable, most: number): Readable {
  let received = 0;
  const counted = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      received += chunk.length;
      if (received > most) done(bodyTooLarge(most));
      else done(null, chunk);
    },
  });
  // A pipe does not end by itself when the client disconnects.
  payload.once('close', () => {
    if (!payload.readableEnded) counted.destroy(new ApiError('BAD_USER_INPUT', 'The body was cut off.', 400));
  });
  return payload.pipe(counted);
}

/** The text to execute. A text found by its id is put where Apollo reads it. Null: Apollo reports the missing text. */
function readSource({ method, query, body, raw }: FastifyRequest, pipeline: Pipeline): string | null {
  const given: unknown = method === 'GET' ? query : body;
  if (typeof given !== 'object' || given === null) return null;
  const params = given as Record<string, unknown>;
  const source = pipeline.textOf(params);
  if (source === null || source === params['query']) return source;
  // Apollo would treat the id as one of its own persisted queries, which this server does not store.
  delete params['extensions'];
  delete params['documentId'];
  params['query'] = source;
  if (method === 'GET') raw.url = `${GRAPHQL_PATH}?${new URLSearchParams(params as Record<string, string>).toString()}`;
  return source;
}

async function viewerOfHeader(authenticate: Authenticate, header: string | undefined): Promise<Viewer | null> {
  try {
    return await authenticate(header);
  } catch (error) {
    if (error instanceof InvalidTokenError) throw new ApiError('UNAUTHENTICATED', error.message, 401);
    throw new ApiError('SERVICE_UNAVAILABLE', 'Tokens cannot be checked at the moment; try again shortly.', 503);
  }
}

const CODES: Record<string, string> = {
  OPERATION_RESOLUTION_FAILURE: 'BAD_USER_INPUT',
  BAD_REQUEST: 'BAD_USER_INPUT',
  PERSISTED_QUERY_NOT_SUPPORTED: 'BAD_USER_INPUT',
};

/** Converts Apollo's own errors, of requests that never reach the pipeline, to the codes and bounds of the contract. */
function inWordsOfTheContract(formatted: GraphQLFormattedError): GraphQLFormattedError {
  const code = formatted.extensions?.['code'];
  const renamed = typeof code === 'string' ? (CODES[code] ?? code) : code;
  return {
    ...formatted,
    message: presentable(formatted.message),
    extensions: { ...formatted.extensions, code: renamed },
  };
}

/** Such as "http://127.0.0.1:4000", once it listens. */
export function urlOf(server: FastifyInstance): string {
  const { address, port } = server.server.address() as AddressInfo;
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
}
