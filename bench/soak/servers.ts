/** Server processes of the soak: started, frozen, killed, and given a clock that is wrong. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';

import { PACKAGE_ROOT } from '../../src/platform/package-root.js';
import { sleep } from '../../src/platform/retry.js';
import { start } from './cleanup.js';

export const SECRET = 'a secret for the soak, and for nothing else';
const START_MS = 90_000;

export class SoakServer {
  private child: ChildProcess | null = null;
  private isFrozen = false;
  /** When it was killed last, in milliseconds of this process. */
  killedAt = -Infinity;

  constructor(
    readonly name: string,
    readonly port: number,
    private readonly env: Readonly<Record<string, string>>,
    private readonly logFile: string,
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get isRunning(): boolean {
    return this.child !== null && this.child.exitCode === null && this.child.signalCode === null;
  }

  start(): void {
    if (this.isRunning) return;
    const clock = join(PACKAGE_ROOT, 'dist', 'bench', 'soak', 'clock.js');
    const child = start(process.execPath, ['--import', clock, join(PACKAGE_ROOT, 'dist', 'src', 'main.js')], {
      env: { PATH: process.env['PATH'], HOST: '127.0.0.1', PORT: String(this.port), AUTH_SECRET: SECRET, ...this.env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const log = createWriteStream(this.logFile, { flags: 'a' });
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    child.once('exit', (code, signal) => log.end(`Ended: ${signal ?? code}.\n`));
    this.child = child;
    this.isFrozen = false;
  }

  /** Resolves when it serves. */
  async ready(): Promise<void> {
    for (const end = performance.now() + START_MS; performance.now() < end; await sleep(200, null)) {
      // A start fails while the database is away.
      this.start();
      const answer = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(3_000) }).catch(() => null);
      if (answer?.ok === true) return;
    }
    throw new Error(`${this.name} does not serve; its log is ${this.logFile}.`);
  }

  freeze(): void {
    if (this.isRunning) this.child?.kill('SIGSTOP');
    this.isFrozen = true;
  }

  thaw(): void {
    if (this.isFrozen) this.child?.kill('SIGCONT');
    this.isFrozen = false;
  }

  async kill(): Promise<void> {
    if (this.child === null || !this.isRunning) return;
    const ended = once(this.child, 'exit');
    this.killedAt = performance.now();
    this.child.kill('SIGKILL');
    await ended;
  }

  /** Moves its wall clock; 0 sets it right. */
  setClock(offsetMs: number): void {
    if (this.isRunning && this.child?.connected === true) this.child.send({ offsetMs }, () => undefined);
  }
}
