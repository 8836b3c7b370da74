/** The environment, read once: checked, frozen, with units in the names. variables.ts describes every variable. */
import { isIP } from 'node:net';
import { join } from 'node:path';

import { readLimits, type Limits } from './api/execution/limits.js';
import type { TrustMode } from './api/execution/trusted-documents.js';
import { PACKAGE_ROOT } from './platform/package-root.js';
import { VARIABLES, type Fact, type Fallback, type VariableName } from './variables.js';

export interface Config {
  readonly production: boolean;
  readonly host: string;
  readonly port: number;
  /** 0: metrics are not served. */
  readonly metricsPort: number;
  readonly dataDir: string;
  /** Null: PGlite in `dataDir`. */
  readonly databaseUrl: string | null;
  readonly databasePoolSize: number;
  /** Redis carries notices between servers that share the database. Null: there is one server. */
  readonly redisUrl: string | null;
  /** The folder in this repository, and a further one that adds or replaces venues. */
  readonly referenceFolders: readonly string[];
  readonly priceMaxAgeMs: number;
  /** How long every price batch is kept. Of older ones, one a minute is kept. */
  readonly priceHistoryMs: number;
  readonly alertRetentionMs: number;
  readonly accountHistoryMs: number;
  /** Recorded prices, or published prices only. */
  readonly feed: 'replay' | 'none';
  readonly feedSpeed: number;
  /** Demo accounts. */
  readonly demo: boolean;
  /** The page gives the demo's tokens to every visitor: in development, and on this machine only. */
  readonly demoTokens: boolean;
  /** Null, if `jwksUrl` is null as well: the server makes a secret of its own. */
  readonly authSecret: string | null;
  readonly jwksUrl: string | null;
  /** How long keys of `jwksUrl` serve while they cannot be read anew. */
  readonly jwksMaxAgeMs: number;
  readonly authIssuer: string | null;
  readonly authAudience: string | null;
  /** Origins of pages on other servers that may use the API, such as "https://app.example". */
  readonly corsOrigins: readonly string[];
  /** Who may introspect the schema: every client, clients with a token, or none. */
  readonly introspection: 'all' | 'tokens' | 'none';
  /** The manifest of the documents that the venue's apps send; null: there is none. */
  readonly trustedDocuments: string | null;
  readonly trustMode: TrustMode;
  readonly limits: Limits;
  /** Time between "not ready" and the refusal of new connections. Load balancers need it to switch servers. */
  readonly shutdownNoticeMs: number;
  readonly logLevel: string;
}

/** Names all problems of the environment in one message. */
export class ConfigError extends Error {
  constructor(problems: readonly string[]) {
    super(`The configuration cannot be used:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

type Environment = Readonly<Record<string, string | undefined>>;
type Named<Kind> = {
  [Name in VariableName]: (typeof VARIABLES)[Name]['kind'] extends Kind ? Name : never;
}[VariableName];
type Choice<Name extends Named<'choice'>> = (typeof VARIABLES)[Name]['choices'][number];
/** Null only where the variable has no default. */
type Text<Name extends Named<'text'>> = (typeof VARIABLES)[Name]['fallback'] extends null ? string | null : string;

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);

/** Reads values by the table of variables, and collects their problems. */
class Reader {
  readonly problems: string[] = [];
  /** The facts known so far about this environment. Defaults depend on them. */
  readonly facts = new Set<Fact>();

  constructor(private readonly env: Environment) {}

  /** Null where the variable is not set, or blank. */
  given(name: string): string | null {
    const value = this.env[name]?.trim();
    return value === undefined || value === '' ? null : value;
  }

  text<Name extends Named<'text'>>(name: Name): Text<Name> {
    const { fallback } = VARIABLES[name];
    return (this.given(name) ?? (fallback === null ? null : this.defaultOf<string>(fallback))) as Text<Name>;
  }

  number(name: Named<'number'>): number {
    const { least, most, whole, fallback } = VARIABLES[name];
    return this.numberWithin(name, this.defaultOf<number>(fallback), least, most, whole);
  }

  numberWithin(name: string, fallback: number, least: number, most: number, whole: boolean): number {
    const value = this.given(name);
    if (value === null) return fallback;
    const read = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
    if (read >= least && read <= most && (!whole || Number.isInteger(read))) return read;
    const kind = whole ? 'whole number' : 'number';
    this.problems.push(`${name}: expected a ${kind} from ${least} to ${most}, got ${JSON.stringify(value)}.`);
    return fallback;
  }

  choice<Name extends Named<'choice'>>(name: Name): Choice<Name> {
    const { choices, fallback } = VARIABLES[name];
    const value = this.given(name) ?? this.defaultOf<string>(fallback);
    const found = choices.find((each) => each === value);
    if (found !== undefined) return found;
    this.problems.push(`${name}: expected ${choices.join(' or ')}, got ${JSON.stringify(value)}.`);
    return choices[0];
  }

  url(name: Named<'url'>): string | null {
    const protocols: readonly string[] = VARIABLES[name].protocols;
    const value = this.given(name);
    if (value === null) return null;
    if (URL.canParse(value) && protocols.includes(new URL(value).protocol)) return value;
    // The value is not repeated: a URL may hold a password.
    const expected = protocols.map((each) => `${each}//`).join(' or ');
    this.problems.push(`${name}: expected a URL that begins with ${expected}.`);
    return null;
  }

  origins(name: Named<'text'>): readonly string[] {
    const values = (this.text(name) ?? '').split(',').flatMap((value) => value.trim() || []);
    for (const value of values) {
      if (URL.canParse(value) && new URL(value).origin === value) continue;
      this.problems.push(
        `${name}: expected origins such as https://app.example, with commas between, got ${JSON.stringify(value)}.`,
      );
    }
    return values;
  }

  private defaultOf<T>({ cases, otherwise }: Fallback<T>): T {
    return cases.find(([fact]) => this.facts.has(fact))?.[1] ?? otherwise;
  }
}

export function readConfig(env: Environment): Config {
  const reader = new Reader(env);
  const { problems, facts } = reader;

  const trustedDocuments = reader.text('TRUSTED_DOCUMENTS');
  if (trustedDocuments !== null) facts.add('manifest');
  else if (reader.given('TRUSTED_DOCUMENTS_MODE') !== null) {
    problems.push('TRUSTED_DOCUMENTS_MODE needs TRUSTED_DOCUMENTS: the file that says which documents are trusted.');
  }
  const production = reader.text('NODE_ENV') === 'production';
  if (production) facts.add('production');
  const databaseUrl = reader.url('DATABASE_URL');
  if (databaseUrl !== null) facts.add('database');
  const demo = reader.choice('DEMO') === '1';
  if (demo) facts.add('demo');
  const authSecret = reader.text('AUTH_SECRET');
  const jwksUrl = reader.url('AUTH_JWKS_URL');
  if (authSecret === null && jwksUrl === null) facts.add('ownSecret');
  const host = reader.text('HOST');
  checkAccess(reader, { authSecret, jwksUrl, host, production });
  if (reader.given('REDIS_URL') !== null && reader.given('DATABASE_URL') === null) {
    problems.push(
      'REDIS_URL needs DATABASE_URL: several processes have to share a PostgreSQL server, and PGlite is of one process.',
    );
  }
  const reference = reader.text('REFERENCE_DATA');

  const config: Config = {
    production,
    host,
    port: reader.number('PORT'),
    metricsPort: reader.number('METRICS_PORT'),
    dataDir: reader.text('DATA_DIR'),
    databaseUrl,
    databasePoolSize: reader.number('DATABASE_POOL'),
    redisUrl: reader.url('REDIS_URL'),
    referenceFolders: [join(PACKAGE_ROOT, 'prisma', 'reference'), ...(reference === null ? [] : [reference])],
    priceMaxAgeMs: reader.number('PRICE_MAX_AGE') * 1000,
    priceHistoryMs: reader.number('PRICE_HISTORY_FULL') * 3_600_000,
    alertRetentionMs: reader.number('ALERT_RETENTION_DAYS') * 86_400_000,
    accountHistoryMs: reader.number('ACCOUNT_HISTORY_DAYS') * 86_400_000,
    feed: reader.choice('FEED'),
    feedSpeed: reader.number('FEED_SPEED'),
    demo,
    demoTokens: demo && !production && jwksUrl === null && LOOPBACK.has(host),
    authSecret,
    jwksUrl,
    jwksMaxAgeMs: reader.number('AUTH_JWKS_MAX_AGE') * 3_600_000,
    authIssuer: reader.text('AUTH_ISSUER'),
    authAudience: reader.text('AUTH_AUDIENCE'),
    corsOrigins: reader.origins('CORS_ORIGINS'),
    introspection: reader.choice('INTROSPECTION'),
    trustedDocuments,
    trustMode: reader.choice('TRUSTED_DOCUMENTS_MODE'),
    limits: readLimits((...bounds) => reader.numberWithin(...bounds)),
    shutdownNoticeMs: reader.number('SHUTDOWN_NOTICE') * 1000,
    logLevel: reader.choice('LOG_LEVEL'),
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(config);
}

/** The addresses that the server may listen on depend on the key that checks tokens. */
function checkAccess(
  { problems, facts }: Reader,
  { authSecret, jwksUrl, host, production }: Pick<Config, 'authSecret' | 'jwksUrl' | 'host' | 'production'>,
): void {
  const ownSecret = facts.has('ownSecret');
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
}
