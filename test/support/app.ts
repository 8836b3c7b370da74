/** A server in this process, on a database of its own. */
import { createLogger } from '../../src/platform/log.js';
import { startApp, type App } from '../../src/app.js';
import { readConfig } from '../../src/config.js';
import type { Role } from '../../src/platform/auth.js';
import { TEST_SECRET, apiFor, apiWith, type Api } from './api.js';
import { createTestDatabase, type TestDatabase } from './database.js';

export interface TestApp {
  readonly url: string;
  readonly app: App;
  readonly database: TestDatabase;
  /** Every SQL statement since the start. */
  readonly statements: string[];
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
}

export async function startTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  const database = options.database ?? (await createTestDatabase());
  const statements: string[] = [];
  const config = readConfig({
    PORT: '0',
    HOST: '127.0.0.1',
    AUTH_SECRET: TEST_SECRET,
    DEMO: '0',
    LOG_LEVEL: 'silent',
    ...database.env,
    ...options.env,
  });
  const app = await startApp(config, {
    log: createLogger(config.logLevel),
    onStatement: (sql) => statements.push(sql),
    ...(options.clock === undefined ? {} : { clock: options.clock }),
  });
  return {
    url: app.url,
    app,
    database,
    statements,
    as: (subject, ...roles) => apiFor(app.url, subject, ...roles),
    anonymous: () => apiWith(app.url, undefined),
    close: async () => {
      await app.close();
      if (options.database === undefined) await database.drop();
    },
  };
}
