import { afterEach, expect, it } from '@jest/globals';

import { runLeaderJobs } from '../../src/jobs/leader-jobs.js';
import type { Database } from '../../src/platform/database/database.js';
import { startApp } from '../../src/app.js';
import { createBus } from '../../src/platform/events.js';
import { createLogger } from '../../src/platform/log.js';
import { sleep } from '../../src/platform/retry.js';
import { AccountFollower } from '../../src/risk/engine/account-follower.js';
import { MarginLoop } from '../../src/risk/engine/margin-loop.js';
import { newTerm } from '../risk/alerts/writer-world.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../support/calls/venue-system.js';
import { startTestApp } from '../support/services/app.js';
import { until } from '../support/until.js';

/** Every call fails, as with a server that is gone. */
const away = new Proxy({} as Database, {
  get: () => () => Promise.reject(new Error('The database is away.')),
});

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
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
    ...{ db: away, log, clock: Date.now, priceHistoryMs: 1, accounts: null },
    loop: { wake: () => undefined, setAlertWriter: () => undefined },
  } as unknown as Parameters<typeof runLeaderJobs>[0];
  const jobs = runLeaderJobs(parts, { number: 1n, ended: term.signal });
  await failed;
  term.abort();
  // Half of the pause.
  expect(await Promise.race([jobs.then(() => 'ended'), sleep(250, null).then(() => 'held up')])).toBe('ended');
});

it('a leader knows what its predecessor knew of accounts, though no notice has come', async () => {
  const app = await startTestApp({ startApp });
  closers.push(() => app.close());
  const service = await app.as('venue', 'SERVICE');
  const { services } = app.app;
  const alerts = async (): Promise<string[]> =>
    (await services.db.riskAlert.findMany({ orderBy: { seq: 'asc' } })).map(({ status }) => status);
  await publishPrices(service, { 'BITGET/BTCUSDT': '20000' });
  const id = await openAccount(service);
  await recordTransfers(service, transfer(id, 'USDT', '1000'));
  await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '20000'));

  // As a second server that hears nothing while Redis is away.
  const bus = createBus();
  const loop = new MarginLoop({ ...services, bus });
  const accounts = new AccountFollower({ ...services, loop });
  closers.push(() => loop.close());
  await accounts.begin();
  await loop.start();
  await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '0.001', '20000', { fee: '990' }));
  await until(async () => (await alerts()).length === 1);

  const ending = new AbortController();
  const { number } = await newTerm(services.db);
  const kept = { priceHistoryMs: 86_400_000, alertRetentionMs: 86_400_000, accountHistoryMs: 86_400_000 };
  const jobs = runLeaderJobs({ ...services, ...kept, bus, loop, accounts }, { number, ended: ending.signal });
  closers.push(async () => {
    ending.abort();
    await jobs;
  });
  await publishPrices(service, { 'BITGET/BTCUSDT': '20001' });
  await until(async () => (await services.db.duty.findFirstOrThrow()).doneRound === services.prices.snapshot().seq);
  expect(await alerts()).toEqual(['LIQUIDATION']);
});
