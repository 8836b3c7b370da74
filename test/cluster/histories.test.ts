/** A database that went back is found out, whatever tells it, and begins one new history, however many servers see it. */
import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';

import { Histories } from '../../src/cluster/histories.js';
import type { Database } from '../../src/platform/database/database.js';
import { createLogger } from '../../src/platform/log.js';
import { openTestDatabase } from '../support/services/database.js';

const log = createLogger('silent');
let db: Database;
let opened: Awaited<ReturnType<typeof openTestDatabase>>;
beforeAll(async () => {
  opened = await openTestDatabase();
  ({ db } = opened);
});
afterAll(() => opened.close());

beforeEach(async () => {
  await db.$executeRaw`DELETE FROM histories`;
  await db.$executeRaw`UPDATE duty SET term = 7, last_alert = 50`;
});

const stored = (): Promise<{ number: number; lastAlert: bigint }[]> =>
  db.history.findMany({ orderBy: { number: 'asc' }, select: { number: true, lastAlert: true } });
const numbers = async (): Promise<{ term: bigint; lastAlert: bigint }> =>
  db.duty.findUniqueOrThrow({ where: { id: 1 }, select: { term: true, lastAlert: true } });

interface Server extends Histories {
  /** The last shared alert of each history that it has read. */
  readonly read: bigint[];
}

async function open(isAhead: () => boolean = () => false): Promise<Server> {
  const histories = await Histories.open({ db, log });
  const read: bigint[] = [];
  histories.guard([{ what: 'something', isAhead: async () => isAhead() }], async ({ lastAlert }) => {
    read.push(lastAlert);
  });
  return Object.assign(histories, { read });
}

it('is one history as long as numbers only rise', async () => {
  const [one, two] = [await open(), await open()];
  await db.$executeRaw`UPDATE duty SET term = 8, last_alert = 60`;
  await Promise.all([one.look(), two.look()]);
  expect(await stored()).toEqual([{ number: 1, lastAlert: 50n }]);
  expect(await numbers()).toEqual({ term: 8n, lastAlert: 60n });
  expect([one.read, two.read]).toEqual([[], []]);
});

it.each([
  ['the last alert', 'UPDATE duty SET last_alert = 42'],
  ['the term', 'UPDATE duty SET term = 6, last_alert = 42'],
  ['the place, as in a promoted standby or a restored dump', `UPDATE histories SET place = 'another'`],
  ['the history itself', 'DELETE FROM histories'],
])('goes back by %s: both servers read anew, one begins, no number comes again', async (_what, sql) => {
  const [one, two] = [await open(), await open()];
  await db.$executeRawUnsafe(sql);
  const before = await numbers();
  await Promise.all([one.look(), two.look()]);
  await Promise.all([one.look(), two.look()]);
  const shared = before.lastAlert;
  expect([one.read, two.read]).toEqual([[shared], [shared]]);
  expect((await stored()).at(-1)).toEqual({ number: 2, lastAlert: shared });
  // Beyond what may have been used since the last look.
  expect(await numbers()).toEqual({ term: 1007n, lastAlert: shared + 1_000_000_000n });
});

it('goes back by what a part of the server has and the database has not', async () => {
  let isAhead = true;
  const server = await open(() => isAhead);
  await server.look();
  expect(server.read).toEqual([50n]);
  isAhead = false;
  await server.look();
  expect(server.read).toEqual([50n]);
});

it('is found at the start, too: a backup was restored while no server ran', async () => {
  await open();
  await db.$executeRaw`UPDATE histories SET place = 'another'`;
  const server = await open();
  expect((await stored()).map(({ number }) => number)).toEqual([1, 2]);
  await server.look();
  expect(server.read).toEqual([]);
});

it('is read until that succeeds; who waits for the look goes on then', async () => {
  const server = await Histories.open({ db, log });
  let tries = 0;
  server.guard([], async () => {
    tries += 1;
    expect(server.isReading).toBe(true);
    if (tries === 1) throw new Error('The database is away.');
  });
  await db.$executeRaw`UPDATE duty SET last_alert = 1`;
  await server.look();
  expect([tries, server.isReading]).toEqual([2, false]);
  expect(await stored()).toHaveLength(2);
});
