/** PostgreSQL with an asynchronous standby, Redis, and PgBouncer if asked for: all of the soak's own, on free ports. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import pg from 'pg';

import { sleep } from '../../src/platform/retry.js';
import { start, temporaryFolder } from './cleanup.js';
import { AS_POSTGRES, Cluster, freePort, run } from './postgres.js';
import { Wire } from './wire.js';

const PGBOUNCER = '/usr/sbin/pgbouncer';

export class Services {
  private redis: ChildProcess | null = null;
  private nodes = 0;

  private constructor(
    private readonly root: string,
    private primary: Cluster,
    private readonly wire: Wire,
    private readonly replication: Wire,
    private readonly redisPort: number,
    private readonly bouncerPort: number | null,
  ) {}

  static async open(withBouncer: boolean): Promise<Services> {
    const root = temporaryFolder('plimsoll-soak-');
    chmodSync(root, 0o777);
    const primary = await Cluster.primary(join(root, 'node-0'));
    await primary.start();
    const wire = await Wire.open(primary.port);
    const bouncer = withBouncer ? await openBouncer(root, wire.port) : null;
    const services = new Services(root, primary, wire, await Wire.open(primary.port), await freePort(), bouncer);
    await services.asAdmin('CREATE DATABASE soak');
    await services.startRedis();
    return services;
  }

  /** For the servers. */
  get databaseUrl(): string {
    return `postgresql://postgres@127.0.0.1:${this.bouncerPort ?? this.wire.port}/soak`;
  }

  /** For the soak itself: not through PgBouncer. */
  get directUrl(): string {
    return this.urlOf('soak');
  }

  get redisUrl(): string {
    return `redis://127.0.0.1:${this.redisPort}`;
  }

  async startRedis(): Promise<void> {
    if (this.redis !== null) return;
    const args = ['--port', String(this.redisPort), '--bind', '127.0.0.1', '--save', ''];
    this.redis = start('redis-server', args, { stdio: 'ignore', cwd: this.root });
    await sleep(300, null);
  }

  async killRedis(): Promise<void> {
    const { redis } = this;
    this.redis = null;
    if (redis === null || redis.exitCode !== null) return;
    const ended = once(redis, 'exit');
    redis.kill('SIGKILL');
    await ended;
  }

  freezeRedis(): void {
    this.redis?.kill('SIGSTOP');
  }

  thawRedis(): void {
    this.redis?.kill('SIGCONT');
  }

  /** Ends all sessions with the database but those of the soak itself. */
  async endSessions(client: pg.Pool): Promise<void> {
    await client.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = 'soak' AND pid <> pg_backend_pid() AND application_name <> 'soak'`,
    );
  }

  /** A standby that lacks what was committed for the last `lostMs` takes the place of the primary, which is gone. */
  async failOver(lostMs: number): Promise<void> {
    this.nodes += 1;
    const standby = await Cluster.standby(join(this.root, `node-${this.nodes}`), this.replication.port);
    await standby.start();
    await sleep(500, null);
    this.replication.cut();
    await sleep(lostMs, null);
    this.wire.cut();
    await this.primary.kill();
    await standby.promote();
    this.primary = standby;
    this.replication.lead(standby.port);
    this.wire.lead(standby.port);
  }

  /** As `pg_dump` writes it. */
  async dump(file: string): Promise<void> {
    const output = openSync(file, 'w');
    try {
      await run('pg_dump', ['-d', this.directUrl], output);
    } finally {
      closeSync(output);
    }
  }

  /** The same database again, in place of the last copy; returns its URL. Nobody may use either meanwhile. */
  async copy(): Promise<string> {
    await this.asAdmin(
      'DROP DATABASE IF EXISTS soak_copy WITH (FORCE)',
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'soak'`,
      'CREATE DATABASE soak_copy TEMPLATE soak',
    );
    return this.urlOf('soak_copy');
  }

  private urlOf(database: string): string {
    return `postgresql://postgres@127.0.0.1:${this.wire.port}/${database}`;
  }

  private async asAdmin(...statements: readonly string[]): Promise<void> {
    const admin = new pg.Client({ connectionString: this.urlOf('postgres') });
    await admin.connect();
    for (const statement of statements) await admin.query(statement);
    await admin.end();
  }
}

/** In session mode; returns its port. */
async function openBouncer(root: string, target: number): Promise<number> {
  const folder = join(root, 'bouncer');
  mkdirSync(folder);
  chmodSync(folder, 0o777);
  const port = await freePort();
  // With `auth_type = any` the user of each database must be named.
  const settings = [
    ...['[databases]', `* = host=127.0.0.1 port=${target} user=postgres`, '[pgbouncer]', 'auth_type = any'],
    ...['listen_addr = 127.0.0.1', `listen_port = ${port}`, 'unix_socket_dir =', `logfile = ${folder}/log`],
    ...['pool_mode = session', 'default_pool_size = 100', 'max_client_conn = 500'],
    // As docs/operations.md asks: it goes on refusing for so long after the database has come back.
    'server_login_retry = 1',
  ];
  const file = join(folder, 'ini');
  writeFileSync(file, `${settings.join('\n')}\n`);
  const child = start(PGBOUNCER, ['-q', file], { stdio: 'ignore', ...AS_POSTGRES });
  await sleep(500, null);
  if (child.exitCode !== null) throw new Error(`PgBouncer ended with ${child.exitCode}.`);
  return port;
}
