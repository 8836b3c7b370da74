/**
 * The environment, read once: checked, frozen, with units in the names. Every variable stands in the README's table and
 * in .env.example.
 */
import { isIP } from 'node:net';
import { join } from 'node:path';

import { readLimits, type Limits } from './api/execution/limits.js';
import type { TrustMode } from './api/execution/trusted-documents.js';
import { PACKAGE_ROOT } from './platform/package-root.js';

export interface Config {
  readonly production: boolean;
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  /** Null: PGlite in `dataDir`. */
  readonly databaseUrl: string | null;
  readonly databasePoolSize: number;
  /** By which the processes that share the database tell each other news; null: there is one process. */
  readonly redisUrl: string | null;
  /** The folder that ships, and another one that adds or replaces venues. */
  readonly referenceFolders: readonly string[];
  readonly priceMaxAgeMs: number;
  /** How long every round of prices is kept; later one a minute is. */
  readonly priceHistoryMs: number;
  /** Recorded prices, or nothing but what is published. */
  readonly feed: 'replay' | 'none';
  readonly feedSpeed: number;
  /** Demo accounts. */
  readonly demo: boolean;
  /** The demo's tokens are given to whoever opens the page: in development, and on this machine only. */
  readonly demoTokens: boolean;
  /** Null with `jwksUrl` null as well: the server makes a secret of its own. */
  readonly authSecret: string | null;
  readonly jwksUrl: string | null;
  readonly authIssuer: string | null;
  readonly authAudience: string | null;
  /** Of pages on other servers that may use the API, such as "https://app.example". */
  readonly corsOrigins: readonly string[];
  /** Who may ask for the schema: everybody, whoever has a token, nobody. */
  readonly introspection: 'all' | 'tokens' | 'none';
  /** A manifest of the documents that the venue's apps send; null: there is none. */
  readonly trustedDocuments: string | null;
  readonly trustMode: TrustMode;
  readonly limits: Limits;
  /** For load balancers to see that it is not ready any more, before it takes no more connections. */
  readonly shutdownNoticeMs: number;
  readonly logLevel: string;
}

/** All that is wrong with the environment, in one message. */
export class ConfigError extends Error {
  constructor(problems: readonly string[]) {
    super(`The configuration cannot be used:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);

export function readConfig(env: Environment): Config {
  const problems: string[] = [];
  const text = (name: string): string | null => {
    const value = env[name]?.trim();
    return value === undefined || value === '' ? null : value;
  };
  const number = (name: string, fallback: number, low: number, high: number, whole = false): number => {
    const value = text(name);
    if (value === null) return fallback;
    const read = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
    if (read >= low && read <= high && (!whole || Number.isInteger(read))) return read;
    problems.push(
      `${name}: expected a ${whole ? 'whole ' : ''}number from ${low} to ${high}, got ${JSON.stringify(value)}.`,
    );
    return fallback;
  };
  const choice = <T extends string>(name: string, choices: readonly T[], fallback: T): T => {
    const value = text(name);
    if (value === null) return fallback;
    const found = choices.find((each) => each === value);
    if (found !== undefined) return found;
    problems.push(`${name}: expected ${choices.join(' or ')}, got ${JSON.stringify(value)}.`);
    return fallback;
  };
  const url = (name: string, protocols: readonly string[]): string | null => {
    const value = text(name);
    if (value === null) return null;
    if (URL.canParse(value) && protocols.includes(new URL(value).protocol)) return value;
    // The value is not repeated: a URL may hold a password.
    problems.push(`${name}: expected a URL that begins with ${protocols.map((each) => `${each}//`).join(' or ')}.`);
    return null;
  };

  const origins = (name: string): readonly string[] => {
    const values = (text(name) ?? '').split(',').flatMap((value) => value.trim() || []);
    for (const value of values) {
      if (URL.canParse(value) && new URL(value).origin === value) continue;
      problems.push(
        `${name}: expected origins such as https://app.example, with commas between, got ${JSON.stringify(value)}.`,
      );
    }
    return values;
  };

  const trustedDocuments = text('TRUSTED_DOCUMENTS');
  if (trustedDocuments === null && text('TRUSTED_DOCUMENTS_MODE') !== null) {
    problems.push('TRUSTED_DOCUMENTS_MODE needs TRUSTED_DOCUMENTS: the file that says which documents are trusted.');
  }

  const production = text('NODE_ENV') === 'production';
  const databaseUrl = url('DATABASE_URL', ['postgresql:', 'postgres:']);
  const redisUrl = url('REDIS_URL', ['redis:', 'rediss:']);
  const authSecret = text('AUTH_SECRET');
  const jwksUrl = url('AUTH_JWKS_URL', ['https:', 'http:']);
  const ownSecret = authSecret === null && jwksUrl === null;
  const demoByDefault = databaseUrl === null && !production;
  const demo = choice('DEMO', ['0', '1'], demoByDefault ? '1' : '0') === '1';
  const host = text('HOST') ?? (ownSecret ? '127.0.0.1' : '0.0.0.0');
  const reference = text('REFERENCE_DATA');

  if (text('REDIS_URL') !== null && text('DATABASE_URL') === null) {
    problems.push(
      'REDIS_URL needs DATABASE_URL: several processes have to share a PostgreSQL server, and PGlite is of one process.',
    );
  }
  if (authSecret !== null && jwksUrl !== null)
    problems.push('AUTH_SECRET, AUTH_JWKS_URL: expected one of them, got both.');
  if (authSecret !== null && authSecret.length < 32) {
    problems.push(`AUTH_SECRET: expected at least 32 characters, got ${authSecret.length}.`);
  }
  if (ownSecret && production) {
    problems.push(
      'NODE_ENV=production needs AUTH_SECRET or AUTH_JWKS_URL: tokens must be checked against a key of yours.',
    );
  }
  if (isIP(host) === 0 && host !== 'localhost')
    problems.push(`HOST: expected an IP address or localhost, got ${JSON.stringify(host)}.`);
  if (ownSecret && !LOOPBACK.has(host)) {
    problems.push(
      `HOST=${host} needs AUTH_SECRET or AUTH_JWKS_URL: with a secret of its own the server listens on loopback only.`,
    );
  }

  const config: Config = {
    production,
    host,
    port: number('PORT', 4000, 0, 65_535, true),
    dataDir: text('DATA_DIR') ?? './data',
    databaseUrl,
    databasePoolSize: number('DATABASE_POOL', 10, 2, 100, true),
    redisUrl,
    referenceFolders: [join(PACKAGE_ROOT, 'prisma', 'reference'), ...(reference === null ? [] : [reference])],
    priceMaxAgeMs: number('PRICE_MAX_AGE', 60, 0.1, 86_400) * 1000,
    // The replay of the demo makes ten rounds a second.
    priceHistoryMs: number('PRICE_HISTORY_FULL', demo ? 1 : 24, 0.1, 9_600) * 3_600_000,
    feed: choice('FEED', ['replay', 'none'], demo ? 'replay' : 'none'),
    feedSpeed: number('FEED_SPEED', 600, 0.01, 100_000),
    demo,
    demoTokens: demo && !production && jwksUrl === null && LOOPBACK.has(host),
    authSecret,
    jwksUrl,
    authIssuer: text('AUTH_ISSUER'),
    authAudience: text('AUTH_AUDIENCE'),
    corsOrigins: origins('CORS_ORIGINS'),
    introspection: choice('INTROSPECTION', ['all', 'tokens', 'none'], production ? 'tokens' : 'all'),
    trustedDocuments,
    trustMode: choice(
      'TRUSTED_DOCUMENTS_MODE',
      ['off', 'log', 'require'],
      trustedDocuments === null ? 'off' : 'require',
    ),
    limits: readLimits(number),
    shutdownNoticeMs: number('SHUTDOWN_NOTICE', 0, 0, 600) * 1000,
    logLevel: choice('LOG_LEVEL', ['silent', 'error', 'warn', 'info', 'debug'], 'info'),
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(config);
}
