/**
 * `npm run two-servers`: two servers on one PostgreSQL and one Redis, behind a balancer that gives each connection to the
 * next server. Kill one of them, and clients that connect again go on with the other.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import pg from 'pg';

import { DatabaseUnavailableError } from '../platform/database/database-errors.js';
import { PACKAGE_ROOT } from '../platform/package-root.js';
import { sleep } from '../platform/retry.js';
import { onStop } from '../platform/stop.js';

if (existsSync('.env')) process.loadEnvFile('.env');

const HOST = '127.0.0.1';
const PORT = Number(process.env['PORT'] || '4000');
const DATABASE_URL = process.env['DATABASE_URL'] || 'postgresql://127.0.0.1:5432/plimsoll';
const REDIS_URL = process.env['REDIS_URL'] || 'redis://127.0.0.1:6379';
const START_MS = 60_000;
const STOP_MS = 10_000;

const say = (text: string): boolean => process.stdout.write(`${text}\n`);

/** Creates the URL's database if it is missing. */
async function makeDatabase(): Promise<void> {
  const name = decodeURIComponent(new URL(DATABASE_URL).pathname.slice(1));
  const client = new pg.Client({
    connectionString: Object.assign(new URL(DATABASE_URL), { pathname: '/postgres' }).href,
  });
  try {
    await client.connect();
    const found = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (found.rowCount === 0) {
      await client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`);
      say(`Made the database ${name}.`);
    }
  } finally {
    await client.end().catch(() => undefined);
  }
}

interface Running {
  readonly port: number;
  readonly child: ChildProcess;
}

function launch(name: string, port: number, env: Record<string, string>): Running {
  const child = spawn(process.execPath, [join(PACKAGE_ROOT, 'dist', 'src', 'main.js')], {
    env: { ...process.env, HOST, PORT: String(port), DATABASE_URL, REDIS_URL, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const output of [child.stdout, child.stderr]) {
    createInterface({ input: output }).on('line', (line) => say(`[${name}] ${line}`));
  }
  child.on('exit', (code, signal) => {
    say(`[${name}] ended with ${signal ?? code}.`);
    if (servers.every((each) => hasEnded(each.child))) balancer.close();
  });
  return { port, child };
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null;

/** Resolves when the server can serve; false: it has ended instead, or takes too long. */
async function isReady({ port, child }: Running): Promise<boolean> {
  for (const end = Date.now() + START_MS; Date.now() < end && !hasEnded(child); await sleep(100, null)) {
    const answer = await fetch(`http://${HOST}:${port}/readyz`).catch(() => null);
    if (answer?.ok === true) return true;
  }
  return false;
}

/** Gives each connection to the next server, or to the one after if that refuses it. */
function balance(servers: readonly Running[]): Server {
  let turn = 0;
  const join = (client: Socket, tries: number): void => {
    const server = servers[turn++ % servers.length];
    if (server === undefined || tries === 0) {
      client.destroy();
      return;
    }
    const upstream = connect(server.port, HOST);
    const refused = (): void => join(client, tries - 1);
    upstream.once('error', refused);
    upstream.once('connect', () => {
      upstream.off('error', refused);
      upstream.on('error', () => client.destroy());
      client.on('close', () => upstream.destroy());
      client.pipe(upstream).pipe(client);
    });
  };
  return createServer((client) => {
    client.on('error', () => client.destroy());
    join(client, servers.length);
  });
}

const servers: Running[] = [];
const balancer = balance(servers);

function stop(code: number): void {
  process.exitCode = code;
  balancer.close();
  for (const { child } of servers) child.kill('SIGTERM');
  setTimeout(() => servers.forEach(({ child }) => child.kill('SIGKILL')), STOP_MS).unref();
}

async function start(): Promise<void> {
  await makeDatabase();
  onStop(() => stop(0));
  // One after the other: the first applies migrations, and plays the recorded prices.
  for (const [index, feed] of [{}, { FEED: 'none' }].entries()) {
    const server = launch(String(index + 1), PORT + 1 + index, { DEMO: process.env['DEMO'] || '1', ...feed });
    servers.push(server);
    if (!(await isReady(server))) return stop(1);
  }
  balancer.listen(PORT, HOST, () => say(`\nBoth are behind http://${HOST}:${PORT}; Ctrl-C stops them.\n`));
}

try {
  await start();
} catch (error) {
  say(new DatabaseUnavailableError(DATABASE_URL, error).message);
  process.exit(1);
}
