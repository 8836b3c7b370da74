/** Two servers on one database whose Redis is there, is killed, and comes back: nothing is lost, and all of it heals. */
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';

import { channelName } from '../../../src/cluster/channel.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { SERVER_URL, createTestDatabase, type TestDatabase } from '../../support/services/database.js';
import { HAS_REDIS, startOwnRedis, type OwnRedis } from '../../support/services/own-redis.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';

// Skipped without TEST_DATABASE_URL, or a program "redis-server".
const shared = SERVER_URL !== null && HAS_REDIS ? it : it.skip;

let database: TestDatabase;
let redis: OwnRedis;
let apps: [TestApp, TestApp];
let services: [Api, Api];

const start = (): Promise<TestApp> => startTestApp({ database, env: { REDIS_URL: redis.url } });

beforeAll(async () => {
  if (SERVER_URL === null || !HAS_REDIS) return;
  database = await createTestDatabase();
  redis = await startOwnRedis();
  apps = [await start(), await start()];
  services = [await apps[0].as('venue', 'SERVICE'), await apps[1].as('venue', 'SERVICE')];
  await Promise.all(apps.map((app) => becomes(app, 'ok')));
});

afterAll(async () => {
  if (SERVER_URL === null || !HAS_REDIS) return;
  await Promise.all(apps.map((app) => app.close()));
  await redis.kill();
  await database.drop();
});

async function readiness({ url }: TestApp): Promise<{ code: number; status: string; problems?: unknown }> {
  const response = await fetch(`${url}/readyz`);
  return { code: response.status, ...((await response.json()) as { status: string }) };
}

async function becomes(app: TestApp, status: string): Promise<void> {
  for (let tries = 0; (await readiness(app)).status !== status; tries++) {
    if (tries === 200) throw new Error(`Expected it to be ${status}.`);
    await sleep(25);
  }
}

interface Pushed {
  readonly marginRatioChanged: { readonly cause: string; readonly margin: { readonly walletValue: string } };
}

/** Follows an account at one server. */
async function follow(app: TestApp, id: string): Promise<{ next(): Promise<[string, number]>; end(): Promise<void> }> {
  const socket = (await app.as('alice', 'TRADER')).socket();
  const query = `subscription { marginRatioChanged(accountIds: ["${id}"], minChange: "0") { cause margin { walletValue } } }`;
  const stream = socket.iterate<Pushed>({ query });
  return {
    next: async () => {
      const { value, done } = await stream.next();
      const pushed = done === true ? null : value.data?.marginRatioChanged;
      if (pushed == null) throw new Error(JSON.stringify(value));
      return [pushed.cause, Number(pushed.margin.walletValue)];
    },
    end: async () => {
      await stream.return?.();
      await socket.dispose();
    },
  };
}

const indexOf = (app: TestApp): string | undefined =>
  app.app.services.board.snapshot(new Date()).marketOf('BITGET').index('BTC')?.price.toString();

async function hasIndex(app: TestApp, price: string, milliseconds: number): Promise<void> {
  for (const end = Date.now() + milliseconds; indexOf(app) !== price; await sleep(5)) {
    if (Date.now() > end) throw new Error(`Expected the index ${price}, got ${indexOf(app)}.`);
  }
}

shared('what one server takes the other one knows at once, and does not send again and again', async () => {
  const events: string[] = [];
  // Ready first: what is subscribed to before that makes the client's own check fail, now and then.
  const stranger = new Redis(redis.url, { lazyConnect: true });
  await stranger.connect();
  await stranger.subscribe(await channelName(apps[0].app.services.db));
  stranger.on('message', (_channel, text: string) => events.push((JSON.parse(text) as { kind: string }).kind));

  await publishPrices(services[0], { BTC: '20000' });
  await hasIndex(apps[1], '20000', 30_000);
  const id = await openAccount(services[1]);
  await recordTransfers(services[0], transfer(id, 'USDT', '100'));
  const count = (kind: string): number => events.filter((each) => each === kind).length;
  for (let tries = 0; count('accounts') < 2 && tries < 400; tries++) await sleep(25);
  await sleep(200);
  // One for each; a server that has read changes by itself, before a notice, may emit once more.
  expect(count('accounts')).toBeGreaterThanOrEqual(2);
  expect(count('accounts')).toBeLessThanOrEqual(4);
  expect(count('prices')).toBeGreaterThanOrEqual(1);
  expect(count('prices')).toBeLessThanOrEqual(2);
  await stranger.quit();
});

shared('while Redis is away both serve and say so; what came meanwhile is there when it is back', async () => {
  await publishPrices(services[0], { BTC: '20000', 'BITGET/BTCUSDT': '20000' });
  const id = await openAccount(services[0]);
  await recordTransfers(services[0], transfer(id, 'USDT', '1000'));
  await recordFills(services[0], fill(id, 'BTCUSDT', 'BUY', '0.1', '20000'));
  const watching = await follow(apps[1], id);
  expect(await watching.next()).toEqual(['SNAPSHOT', 1000]);

  await redis.kill();
  await Promise.all(apps.map((app) => becomes(app, 'degraded')));
  expect(await readiness(apps[0])).toEqual({
    code: 200,
    status: 'degraded',
    problems: [expect.objectContaining({ name: 'REDIS_AWAY' })],
  });
  // Prices come by the database, more slowly.
  await publishPrices(services[0], { BTC: '20001' });
  await hasIndex(apps[1], '20001', 30_000);
  await recordTransfers(services[0], transfer(id, 'USDT', '500'));

  await redis.start();
  await Promise.all(apps.map((app) => becomes(app, 'ok')));
  for (let pushed = await watching.next(); ; pushed = await watching.next()) {
    if (pushed[1] === 1500) break;
  }
  await watching.end();
});

shared('a server that starts while Redis is away serves, and joins the others when it is there', async () => {
  await redis.kill();
  const third = await start();
  try {
    expect((await readiness(third)).status).toBe('degraded');
    await redis.start();
    await Promise.all([third, ...apps].map((app) => becomes(app, 'ok')));
    await publishPrices(services[0], { BTC: '20002' });
    await hasIndex(third, '20002', 30_000);
  } finally {
    await third.close();
  }
});
