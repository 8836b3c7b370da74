/** A PgBouncer of a test's own, in front of the PostgreSQL server of TEST_DATABASE_URL. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { SERVER_URL } from './database.js';
import { endProgram, freePort, hasProgram, serviceUser, startProgram } from './own-program.js';

const PROGRAM = '/usr/sbin/pgbouncer';
export const HAS_PGBOUNCER: boolean = hasProgram(PROGRAM);

export interface OwnPgbouncer {
  /** The address of a database through it. */
  urlOf(database: string): string;
  stop(): Promise<void>;
}

/** @param settings beside those that make it serve, such as `pool_mode` */
export async function startOwnPgbouncer(settings: Readonly<Record<string, string | number>>): Promise<OwnPgbouncer> {
  const server = new URL(SERVER_URL ?? '');
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-pgbouncer-'));
  await chmod(folder, 0o755);
  const file = join(folder, 'pgbouncer.ini');
  const users = join(folder, 'users.txt');
  await writeFile(users, `"${server.username}" "${decodeURIComponent(server.password)}"\n`);
  const all = {
    ...{ listen_addr: '127.0.0.1', listen_port: port, unix_socket_dir: '', auth_type: 'trust', auth_file: users },
    ...settings,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`);
  const target = `host=${server.hostname} port=${server.port === '' ? 5432 : server.port}`;
  await writeFile(file, `[databases]\n* = ${target}\n[pgbouncer]\n${lines.join('\n')}\n`);
  const child = await startProgram(PROGRAM, [file], 'process up', serviceUser());
  return {
    urlOf: (database) => {
      const url = new URL(server);
      url.host = `127.0.0.1:${port}`;
      url.pathname = `/${database}`;
      return url.href;
    },
    stop: async () => {
      await endProgram(child, 'SIGKILL');
      await rm(folder, { recursive: true });
    },
  };
}
