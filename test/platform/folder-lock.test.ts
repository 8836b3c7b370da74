/** One process to a folder: with real processes, since a lock within one process proves nothing. */
import { fork, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import { PACKAGE_ROOT } from '../../src/platform/package-root.js';
import { createTestDatabase, type TestDatabase } from '../support/services/database.js';
import { runToExit, startServerProcess } from '../support/services/process.js';

interface Reply {
  readonly done?: true;
  readonly refused?: { readonly name: string; readonly pid: number; readonly message: string };
}

interface Holder {
  readonly pid: number;
  take(folder: string): Promise<Reply>;
  release(): Promise<Reply>;
  kill(): Promise<void>;
}

const holders: ChildProcess[] = [];

function startHolder(): Holder {
  const child = fork(join(PACKAGE_ROOT, 'test', 'support', 'services', 'lock-holder.js'), { execArgv: [] });
  holders.push(child);
  const tell = async (message: object): Promise<Reply> => {
    const answered = once(child, 'message') as Promise<[Reply]>;
    child.send(message);
    return (await answered)[0];
  };
  return {
    pid: child.pid ?? 0,
    take: (folder) => tell({ take: folder }),
    release: () => tell({}),
    kill: () => killed(child),
  };
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

let folder: string;
const lockOf = (): Promise<string> => readFile(join(folder, 'plimsoll.lock'), 'utf8');

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plimsoll-lock-'));
});

afterEach(async () => {
  for (const child of holders.splice(0)) await killed(child);
  await rm(folder, { recursive: true });
});

describe('the lock of a folder', () => {
  it('is refused to a second process, by the pid of the first', async () => {
    const [first, second] = [startHolder(), startHolder()];
    expect(await first.take(folder)).toEqual({ done: true });
    const { refused } = await second.take(folder);
    expect(refused).toMatchObject({ name: 'FolderLockedError', pid: first.pid });
    expect(refused?.message).toContain(`The data folder ${folder} is in use by process ${first.pid}.`);
    expect(refused?.message).toContain('DATA_DIR');
    // And it is still the first one's.
    expect((await startHolder().take(folder)).refused).toMatchObject({ pid: first.pid });
  });

  it('is free again after it was given back', async () => {
    const [first, second] = [startHolder(), startHolder()];
    await first.take(folder);
    expect(await first.release()).toEqual({ done: true });
    expect(await readdir(folder)).toEqual([]);
    expect(await second.take(folder)).toEqual({ done: true });
  });

  it('is taken over from an owner that was killed', async () => {
    const first = startHolder();
    await first.take(folder);
    await first.kill();
    expect(await lockOf()).toContain(String(first.pid));
    const second = startHolder();
    expect(await second.take(folder)).toEqual({ done: true });
    expect(await lockOf()).toContain(String(second.pid));
    expect(await readdir(folder)).toEqual(['plimsoll.lock']);
  });

  it('is not given back by a process from which it was taken over', async () => {
    const [first, second] = [startHolder(), startHolder()];
    await first.take(folder);
    await rm(join(folder, 'plimsoll.lock'));
    await second.take(folder);
    await first.release();
    expect(await lockOf()).toContain(String(second.pid));
  });

  it.each([
    ['is empty', ''],
    ['is garbage', '../../etc/passwd\0\n'],
    ['names no process', '0 0\n'],
    ['names every process', '-1 0\n'],
    ['names a process that began at another time', `${process.pid} 1\n`],
  ])('is taken over where the file %s', async (_what, content) => {
    await writeFile(join(folder, 'plimsoll.lock'), content);
    const holder = startHolder();
    expect(await holder.take(folder)).toEqual({ done: true });
    expect(await readdir(folder)).toEqual(['plimsoll.lock']);
  });

  it('is taken over where the process that was taking it over died as well', async () => {
    const dead = '4194304 1\n';
    await writeFile(join(folder, 'plimsoll.lock'), dead);
    const guard = `plimsoll.lock.${createHash('sha256').update(dead).digest('hex').slice(0, 16)}`;
    await writeFile(join(folder, guard), '4194303 1\n');
    const [first, second] = [startHolder(), startHolder()];
    const replies = await Promise.all([first.take(folder), second.take(folder)]);
    expect(replies.filter(({ done }) => done === true)).toHaveLength(1);
    expect(await readdir(folder)).toEqual(['plimsoll.lock']);
  });

  it('makes the folder that it locks', async () => {
    const deep = join(folder, 'a', 'b');
    expect(await startHolder().take(deep)).toEqual({ done: true });
    expect(existsSync(join(deep, 'plimsoll.lock'))).toBe(true);
  });

  it('goes to exactly one of eight processes that want it from a dead one at the same moment', async () => {
    const eight = Array.from({ length: 8 }, startHolder);
    // A pid that no process has: the largest there can be.
    const dead = '4194304 1\n';
    for (let round = 0; round < 50; round++) {
      await writeFile(join(folder, 'plimsoll.lock'), dead);
      const replies = await Promise.all(eight.map((holder) => holder.take(folder)));
      const winners = eight.filter((_holder, index) => replies[index]?.done === true);
      expect([round, winners.map(({ pid }) => pid)]).toEqual([round, [expect.any(Number)]]);
      expect(await lockOf()).toContain(String(winners[0]?.pid));
      for (const { refused } of replies) if (refused !== undefined) expect(refused.pid).toBe(winners[0]?.pid);
      await winners[0]?.release();
      expect(await readdir(folder)).toEqual([]);
    }
  });
});

describe('a server', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it('does not start on a folder that another one serves, and says which process that is', async () => {
    // PGlite, whatever the tests run on: with PostgreSQL there is no folder to be locked.
    const env = { DATA_DIR: database.env.DATA_DIR };
    const server = await startServerProcess(env);
    try {
      const { code, output } = await runToExit(env);
      expect(code).toBe(1);
      expect(output).toContain(`is in use by process ${server.child.pid}`);
      expect(output).not.toMatch(/\bat .*:\d+:\d+/);
    } finally {
      await server.kill();
    }
  });
});
