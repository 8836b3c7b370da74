/**
 * One process to a data folder. Two PGlite processes on one folder open it without an error and destroy each other's
 * rows, so that the second one has to be refused; a lock whose owner has died is taken over.
 */
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

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

/** Throws FolderLockedError, which names the owner, when another living process holds the folder. */
export async function lockFolder(folder: string): Promise<FolderLock> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, 'plimsoll.lock');
  const mine = `${process.pid} ${await startOf(process.pid)}\n`;
  const draft = `${path}.${process.pid}`;
  // Written apart and then linked, so that nobody ever reads a lock that is half written.
  await writeFile(draft, mine);
  try {
    for (;;) {
      if (await succeeds(link(draft, path), 'EEXIST')) break;
      const found = await readFile(path, 'utf8').catch(() => '');
      const owner = await livingOwner(found);
      if (owner !== null) throw new FolderLockedError(folder, owner);
      await removeDeadLock(path, found);
    }
  } finally {
    await rm(draft, { force: true });
  }
  return {
    release: async () => {
      if ((await readFile(path, 'utf8').catch(() => '')) === mine) await rm(path, { force: true });
    },
  };
}

/** The lock is moved aside before it is removed: if another process took it over meanwhile, it is put back. */
async function removeDeadLock(path: string, dead: string): Promise<void> {
  const aside = `${path}.dead-${process.pid}`;
  if (!(await succeeds(rename(path, aside), 'ENOENT'))) return;
  if ((await readFile(aside, 'utf8')) !== dead) await succeeds(link(aside, path), 'EEXIST');
  await rm(aside, { force: true });
}

/** The pid in a lock, if that process still runs; a pid that was given to another program since does not count. */
async function livingOwner(lock: string): Promise<number | null> {
  const [pidText, start] = lock.trim().split(' ');
  const pid = Number(pidText);
  if (!Number.isInteger(pid) || pid <= 0) return null;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs, as somebody else.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return null;
  }
  return (await startOf(pid)) === start ? pid : null;
}

/** When the process started, in the kernel's ticks; "?" where there is no /proc, so that the pid alone decides. */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name, in parentheses, may hold spaces; the start time is the 20th field after it.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '?';
}

async function succeeds(attempt: Promise<unknown>, expected: 'EEXIST' | 'ENOENT'): Promise<boolean> {
  try {
    await attempt;
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === expected) return false;
    throw error;
  }
}
