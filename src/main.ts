/** The process: read the configuration, start, stop on a signal. */
import { existsSync } from 'node:fs';

import { startApp } from './app.js';
import { ConfigError, readConfig } from './config.js';
import { DatabaseUnavailableError } from './platform/database.js';
import { DiskFullError } from './platform/disk-watch.js';
import { FolderLockedError } from './platform/folder-lock.js';
import { onStop } from './platform/stop.js';
import { ReferenceDataError } from './policy/reference/reference-data.js';

if (existsSync('.env')) process.loadEnvFile('.env');

/** Errors that the operator can mend: the message is enough, without a stack. */
const EXPECTED = [ConfigError, DatabaseUnavailableError, DiskFullError, FolderLockedError, ReferenceDataError];

try {
  const config = readConfig(process.env);
  console.log('Starting; the first start makes the database and takes a few seconds.');
  const app = await startApp(config);
  console.log(`\nPlimsoll is at ${app.url}`);
  if (config.demo) console.log(`  live margin ratios  ${app.url}/\n  GraphiQL            ${app.url}/graphiql`);
  console.log(`  API                 ${app.url}/graphql (HTTP and WebSocket)`);
  if (config.authSecret === null && config.jwksUrl === null) {
    console.log(
      '\nNeither AUTH_SECRET nor AUTH_JWKS_URL is set: tokens are signed with a secret in the data folder, and only\n' +
        'this machine is served. "npm run --silent token -- SUBJECT ROLE..." prints a token.',
    );
  }
  onStop(() => {
    app.close().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
} catch (error) {
  const expected = EXPECTED.some((kind) => error instanceof kind);
  console.error(expected ? `Plimsoll did not start. ${(error as Error).message}` : error);
  process.exit(1);
}
