/** A stream whose page cannot be read. */
import { expect, it } from '@jest/globals';

import { AlertRing } from '../../../src/risk/alerts/alert-ring.js';
import { AlertStream } from '../../../src/risk/alerts/alert-stream.js';

const timers = (): number => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;

it('waits for nothing any more when its reader leaves before the database is back', async () => {
  const ring = new AlertRing(10);
  ring.reset(20n);
  let failures = 0;
  const stream = new AlertStream({ owner: null, accountIds: null }, 5n, {
    ring,
    pageSize: 10,
    read: () => Promise.reject(new Error('The database is away.')),
    onError: () => (failures += 1),
    onEnd: () => undefined,
  });
  const next = stream.next();
  while (failures === 0) await new Promise(setImmediate);
  await new Promise(setImmediate);
  const waiting = timers();
  const left = performance.now();
  await stream.return();
  expect(await next).toEqual({ done: true, value: undefined });
  // The pause would take 500 ms.
  while (timers() >= waiting && performance.now() - left < 400) await new Promise(setImmediate);
  expect(timers()).toBeLessThan(waiting);
  expect(failures).toBe(1);
});
