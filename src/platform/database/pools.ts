/**
 * Connections to a PostgreSQL server, in pools of their own for what must not wait for each other: transactions may wait
 * for a locked row, and reads of clients may be many.
 */
import { PrismaPg } from '@prisma/adapter-pg';
import type { SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import pg from 'pg';

import { preparedName } from './prepared.js';
import { Session, WAIT_MS, type SessionConfig, type Settings } from './session.js';

/** A pool that is hardly used gives its connections back after this time. */
const IDLE_MS = 30_000;
/**
 * While the server is read-only, all sessions are replaced at most this often. One that is opened meanwhile lives no
 * longer: once the server takes writes, or another one leads, it would not know.
 */
const RENEW_MS = 1_000;

/** How many connections each pool has. Together they are as many as were asked for, or one for each. */
export function sharesOf(total: number): { reads: number; writes: number; prices: number; live: number } {
  const prices = Math.max(1, Math.floor(total / 8));
  const live = Math.max(1, Math.floor(total / 4));
  const left = total - prices - live;
  const writes = Math.max(1, Math.floor(left / 2));
  return { reads: Math.max(1, left - writes), writes, prices, live };
}

export class Pools {
  private readonly pools: pg.Pool[] = [];
  /** Sessions that were opened before are not used again. By the monotonic clock. */
  private renewedAt = -Infinity;
  private sweeping: NodeJS.Timeout | undefined;

  constructor(private readonly connectionString: string) {}

  open(max: number, settings: Settings = {}): pg.Pool {
    const config: pg.PoolConfig & SessionConfig = {
      ...{ connectionString: this.connectionString, application_name: 'plimsoll', Client: Session },
      ...{ max, connectionTimeoutMillis: WAIT_MS, idleTimeoutMillis: IDLE_MS, settings },
      onReadOnly: () => this.renew(),
    };
    const pool = new pg.Pool(config);
    // A session that ends while nobody uses it leaves the pool. Nobody else has to know.
    pool.on('error', () => undefined);
    pool.on('release', (_error, client) => {
      const session = client as unknown as Session;
      if (this.isOutdated(session)) void session.end();
      else if (session.isReadOnly) this.sweepSoon();
    });
    this.pools.push(pool);
    return pool;
  }

  async close(): Promise<void> {
    clearTimeout(this.sweeping);
    await Promise.all(this.pools.splice(0).map((pool) => pool.end()));
  }

  private isOutdated({ openedAt, isReadOnly, hasRefused }: Session): boolean {
    if (hasRefused || openedAt < this.renewedAt) return true;
    return isReadOnly && performance.now() - openedAt > RENEW_MS;
  }

  /**
   * Replaces every session: those that are idle now, the others when they come back. Where one is read-only, the server
   * was fenced or another one leads, and the others lead to the old one as well.
   */
  private renew(): void {
    const now = performance.now();
    if (now - this.renewedAt < RENEW_MS) return;
    this.renewedAt = now;
    this.sweep();
  }

  private sweepSoon(): void {
    this.sweeping ??= setTimeout(() => {
      this.sweeping = undefined;
      this.sweep();
    }, RENEW_MS);
  }

  /** Takes every idle session out of its pool and gives it back, which ends those that are outdated. */
  private sweep(): void {
    for (const pool of this.pools) {
      for (let idle = pool.idleCount; idle > 0; idle--) {
        // A server that is away is reported by the next request for a session.
        pool.connect().then(
          (client) => client.release(),
          () => undefined,
        );
      }
    }
  }
}

const NAMING = { statementNameGenerator: preparedName };

/** Single statements take their connections from the one pool, transactions from the other. */
export function adapterOver(statements: pg.Pool, transactions: pg.Pool): SqlDriverAdapterFactory {
  const [single, joined] = [new PrismaPg(statements, NAMING), new PrismaPg(transactions, NAMING)];
  return {
    provider: single.provider,
    adapterName: single.adapterName,
    connect: async () => {
      const [adapter, other] = [await single.connect(), await joined.connect()];
      return Object.assign(adapter, { startTransaction: other.startTransaction.bind(other) });
    },
  };
}
