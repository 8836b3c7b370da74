/** Streams of stored alerts: each alert once, in order, whatever happens between them. */
import { setTimeout as wait } from 'node:timers/promises';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import type { Database } from '../../../src/platform/database/database.js';
import { createLogger } from '../../../src/platform/log.js';
import { AlertFeed } from '../../../src/risk/alerts/alert-feed.js';
import { readLastAlert } from '../../../src/risk/alerts/alert-records.js';
import { AlertStream } from '../../../src/risk/alerts/alert-stream.js';
import { storeAccount, storeAlerts } from '../../support/calls/stored-alerts.js';
import { until } from '../../support/until.js';
import { ALL, feedWorld, isQuiet, numbers, take, type FeedWorld } from './feed-world.js';

let world: FeedWorld;
let { db, hers, his, open, store } = {} as FeedWorld;

beforeAll(async () => {
  world = await feedWorld();
  ({ db, hers, his, open, store } = world);
});
beforeEach(() => world.begin());
afterAll(() => world.close());

describe('a stream without a number', () => {
  it('begins with what is stored after it was opened', async () => {
    const before = await store(hers, his);
    const stream = await open();
    const last = await store(hers, his, hers);
    expect(await take(stream, 3)).toEqual(numbers(before, last));
    expect(await isQuiet(stream.next())).toBe(true);
  });

  it('misses nothing and takes nothing from before, though alerts are stored while it is opened', async () => {
    for (let round = 0; round < 20; round++) {
      const before = await readLastAlert(db);
      const [stored, stream] = await Promise.all([store(hers), open()]);
      // Opened before or after: what is stored from now on comes next, and the one beside it once or not at all.
      const last = await store(hers);
      const [first] = await take(stream, 1);
      expect([stored, last]).toContain(first);
      expect(first === stored ? await take(stream, 1) : [last]).toEqual([last]);
      expect(stored).toBe(before + 1n);
      await stream.return();
    }
  });

  it('is woken by the clock, where notices are lost', async () => {
    const stream = await open();
    const next = stream.next();
    const last = await storeAlerts(db, [hers]);
    expect((await next).value?.seq).toBe(last);
  });

  it('is woken after a gap in the notices of other processes', async () => {
    const stream = await open();
    const began = performance.now();
    for (let times = 0; times < 20; times++) {
      const next = stream.next();
      const last = await storeAlerts(db, [hers]);
      world.bus.emit('resync');
      expect((await next).value?.seq).toBe(last);
    }
    // The clock alone would take a second for each.
    expect(performance.now() - began).toBeLessThan(15_000);
  });
});

describe('a stream after a number', () => {
  it('sends stored alerts, page by page, and then new ones', async () => {
    const after = await store(hers);
    const stored = await store(...Array.from({ length: 2_350 }, () => hers));
    const stream = await open({ after });
    expect(await take(stream, 2_350)).toEqual(numbers(after, stored));
    const next = stream.next();
    expect(await isQuiet(next)).toBe(true);
    const last = await store(hers);
    expect((await next).value?.seq).toBe(last);
  });

  it('begins with the first alert of all after 0', async () => {
    const last = await store(his);
    expect(await take(await open({ after: 0n }), Number(last))).toEqual(numbers(0n, last));
  });

  it('has everything once and in order, while alerts are stored, however slowly it is read', async () => {
    const after = await store(hers);
    const count = 600;
    const readers = [0, 1, 2, 3].map(async (pace) => {
      const seqs: bigint[] = [];
      // Ends and comes back now and then, as a client on a bad network does.
      while (seqs.length < count) {
        const stream = await open({ after: seqs.at(-1) ?? after });
        seqs.push(
          ...(await take(stream, Math.min(1 + Math.floor(Math.random() * 40 * pace + 10), count - seqs.length))),
        );
        await stream.return();
        if (pace > 0) await wait(Math.random() * 5 * pace);
      }
      return seqs;
    });
    for (let stored = 0; stored < count; stored += 15) await store(...Array.from({ length: 15 }, () => hers));
    for (const seqs of await Promise.all(readers)) expect(seqs).toEqual(numbers(after, after + BigInt(count)));
  });

  it('has everything once, where the ring has run over while nobody read', async () => {
    const after = await store(hers);
    const [slow, waiting] = [await open({ after }), await open({ after })];
    const first = waiting.next();
    // In the memory of the feed: 10,000.
    const last = await storeAlerts(
      db,
      Array.from({ length: 12_500 }, (_, index) => (index % 2 === 0 ? hers : his)),
    );
    world.bus.emit('alerts', { last });
    const isHers = (seq: bigint): boolean => (seq - after) % 2n === 1n;
    const ofHers = await open({ owner: 'alice', after });
    expect((await first).value?.seq).toBe(after + 1n);
    expect(await take(waiting, 12_499)).toEqual(numbers(after + 1n, last));
    expect(await take(slow, 12_500)).toEqual(numbers(after, last));
    expect(await take(ofHers, 6_250)).toEqual(numbers(after, last).filter(isHers));
    const next = await store(hers);
    for (const stream of [waiting, slow, ofHers]) expect(await take(stream, 1)).toEqual([next]);
  });

  it('is refused where no alert has the number yet', async () => {
    const last = await store(hers);
    expect(await world.feed.stream({ ...ALL, after: last + 1n })).toBe('BEYOND');
    expect(await world.feed.stream({ ...ALL, after: last })).toBeInstanceOf(AlertStream);
  });
});

describe('a stream', () => {
  it('sends the alerts of its accounts, of its owner, or all', async () => {
    const streams = {
      all: await open(),
      alice: await open({ owner: 'alice' }),
      his: await open({ accountIds: [his] }),
      hersOfBob: await open({ owner: 'bob', accountIds: [hers] }),
    };
    const nothing = streams.hersOfBob.next();
    const last = await store(hers, his, his, hers);
    const [first, second, third] = [last - 3n, last - 2n, last - 1n];
    expect(await take(streams.all, 4)).toEqual([first, second, third, last]);
    expect(await take(streams.alice, 2)).toEqual([first, last]);
    expect(await take(streams.his, 2)).toEqual([second, third]);
    expect(await isQuiet(nothing)).toBe(true);
  });

  it('of an owner sends the alerts of accounts that are opened later', async () => {
    const stream = await open({ owner: 'alice' });
    const opened = await storeAccount(db, 'alice');
    const last = await store(opened);
    expect((await stream.next()).value).toMatchObject({
      seq: last,
      accountId: opened,
      owner: 'alice',
      venue: 'BITGET',
    });
  });

  it('ends at once, also while its next alert is awaited', async () => {
    const stream = await open();
    const next = stream.next();
    await stream.return();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    await store(hers);
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  it('ends when the feed is closed, and is ended from the start afterwards', async () => {
    const stream = await open();
    const next = stream.next();
    world.feed.close();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(await (await open()).next()).toEqual({ done: true, value: undefined });
  });

  it('goes on when the database went back, without what is lost, and asks to have said what is no longer true', async () => {
    const shared = await store(his);
    const stream = await open();
    const next = stream.next();
    await store(hers, hers);
    expect((await next).value?.seq).toBe(shared + 1n);
    await db.$executeRaw`DELETE FROM risk_alerts WHERE seq > ${shared}`;
    await db.$executeRaw`UPDATE duty SET last_alert = ${shared + 1_000n}`;
    await world.feed.takeHistory(shared, new Date());
    // A second server that sent the same alerts.
    await world.feed.takeHistory(shared, new Date());
    expect(await db.outboxItem.findMany({ where: { kind: 'STATUS_LOST' } })).toMatchObject([
      { accountId: hers, level: '', status: expect.any(String) },
    ]);
    const last = await store(his);
    expect(last).toBe(shared + 1_001n);
    expect((await stream.next()).value).toMatchObject({ seq: last, accountId: his });
    await db.$executeRaw`DELETE FROM outbox`;
  });

  it('sends nothing twice where another server began the new history, and alerts of it came before this one knew', async () => {
    const shared = await store(his);
    const [stream, other] = [await open(), await open({ owner: 'alice' })];
    await store(hers);
    expect([await take(stream, 1), await take(other, 1)]).toEqual([[shared + 1n], [shared + 1n]]);
    await db.$executeRaw`DELETE FROM risk_alerts WHERE seq > ${shared}`;
    await db.$executeRaw`UPDATE duty SET last_alert = ${shared + 1_000n}`;
    await store(hers, his);
    const begun = [shared + 1_001n, shared + 1_002n];
    expect([await take(stream, 2), await take(other, 1)]).toEqual([begun, begun.slice(0, 1)]);
    const [next, nextOther] = [stream.next(), other.next()];
    await world.feed.takeHistory(shared, new Date());
    expect(await isQuiet(Promise.race([next, nextOther]))).toBe(true);
    const last = await store(hers);
    expect([(await next).value?.seq, (await nextOther).value?.seq]).toEqual([last, last]);
    await db.$executeRaw`DELETE FROM outbox`;
  });

  it('skips nothing where a read of new alerts is under way when it learns of the new history', async () => {
    const shared = await store(his);
    const gate = heldReads(db);
    const feed = new AlertFeed({ db: gate.db, bus: world.bus, log: createLogger('silent') });
    const stream = await open({}, feed);
    const before = gate.reads;
    await store(hers);
    await until(() => gate.reads === before + 1);
    gate.hold();
    await store(his);
    await until(() => gate.reads === before + 2);
    await feed.takeHistory(shared, new Date());
    gate.release();
    expect(await take(stream, 2)).toEqual([shared + 1n, shared + 2n]);
    feed.close();
    await db.$executeRaw`DELETE FROM outbox`;
  });

  it('asks again whether the database went back before it refuses a number', async () => {
    const last = await store(hers);
    let asked = 0;
    const asking = new AlertFeed({ db, bus: world.bus, log: createLogger('silent') }, async () => {
      asked += 1;
      await db.$executeRaw`UPDATE duty SET last_alert = last_alert + 1000`;
    });
    const stream = await open({ after: last + 10n }, asking);
    expect(asked).toBe(1);
    expect(await asking.stream({ ...ALL, after: last + 10_000n })).toBe('BEYOND');
    await stream.return();
    asking.close();
  });
});

/** Counts reads of alerts, and keeps back their answers on demand. */
function heldReads(db: Database): { readonly db: Database; reads: number; hold(): void; release(): void } {
  let open: Promise<void> = Promise.resolve();
  let release = (): void => undefined;
  const query = async (strings: TemplateStringsArray, ...values: unknown[]): Promise<unknown> => {
    const answer: unknown = await db.$queryRaw(strings, ...values);
    if (!strings.join('').includes('FROM risk_alerts AS alert JOIN')) return answer;
    held.reads += 1;
    await open;
    return answer;
  };
  const held = {
    reads: 0,
    db: new Proxy(db, {
      get: (target, name): unknown => (name === '$queryRaw' ? query : Reflect.get(target, name, target)),
    }),
    hold: () => {
      open = new Promise((resolve) => (release = resolve));
    },
    release: () => release(),
  };
  return held;
}
