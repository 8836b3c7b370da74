/**
 * A PostgreSQL session that holds the leader's lock and nothing else. PostgreSQL releases the lock when the session
 * ends, however the process ends.
 */
import { Socket } from 'node:net';

import type pg from 'pg';

import { Session } from '../platform/database/session.js';

import { PLACE } from './history-rows.js';

/**
 * Key of the advisory lock: "plimsoll" as a 64-bit number. PostgreSQL keeps advisory locks separate for each database.
 */
const LOCK_KEY = Buffer.from('plimsoll').readBigInt64BE().toString();

const CONNECT_MS = 3_000;
const ANSWER_MS = 3_000;
/**
 * PostgreSQL ends a session that is idle this long: its process hangs, or its machine is gone. Must exceed CHECK_MS +
 * ANSWER_MS, so that the old leader stops before a new one starts.
 */
const SILENCE_MS = 5_000;
const CLOSE_MS = 500;

export class LeaderSession {
  private readonly socket = new Socket();
  private readonly client: Session;
  private readonly ending = new AbortController();
  private backend: number | null = null;

  constructor(url: string) {
    this.client = new Session({
      connectionString: url,
      stream: () => this.socket,
      keepAlive: true,
      connectionTimeoutMillis: CONNECT_MS,
      query_timeout: ANSWER_MS,
      application_name: 'plimsoll leader',
      settings: { idle_session_timeout: `${SILENCE_MS / 1_000}s`, statement_timeout: `${ANSWER_MS / 1_000}s` },
    });
    this.client.on('error', (error) => this.ending.abort(error));
    this.client.on('end', () => this.ending.abort(new Error('The session has ended.')));
  }

  /** Aborted when the session has ended. */
  get ended(): AbortSignal {
    return this.ending.signal;
  }

  async open(): Promise<void> {
    await this.client.connect();
  }

  async tryLock(): Promise<boolean> {
    const row = await this.one<{ taken: boolean; backend: number }>(
      `SELECT pg_try_advisory_lock(${LOCK_KEY}) AS taken, pg_backend_pid() AS backend`,
    );
    this.backend = row.backend;
    return row.taken;
  }

  /** Waits for transactions of the previous term, which lock the row. */
  async raiseTerm(): Promise<{ readonly number: bigint; readonly place: string }> {
    const { term, place } = await this.one<{ term: string; place: string }>(
      `UPDATE duty SET term = term + 1 WHERE id = 1 RETURNING term, ${PLACE} AS place`,
    );
    return { number: BigInt(term), place };
  }

  /** Throws when the session (and with it the lock) is lost, or when another process has begun a term. */
  async check(term: bigint): Promise<void> {
    const row = await this.one<{ term: string; backend: number }>(
      'SELECT term, pg_backend_pid() AS backend FROM duty WHERE id = 1',
    );
    if (row.backend === this.backend && BigInt(row.term) > term) throw new Error(`Term ${row.term} has begun.`);
    if (row.backend !== this.backend || BigInt(row.term) !== term) {
      throw new Error(
        'The lock is not kept: expected one session of PostgreSQL, got several. DATABASE_URL must lead to the server ' +
          'itself, or to a pooler that pools sessions, not transactions.',
      );
    }
  }

  async close(): Promise<void> {
    // A server that does not answer would keep `end` waiting.
    const timer = setTimeout(() => this.socket.destroy(), CLOSE_MS);
    await this.client.end().catch(() => undefined);
    clearTimeout(timer);
    this.socket.destroy();
    this.ending.abort();
  }

  private async one<T extends pg.QueryResultRow>(sql: string): Promise<T> {
    const [row] = (await this.client.query<T>(sql)).rows;
    if (row === undefined) throw new Error('Expected one row, got none; are the migrations applied?');
    return row;
  }
}
