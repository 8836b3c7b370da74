/** A service of a test's own, in a process and on a port of its own, that may be killed: no other one is a test's to harm. */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

/** PostgreSQL and PgBouncer refuse to run as root. */
const USER = 'postgres';

export function hasProgram(program: string): boolean {
  return spawnSync(program, ['--version']).status === 0;
}

/** The user that such a service runs as; nobody else where the test itself is not root. */
export function serviceUser(): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const id = (option: string): number => Number(execFileSync('id', [option, USER], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/** Starts the program, and resolves when it has printed what it prints once it serves. */
export async function startProgram(
  program: string,
  args: readonly string[],
  ready: string,
  user: ReturnType<typeof serviceUser> = {},
): Promise<ChildProcess> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...user });
  let output = '';
  await new Promise<void>((resolve, reject) => {
    const fail = (): void => reject(new Error(`${program} did not start:\n${output}`));
    child.once('error', fail);
    child.once('exit', fail);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text) => {
        output += String(text);
        if (output.includes(ready)) resolve();
      });
    }
  });
  return child;
}

export async function endProgram(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
