/** A server in this process, on a database of its own: the one that was built (see environment.js). */
import type * as app from '../../../src/app.js';
import type * as config from '../../../src/config.js';
import type { Role } from '../../../src/platform/tokens.js';
import type * as log from '../../../src/platform/log.js';
import { TEST_SECRET, apiFor, apiWith, type Api } from './api.js';
import { SERVER_URL, createTestDatabase, type TestDatabase } from './database.js';

export interface TestApp {
  readonly url: string;
  readonly app: app.App;
  readonly database: TestDatabase;
  /** Every SQL statement since the start. */
  readonly statements: string[];
  /** The same with their parameters, as JSON. */
  readonly executed: { readonly sql: string; readonly parameters: string }[];
  as(subject: string, ...roles: Role[]): Promise<Api>;
  anonymous(): Api;
  close(): Promise<void>;
}

export interface TestAppOptions {
  /** Beside those that make it a quiet server on a free port. */
  readonly env?: Record<string, string>;
  readonly clock?: () => number;
  /** Kept after `close`, so that another server can be started on it. */
  readonly database?: TestDatabase;
  readonly log?: log.Logger;
  /** Of the test's own realm, where it uses modules of its own on the server's services. */
  readonly startApp?: typeof app.startApp;
}

declare global {
  var importBuilt: (path: string) => Promise<unknown>;
}

/** What was built; a test would evaluate src/ anew (see environment.js). */
async function importServer(): Promise<
  Pick<typeof app & typeof config & typeof log, 'startApp' | 'readConfig' | 'createLogger'>
> {
  const [{ startApp }, { readConfig }, { createLogger }] = (await Promise.all(
    ['src/app.js', 'src/config.js', 'src/platform/log.js'].map((path) => importBuilt(path)),
  )) as [typeof app, typeof config, typeof log];
  return { startApp, readConfig, createLogger };
}

/** Servers on one database: two on PostgreSQL, and one on a PGlite folder, which has no more. */
export async function startTestApps(
  options: TestAppOptions & { readonly database: TestDatabase },
): Promise<[TestApp, ...TestApp[]]> {
  const first = await startTestApp(options);
  return SERVER_URL === null ? [first] : [first, await startTestApp(options)];
}

export async function startTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  const built = await importServer();
  const database = options.database ?? (await createTestDatabase());
  const statements: string[] = [];
  const executed: TestApp['executed'] = [];
  const config = built.readConfig({
    PORT: '0',
    HOST: '127.0.0.1',
    AUTH_SECRET: TEST_SECRET,
    DEMO: '0',
    LOG_LEVEL: 'silent',
    ...database.env,
    ...options.env,
  });
  const app = await (options.startApp ?? built.startApp)(config, {
    log: options.log ?? built.createLogger(config.logLevel),
    onStatement: (sql, parameters) => {
      statements.push(sql);
      executed.push({ sql, parameters });
    },
    ...(options.clock === undefined ? {} : { clock: options.clock }),
  });
  return {
    url: app.url,
    app,
    database,
    statements,
    executed,
    as: (subject, ...roles) => apiFor(app.url, subject, ...roles),
    anonymous: () => apiWith(app.url, undefined),
    close: async () => {
      await app.close();
      if (options.database === undefined) await database.drop();
    },
  };
}
