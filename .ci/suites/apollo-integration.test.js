/** What Apollo asks of every integration of its server with a web framework, of the one here. */
import { ApolloServer } from '@apollo/server';
import { defineIntegrationTestSuite } from '@apollo/server-integration-testsuite';

import { readConfig } from '../../dist/src/config.js';
import { createHttp, serveApollo } from '../../dist/src/api/server/http.js';
import { createLogger } from '../../dist/src/platform/log.js';

defineIntegrationTestSuite(async (config, options) => {
  const server = new ApolloServer(config);
  await server.start();
  const app = await createHttp({ limits: readConfig({}).limits, origins: [], log: createLogger('silent') });
  serveApollo(app, server, { path: '/', context: options?.context ?? (async () => ({})) });
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  return { server, url, extraCleanup: () => app.close() };
});
