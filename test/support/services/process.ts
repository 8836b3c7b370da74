/** A server in a process of its own, as `npm start` runs it, so that it can be killed. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { PACKAGE_ROOT } from '../../../src/platform/package-root.js';
import { TEST_SECRET } from './api.js';

export interface ServerProcess {
  readonly url: string;
  readonly child: ChildProcess;
  /** All that it has printed. */
  output(): string;
  /** SIGKILL: nothing is flushed, and no client is notified. */
  kill(): Promise<void>;
}

export interface Exit {
  readonly code: number | null;
  readonly output: string;
}

const START_MS = 120_000;

/** Starts the built server; throws with its output when it ends instead of serving. */
export async function startServerProcess(
  env: Record<string, string>,
  shell: readonly string[] = [],
): Promise<ServerProcess> {
  const { child, output } = launch(env, shell);
  const url = await new Promise<string>((resolve, reject) => {
    const fail = (): void => reject(new Error(`The server did not start:\n${output()}`));
    const timer = setTimeout(fail, START_MS);
    child.once('exit', fail);
    child.stdout?.on('data', () => {
      const found = /Plimsoll is at (http:\S+)/.exec(output())?.[1];
      if (found === undefined) return;
      clearTimeout(timer);
      child.removeListener('exit', fail);
      resolve(found);
    });
  });
  return {
    url,
    child,
    output,
    kill: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/**
 * A server as npm starts it: in a shell, which is the child that gets the signals, and of which alone the process ends
 * by them.
 */
export const IN_SHELL: readonly string[] = ['/bin/sh', '-c', '"$0" "$@"; exit $?'];

/** Runs the built server until it ends by itself. */
export async function runToExit(env: Record<string, string>): Promise<Exit> {
  const { child, output } = launch(env);
  const [code] = (await once(child, 'exit')) as [number | null];
  return { code, output: output() };
}

/** Starts the built server, and does not wait for it. Servers that live for seconds: V8 need not optimise PGlite's WebAssembly, which is much of their start. */
export function launch(
  env: Record<string, string>,
  shell: readonly string[] = [],
): { child: ChildProcess; output: () => string } {
  const [program = '', ...args] = [
    ...shell,
    process.execPath,
    '--liftoff-only',
    join(PACKAGE_ROOT, 'dist', 'src', 'main.js'),
  ];
  const child = spawn(program, args, {
    env: { PATH: process.env['PATH'], PORT: '0', AUTH_SECRET: TEST_SECRET, HOST: '127.0.0.1', DEMO: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  child.stdout.on('data', (data) => (text += String(data)));
  child.stderr.on('data', (data) => (text += String(data)));
  return { child, output: () => text };
}
