/** A PostgreSQL of a test's own with a standby, and a wire to whichever of the two is the primary. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { until } from '../until.js';
import { freePort } from './own-program.js';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.js';

const BIN = '/usr/lib/postgresql/15/bin';
const DATABASE = 'plimsoll';

/** Debian's PostgreSQL 15 is there. */
export function hasPostgres(): boolean {
  return spawnSync(join(BIN, 'postgres'), ['--version']).status === 0;
}

type Node = 'one' | 'other';

export class PostgresPair {
  private primary: Node = 'one';

  private constructor(
    private readonly folder: string,
    private readonly ports: Record<Node, number>,
    /** Leads to the primary. */
    readonly wire: TcpProxy,
  ) {}

  /** Has no standby yet. */
  static async start(): Promise<PostgresPair> {
    const folder = mkdtempSync(join(tmpdir(), 'plimsoll-postgres-'));
    chmodSync(folder, 0o777);
    const ports = { one: await freePort(), other: await freePort() };
    const pair = new PostgresPair(folder, ports, await startTcpProxy({ host: '127.0.0.1', port: ports.one }));
    run('initdb', '-D', join(folder, 'one'), '-U', 'postgres', '-A', 'trust', '--no-sync');
    pair.startNode('one');
    pair.onPrimary(`CREATE DATABASE ${DATABASE}`);
    return pair;
  }

  /** By the wire. */
  get url(): string {
    return `postgresql://postgres@127.0.0.1:${this.wire.port}/${DATABASE}`;
  }

  onPrimary(text: string): string {
    return this.sql(this.primary, text);
  }

  onStandby(text: string): string {
    return this.sql(this.standby, text);
  }

  /** @param isSynchronous whether every commit waits until the standby has it */
  async addStandby(isSynchronous: boolean): Promise<void> {
    const { standby } = this;
    const folder = join(this.folder, standby);
    rmSync(folder, { recursive: true, force: true });
    const source = ['-h', '127.0.0.1', '-p', String(this.ports[this.primary]), '-U', 'postgres'];
    run('pg_basebackup', ...source, '-R', '-c', 'fast', '-D', folder);
    this.startNode(standby);
    await until(() => this.onPrimary('SELECT count(*) FROM pg_stat_replication') === '1');
    if (isSynchronous) this.setSynchronous('*');
  }

  /** The standby hears no more of the primary: of what follows it knows nothing. */
  async part(): Promise<void> {
    const lsn = this.onPrimary('SELECT pg_current_wal_lsn()');
    await until(() => this.onStandby(`SELECT pg_last_wal_replay_lsn() >= '${lsn}'`) === 't');
    this.onStandby(`ALTER SYSTEM SET primary_conninfo = ''`);
    this.onStandby('SELECT pg_reload_conf()');
    await until(() => this.onPrimary('SELECT count(*) FROM pg_stat_replication') === '0');
  }

  /** The primary dies, and the standby takes its place. */
  async failOver(): Promise<void> {
    await this.wire.cut();
    run('pg_ctl', '-D', join(this.folder, this.primary), '-m', 'immediate', 'stop');
    run('pg_ctl', '-D', join(this.folder, this.standby), '-w', 'promote');
    this.primary = this.standby;
    this.setSynchronous('');
    await this.wire.restore({ host: '127.0.0.1', port: this.ports[this.primary] });
  }

  async drop(): Promise<void> {
    await this.wire.close();
    for (const node of ['one', 'other'] as const) {
      try {
        run('pg_ctl', '-D', join(this.folder, node), '-m', 'immediate', 'stop');
      } catch {
        // It has died, or was never there.
      }
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  private get standby(): Node {
    return this.primary === 'one' ? 'other' : 'one';
  }

  private setSynchronous(names: string): void {
    this.onPrimary(`ALTER SYSTEM SET synchronous_standby_names = '${names}'`);
    this.onPrimary('SELECT pg_reload_conf()');
  }

  private startNode(node: Node): void {
    const options = `-p ${this.ports[node]} -k ${this.folder} -c listen_addresses=127.0.0.1 -c fsync=off`;
    const log = join(this.folder, `${node}.log`);
    run('pg_ctl', '-D', join(this.folder, node), '-o', options, '-l', log, '-w', 'start');
  }

  private sql(node: Node, text: string): string {
    return run('psql', '-h', '127.0.0.1', '-p', String(this.ports[node]), '-U', 'postgres', '-Atc', text).trim();
  }
}

/** PostgreSQL refuses to run as root. */
function run(program: string, ...args: string[]): string {
  const command = [join(BIN, program), ...args];
  const [first = '', ...rest] = process.getuid?.() === 0 ? ['runuser', '-u', 'postgres', '--', ...command] : command;
  return execFileSync(first, rest, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}
