import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';

import { ConfigError, readConfig, type Config } from '../src/config.js';
import { PACKAGE_ROOT } from '../src/platform/package-root.js';

const SECRET = 'x'.repeat(32);

/** What the message says, one problem a line. */
function problemsOf(env: Record<string, string | undefined>): string[] {
  try {
    readConfig(env);
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    const [title, ...lines] = (error as ConfigError).message.split('\n');
    expect(title).toBe('The configuration cannot be used:');
    return lines.map((line) => line.replace(/^ {2}- /, ''));
  }
}

describe('without any variable', () => {
  it('the server is a demo for this machine, on PGlite in ./data', () => {
    expect(readConfig({})).toMatchObject({
      production: false,
      host: '127.0.0.1',
      port: 4000,
      dataDir: './data',
      databaseUrl: null,
      referenceFolders: [join(PACKAGE_ROOT, 'prisma', 'reference')],
      priceMaxAgeMs: 60_000,
      priceHistoryMs: 3_600_000,
      feed: 'replay',
      feedSpeed: 600,
      demo: true,
      authSecret: null,
      jwksUrl: null,
      logLevel: 'info',
    } satisfies Partial<Config>);
  });

  it('an empty variable is one that is not set, and blanks around a value do not count', () => {
    expect(readConfig({ PORT: '', HOST: ' ', AUTH_SECRET: '', DATABASE_URL: ' ', FEED: '' })).toEqual(readConfig({}));
    expect(readConfig({ PORT: ' 5000 ' }).port).toBe(5000);
  });

  it('nothing of it can be changed later', () => {
    expect(Object.isFrozen(readConfig({}))).toBe(true);
  });
});

describe('a bad value', () => {
  it.each<[string, string, string]>([
    ['PORT', '70000', 'PORT: expected a whole number from 0 to 65535, got "70000".'],
    ['PORT', '-1', 'PORT: expected a whole number from 0 to 65535, got "-1".'],
    ['PORT', '80.5', 'PORT: expected a whole number from 0 to 65535, got "80.5".'],
    ['PORT', '0x10', 'PORT: expected a whole number from 0 to 65535, got "0x10".'],
    ['PORT', '1e3', 'PORT: expected a whole number from 0 to 65535, got "1e3".'],
    ['PORT', 'http', 'PORT: expected a whole number from 0 to 65535, got "http".'],
    ['DATABASE_POOL', '3', 'DATABASE_POOL: expected a whole number from 4 to 100, got "3".'],
    ['DATABASE_POOL', '101', 'DATABASE_POOL: expected a whole number from 4 to 100, got "101".'],
    ['PRICE_MAX_AGE', '0', 'PRICE_MAX_AGE: expected a number from 0.1 to 86400, got "0".'],
    ['PRICE_MAX_AGE', 'NaN', 'PRICE_MAX_AGE: expected a number from 0.1 to 86400, got "NaN".'],
    ['PRICE_MAX_AGE', 'Infinity', 'PRICE_MAX_AGE: expected a number from 0.1 to 86400, got "Infinity".'],
    ['PRICE_HISTORY_FULL', '0', 'PRICE_HISTORY_FULL: expected a number from 0.1 to 9600, got "0".'],
    ['FEED_SPEED', '0', 'FEED_SPEED: expected a number from 0.01 to 100000, got "0".'],
    ['FEED', 'live', 'FEED: expected replay or none, got "live".'],
    ['DEMO', 'true', 'DEMO: expected 0 or 1, got "true".'],
    ['LOG_LEVEL', 'loud', 'LOG_LEVEL: expected silent or error or warn or info or debug, got "loud".'],
    ['HOST', 'example.com', 'HOST: expected an IP address or localhost, got "example.com".'],
    ['DATABASE_URL', 'mysql://x', 'DATABASE_URL: expected a URL that begins with postgresql:// or postgres://.'],
    ['DATABASE_URL', 'localhost', 'DATABASE_URL: expected a URL that begins with postgresql:// or postgres://.'],
    ['REDIS_URL', 'localhost:6379', 'REDIS_URL: expected a URL that begins with redis:// or rediss://.'],
    ['AUTH_JWKS_URL', 'ftp://x/keys', 'AUTH_JWKS_URL: expected a URL that begins with https:// or http://.'],
    ['AUTH_SECRET', 'x'.repeat(31), 'AUTH_SECRET: expected at least 32 characters, got 31.'],
    ['INTROSPECTION', 'off', 'INTROSPECTION: expected all or tokens or none, got "off".'],
    ['CORS_ORIGINS', '*', 'CORS_ORIGINS: expected origins such as https://app.example, with commas between, got "*".'],
    [
      'CORS_ORIGINS',
      'https://x.y, https://x.z/',
      'CORS_ORIGINS: expected origins such as https://app.example, with commas between, got "https://x.z/".',
    ],
    ['LIMIT_DEPTH', '4', 'LIMIT_DEPTH: expected a whole number from 5 to 100, got "4".'],
    ['LIMIT_OPERATION_SECONDS', '0', 'LIMIT_OPERATION_SECONDS: expected a number from 0.1 to 3600, got "0".'],
    ['SHUTDOWN_NOTICE', '601', 'SHUTDOWN_NOTICE: expected a number from 0 to 600, got "601".'],
  ])('%s=%s is named, with what would be right', (name, value, problem) => {
    // A secret beside it, so that the address is not at fault as well.
    const auth = name.startsWith('AUTH') ? {} : { AUTH_SECRET: SECRET };
    // And a database beside Redis, which is of no use without.
    const database = name === 'REDIS_URL' ? { DATABASE_URL: 'postgresql://x/y' } : {};
    expect(problemsOf({ ...auth, ...database, [name]: value })).toEqual([problem]);
  });

  it('does not hide another one: all are named at once', () => {
    expect(problemsOf({ AUTH_SECRET: SECRET, PORT: 'x', FEED: 'x', DEMO: 'x' })).toHaveLength(3);
  });

  it('is not repeated where it may hold a secret', () => {
    const message = problemsOf({ DATABASE_URL: 'mysql://me:hunter2@x/y', AUTH_SECRET: 'hunter2' }).join();
    expect(message).toContain('DATABASE_URL');
    expect(message).toContain('AUTH_SECRET');
    expect(message).not.toContain('hunter2');
  });
});

describe('who may be let in', () => {
  it('is a matter for one key, not for two', () => {
    const both = { AUTH_SECRET: SECRET, AUTH_JWKS_URL: 'https://x/keys' };
    expect(problemsOf(both)).toEqual(['AUTH_SECRET, AUTH_JWKS_URL: expected one of them, got both.']);
  });

  it('is never left to a secret of the own making in production', () => {
    expect(problemsOf({ NODE_ENV: 'production' })).toEqual([
      'NODE_ENV=production needs AUTH_SECRET or AUTH_JWKS_URL: tokens must be checked against a key of yours.',
    ]);
    for (const key of [{ AUTH_SECRET: SECRET }, { AUTH_JWKS_URL: 'https://x/keys' }]) {
      expect(readConfig({ NODE_ENV: 'production', ...key })).toMatchObject({ production: true, host: '0.0.0.0' });
    }
  });

  it.each(['0.0.0.0', '::', '192.168.0.1', '127.0.0.1.example.com'])(
    'is nobody from outside without a key: %s',
    (host) => {
      expect(problemsOf({ HOST: host }).at(-1)).toBe(
        `HOST=${host} needs AUTH_SECRET or AUTH_JWKS_URL: with a secret of its own the server listens on loopback only.`,
      );
    },
  );

  it.each(['127.0.0.1', '::1', 'localhost'])('is this machine without a key: %s', (host) => {
    expect(readConfig({ HOST: host }).host).toBe(host);
  });

  it('is everybody who has a token, with a key', () => {
    expect(readConfig({ AUTH_SECRET: SECRET }).host).toBe('0.0.0.0');
    expect(readConfig({ AUTH_SECRET: SECRET, HOST: '192.168.0.1' }).host).toBe('192.168.0.1');
  });
});

describe('the demo', () => {
  const database = { DATABASE_URL: 'postgresql://x/y' };
  const production = { NODE_ENV: 'production', AUTH_SECRET: SECRET };

  it.each<[string, Record<string, string>, boolean, string]>([
    ['plays by default', {}, true, 'replay'],
    ['does not play with DEMO=0', { DEMO: '0' }, false, 'none'],
    ['does not play on a database of somebody', database, false, 'none'],
    ['does not play in production', production, false, 'none'],
    ['plays there with DEMO=1', { ...database, DEMO: '1' }, true, 'replay'],
    ['plays in production with DEMO=1', { ...production, DEMO: '1' }, true, 'replay'],
    ['can do without the replay', { FEED: 'none' }, true, 'none'],
    ['is not needed for the replay', { DEMO: '0', FEED: 'replay' }, false, 'replay'],
  ])('%s', (_what, env, demo, feed) => {
    expect(readConfig(env)).toMatchObject({ demo, feed });
  });
});

describe('Redis', () => {
  it('is of use with a PostgreSQL server only', () => {
    expect(problemsOf({ REDIS_URL: 'redis://x' })).toEqual([
      'REDIS_URL needs DATABASE_URL: several processes have to share a PostgreSQL server, and PGlite is of one process.',
    ]);
    const shared = { DATABASE_URL: 'postgresql://x/y', REDIS_URL: 'rediss://:password@x:6380/1' };
    expect(readConfig(shared).redisUrl).toBe('rediss://:password@x:6380/1');
    expect(readConfig({}).redisUrl).toBeNull();
  });
});

describe('the rest', () => {
  it('is read as it stands', () => {
    expect(
      readConfig({
        AUTH_SECRET: SECRET,
        AUTH_ISSUER: 'https://issuer.example',
        AUTH_AUDIENCE: 'plimsoll',
        DATA_DIR: '/var/lib/plimsoll',
        DATABASE_POOL: '20',
        REFERENCE_DATA: '/etc/plimsoll',
        PRICE_MAX_AGE: '0.5',
        FEED_SPEED: '1.5',
        LOG_LEVEL: 'debug',
        CORS_ORIGINS: ' https://app.example,http://localhost:3000 ',
        LIMIT_COST: '1000',
        SHUTDOWN_NOTICE: '2.5',
      }),
    ).toMatchObject({
      corsOrigins: ['https://app.example', 'http://localhost:3000'],
      limits: { cost: 1_000, depth: 16, operationSeconds: 15 },
      shutdownNoticeMs: 2_500,
      authIssuer: 'https://issuer.example',
      authAudience: 'plimsoll',
      dataDir: '/var/lib/plimsoll',
      databasePoolSize: 20,
      referenceFolders: [join(PACKAGE_ROOT, 'prisma', 'reference'), '/etc/plimsoll'],
      priceMaxAgeMs: 500,
      feedSpeed: 1.5,
      logLevel: 'debug',
    });
  });
});
