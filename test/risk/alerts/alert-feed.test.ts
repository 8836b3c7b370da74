/** Streams of stored alerts: each alert once, in order, whatever happens between them. */
import { setTimeout as wait } from 'node:timers/promises';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import { AlertFeed, type AlertStreamRequest } from '../../../src/risk/alerts/alert-feed.js';
import { readLastAlert } from '../../../src/risk/alerts/alert-records.js';
import type { AlertStream } from '../../../src/risk/alerts/alert-stream.js';
import { createBus, type Bus } from '../../../src/platform/events.js';
import type { Database } from '../../../src/platform/database.js';
import { createLogger } from '../../../src/platform/log.js';
import { createTestDatabase, type TestDatabase } from '../../support/services/database.js';
import { storeAccount, storeAlerts } from '../../support/calls/stored-alerts.js';

const ALL: AlertStreamRequest = { owner: null, accountIds: null, after: null };
const statements: string[] = [];

let database: TestDatabase;
let db: Database;
let closeDatabase: () => Promise<void>;
let bus: Bus;
let feed: AlertFeed;
let hers: string;
let his: string;

beforeAll(async () => {
  database = await createTestDatabase();
  const opened = await database.open((sql) => statements.push(sql));
  db = opened.db;
  closeDatabase = opened.close;
  hers = await storeAccount(db, 'alice');
  his = await storeAccount(db, 'bob');
});

afterAll(async () => {
  await closeDatabase();
  await database.drop();
});

beforeEach(() => {
  bus = createBus();
  feed = new AlertFeed({ db, bus, log: createLogger('silent') });
});

afterEach(() => feed.close());

async function open(request: Partial<AlertStreamRequest> = {}, from: AlertFeed = feed): Promise<AlertStream> {
  const stream = await from.stream({ ...ALL, ...request });
  if (stream === null) throw new Error('There is no such alert yet.');
  return stream;
}

/** Stores one alert for each account and emits the event; returns the number of the last one. */
async function store(...accountIds: string[]): Promise<bigint> {
  const last = await storeAlerts(db, accountIds);
  bus.emit('alerts', { last });
  return last;
}

async function take(stream: AlertStream, count: number): Promise<bigint[]> {
  const seqs: bigint[] = [];
  while (seqs.length < count) {
    const { done, value } = await stream.next();
    if (done === true) break;
    seqs.push(value.seq);
  }
  return seqs;
}

/** All numbers above `after`, up to `last`. */
function numbers(after: bigint, last: bigint): bigint[] {
  return Array.from({ length: Number(last - after) }, (_, index) => after + BigInt(index + 1));
}

/** Whether the stream waits: nothing is there for it. */
async function isQuiet(next: Promise<unknown>): Promise<boolean> {
  return Promise.race([next.then(() => false), wait(50, true)]);
}

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
    for (let times = 0; times < 5; times++) {
      const next = stream.next();
      const last = await storeAlerts(db, [hers]);
      bus.emit('resync');
      expect((await next).value?.seq).toBe(last);
    }
    // The clock alone would take a second for each.
    expect(performance.now() - began).toBeLessThan(2_500);
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
    bus.emit('alerts', { last });
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
    expect(await feed.stream({ ...ALL, after: last + 1n })).toBeNull();
    expect(await feed.stream({ ...ALL, after: last })).not.toBeNull();
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
    feed.close();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(await (await open()).next()).toEqual({ done: true, value: undefined });
  });

  it('ends when the database was put back to an earlier state: its position says nothing any more', async () => {
    const last = await store(hers, hers);
    const stream = await open();
    const next = stream.next();
    await db.$executeRaw`DELETE FROM risk_alerts WHERE seq = ${last}`;
    await db.$executeRaw`UPDATE duty SET last_alert = ${last - 1n}`;
    expect(await next).toEqual({ done: true, value: undefined });
    const anew = await open();
    expect(await store(his)).toBe(last);
    expect((await anew.next()).value).toMatchObject({ seq: last, accountId: his });
  });
});

describe('a database that fails', () => {
  const away = (): Promise<number> => db.$executeRaw`ALTER TABLE risk_alerts RENAME TO away`;
  const back = (): Promise<number> => db.$executeRaw`ALTER TABLE away RENAME TO risk_alerts`;

  it('delays live alerts, and loses none', async () => {
    const stream = await open();
    const next = stream.next();
    const last = await storeAlerts(db, [hers, his]);
    await away();
    bus.emit('alerts', { last });
    await expect(feed.stream(ALL)).rejects.toThrow();
    expect(await isQuiet(next)).toBe(true);
    await back();
    expect((await next).value?.seq).toBe(last - 1n);
    expect(await take(stream, 1)).toEqual([last]);
  });

  it('delays what is read of the past, and loses none', async () => {
    const after = await readLastAlert(db);
    const last = await store(...Array.from({ length: 1_500 }, () => hers));
    const stream = await open({ after });
    await away();
    const next = stream.next();
    expect(await isQuiet(next)).toBe(true);
    await back();
    expect((await next).value?.seq).toBe(after + 1n);
    expect(await take(stream, 1_499)).toEqual(numbers(after + 1n, last));
  });

  it('does not hold a stream that is ended meanwhile', async () => {
    const after = await readLastAlert(db);
    await store(...Array.from({ length: 1_500 }, () => hers));
    const stream = await open({ after });
    await away();
    const next = stream.next();
    await stream.return();
    expect(await next).toEqual({ done: true, value: undefined });
    await back();
  });
});

describe('a thousand streams', () => {
  it('are opened, and sent fifty alerts, in a handful of statements', async () => {
    statements.length = 0;
    const streams = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) => open(index % 2 === 0 ? { owner: 'alice' } : { accountIds: [hers] })),
    );
    const opening = statements.length;
    expect(opening).toBeLessThan(6);
    const nexts = streams.map((stream) => take(stream, 50));
    const last = await storeAlerts(
      db,
      Array.from({ length: 50 }, () => hers),
    );
    statements.length = 0;
    bus.emit('alerts', { last });
    const expected = numbers(last - 50n, last);
    for (const seqs of await Promise.all(nexts)) expect(seqs).toEqual(expected);
    expect(statements.length).toBeLessThan(6);
  });

  it('come back after a lost connection in as many', async () => {
    const after = await store(hers);
    const last = await store(...Array.from({ length: 100 }, () => hers));
    statements.length = 0;
    const sent = await Promise.all(
      Array.from({ length: 1_000 }, async () => take(await open({ owner: 'alice', after }), 100)),
    );
    const expected = numbers(after, last);
    for (const seqs of sent) expect(seqs).toEqual(expected);
    expect(statements.length).toBeLessThan(8);
  });

  it('cost nothing when they have ended', async () => {
    const streams = await Promise.all(Array.from({ length: 1_000 }, () => open()));
    for (const stream of streams) await stream.return();
    statements.length = 0;
    await wait(1_200);
    bus.emit('alerts', { last: 10n ** 17n });
    await wait(20);
    expect(statements).toEqual([]);
  });
});
