/**
 * Admits one process to a data folder. Two PGlite processes on one folder open it without an error and destroy each
 * other's rows, so the second one is refused. A lock whose owner has died is taken over.
 */
import { createHash } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { sleep } from '../retry.js';

/** Pause while another process removes a dead lock, which takes a few system calls. */
const WAIT_MS = 2;

export class FolderLockedError extends Error {
  constructor(
    readonly folder: string,
    readonly pid: number,
  ) {
    super(
      `The data folder ${folder} is in use by process ${pid}. Two servers on one folder would destroy each other's ` +
        `data: stop process ${pid}, or give this one a folder of its own with DATA_DIR.`,
    );
    this.name = 'FolderLockedError';
  }
}

export interface FolderLock {
  release(): Promise<void>;
}

/** Throws FolderLockedError, which names the owner, if another living process holds the folder. */
export async function lockFolder(folder: string): Promise<FolderLock> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, 'plimsoll.lock');
  const mine = `${process.pid} ${await startOf(process.pid)}\n`;
  const draft = `${path}.${process.pid}`;
  // A draft is written and then linked: nobody ever reads half a lock.
  await writeFile(draft, mine);
  try {
    for (;;) {
      if (await isMade(link(draft, path))) break;
      const found = await contentOf(path);
      const owner = await livingOwner(found ?? '');
      if (owner !== null) throw new FolderLockedError(folder, owner);
      if (found !== null) await removeDead(path, found, draft);
    }
  } finally {
    await rm(draft, { force: true });
  }
  return {
    release: async () => {
      if ((await contentOf(path)) === mine) await rm(path, { force: true });
    },
  };
}

/**
 * Of many processes that find the same dead lock, the holder of its guard removes it. The guard is a lock named after
 * the dead one. Without it a process could remove the new lock of another. A guard of a dead owner is removed alike.
 */
async function removeDead(path: string, dead: string, draft: string): Promise<void> {
  const guard = `${path}.${createHash('sha256').update(dead).digest('hex').slice(0, 16)}`;
  if (await isMade(link(draft, guard))) {
    // Nobody else removes the lock under the guard: it is still the dead one, or gone.
    if ((await contentOf(path)) === dead && (await livingOwner(dead)) === null) await rm(path, { force: true });
    await rm(guard, { force: true });
    return;
  }
  const other = await contentOf(guard);
  if (other !== null && (await livingOwner(other)) === null) await removeDead(guard, other, draft);
  else await sleep(WAIT_MS, null);
}

/** The pid in a lock, if that process still runs. A pid that another program has by now does not count. */
async function livingOwner(lock: string): Promise<number | null> {
  const [pidText, start] = lock.trim().split(' ');
  const pid = Number(pidText);
  if (!Number.isInteger(pid) || pid <= 0) return null;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: the process runs as another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return null;
  }
  return (await startOf(pid)) === start ? pid : null;
}

/** When the process started, in the kernel's ticks. Without /proc it is "?", and the pid alone decides. */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name, in parentheses, may hold spaces. The start time is the 20th field after it.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '?';
}

/** False: there is a file of that name already. */
async function isMade(attempt: Promise<void>): Promise<boolean> {
  try {
    await attempt;
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Null: there is no such file. */
async function contentOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
