/**
 * A session with PostgreSQL that has the settings on which this server relies. Statements set them, because a pooler in
 * between, such as PgBouncer, refuses the start-up parameter `options`. They are read back by another statement, because
 * a pooler may lose them. A session without them is closed before anybody uses it.
 */
import pg from 'pg';

/** The wait for a connection, in all: for one of the pool that is free, or until a new one has its settings. */
export const WAIT_MS = 10_000;
/** How long a transaction may take. */
export const TRANSACTION_MS = 20_000;
/** How long a write may wait in all: in its lanes, for a connection, and for locks. */
export const WRITE_WAIT_MS = 5_000;
/** How long of it it may wait for a lock with a connection in its hands. After that it only looks now and then. */
export const LOCK_WAIT_MS = 300;

/** As PostgreSQL prints them. */
export type Settings = Readonly<Record<string, string>>;

/** What rows mean: also for PGlite. */
export const MEANING: Settings = {
  // The adapter writes instants without a zone, and drops the zone that it reads.
  TimeZone: 'UTC',
  DateStyle: 'ISO, MDY',
  // Transactions lock rows first, and then read what others have committed meanwhile.
  default_transaction_isolation: 'read committed',
};

/** What must not last for ever. A transaction of a frozen process holds its locks until its session is ended. */
const BOUNDS: Settings = {
  lock_timeout: '5s',
  statement_timeout: '20s',
  idle_in_transaction_session_timeout: '25s',
};

/** A session does not keep what was set. The message names the setting. */
export class SessionRefusedError extends Error {
  constructor(name: string, expected: string, actual: string) {
    super(
      `a session kept ${name} = ${JSON.stringify(actual)} when it was set to ${JSON.stringify(expected)}; a pooler in ` +
        'between has to pool sessions (pool_mode = session)',
    );
    this.name = 'SessionRefusedError';
  }
}

/** A pooler gives each transaction another session. */
export class PooledTransactionsError extends Error {
  constructor() {
    super(
      'a pooler in between shares sessions among transactions, which loses locks and settings; it has to pool sessions ' +
        '(pool_mode = session)',
    );
    this.name = 'PooledTransactionsError';
  }
}

export interface SessionConfig extends pg.ClientConfig {
  /** In addition to those that every session has, or instead of them. */
  readonly settings?: Settings;
  /** Called when the server has refused a write because it is read-only. */
  readonly onReadOnly?: () => void;
}

const READ_ONLY = 'transaction_read_only';
const READ_ONLY_ERROR = '25006';

export class Session extends pg.Client {
  /** By the monotonic clock. */
  readonly openedAt = performance.now();
  /** It was read-only when it was opened. It stays so, though the server may take writes by now. */
  isReadOnly = false;
  /** It has refused a write because it is read-only. */
  hasRefused = false;
  private readonly settings: Settings;

  constructor(config: SessionConfig = {}) {
    super(config);
    this.settings = { ...MEANING, ...BOUNDS, ...config.settings };
    // The server may end a session between two statements. Without a listener that event would end the process. The
    // next statement of the session fails all the same.
    this.on('error', () => undefined);
    this.connection.on('errorMessage', ({ code }: { readonly code?: string }) => {
      if (code !== READ_ONLY_ERROR) return;
      this.hasRefused = true;
      config.onReadOnly?.();
    });
  }

  /** Resolves when the session has its settings. Rejects, with the session closed, when it does not keep them. */
  override connect(): Promise<pg.Client>;
  override connect(callback: ((error: Error) => void) | ((error: null, session: pg.Client) => void)): void;
  override connect(callback?: ((error: Error) => void) | ((error: null, session: pg.Client) => void)): unknown {
    const opened = this.open();
    if (callback === undefined) return opened;
    const done = callback as (error: Error | null, session?: pg.Client) => void;
    return opened.then((session) => done(null, session), done);
  }

  private async open(): Promise<pg.Client> {
    // A pooler accepts a connection at once, and lets its first statement wait until it has a session for it.
    const tooLate = setTimeout(() => {
      this.connection.stream.destroy(new Error('timeout exceeded when trying to connect'));
    }, WAIT_MS);
    try {
      await super.connect();
      this.isReadOnly = (await settle((sql) => this.query(sql), this.settings)).isReadOnly;
      return this;
    } catch (error) {
      void this.end();
      throw error;
    } finally {
      clearTimeout(tooLate);
    }
  }
}

interface Rows {
  readonly rows: readonly unknown[];
}

/** Sets all by one query and reads them back by another. Throws SessionRefusedError. */
export async function settle(
  query: (sql: string) => Promise<Rows>,
  settings: Settings,
): Promise<{ readonly isReadOnly: boolean }> {
  const entries = Object.entries(settings);
  // One SELECT, since a driver may not take several statements at once.
  await query(`SELECT ${entries.map(([name, value]) => `set_config('${name}', '${value}', false)`).join(', ')}`);
  const names = [...entries.map(([name]) => name), READ_ONLY];
  const { rows } = await query(`SELECT ${names.map((name) => `current_setting('${name}') AS "${name}"`).join(', ')}`);
  const kept = rows[0] as Settings | undefined;
  for (const [name, expected] of entries) {
    const actual = kept?.[name] ?? '';
    if (actual !== expected) throw new SessionRefusedError(name, expected, actual);
  }
  return { isReadOnly: kept?.[READ_ONLY] === 'on' };
}

/** How often each of two sessions is asked which backend it has. */
const ASKS = 3;

/** Throws PooledTransactionsError unless each of two sessions has a backend to itself. */
export async function expectOwnBackends(connectionString: string): Promise<void> {
  const sessions = [new Session({ connectionString }), new Session({ connectionString })] as const;
  try {
    const backends = [new Set<number>(), new Set<number>()] as const;
    for (const session of sessions) await session.connect();
    // In turn: a pooler that shares gives the second session what the first one has just given back.
    for (let ask = 0; ask < ASKS; ask++) {
      for (const index of [0, 1] as const) {
        const { rows } = await sessions[index].query<{ backend: number }>('SELECT pg_backend_pid() AS backend');
        for (const { backend } of rows) backends[index].add(backend);
      }
    }
    const [first, second] = backends;
    if (new Set([...first, ...second]).size !== 2 || first.size !== 1) throw new PooledTransactionsError();
  } finally {
    for (const session of sessions) await session.end();
  }
}
