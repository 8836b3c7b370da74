/** Past prices: exactly what a snapshot said then, and after thinning what is promised to be kept. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import { thinPrices } from '../../src/jobs/price-thinning.js';
import { decimal } from '../../src/margin/decimal.js';
import { pricesOfBatch } from '../../src/market/price-history.js';
import type { PriceSnapshot } from '../../src/market/price-snapshot.js';
import { Prices, type QuoteInput } from '../../src/market/prices.js';
import type { Database } from '../../src/platform/database/database.js';
import { createLogger } from '../../src/platform/log.js';
import { Rulebook } from '../../src/policy/rulebook/rulebook.js';
import { openTestDatabase, withoutGuards } from '../support/services/database.js';
import { forgetPrices, pricesThen, shown } from './price-database.js';

const log = createLogger('silent');

const NOON = Date.parse('2026-01-01T12:00:00Z');
const MAX_AGE = 60_000;
/** All venues of this test are in USDT. */
const PAST = { maxAge: MAX_AGE, venues: new Map<string, { readonly unit: string }>() };
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const ASSETS = ['BTC', 'ETH'];
const INSTRUMENTS = ['BTCUSDT', 'ETHUSDT'];

let database: Awaited<ReturnType<typeof openTestDatabase>>;
let db: Database;
let rulebook: Rulebook;
beforeAll(async () => {
  database = await openTestDatabase();
  db = database.db;
  rulebook = await Rulebook.load(db);
});
afterAll(() => database.close());

let now: number;
let prices: Prices;
beforeEach(async () => {
  now = NOON;
  await forgetPrices(db);
  prices = await open();
});

function open(): Promise<Prices> {
  return Prices.open({ db, symbols: rulebook, maxAge: MAX_AGE, clock: () => now, onPrices: () => undefined, log });
}

function index(asset: string, price: number, more: Partial<QuoteInput> = {}): QuoteInput {
  return { asset, price: decimal(price), source: 'A', at: new Date(now), ...more };
}

function mark(instrument: string, price: number, more: Partial<QuoteInput> = {}): QuoteInput {
  return { ...index('', price), asset: null, venue: 'ASTER', instrument, ...more };
}

function of(snapshot: PriceSnapshot | null): string[] {
  return shown(snapshot, ASSETS, INSTRUMENTS);
}

async function asOf(at: number): Promise<string[]> {
  return of(await pricesThen(db, new Date(at), PAST));
}

/** Whole numbers below a bound, always the same. */
function generator(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

describe('the prices of an instant', () => {
  it.each([1, 2])('are those of the snapshot that was taken then, stale ones too (seed %i)', async (seed) => {
    const random = generator(seed);
    const taken: { snapshot: PriceSnapshot; lines: string[] }[] = [];
    const look = (): void => {
      const snapshot = prices.snapshot();
      if (snapshot.seq > 0n) taken.push({ snapshot, lines: of(snapshot) });
    };
    for (let step = 0; step < 50; step++) {
      now += [0, 1, 200, 9_000, 31_000, 70_000][random(6)] as number;
      look();
      const quotes = Array.from({ length: random(4) }, () => {
        // Some are old already, and some so far apart that two sources disagree.
        const more = { source: ['A', 'B', 'C'][random(3)] as string, at: new Date(now - random(3) * 35_000) };
        const price = 100 + random(2) * random(20) + random(2) / 3;
        const which = random(2);
        return random(3) > 0
          ? index(ASSETS[which] as string, price, more)
          : mark(INSTRUMENTS[which] as string, price, more);
      });
      const publishing = prices.publish(quotes);
      await Promise.resolve();
      look();
      await publishing;
      look();
      if (random(2) === 0) await prices.refresh();
      // A restart changes nothing.
      if (random(10) === 0) prices = await open();
      look();
    }
    expect(new Set(taken.map(({ snapshot }) => snapshot.seq)).size).toBeGreaterThan(30);
    expect(taken.some(({ lines }) => lines.some((line) => line.endsWith('stale')))).toBe(true);
    for (const { snapshot, lines } of taken) {
      const then = await pricesThen(db, snapshot.asOf, PAST);
      expect([then?.seq, of(then)]).toEqual([snapshot.seq, lines]);
    }
    const ofRounds = new Map(taken.map(({ snapshot }) => [snapshot.seq, snapshot]));
    for (const snapshot of ofRounds.values()) {
      const then = await pricesOfBatch(db, snapshot.seq, PAST);
      expect(then?.seq).toBe(snapshot.seq);
      const priceOf = (line: string): string => line.replace(' stale', '');
      expect(of(then).map(priceOf)).toEqual(of(snapshot).map(priceOf));
    }
  });

  it('are not kept before the first round', async () => {
    expect(await asOf(now)).toEqual(['not kept']);
    await prices.publish([index('BTC', 100)]);
    expect(await asOf(now - 1)).toEqual(['not kept']);
    expect(await asOf(now)).toEqual(['BTC 100', 'ETH none', 'BTCUSDT none', 'ETHUSDT none']);
    expect(await pricesOfBatch(db, 2n, PAST)).toBeNull();
  });

  it('begin with what a database had that is older than rounds', async () => {
    await prices.publish([index('BTC', 100), index('BTC', 102, { source: 'B' }), mark('BTCUSDT', 101)]);
    await prices.publish([index('ETH', 10), index('ETH', 20, { source: 'B' })]);
    await withoutGuards(db, async (tx) => {
      await tx.priceRound.deleteMany();
      await tx.priceChange.deleteMany();
      await tx.indexQuote.updateMany({ data: { round: 0 } });
      await tx.indexPrice.updateMany({ data: { round: 0 } });
      await tx.markPrice.updateMany({ data: { round: 0 } });
    });
    now += 1_000;
    const opened = await Promise.all([open(), open()]);
    const expected = ['BTC 101', 'ETH none', 'BTCUSDT 101', 'ETHUSDT none'];
    for (const { board } of opened) expect(of(board.snapshot(new Date(now)))).toEqual(expected);
    expect(await asOf(now + 10)).toEqual(expected);
    expect(await asOf(NOON)).toEqual(['not kept']);
  });
});

describe('thinning', () => {
  const row = (symbol: string, at: Date): string => `${symbol} ${(at.getTime() - NOON) / 1_000}`;

  async function kept(): Promise<{ rounds: string[]; changes: string[] }> {
    const rounds = await db.priceRound.findMany({ orderBy: { seq: 'asc' } });
    const changes = await db.priceChange.findMany({ orderBy: [{ symbol: 'asc' }, { round: 'asc' }] });
    return {
      rounds: rounds.map(({ at }) => row('round', at)),
      changes: changes.map(({ symbol, at }) => row(symbol, at)),
    };
  }

  async function thin(at: number, fullMs: number, limit: number): Promise<number> {
    let batches = 0;
    for (let after = 0n; ; batches++) {
      const thinned = await thinPrices(db, { now: new Date(at), fullMs, after, limit });
      if (thinned.deleted === 0) return batches;
      after = thinned.after;
    }
  }

  it('leaves the last round of each minute and the last row of each price in it, and every round of the first span', async () => {
    // BTC every 10 s, ETH's mark every 25 s, ETH once.
    for (let second = 0; second <= 240; second += 5) {
      now = NOON + second * 1_000;
      const quotes = [
        ...(second % 10 === 0 ? [index('BTC', 100 + second)] : []),
        ...(second % 25 === 0 ? [mark('ETHUSDT', 200 + second)] : []),
        ...(second === 5 ? [index('ETH', 7)] : []),
      ];
      if (quotes.length > 0) await prices.publish(quotes);
    }
    const whole = await kept();
    const ends = [59_999, 119_999, 150_000, 185_000, 240_000];
    const before = await Promise.all(ends.map((end) => asOf(NOON + end)));
    // An hour after 02:30: what came in the minute of 02:00 or later stays, all of it.
    const batches = await thin(NOON + 150_000 + HOUR, HOUR, 3);
    const after = await kept();
    expect(batches).toBeGreaterThan(3);
    const ofFull = (line: string): boolean => Number(line.split(' ').at(-1)) >= 120;
    expect(after.rounds).toEqual(['round 50', 'round 110', ...whole.rounds.filter(ofFull)]);
    expect(after.changes.filter((line) => !ofFull(line))).toEqual([
      'index/BTC 50',
      'index/BTC 110',
      'index/ETH 5',
      // Where it became stale.
      'index/ETH 70',
      'mark/ASTER/ETHUSDT 50',
      'mark/ASTER/ETHUSDT 100',
    ]);
    expect(after.changes.filter(ofFull)).toEqual(whole.changes.filter(ofFull));
    expect(await Promise.all(ends.map((end) => asOf(NOON + end)))).toEqual(before);
    // In between it is the last round that is kept, as it was then, and not aged by what is gone.
    expect(await asOf(NOON + 109_999)).toEqual(before[0]);
    expect(await asOf(NOON + 49_999)).toEqual(['not kept']);
    expect(await thin(NOON + 150_000 + HOUR, HOUR, 3)).toBe(0);
    // The board goes on from where it is.
    await prices.publish([index('BTC', 1)]);
    expect(await asOf(prices.snapshot().asOf.getTime())).toEqual(of(prices.snapshot()));
  });

  it('lets go what is older than 400 days, but for the newest before', async () => {
    for (const [day, quotes] of [
      [0, [index('BTC', 100), index('ETH', 7)]],
      [1, [index('BTC', 101)]],
      [2, [index('BTC', 102)]],
      [5, [index('BTC', 105)]],
    ] as const) {
      now = NOON + day * DAY;
      await prices.publish(quotes.map((quote) => ({ ...quote, at: new Date(now) })));
    }
    expect((await thin(NOON + 403 * DAY, DAY, 1)) > 1).toBe(true);
    const second = (day: number): number => (day * DAY) / 1_000;
    const { rounds, changes } = await kept();
    expect(rounds).toEqual([`round ${second(2)}`, `round ${second(5)}`]);
    expect(changes).toEqual([`index/BTC ${second(2)}`, `index/BTC ${second(5)}`, `index/ETH ${second(1)}`]);
    expect((await asOf(NOON + 4 * DAY)).slice(0, 2)).toEqual(['BTC 102 stale', 'ETH 7 stale']);
    expect((await asOf(NOON + 1.5 * DAY))[0]).toBe('not kept');
    // A server that is asleep for years still has its last prices.
    await thin(NOON + 4_000 * DAY, DAY, 100);
    expect((await kept()).rounds).toEqual([`round ${second(5)}`]);
    expect((await asOf(NOON + 4_000 * DAY)).slice(0, 2)).toEqual(['BTC 105 stale', 'ETH 7 stale']);
    expect((await open()).board.seq).toBe(4n);
  });
});
