/** For what comes true by itself: a test waits no longer than it must, and says what it has waited for in vain. */
import { setTimeout as sleep } from 'node:timers/promises';

export async function until(holds: () => boolean | Promise<boolean>, milliseconds = 60_000): Promise<void> {
  for (const end = Date.now() + milliseconds; !(await holds()); await sleep(5)) {
    if (Date.now() > end) throw new Error(`Waited in vain for ${milliseconds} ms: ${holds.toString()}`);
  }
}
