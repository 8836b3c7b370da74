/**
 * Two servers on one database that hear themselves and not each other: on two Redis, and on a Redis and its replica.
 * Both say so within seconds, and watchers of both see the truth all the while.
 */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';

import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { SERVER_URL, createTestDatabase, type TestDatabase } from '../../support/services/database.js';
import { HAS_REDIS, startOwnRedis, type OwnRedis } from '../../support/services/own-redis.js';
import { openAccount, publishPrices, recordTransfers, transfer } from '../../support/calls/venue-system.js';
import { until } from '../../support/until.js';

// Skipped without TEST_DATABASE_URL, or a program "redis-server".
const shared = SERVER_URL !== null && HAS_REDIS ? it : it.skip;

let database: TestDatabase;
let redis: [OwnRedis, OwnRedis];
let apps: [TestApp, TestApp];
let services: [Api, Api];

beforeAll(async () => {
  if (SERVER_URL === null || !HAS_REDIS) return;
  database = await createTestDatabase();
  redis = [await startOwnRedis(), await startOwnRedis()];
  await startBoth();
});

async function startBoth(): Promise<void> {
  const start = ({ url }: OwnRedis): Promise<TestApp> => startTestApp({ database, env: { REDIS_URL: url } });
  apps = [await start(redis[0]), await start(redis[1])];
  services = [await apps[0].as('venue', 'SERVICE'), await apps[1].as('venue', 'SERVICE')];
}

afterAll(async () => {
  if (SERVER_URL === null || !HAS_REDIS) return;
  await Promise.all(apps.map((app) => app.close()));
  await Promise.all(redis.map((each) => each.kill()));
  await database.drop();
});

async function problemsOf({ url }: TestApp): Promise<string[]> {
  const answer = (await (await fetch(`${url}/readyz`)).json()) as { problems?: { name: string }[] };
  return (answer.problems ?? []).map(({ name }) => name);
}

const areParted = async (): Promise<boolean> =>
  (await Promise.all(apps.map(problemsOf))).every((problems) => problems.includes('REDIS_PARTED'));

/** What the watchers of each server are sent of a deposit through the other one, and after how many milliseconds. */
async function depositsCross(): Promise<number[]> {
  const id = await openAccount(services[0]);
  const query = `subscription { marginRatioChanged(accountIds: ["${id}"], minChange: "0") { margin { walletValue } } }`;
  const sockets = await Promise.all(apps.map(async (app) => (await app.as('alice', 'TRADER')).socket()));
  const values = apps.map((): number[] => []);
  const reading = sockets.map(async (socket, index) => {
    const stream = socket.iterate<{ marginRatioChanged: { margin: { walletValue: string } } }>({ query });
    for await (const { data } of stream) values[index]?.push(Number(data?.marginRatioChanged.margin.walletValue));
  });
  await until(() => values.every((each) => each.length > 0));
  const times: number[] = [];
  for (const [index, service] of services.entries()) {
    const started = performance.now();
    const total = 100 * (index + 1);
    await recordTransfers(service, transfer(id, 'USDT', '100'));
    await until(() => values.every((each) => each.at(-1) === total));
    times.push(performance.now() - started);
  }
  for (const socket of sockets) await socket.dispose();
  await Promise.allSettled(reading);
  return times;
}

shared('on two Redis each says so, and pushes soon what came through the other one', async () => {
  await publishPrices(services[0], { BTC: '20000' });
  await until(areParted);
  expect(await problemsOf(apps[0])).toEqual(['REDIS_PARTED']);
  expect(Math.max(...(await depositsCross()))).toBeLessThan(10_000);
});

shared('on a Redis and its replica, which hears the other and is not heard, both say so', async () => {
  await Promise.all(apps.map((app) => app.close()));
  const replica = new Redis(redis[1].url);
  await replica.call('REPLICAOF', '127.0.0.1', new URL(redis[0].url).port);
  await until(async () => (await replica.info('replication')).includes('master_link_status:up'));
  await replica.quit();
  await startBoth();
  await until(areParted);
  expect(Math.max(...(await depositsCross()))).toBeLessThan(10_000);
});
