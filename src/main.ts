/** The process: read the configuration, start, stop on a signal. */
import { existsSync } from 'node:fs';

import { TrustedDocumentsError } from './api/execution/trusted-documents.js';
import { startApp } from './app.js';
import { ConfigError, readConfig } from './config.js';
import { DatabaseUnavailableError } from './platform/database/database-errors.js';
import { DiskFullError } from './platform/database/disk-watch.js';
import { FolderLockedError } from './platform/database/folder-lock.js';
import { MigrationFailedError } from './platform/database/migrate.js';
import { onStop } from './platform/stop.js';
import { ReferenceDataError } from './policy/reference/reference-data.js';

if (existsSync('.env')) process.loadEnvFile('.env');

/** Errors that the operator can mend: the message is enough, without a stack. */
const EXPECTED = [
  ...[ConfigError, DatabaseUnavailableError, DiskFullError, FolderLockedError, MigrationFailedError],
  ...[ReferenceDataError, TrustedDocumentsError],
];

/** Null: a defect of the server, whose stack tells more. */
function reasonOf(error: unknown): string | null {
  if (EXPECTED.some((kind) => error instanceof kind)) return (error as Error).message;
  const { code, syscall, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  if (syscall !== 'listen') return null;
  const why = code === 'EADDRINUSE' ? 'another process listens there' : String(code);
  return `HOST, PORT and METRICS_PORT: ${address}:${port} cannot be opened (${why}).`;
}

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
  const reason = reasonOf(error);
  console.error(reason === null ? error : `Plimsoll did not start. ${reason}`);
  process.exit(1);
}
