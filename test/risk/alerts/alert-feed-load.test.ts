/** Streams of stored alerts while the database fails, and a thousand of them at once. */
import { setTimeout as wait } from 'node:timers/promises';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import { readLastAlert } from '../../../src/risk/alerts/alert-records.js';
import { storeAlerts } from '../../support/calls/stored-alerts.js';
import { ALL, feedWorld, isQuiet, numbers, take, type FeedWorld } from './feed-world.js';

let world: FeedWorld;
let { db, hers, his, open, store } = {} as FeedWorld;

beforeAll(async () => {
  world = await feedWorld();
  ({ db, hers, his, open, store } = world);
});
beforeEach(() => world.begin());
afterAll(() => world.close());

describe('a database that fails', () => {
  const away = (): Promise<number> => db.$executeRaw`ALTER TABLE risk_alerts RENAME TO away`;
  const back = (): Promise<number> => db.$executeRaw`ALTER TABLE away RENAME TO risk_alerts`;

  it('delays live alerts, and loses none', async () => {
    const stream = await open();
    const next = stream.next();
    const last = await storeAlerts(db, [hers, his]);
    await away();
    world.bus.emit('alerts', { last });
    await expect(world.feed.stream(ALL)).rejects.toThrow();
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
    world.statements.length = 0;
    const streams = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) => open(index % 2 === 0 ? { owner: 'alice' } : { accountIds: [hers] })),
    );
    const opening = world.statements.length;
    expect(opening).toBeLessThan(6);
    const nexts = streams.map((stream) => take(stream, 50));
    const last = await storeAlerts(
      db,
      Array.from({ length: 50 }, () => hers),
    );
    world.statements.length = 0;
    world.bus.emit('alerts', { last });
    const expected = numbers(last - 50n, last);
    for (const seqs of await Promise.all(nexts)) expect(seqs).toEqual(expected);
    expect(world.statements.length).toBeLessThan(6);
  });

  it('come back after a lost connection in as many', async () => {
    const after = await store(hers);
    const last = await store(...Array.from({ length: 100 }, () => hers));
    world.statements.length = 0;
    const sent = await Promise.all(
      Array.from({ length: 1_000 }, async () => take(await open({ owner: 'alice', after }), 100)),
    );
    const expected = numbers(after, last);
    for (const seqs of sent) expect(seqs).toEqual(expected);
    expect(world.statements.length).toBeLessThan(8);
  });

  it('cost nothing when they have ended', async () => {
    const streams = await Promise.all(Array.from({ length: 1_000 }, () => open()));
    for (const stream of streams) await stream.return();
    world.statements.length = 0;
    await wait(1_200);
    world.bus.emit('alerts', { last: 10n ** 17n });
    await wait(20);
    expect(world.statements).toEqual([]);
  });
});
