/**
 * Every variable of the environment but the limits: what it sets, in which unit, within which bounds, and its default.
 * config.ts reads by this table; docs/configuration.md and .env.example are made from it.
 */

/** The facts that a default may depend on, as the documents word them. */
export const FACTS = {
  production: 'with `NODE_ENV=production`',
  database: 'with `DATABASE_URL`',
  demo: 'in the demo',
  ownSecret: 'without `AUTH_SECRET` and `AUTH_JWKS_URL`',
  manifest: 'with `TRUSTED_DOCUMENTS`',
} as const;
export type Fact = keyof typeof FACTS;

/** A default: that of the first fact that holds, else the last one. */
export interface Fallback<T> {
  readonly cases: readonly (readonly [Fact, T])[];
  readonly otherwise: T;
}

interface Described {
  /** One or two sentences. */
  readonly what: string;
}

/** A number, in `unit`. */
export interface NumberVariable extends Described {
  readonly kind: 'number';
  readonly unit: string | null;
  readonly least: number;
  readonly most: number;
  readonly whole: boolean;
  readonly fallback: Fallback<number>;
}

export interface ChoiceVariable extends Described {
  readonly kind: 'choice';
  readonly choices: readonly string[];
  readonly fallback: Fallback<string>;
}

/** A text; without a default it is null. */
export interface TextVariable extends Described {
  readonly kind: 'text';
  /** The form of a value. */
  readonly form: string;
  readonly fallback: Fallback<string> | null;
}

export interface UrlVariable extends Described {
  readonly kind: 'url';
  readonly protocols: readonly string[];
  readonly form: string;
  readonly fallback: null;
}

export type Variable = NumberVariable | ChoiceVariable | TextVariable | UrlVariable;

function always<T>(value: T): Fallback<T> {
  return { cases: [], otherwise: value };
}

const LISTENING = {
  PORT: {
    kind: 'number',
    ...{ unit: null, least: 0, most: 65_535, whole: true, fallback: always(4_000) },
    what: 'The TCP port. 0 takes a free one.',
  },
  HOST: {
    kind: 'text',
    form: 'an IP address or `localhost`',
    fallback: { cases: [['ownSecret', '127.0.0.1']], otherwise: '0.0.0.0' },
    what: 'The address to listen on. A server that made its own secret listens on loopback only.',
  },
  METRICS_PORT: {
    kind: 'number',
    ...{ unit: null, least: 0, most: 65_535, whole: true, fallback: always(0) },
    what:
      'The TCP port, on `HOST`, of `GET /metrics` in the format of Prometheus. It asks for no token: let only your ' +
      'monitoring reach it. 0: no metrics are served.',
  },
} as const satisfies Record<string, Variable>;

const STORAGE = {
  DATA_DIR: {
    kind: 'text',
    form: 'a folder',
    fallback: always('./data'),
    what: "PGlite's folder, and the secret that a server without a configured key makes for itself.",
  },
  DATABASE_URL: {
    kind: 'url',
    protocols: ['postgresql:', 'postgres:'],
    form: 'postgresql://user:password@localhost:5432/plimsoll',
    fallback: null,
    what: 'A PostgreSQL server, 15 or newer, instead of PGlite. The same migrations are applied at start.',
  },
  DATABASE_POOL: {
    kind: 'number',
    ...{ unit: 'connections', least: 4, most: 100, whole: true, fallback: always(10) },
    what:
      'Connections to that server, besides the one that decides who is the leader. ' +
      '[How they are shared](operations.md#postgresql) among reads, writes, prices and live risk.',
  },
  REDIS_URL: {
    kind: 'url',
    protocols: ['redis:', 'rediss:'],
    form: 'redis://localhost:6379',
    fallback: null,
    what: 'With it any number of servers work on one database. It is refused without `DATABASE_URL`.',
  },
} as const satisfies Record<string, Variable>;

const RULES_AND_PRICES = {
  REFERENCE_DATA: {
    kind: 'text',
    form: 'a folder',
    fallback: null,
    what: 'Adds or replaces venues, beside those that ship. [Its format](../prisma/reference/README.md).',
  },
  PRICE_MAX_AGE: {
    kind: 'number',
    ...{ unit: 'seconds', least: 0.1, most: 86_400, whole: false, fallback: always(60) },
    what: 'A quote older than this is stale.',
  },
  PRICE_HISTORY_FULL: {
    kind: 'number',
    ...{ unit: 'hours', least: 0.1, most: 9_600, whole: false },
    // The replay of the demo makes ten price batches a second.
    fallback: { cases: [['demo', 1]], otherwise: 24 },
    what: 'Every price batch is kept for this long. After that the last one of each minute is kept, for 400 days.',
  },
  ALERT_RETENTION_DAYS: {
    kind: 'number',
    ...{ unit: 'days', least: 1, most: 36_500, whole: false, fallback: always(400) },
    what: 'Alerts are kept for this long. A stream that asks for older ones is refused with CURSOR_EXPIRED.',
  },
  ACCOUNT_HISTORY_DAYS: {
    kind: 'number',
    ...{ unit: 'days', least: 400, most: 36_500, whole: false, fallback: always(400) },
    what: 'Former versions of accounts are kept for this long; the newest one always is. Prices are kept for 400 days.',
  },
} as const satisfies Record<string, Variable>;

const DEMONSTRATION = {
  DEMO: {
    kind: 'choice',
    choices: ['0', '1'],
    fallback: {
      cases: [
        ['database', '0'],
        ['production', '0'],
      ],
      otherwise: '1',
    },
    what:
      'Demo accounts. Their tokens are on the page, outside production, while the server listens on loopback and has no ' +
      '`AUTH_JWKS_URL`. A proxy in front would hand them on.',
  },
  FEED: {
    kind: 'choice',
    choices: ['replay', 'none'],
    fallback: { cases: [['demo', 'replay']], otherwise: 'none' },
    what: '`replay` plays the recorded prices; `none` takes only what is published.',
  },
  FEED_SPEED: {
    kind: 'number',
    ...{ unit: 'times real time', least: 0.01, most: 100_000, whole: false, fallback: always(600) },
    what: 'How fast the recording is played.',
  },
} as const satisfies Record<string, Variable>;

const TOKENS = {
  AUTH_SECRET: {
    kind: 'text',
    form: 'at least 32 characters',
    fallback: null,
    what: 'Tokens are signed with it (HS256). Without it and `AUTH_JWKS_URL` the server makes one in `DATA_DIR`.',
  },
  AUTH_JWKS_URL: {
    kind: 'url',
    protocols: ['https:', 'http:'],
    form: 'https://issuer.example/.well-known/jwks.json',
    fallback: null,
    what: 'The public keys of a token issuer. Set this or `AUTH_SECRET`, not both.',
  },
  AUTH_JWKS_MAX_AGE: {
    kind: 'number',
    ...{ unit: 'hours', least: 0.001, most: 168, whole: false, fallback: always(12) },
    what:
      'How long the keys that were read last serve on while the issuer is away. A key that the issuer withdraws ' +
      'meanwhile is taken as long.',
  },
  AUTH_ISSUER: {
    kind: 'text',
    form: 'a text',
    fallback: null,
    what: 'The `iss` that a token must have. Unset: not checked.',
  },
  AUTH_AUDIENCE: {
    kind: 'text',
    form: 'a text',
    fallback: null,
    what: 'The `aud` that a token must have. Unset: not checked.',
  },
} as const satisfies Record<string, Variable>;

const CALLERS = {
  INTROSPECTION: {
    kind: 'choice',
    choices: ['all', 'tokens', 'none'],
    fallback: { cases: [['production', 'tokens']], otherwise: 'all' },
    what: 'Who may ask for the schema: everybody, callers with a token, nobody.',
  },
  CORS_ORIGINS: {
    kind: 'text',
    form: 'origins such as `https://app.example`, with commas between',
    fallback: null,
    what: 'Pages of these origins may use the API too, over HTTP and WebSocket.',
  },
  TRUSTED_DOCUMENTS: {
    kind: 'text',
    form: 'a file',
    fallback: null,
    what: 'The manifest of the documents that your apps send. See [trusted documents](clients.md#trusted-documents).',
  },
  TRUSTED_DOCUMENTS_MODE: {
    kind: 'choice',
    choices: ['off', 'log', 'require'],
    fallback: { cases: [['manifest', 'require']], otherwise: 'off' },
    what:
      '`require` executes nothing but the manifest. `log` executes the rest too, with a warning. `off` knows the ids and ' +
      'warns of nothing. Refused without `TRUSTED_DOCUMENTS`.',
  },
} as const satisfies Record<string, Variable>;

const PROCESS = {
  SHUTDOWN_NOTICE: {
    kind: 'number',
    ...{ unit: 'seconds', least: 0, most: 600, whole: false, fallback: always(0) },
    what: 'After SIGTERM `/readyz` says 503 for this long before the server stops taking connections.',
  },
  LOG_LEVEL: {
    kind: 'choice',
    choices: ['silent', 'error', 'warn', 'info', 'debug'],
    fallback: always('info'),
    what: 'The least important lines that are written to standard output, as JSON.',
  },
  NODE_ENV: {
    kind: 'text',
    form: '`production`, or anything else',
    fallback: null,
    what: '`production`: no start without `AUTH_SECRET` or `AUTH_JWKS_URL`, and other defaults for `DEMO` and `INTROSPECTION`.',
  },
} as const satisfies Record<string, Variable>;

export const VARIABLES = {
  ...LISTENING,
  ...STORAGE,
  ...RULES_AND_PRICES,
  ...DEMONSTRATION,
  ...TOKENS,
  ...CALLERS,
  ...PROCESS,
};
export type VariableName = keyof typeof VARIABLES;

/** In the order of the documents. */
export const VARIABLE_GROUPS: readonly (readonly [title: string, Readonly<Record<string, Variable>>])[] = [
  ['Where the server listens', LISTENING],
  ['Where it keeps its data', STORAGE],
  ['Rules and prices', RULES_AND_PRICES],
  ['The demo', DEMONSTRATION],
  ['Tokens', TOKENS],
  ['Who may ask what', CALLERS],
  ['The process', PROCESS],
];
