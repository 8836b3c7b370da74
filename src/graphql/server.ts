/** The HTTP and WebSocket face of the pipeline: routes, health, and the pages for people. */
import { ApolloServer } from '@apollo/server';
import { ApolloServerPluginCacheControlDisabled } from '@apollo/server/plugin/disabled';
import { fastifyApolloHandler } from '@as-integrations/fastify';
import fastify, { type FastifyInstance } from 'fastify';
import type { GraphQLFormattedError } from 'graphql';

import { InvalidTokenError, type Authenticate, type Viewer } from '../platform/auth.js';
import { createContext, type Services } from './context.js';
import { ApiError, shortened } from './errors.js';
import { servePages, type PageOptions } from './page-routes.js';
import { MAX_TOKENS, type Pipeline } from './pipeline.js';
import { GRAPHQL_PATH, serveWebSocket } from './websocket.js';

/** Of a request's body; a batch of 1,000 fills has about 300 kB. */
const BODY_LIMIT = 1_048_576;

interface HttpContext {
  readonly viewer: Viewer | null;
}

export interface ServerOptions {
  readonly services: Services;
  readonly pipeline: Pipeline;
  readonly authenticate: Authenticate;
  readonly pages: PageOptions;
  /** Null: everything answers. Otherwise what does not. */
  readonly readiness: () => Promise<string | null>;
}

export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const { services, pipeline, authenticate } = options;
  const app = fastify({ bodyLimit: BODY_LIMIT, forceCloseConnections: true });

  const apollo = new ApolloServer<HttpContext>({
    // Apollo reads the request and writes the answer; what lies between is the pipeline's.
    gateway: {
      load: async () => ({
        executor: ({ document, request, context }) =>
          pipeline.run({
            document,
            operationName: request.operationName,
            variables: request.variables,
            transport: 'http',
            context: () => createContext(services, (context as HttpContext).viewer),
          }),
      }),
      onSchemaLoadOrUpdate: (callback) => {
        callback({ apiSchema: pipeline.schema, coreSupergraphSdl: '' });
        return () => undefined;
      },
      stop: async () => undefined,
    },
    validationRules: [...pipeline.rules],
    parseOptions: { maxTokens: MAX_TOKENS },
    introspection: true,
    hideSchemaDetailsFromClientErrors: true,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    persistedQueries: false,
    formatError: inWordsOfTheContract,
    plugins: [ApolloServerPluginCacheControlDisabled()],
  });
  await apollo.start();

  servePages(app, options.pages);
  app.route({
    url: GRAPHQL_PATH,
    method: ['GET', 'POST', 'OPTIONS'],
    handler: fastifyApolloHandler(apollo, {
      context: async (request) => ({ viewer: await viewerOfHeader(authenticate, request.headers.authorization) }),
    }),
  });
  app.get('/livez', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const problem = await options.readiness();
    return problem === null ? { status: 'ok' } : reply.code(503).send({ status: 'unavailable', problem });
  });
  app.setErrorHandler<Error & { statusCode?: number }>((error, _request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) services.log.error({ err: error }, 'A request failed.');
    const code = status >= 500 ? 'INTERNAL_SERVER_ERROR' : status === 413 ? 'LIMIT_EXCEEDED' : 'BAD_USER_INPUT';
    const message = status >= 500 ? 'Something went wrong here; it was logged.' : error.message;
    return reply.code(status).send({ errors: [{ message, extensions: { code } }] });
  });
  app.setNotFoundHandler((request, reply) =>
    reply
      .code(404)
      .send({ errors: [{ message: `There is nothing at ${request.method} ${request.url.slice(0, 200)}.` }] }),
  );

  const sockets = serveWebSocket(app.server, pipeline, { services, authenticate });
  // Before the server waits for its connections to end, of which a WebSocket is one.
  app.addHook('preClose', () => sockets.close());
  app.addHook('onClose', () => apollo.stop());
  return app;
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

/** What Apollo puts in front of an error that arose before the operation was looked at. */
const APOLLO_PREFIX = 'Context creation failed: ';

/** Apollo's own answers to requests that never reach the pipeline, in the words and bounds of the contract. */
function inWordsOfTheContract(formatted: GraphQLFormattedError): GraphQLFormattedError {
  const code = formatted.extensions?.['code'];
  const renamed = typeof code === 'string' ? (CODES[code] ?? code) : code;
  const plain = formatted.message.startsWith(APOLLO_PREFIX)
    ? formatted.message.slice(APOLLO_PREFIX.length)
    : formatted.message;
  return { ...formatted, message: shortened(plain), extensions: { ...formatted.extensions, code: renamed } };
}
