/** A Redis of a test's own, on a port of its own, that may be killed and silenced: no other one is a test's to harm. */
import type { ChildProcess } from 'node:child_process';
import { tmpdir } from 'node:os';

import { endProgram, freePort, hasProgram, startProgram } from './own-program.js';

/** Whether there is a program "redis-server" to start. */
export const HAS_REDIS: boolean = hasProgram('redis-server');

export interface OwnRedis {
  readonly url: string;
  /** Again, after it was killed, on the same port. */
  start(): Promise<void>;
  /** SIGKILL: no client is notified. */
  kill(): Promise<void>;
  /** It keeps its connections and is silent. */
  freeze(): void;
  thaw(): void;
}

export async function startOwnRedis(): Promise<OwnRedis> {
  const port = await freePort();
  let redis: ChildProcess;
  // A replica writes what it is sent into its folder.
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', tmpdir(), '--save', ''];
  const start = async (): Promise<void> => {
    redis = await startProgram('redis-server', args, 'Ready to accept connections');
  };
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    start,
    kill: () => endProgram(redis, 'SIGKILL'),
    freeze: () => redis.kill('SIGSTOP'),
    thaw: () => redis.kill('SIGCONT'),
  };
}
