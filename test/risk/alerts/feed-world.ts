/** A feed of stored alerts over a database with two accounts, and streams of it. */
import { setTimeout as wait } from 'node:timers/promises';

import type { Database } from '../../../src/platform/database/database.js';
import { createBus, type Bus } from '../../../src/platform/events.js';
import { createLogger } from '../../../src/platform/log.js';
import { AlertFeed, type AlertStreamRequest } from '../../../src/risk/alerts/alert-feed.js';
import type { AlertStream } from '../../../src/risk/alerts/alert-stream.js';
import { storeAccount, storeAlerts } from '../../support/calls/stored-alerts.js';
import { createTestDatabase } from '../../support/services/database.js';

export const ALL: AlertStreamRequest = { owner: null, accountIds: null, after: null };

export interface FeedWorld {
  readonly db: Database;
  /** Every SQL statement since the start. */
  readonly statements: string[];
  /** Accounts of alice and of bob. */
  readonly hers: string;
  readonly his: string;
  bus: Bus;
  feed: AlertFeed;
  /** A feed of its own for each test. */
  begin(): void;
  readonly open: (request?: Partial<AlertStreamRequest>, from?: AlertFeed) => Promise<AlertStream>;
  /** Stores one alert for each account and emits the event; returns the number of the last one. */
  readonly store: (...accountIds: string[]) => Promise<bigint>;
  close(): Promise<void>;
}

export async function feedWorld(): Promise<FeedWorld> {
  const database = await createTestDatabase();
  const statements: string[] = [];
  const { db, close } = await database.open((sql) => statements.push(sql));
  const newFeed = (bus: Bus): AlertFeed => new AlertFeed({ db, bus, log: createLogger('silent') });
  const first = createBus();
  const world: FeedWorld = {
    ...{ db, statements, hers: await storeAccount(db, 'alice'), his: await storeAccount(db, 'bob') },
    ...{ bus: first, feed: newFeed(first) },
    begin: () => {
      world.feed.close();
      world.bus = createBus();
      world.feed = newFeed(world.bus);
    },
    open: async (request = {}, from = world.feed) => {
      const stream = await from.stream({ ...ALL, ...request });
      if (typeof stream === 'string') throw new Error(stream);
      return stream;
    },
    store: async (...accountIds) => {
      const last = await storeAlerts(db, accountIds);
      world.bus.emit('alerts', { last });
      return last;
    },
    close: async () => {
      world.feed.close();
      await close();
      await database.drop();
    },
  };
  return world;
}

export async function take(stream: AlertStream, count: number): Promise<bigint[]> {
  const seqs: bigint[] = [];
  while (seqs.length < count) {
    const { done, value } = await stream.next();
    if (done === true) break;
    seqs.push(value.seq);
  }
  return seqs;
}

/** All numbers above `after`, up to `last`. */
export function numbers(after: bigint, last: bigint): bigint[] {
  return Array.from({ length: Number(last - after) }, (_, index) => after + BigInt(index + 1));
}

/** Whether the stream waits: nothing is there for it. */
export async function isQuiet(next: Promise<unknown>): Promise<boolean> {
  return Promise.race([next.then(() => false), wait(50, true)]);
}
