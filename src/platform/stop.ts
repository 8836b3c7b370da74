/** When a process is to end. */

/** As it was when this process began. */
const parent = process.ppid;
const PARENT_MS = 250;

/**
 * Calls `stop` once, when SIGTERM or SIGINT comes, or when the shell has gone in which npm runs its scripts: npm passes
 * signals on to it alone, and it ends by them without a word to what it has started. The same signal a second time ends
 * the process at once.
 */
export function onStop(stop: () => void): void {
  let stopping = false;
  const once = (): void => {
    if (!stopping) stop();
    stopping = true;
  };
  process.once('SIGTERM', once);
  process.once('SIGINT', once);
  if (process.env['npm_lifecycle_event'] === undefined) return;
  setInterval(() => {
    if (process.ppid !== parent) once();
  }, PARENT_MS).unref();
}
