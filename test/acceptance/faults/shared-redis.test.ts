/** Two installations, each with a database of its own, on one Redis: neither notices the other. */
import { expect, it } from '@jest/globals';

import { startTestApp, type TestApp } from '../../support/services/app.js';
import { SERVER_URL } from '../../support/services/database.js';
import { HAS_REDIS, startOwnRedis } from '../../support/services/own-redis.js';
import { post } from '../../support/services/raw.js';
import { until } from '../../support/until.js';

// Skipped without TEST_DATABASE_URL, or a program "redis-server".
const shared = SERVER_URL !== null && HAS_REDIS ? it : it.skip;

shared('who has spent the budget at one installation has all of it at the other', async () => {
  const redis = await startOwnRedis();
  const start = (): Promise<TestApp> => startTestApp({ env: { REDIS_URL: redis.url, LIMIT_COST_PER_MINUTE: '100' } });
  const apps = [await start(), await start()] as const;
  for (const { url } of apps) await until(async () => (await fetch(`${url}/readyz`)).status === 200);
  try {
    const [spent, other] = [await apps[0].as('alice', 'TRADER'), await apps[1].as('alice', 'TRADER')];
    const ask = async (api: typeof spent): Promise<number> => (await post(api, '{ venues { code } }')).status;
    await until(async () => (await ask(spent)) === 429);
    expect(await ask(other)).toBe(200);
    expect(await ask(spent)).toBe(429);
  } finally {
    for (const app of apps) await app.close();
    await redis.kill();
  }
});
