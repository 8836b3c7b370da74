/**
 * Relays over a Redis of this test's own, which is killed, silenced and flooded: on no other is that anybody's right.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';

import { createLogger } from '../../src/platform/log.js';
import { MAX_IDS, readNotice, writeNotice, type Notice } from '../../src/cluster/notice.js';
import { openChannel, channelName, type Channel } from '../../src/cluster/channel.js';
import { SERVER_URL, createTestDatabase } from '../support/services/database.js';
import { HAS_REDIS, startOwnRedis, type OwnRedis } from '../support/services/own-redis.js';
import { until } from '../support/until.js';

const withRedis = HAS_REDIS ? describe : describe.skip;

const uuid = (index: number): string => `00000000-0000-7000-8000-${String(index).padStart(12, '0')}`;
const silent = createLogger('silent');

describe('a notice', () => {
  it.each<[Notice]>([
    [{ kind: 'prices', round: 9_007_199_254_740_993n }],
    [{ kind: 'accounts', ids: [uuid(1), uuid(2)], cause: 'INTEREST' }],
    [{ kind: 'rules' }],
    [{ kind: 'alerts', last: 0n }],
    [{ kind: 'beat', server: uuid(1), beat: 7n }],
  ])('is read as it was written: %p', (notice) => {
    expect(writeNotice('me', notice).map(readNotice)).toEqual([{ from: 'me', notice }]);
  });

  it('of many accounts is several, of which none is long', () => {
    const ids = Array.from({ length: 2 * MAX_IDS + 1 }, (_id, index) => uuid(index));
    const texts = writeNotice('me', { kind: 'accounts', ids, cause: 'ACCOUNT' });
    expect(texts).toHaveLength(3);
    expect(Math.max(...texts.map((text) => text.length))).toBeLessThan(50_000);
    const read = texts.map((text) => readNotice(text)?.notice);
    expect(read.flatMap((notice) => (notice?.kind === 'accounts' ? notice.ids : []))).toEqual(ids);
  });

  it.each([
    '',
    'garbage',
    'null',
    '7',
    '[]',
    '{"kind":"rules"}',
    '{"from":"x","kind":"of tomorrow"}',
    '{"from":"x","kind":"prices"}',
    '{"from":"x","kind":"prices","round":1}',
    '{"from":"x","kind":"prices","round":"-1"}',
    '{"from":"x","kind":"prices","round":"1e9"}',
    `{"from":"x","kind":"prices","round":"${'9'.repeat(19)}"}`,
    '{"from":"x","kind":"alerts","last":"0x1"}',
    '{"from":"x","kind":"accounts","ids":["1 OR 1=1"],"cause":"ACCOUNT"}',
    `{"from":"x","kind":"accounts","ids":"${uuid(1)}","cause":"ACCOUNT"}`,
    `{"from":"x","kind":"accounts","ids":["${uuid(1)}"],"cause":"toString"}`,
  ])('is nothing else: %s', (text) => {
    expect(readNotice(text)).toBeNull();
  });
});

// Skipped without TEST_DATABASE_URL: processes cannot share PGlite, so no channel is opened for it.
describe('the channel', () => {
  (SERVER_URL === null ? it.skip : it)('is one for a database, and another for its copy', async () => {
    const databases = [await createTestDatabase(), await createTestDatabase()];
    const opened = await Promise.all(databases.map((database) => database.open()));
    const [first, again, copy] = await Promise.all(
      [opened[0], opened[0], opened[1]].map((each) => channelName(each!.db)),
    );
    expect(first).toMatch(/^plimsoll:[0-9a-f]{32}$/);
    expect(again).toBe(first);
    expect(copy).not.toBe(first);
    for (const { close } of opened) await close();
    for (const database of databases) await database.drop();
  });
});

interface Listener extends Channel {
  readonly received: Notice[];
  gaps: number;
}

// Skipped where there is no program "redis-server".
withRedis('relays', () => {
  let redis: OwnRedis;
  const open: Listener[] = [];
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown): number => unhandled.push(reason);

  function listen(options: { channel?: string; url?: string; log?: typeof silent } = {}): Listener {
    const received: Notice[] = [];
    const channel = openChannel({
      url: options.url ?? redis.url,
      channel: options.channel ?? 'plimsoll:test',
      log: options.log ?? silent,
      onMessage: (notice) => received.push(notice),
      onGap: () => (listener.gaps += 1),
    });
    const listener: Listener = {
      received,
      gaps: 0,
      get connected() {
        return channel.connected;
      },
      send: (notice) => channel.send(notice),
      close: () => channel.close(),
    };
    open.push(listener);
    return listener;
  }

  async function pair(): Promise<[Listener, Listener]> {
    const both: [Listener, Listener] = [listen(), listen()];
    await until(() => both.every(({ connected }) => connected));
    return both;
  }

  beforeAll(async () => {
    redis = await startOwnRedis();
    process.on('unhandledRejection', onUnhandled);
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((channel) => channel.close()));
    expect(unhandled).toEqual([]);
  });

  afterAll(async () => {
    process.off('unhandledRejection', onUnhandled);
    await redis.kill();
  });

  it('send to each other, and not to themselves, in order', async () => {
    const [one, two] = await pair();
    const notices: Notice[] = [
      { kind: 'prices', round: 1n },
      { kind: 'accounts', ids: [uuid(1)], cause: 'ACCOUNT' },
      { kind: 'rules' },
      { kind: 'alerts', last: 2n },
    ];
    for (const notice of notices) one.send(notice);
    await until(() => two.received.length === notices.length);
    expect(two.received).toEqual(notices);
    two.send({ kind: 'rules' });
    await until(() => one.received.length > 0);
    expect(one.received).toEqual([{ kind: 'rules' }]);
    // Each reads once what happened before it listened.
    expect([one.gaps, two.gaps]).toEqual([1, 1]);
  });

  it('of another database hear nothing', async () => {
    const [one, two] = await pair();
    const other = listen({ channel: 'plimsoll:other' });
    await until(() => other.connected);
    one.send({ kind: 'rules' });
    await until(() => two.received.length === 1);
    expect(other.received).toEqual([]);
  });

  it('ignore messages that are no notices, and go on', async () => {
    const [one, two] = await pair();
    const stranger = new Redis(redis.url);
    for (const text of ['garbage', '{"from":"x","kind":"of tomorrow"}', 'x'.repeat(2_000_000)]) {
      await stranger.publish('plimsoll:test', text);
    }
    one.send({ kind: 'rules' });
    await until(() => two.received.length > 0);
    expect(two.received).toEqual([{ kind: 'rules' }]);
    await stranger.quit();
  });

  it('open while Redis is away, drop notices, and make up for it when Redis is back', async () => {
    await redis.kill();
    const [one, two] = [listen(), listen()];
    for (let round = 0n; round < 100_000n; round++) one.send({ kind: 'prices', round });
    expect([one.connected, two.connected]).toEqual([false, false]);
    expect([one.gaps, two.gaps]).toEqual([0, 0]);
    await redis.start();
    // Two has lost nothing of its own; that one could not send, it hears.
    await until(() => one.gaps === 1 && two.gaps >= 1);
    two.send({ kind: 'rules' });
    await until(() => one.connected && two.connected);
    one.send({ kind: 'prices', round: 100_000n });
    await until(() => two.received.length > 0);
    expect(two.received).toEqual([{ kind: 'prices', round: 100_000n }]);
  });

  it('notice that Redis died, resync when it is back, and make the others resync who did not notice', async () => {
    const [one, two] = await pair();
    await redis.kill();
    await until(() => !one.connected && !two.connected);
    one.send({ kind: 'rules' });
    await redis.start();
    await until(() => one.connected && two.connected);
    await until(() => one.gaps >= 2 && two.gaps >= 2);
    one.send({ kind: 'alerts', last: 7n });
    await until(() => two.received.length > 0);
    expect(two.received).toEqual([{ kind: 'alerts', last: 7n }]);
  });

  it('that were cut off alone make the others resync for what they could not send', async () => {
    const [one, two] = await pair();
    const admin = new Redis(redis.url);
    const named = String(await admin.client('LIST'))
      .split('\n')
      .filter((line) => line.includes('name=plimsoll'))
      .map((line) => Number(/^id=(\d+)/.exec(line)?.[1]));
    // The first of the four is the publisher of the first channel.
    await admin.client('KILL', 'ID', Math.min(...named));
    await until(() => !one.connected);
    expect(two.connected).toBe(true);
    one.send({ kind: 'rules' });
    await until(() => one.connected);
    await until(() => two.gaps === 2 && one.gaps === 2);
    expect(two.received).toEqual([]);
    await admin.quit();
  });

  it('notice within seconds that Redis keeps the connection and is silent', async () => {
    const [one, two] = await pair();
    redis.freeze();
    try {
      one.send({ kind: 'rules' });
      await until(() => !one.connected && !two.connected);
    } finally {
      redis.thaw();
    }
    await until(() => one.connected && two.connected);
    await until(() => one.gaps >= 2 && two.gaps >= 2);
  });

  it('hold no more than a bounded number of messages for a Redis that is slow, and owe the rest', async () => {
    const [one, two] = await pair();
    for (let round = 0n; round < 50_000n; round++) one.send({ kind: 'prices', round });
    await until(() => two.gaps === 2);
    expect(one.connected).toBe(true);
    // The first thousand at most were under way at once.
    expect(two.received.length).toBeLessThanOrEqual(1_000);
  });

  it('log an outage once, and nothing of the password', async () => {
    const lines: string[] = [];
    const record = (_fields: object, text?: string): number => lines.push(JSON.stringify([_fields, text]));
    const log = { ...silent, warn: record, info: (text: string) => lines.push(text), debug: () => undefined };
    const admin = new Redis(redis.url);
    await admin.config('SET', 'requirepass', 'right');
    const channel = listen({ url: redis.url.replace('//', '//:hunter2@'), log: log as unknown as typeof silent });
    await sleep(700);
    expect(channel.connected).toBe(false);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('WRONGPASS');
    expect(lines.join()).not.toContain('hunter2');
    await admin.config('SET', 'requirepass', 'hunter2');
    await until(() => channel.connected);
    expect(lines).toHaveLength(2);
    await admin.config('SET', 'requirepass', '');
    await admin.quit();
  });

  it('that are closed have sent their last notices, and end', async () => {
    const [one, two] = await pair();
    const ids = Array.from({ length: 20 * MAX_IDS }, () => randomUUID());
    one.send({ kind: 'accounts', ids, cause: 'ACCOUNT' });
    await one.close();
    await until(() => two.received.length === 20);
    expect(one.connected).toBe(false);
    one.send({ kind: 'rules' });
    await sleep(100);
    expect(two.received).toHaveLength(20);
  });
});
