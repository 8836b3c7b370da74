/** PostgreSQL servers of the soak's own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';

import { stopAtEnd } from './cleanup.js';

const DEBIAN = '/usr/lib/postgresql';

function binaries(): string {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(a) - Number(b)) : [];
  const newest = versions.at(-1);
  return newest === undefined ? '' : join(DEBIAN, newest, 'bin/');
}

const BIN = binaries();

/** PostgreSQL and PgBouncer do not run as root. */
export const AS_POSTGRES: { readonly uid?: number; readonly gid?: number } = postgresUser();

function postgresUser(): typeof AS_POSTGRES {
  if (process.getuid?.() !== 0) return {};
  const [, , uid, gid] =
    readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .find((line) => line.startsWith('postgres:'))
      ?.split(':') ?? [];
  if (uid === undefined || gid === undefined) throw new Error('Root needs a user "postgres" to run PostgreSQL as.');
  return { uid: Number(uid), gid: Number(gid) };
}

/** Not by a synchronous call: bytes of the wires pass through this process. */
export async function run(program: string, args: readonly string[], output?: number): Promise<void> {
  const child = spawn(`${BIN}${program}`, args, {
    stdio: ['ignore', output ?? 'ignore', 'ignore'],
    cwd: '/',
    ...AS_POSTGRES,
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${args.join(' ')}`);
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** One PostgreSQL server in a folder. */
export class Cluster {
  private constructor(
    readonly folder: string,
    readonly port: number,
  ) {
    stopAtEnd(folder);
  }

  static async primary(folder: string): Promise<Cluster> {
    await run('initdb', ['-D', folder, '-U', 'postgres', '-A', 'trust', '--no-sync']);
    return new Cluster(folder, await freePort());
  }

  /** @param source port at which the primary is copied, and followed from then on */
  static async standby(folder: string, source: number): Promise<Cluster> {
    const from = ['-h', '127.0.0.1', '-p', String(source), '-U', 'postgres'];
    await run('pg_basebackup', ['-D', folder, ...from, '-R', '-c', 'fast', '--no-sync']);
    return new Cluster(folder, await freePort());
  }

  async start(): Promise<void> {
    const settings = [
      `-p ${this.port}`,
      ...['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=200', 'hot_standby=on'],
      ...['fsync=off', 'synchronous_commit=off', 'wal_keep_size=256MB'],
    ];
    const options = settings.join(' -c ');
    await run('pg_ctl', ['-D', this.folder, '-l', `${this.folder}.log`, '-w', '-o', options, 'start']);
  }

  async promote(): Promise<void> {
    await run('pg_ctl', ['-D', this.folder, '-w', 'promote']);
  }

  /** As a machine that is gone. */
  async kill(): Promise<void> {
    await run('pg_ctl', ['-D', this.folder, '-m', 'immediate', '-w', 'stop']);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
