/** The pages for people: live margin ratios, and GraphiQL. Everything is served from here, nothing from a CDN. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import type { FastifyInstance, FastifyReply } from 'fastify';

import { PACKAGE_ROOT } from '../../platform/package-root.js';
import { isForLoopback } from './origins.js';
import { GRAPHQL_PATH } from './websocket.js';

export interface SiteOptions {
  /** Tokens that pages on this machine fill in, by purpose; null outside the demo. */
  readonly tokens: (() => Promise<{ readonly trader: string; readonly admin: string }>) | null;
  /** The instant of the recording that is played at `at`, and its speed; null while nothing is replayed. */
  readonly replay?: () => { readonly speed: number; readonly at: Date; readonly recordedAt: Date } | null;
}

const PAGES = join(PACKAGE_ROOT, 'src', 'site');
const { resolve } = createRequire(import.meta.url);

/** A file of a package, beside its package.json: some of these are not among what the package exports to code. */
function fileOf(packageName: string, ...path: readonly string[]): string {
  return join(resolve(`${packageName}/package.json`), '..', ...path);
}

const HTML = 'text/html; charset=utf-8';
const SCRIPT = 'text/javascript; charset=utf-8';
const STYLE = 'text/css; charset=utf-8';
const IMAGE = 'image/svg+xml';

const FILES: Record<string, { readonly file: string; readonly type: string }> = {
  '/': { file: join(PAGES, 'live.html'), type: HTML },
  '/graphiql': { file: join(PAGES, 'graphiql.html'), type: HTML },
  '/page/mark.svg': { file: join(PAGES, 'mark.svg'), type: IMAGE },
  '/page/api.js': { file: join(PAGES, 'api.js'), type: SCRIPT },
  '/page/formats.js': { file: join(PAGES, 'formats.js'), type: SCRIPT },
  '/page/account-rows.js': { file: join(PAGES, 'account-rows.js'), type: SCRIPT },
  '/page/live.js': { file: join(PAGES, 'live.js'), type: SCRIPT },
  '/page/graphiql-tabs.js': { file: join(PAGES, 'graphiql-tabs.js'), type: SCRIPT },
  '/page/ready-tabs.js': { file: join(PAGES, 'ready-tabs.js'), type: SCRIPT },
  '/page/graphiql-frame.css': { file: join(PAGES, 'graphiql-frame.css'), type: STYLE },
  '/page/page.css': { file: join(PAGES, 'page.css'), type: STYLE },
  '/page/board.css': { file: join(PAGES, 'board.css'), type: STYLE },
  '/page/narrow.css': { file: join(PAGES, 'narrow.css'), type: STYLE },
  '/page/react.js': { file: fileOf('react', 'umd', 'react.production.min.js'), type: SCRIPT },
  '/page/react-dom.js': { file: fileOf('react-dom', 'umd', 'react-dom.production.min.js'), type: SCRIPT },
  '/page/graphiql.js': { file: fileOf('graphiql', 'graphiql.min.js'), type: SCRIPT },
  '/page/graphiql.css': { file: fileOf('graphiql', 'graphiql.min.css'), type: STYLE },
  '/page/graphql-ws.js': { file: fileOf('graphql-ws', 'umd', 'graphql-ws.min.js'), type: SCRIPT },
};

export function serveSite(app: FastifyInstance, { tokens, replay }: SiteOptions): void {
  for (const [url, { file, type }] of Object.entries(FILES)) {
    app.get(url, async (_request, reply: FastifyReply) => reply.type(type).send(await readFile(file)));
  }
  app.get('/page/tokens.json', async ({ headers }, reply) =>
    reply.header('cache-control', 'no-store').send(tokens !== null && isForLoopback(headers) ? await tokens() : {}),
  );
  app.get('/page/replay.json', async (_request, reply) =>
    reply.header('cache-control', 'no-store').send(replay?.() ?? {}),
  );
  // A browser that opens the endpoint needs a page, not an error.
  app.addHook('onRequest', async (request, reply) => {
    const opened = request.method === 'GET' && request.url === GRAPHQL_PATH;
    if (opened && request.headers.accept?.includes('text/html') === true) return reply.redirect('/graphiql');
    return undefined;
  });
}
