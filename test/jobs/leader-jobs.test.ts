import { expect, it } from '@jest/globals';

import { runLeaderJobs } from '../../src/jobs/leader-jobs.js';
import type { Database } from '../../src/platform/database.js';
import { createLogger } from '../../src/platform/log.js';
import { sleep } from '../../src/platform/retry.js';

/** Every call fails, as with a server that is gone. */
const away = new Proxy({} as Database, {
  get: () => () => Promise.reject(new Error('The database is away.')),
});

it('a term that ends while the database is away is not held up by a pause', async () => {
  const term = new AbortController();
  const log = createLogger('silent');
  const failed = new Promise<void>((resolve) => {
    log.error = (_facts: unknown, message?: string) => {
      if (message?.startsWith('Alerts could not be taken over') === true) resolve();
    };
  });
  const parts = {
    ...{ db: away, log, clock: Date.now, priceHistoryMs: 1, isShared: false },
    loop: { wake: () => undefined, setAlertWriter: () => undefined },
  } as unknown as Parameters<typeof runLeaderJobs>[0];
  const jobs = runLeaderJobs(parts, { number: 1n, ended: term.signal });
  await failed;
  term.abort();
  // Half of the pause.
  expect(await Promise.race([jobs.then(() => 'ended'), sleep(250, null).then(() => 'held up')])).toBe('ended');
});
