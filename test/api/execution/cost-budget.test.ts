/** What a client may spend in a minute: in memory, and in Redis where there is one. */
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';

import { memoryBudget, redisBudget, type CostBudget } from '../../../src/api/execution/cost-budget.js';
import { createLogger } from '../../../src/platform/log.js';
import { HAS_REDIS, startOwnRedis, type OwnRedis } from '../../support/services/own-redis.js';

const withRedis = HAS_REDIS ? describe : describe.skip;

describe('in memory', () => {
  it('is the same for a minute that begins with the first spending', async () => {
    let now = 0;
    const budget = memoryBudget(
      () => 100,
      () => now,
    );
    expect(await budget.spend('alice', 60)).toBeNull();
    now = 20_000;
    expect(await budget.spend('alice', 40)).toBeNull();
    expect(await budget.spend('alice', 1)).toBe(40);
    expect(await budget.spend('bob', 100)).toBeNull();
    now = 59_999;
    expect(await budget.spend('alice', 1)).toBe(1);
    now = 60_000;
    expect(await budget.spend('alice', 100)).toBeNull();
    expect(await budget.spend('bob', 1)).toBe(20);
  });

  it('takes nothing for what it refuses', async () => {
    const budget = memoryBudget(
      () => 100,
      () => 0,
    );
    await budget.spend('alice', 60);
    expect(await budget.spend('alice', 50)).toBe(60);
    expect(await budget.spend('alice', 40)).toBeNull();
  });
});

withRedis('in Redis (skipped where there is no redis-server in PATH)', () => {
  let redis: OwnRedis;
  let one: CostBudget;
  let other: CostBudget;
  /** As the channel of two servers. */
  const listeners: Redis[] = [];
  beforeAll(async () => {
    redis = await startOwnRedis();
    await listen();
    [one, other] = [budget(), budget()];
    // Until it is connected, each counts for itself.
    await counted(one, other);
  });
  afterAll(async () => {
    one.close();
    other.close();
    for (const listener of listeners) listener.disconnect();
    await redis.kill();
  });
  const budget = (channel = 'plimsoll:one'): CostBudget =>
    redisBudget({ url: redis.url, channel, perMinute: 100, log: createLogger('silent') });

  async function listen(): Promise<void> {
    for (let servers = 0; servers < 2; servers++) {
      const listener = new Redis(redis.url);
      listener.on('error', () => undefined);
      listeners.push(listener);
      await listener.subscribe('plimsoll:one');
    }
  }

  /** Resolves when what is spent at the one is known to the other. */
  async function counted(a: CostBudget, b: CostBudget): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      await a.spend(`probe ${attempt}`, 100);
      if ((await b.spend(`probe ${attempt}`, 100)) !== null) return;
      await sleep(20);
    }
  }

  it('is the same of all processes', async () => {
    expect(await one.spend('alice', 60)).toBeNull();
    expect(await other.spend('alice', 40)).toBeNull();
    const wait = await one.spend('alice', 1);
    expect(wait).toBeGreaterThan(50);
    expect(wait).toBeLessThanOrEqual(60);
    expect(await other.spend('bob', 100)).toBeNull();
  });

  it('takes nothing for what it refuses', async () => {
    expect(await one.spend('carol', 60)).toBeNull();
    expect(await other.spend('carol', 50)).not.toBeNull();
    expect(await other.spend('carol', 40)).toBeNull();
  });

  it('is that of one installation: another one on the same Redis has its own', async () => {
    const foreign = budget('plimsoll:two');
    const foreignToo = budget('plimsoll:two');
    await counted(foreign, foreignToo);
    expect(await one.spend('frank', 100)).toBeNull();
    expect(await foreign.spend('frank', 100)).toBeNull();
    expect(await foreignToo.spend('frank', 1)).not.toBeNull();
    foreign.close();
    foreignToo.close();
  });

  it('is half of it at each of two processes while Redis is away, and nobody waits for it', async () => {
    await redis.kill();
    const begun = performance.now();
    for (const each of [one, other]) {
      expect(await each.spend('dan', 30)).toBeNull();
      expect(await each.spend('dan', 20)).toBeNull();
      expect(await each.spend('dan', 1)).not.toBeNull();
    }
    expect(performance.now() - begun).toBeLessThan(10_000);
    const late = budget();
    // It has never heard of any server.
    expect(await late.spend('dan', 20)).toBeNull();
    expect(await late.spend('dan', 5)).toBeNull();
    expect(await late.spend('dan', 1)).not.toBeNull();
    late.close();
    await redis.start();
    await counted(one, other);
  });

  it('is a share of each process while Redis is silent, too', async () => {
    redis.freeze();
    const begun = performance.now();
    expect(await one.spend('erin', 50)).toBeNull();
    expect(await one.spend('erin', 1)).not.toBeNull();
    expect(performance.now() - begun).toBeLessThan(10_000);
    redis.thaw();
  });
});
