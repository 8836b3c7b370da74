/** Fastify and mercurius with graphql-jit, over a source of rows. */
import fastify from 'fastify';
import mercurius from 'mercurius';

import { TYPES, resolversOf } from './schema.mjs';
import { viewerOf } from './viewer.mjs';

export async function serveMercurius(source, rules) {
  const app = fastify();
  await app.register(mercurius, {
    ...{ schema: TYPES, resolvers: resolversOf(source, rules), jit: 1, graphiql: false },
    context: ({ headers }) => ({ viewer: viewerOf(headers.authorization) }),
  });
  app.get('/readyz', async () => ({ status: 'ok' }));
  await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) });
}
