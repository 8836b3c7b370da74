/** Tells when the process has to stop. */

/** The parent when this process began. */
const parent = process.ppid;
const PARENT_MS = 250;

/**
 * Calls `stop` once, when SIGTERM or SIGINT comes, or when the shell of an npm script has ended. npm passes signals to
 * that shell alone, and the shell does not pass them on. The same signal a second time ends the process at once.
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
