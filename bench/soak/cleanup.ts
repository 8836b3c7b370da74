/** Whatever this process has started and written goes when it ends, however it ends; but not by SIGKILL. */
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const WAIT_MS = 3_000;

const children = new Set<ChildProcess>();
const folders = new Set<string>();
const clusters = new Set<string>();

/** A process that does not outlive this one. */
export function start(program: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  const child = spawn(program, args, options);
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

/** A folder of this run, which goes with it. */
export function temporaryFolder(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  folders.add(folder);
  return folder;
}

/** It stays, so that what went wrong can be looked into. */
export function keep(folder: string): void {
  folders.delete(folder);
}

/** The PostgreSQL server of this data folder, if one runs, is stopped. */
export function stopAtEnd(dataFolder: string): void {
  clusters.add(dataFolder);
}

process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  const postmasters = [...clusters].flatMap((folder) => {
    const file = join(folder, 'postmaster.pid');
    return existsSync(file) ? [Number(readFileSync(file, 'utf8').split('\n')[0])] : [];
  });
  // Immediate shutdown: nobody needs what is in them.
  for (const pid of postmasters) signal(pid, 'SIGQUIT');
  for (const end = performance.now() + WAIT_MS; performance.now() < end && postmasters.some(isAlive);) pause(20);
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => process.exit(1));

function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    // It has ended.
    return false;
  }
}

const isAlive = (pid: number): boolean => signal(pid, 0);

/** Nothing asynchronous runs any more. */
function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
