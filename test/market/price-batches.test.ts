/** Rounds of prices: stored at once, numbered without a gap, by as many processes as there are. */
import { setImmediate as nextTurn } from 'node:timers/promises';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import { decimal, toPlain } from '../../src/margin/decimal.js';
import { pricesAt } from '../../src/market/price-history.js';
import { Prices, type QuoteInput } from '../../src/market/prices.js';
import type { PriceChanges } from '../../src/market/quote.js';
import type { Database } from '../../src/platform/database.js';
import { createLogger } from '../../src/platform/log.js';
import { Rulebook } from '../../src/policy/rulebook/rulebook.js';
import { SERVER_URL, createTestDatabase, type TestDatabase } from '../support/services/database.js';
import { forgetPrices, shown, storedPrices } from './price-database.js';

const log = createLogger('silent');

const NOON = Date.parse('2026-01-01T12:00:00Z');
const MAX_AGE = 60_000;

let database: TestDatabase;
/** Of two processes; on PGlite, which is of one process, the same. */
const processes: Database[] = [];
const closers: (() => Promise<void>)[] = [];
const statements: string[] = [];
let rulebook: Rulebook;
beforeAll(async () => {
  database = await createTestDatabase();
  for (let count = SERVER_URL === null ? 1 : 2; count > 0; count--) {
    const { db, close } = await database.open((sql) => statements.push(sql));
    processes.push(db);
    closers.push(close);
  }
  rulebook = await Rulebook.load(db());
});
afterAll(async () => {
  for (const close of closers) await close();
  await database.drop();
});

let now: number;
beforeEach(async () => {
  now = NOON;
  await forgetPrices(db());
});

function db(process = 0): Database {
  return processes[process % processes.length] as Database;
}

interface Opened {
  readonly prices: Prices;
  readonly heard: PriceChanges[];
}

async function open(from: Database = db()): Promise<Opened> {
  const heard: PriceChanges[] = [];
  const onPrices = (changes: PriceChanges): void => void heard.push(changes);
  const prices = await Prices.open({ db: from, symbols: rulebook, maxAge: MAX_AGE, clock: () => now, onPrices, log });
  return { prices, heard };
}

function quote(asset: string, source: string, price: number, seconds = 0): QuoteInput {
  return { asset, source, price: decimal(price), at: new Date(NOON + seconds * 1_000) };
}

/** Throws unless rounds are numbered without a gap and each is later than the one before. */
async function rounds(): Promise<{ seq: bigint; at: Date }[]> {
  const all = await db().priceRound.findMany({ orderBy: { seq: 'asc' } });
  all.forEach(({ seq, at }, index) => {
    expect(seq).toBe(BigInt(index + 1));
    if (index > 0) expect(at > (all[index - 1] as { at: Date }).at).toBe(true);
  });
  return all;
}

/** BTC and ETH as this board shows them, with every source. */
function board({ prices }: Opened): unknown[] {
  return ['BTC', 'ETH', 'SOL'].map((asset) => {
    const detail = prices.board.indexDetail(asset, now);
    return detail === null ? null : JSON.stringify(detail);
  });
}

/** Does what it is told to with the next statement that stores a round. */
function breaking(target: Database): { readonly db: Database; breakNext(how: 'BEFORE' | 'AFTER'): void } {
  let broken: 'BEFORE' | 'AFTER' | null = null;
  const store = async (...statement: Parameters<Database['$queryRaw']>): Promise<unknown> => {
    const how = broken;
    broken = null;
    if (how === 'BEFORE') throw new Error('away');
    const rows = await target.$queryRaw(...statement);
    if (how === 'AFTER') throw new Error('no answer');
    return rows;
  };
  const proxy = new Proxy(target, {
    get: (_, name) => (name === '$queryRaw' && broken !== null ? store : (Reflect.get(target, name) as unknown)),
  });
  return { db: proxy, breakNext: (how) => (broken = how) };
}

describe('a round', () => {
  it('is one statement, and none where nothing comes of it', async () => {
    const { prices } = await open();
    statements.length = 0;
    await prices.publish([quote('BTC', 'A', 100, 5), quote('ETH', 'A', 10, 5)]);
    expect(statements).toHaveLength(1);
    await prices.publish([quote('BTC', 'A', 90, 4)]);
    await prices.refresh();
    expect(statements).toHaveLength(1);
    await prices.catchUp();
    expect(statements).toHaveLength(2);
    expect(await rounds()).toHaveLength(1);
  });

  it('takes what is published while another one is being stored, and answers each caller when its own is stored', async () => {
    const { prices } = await open();
    const calls: Promise<void>[] = [];
    for (let call = 0; call < 50; call++) {
      const publish = async (): Promise<void> => {
        await prices.publish([quote('BTC', `source ${call}`, 100 + call)]);
        const sources = prices.board.indexDetail('BTC', now)?.sources ?? [];
        expect(sources.map(({ source }) => source)).toContain(`source ${call}`);
      };
      calls.push(publish());
      if (call % 7 === 0) await nextTurn();
    }
    await Promise.all(calls);
    const { length } = await rounds();
    expect(length).toBeGreaterThan(1);
    expect(length).toBeLessThan(20);
    expect(prices.board.seq).toBe(BigInt(length));
    expect(await storedPrices(db(), NOON)).toHaveLength(50 + 1);
  });

  it('is of a later instant than every snapshot before it, also when the clock stands or goes back', async () => {
    const { prices } = await open();
    let last = new Date(0);
    let price = 100;
    for (const step of [0, 0, 1, -4_000, 0, 2_000, 4_000, -1]) {
      now += step;
      const before = prices.snapshot();
      const publishing = prices.publish([quote('BTC', 'A', price++)]);
      await Promise.resolve();
      const during = prices.snapshot();
      await publishing;
      const after = prices.snapshot();
      expect(before.asOf >= last).toBe(true);
      expect(during.asOf >= before.asOf).toBe(true);
      expect([during.seq, after.seq]).toEqual([before.seq, before.seq + 1n]);
      const [stored] = (await rounds()).slice(-1);
      expect((stored as { at: Date }).at > during.asOf).toBe(true);
      expect((stored as { at: Date }).at <= after.asOf).toBe(true);
      last = after.asOf;
    }
  });

  it('follows a clock that is set back: what was dated ahead is of the instant at which it was set right', async () => {
    const { prices } = await open();
    await prices.publish([quote('BTC', 'A', 100)]);
    now = NOON + 3_600_000;
    await prices.publish([quote('BTC', 'A', 200, 3_600), quote('ETH', 'A', 20, 3_600)]);
    await prices.publish([quote('BTC', 'A', 300, 3_601)]);
    expect(prices.snapshot().asOf).toEqual(new Date(now + 1));
    now = NOON + 2_000;
    expect(prices.snapshot().asOf).toEqual(new Date(now));
    expect(prices.board.indexDetail('BTC', now)).toMatchObject({ stale: true });
    await prices.refresh();
    await prices.publish([quote('BTC', 'A', 101, 2)]);
    expect(prices.board.indexDetail('BTC', now)).toMatchObject({ price: decimal(101), stale: false });
    expect(prices.board.indexDetail('ETH', now)).toMatchObject({ price: decimal(20), stale: true });
    const dated = await db().priceRound.findMany({ orderBy: { seq: 'asc' } });
    expect(dated.map(({ at }) => at.getTime() - NOON)).toEqual([0, 2_000, 2_000, 2_000, 2_001]);
    const was = async (instant: number): Promise<string | undefined> =>
      (await pricesAt(db(), new Date(instant), MAX_AGE))?.marketOf('BITGET').index('BTC')?.price.toString();
    expect(await Promise.all([1_999, 2_000, 2_001].map((after) => was(NOON + after)))).toEqual(['100', '300', '101']);
  });
});

describe('two processes', () => {
  it('store the rounds of both in one order, and come to the same board', async () => {
    const [one, other] = [await open(db(0)), await open(db(1))];
    const publish = async ({ prices }: Opened, name: string, first: number): Promise<void> => {
      for (let round = 0; round < 15; round++) {
        const second = (first + round * 7) % 60;
        await prices.publish([
          quote('BTC', name, 1_000 + first + round, second),
          quote('BTC', 'shared', 2_000 + first + round, second),
          quote('ETH', name, 10 + round, round),
        ]);
      }
    };
    await Promise.all([
      ...[0, 1, 2].map((each) => publish(one, `one ${each}`, each)),
      ...[3, 4, 5].map((each) => publish(other, `other ${each}`, each)),
    ]);
    await Promise.all([one.prices.catchUp(), other.prices.catchUp(), one.prices.catchUp()]);
    const { length } = await rounds();
    expect([one.prices.board.seq, other.prices.board.seq]).toEqual([BigInt(length), BigInt(length)]);
    expect(board(one)).toEqual(board(other));
    expect(board(await open())).toEqual(board(one));
    // The newest of the shared source: 59 s, of whichever call had it last.
    expect(one.prices.board.indexDetail('BTC', now)?.sources).toHaveLength(7);
    const shared = one.prices.board.indexDetail('BTC', now)?.sources.find(({ source }) => source === 'shared');
    expect(shared?.at).toEqual(new Date(NOON + 59_000));
    for (const { prices } of [one, other]) {
      const index = prices.board.indexDetail('BTC', now);
      expect(await storedPrices(db(), NOON)).toContain(
        `index BTC ${toPlain(index?.price ?? decimal(0))} ${((index?.at.getTime() ?? 0) - NOON) / 1_000}`,
      );
    }
    const told = other.heard.length;
    await other.prices.refresh();
    expect([other.heard.length, (await rounds()).length]).toEqual([told, length]);
  });

  it('never let an older quote of a source win, whichever takes it', async () => {
    const [one, other] = [await open(db(0)), await open(db(1))];
    await one.prices.publish([quote('BTC', 'A', 100, 10)]);
    expect(await other.prices.publish([quote('BTC', 'A', 90, 5)])).toEqual({ accepted: 1, refusals: [] });
    expect(await storedPrices(db(), NOON)).toEqual(['index BTC 100 10', 'quote BTC A 100 10']);
    expect(board(other)).toEqual(board(one));
    expect(await rounds()).toHaveLength(1);
  });

  it('hear of what the other has stored when they catch up, and once', async () => {
    const [one, other] = [await open(db(0)), await open(db(1))];
    const mark = { ...quote('', 'A', 101), asset: null, venue: 'ASTER', instrument: 'BTCUSDT' };
    await one.prices.publish([quote('BTC', 'A', 100), mark]);
    await other.prices.catchUp();
    await other.prices.catchUp();
    expect(other.heard).toEqual([{ assets: ['BTC', 'BTC-S'], marks: [{ venue: 'ASTER', instrument: 'BTCUSDT' }] }]);
    expect(shown(other.prices.snapshot(), ['BTC'], ['BTCUSDT'])).toEqual(['BTC 100', 'BTCUSDT 101']);
    // What has aged is stored by the first, and only taken over by the other.
    now += MAX_AGE + 1;
    await one.prices.refresh();
    await other.prices.refresh();
    expect(await rounds()).toHaveLength(2);
    expect(other.heard).toHaveLength(2);
    expect(shown(other.prices.snapshot(), ['BTC'], ['BTCUSDT'])).toEqual(['BTC 100 stale', 'BTCUSDT 101 stale']);
  });
});

describe('a failure', () => {
  it('is told to exactly the callers of its round, and nothing has changed', async () => {
    const broken = breaking(db());
    const opened = await open(broken.db);
    const { prices } = opened;
    await prices.publish([quote('BTC', 'A', 100)]);
    const before = board(opened)[0];
    broken.breakNext('BEFORE');
    const failing = [prices.publish([quote('BTC', 'A', 101, 1)]), prices.publish([quote('BTC', 'B', 102, 1)])];
    await Promise.resolve();
    const following = prices.publish([quote('ETH', 'A', 10, 1)]);
    expect((await Promise.allSettled(failing)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(board(opened)[0]).toEqual(before);
    await following;
    expect(await storedPrices(db(), NOON)).toEqual([
      ...['index BTC 100 0', 'index ETH 10 1', 'quote BTC A 100 0', 'quote ETH A 10 1'],
    ]);
    expect(shown(prices.snapshot(), ['BTC', 'ETH'], [])).toEqual(['BTC 100', 'ETH 10']);
    expect(await rounds()).toHaveLength(2);
  });

  it('whose end is unknown holds back the instants, until a round makes sure', async () => {
    const broken = breaking(db());
    const { prices } = await open(broken.db);
    await prices.publish([quote('BTC', 'A', 100)]);
    broken.breakNext('BEFORE');
    now += 10;
    await expect(prices.publish([quote('BTC', 'A', 101, 1)])).rejects.toThrow('away');
    now += 5_000;
    expect(prices.snapshot().asOf.getTime()).toBe(NOON + 9);
    await prices.refresh();
    expect(prices.snapshot()).toMatchObject({ seq: 2n, asOf: new Date(now) });
    expect(await rounds()).toHaveLength(2);
    expect(await db().priceChange.count()).toBe(1);
  });

  it.each<[string, (prices: Prices) => Promise<unknown>, number]>([
    ['the next round', (prices) => prices.publish([quote('BTC', 'B', 106, 1)]), 3],
    ['a look at what has aged', (prices) => prices.refresh(), 2],
    ['catching up', (prices) => prices.catchUp(), 2],
  ])('of the answer alone: %s finds what was stored', async (_, next, count) => {
    const broken = breaking(db());
    const { prices, heard } = await open(broken.db);
    await prices.publish([quote('BTC', 'A', 100)]);
    broken.breakNext('AFTER');
    now += 10;
    await expect(prices.publish([quote('BTC', 'A', 104, 1)])).rejects.toThrow('no answer');
    const during = prices.snapshot();
    expect(shown(during, ['BTC'], [])).toEqual(['BTC 100']);
    expect(shown(await pricesAt(db(), during.asOf, MAX_AGE), ['BTC'], [])).toEqual(['BTC 100']);
    await next(prices);
    expect(await rounds()).toHaveLength(count);
    expect(heard).toHaveLength(count);
    expect(prices.board.seq).toBe(BigInt(count));
    expect(shown(prices.snapshot(), ['BTC'], [])).toEqual([count === 3 ? 'BTC 105' : 'BTC 104']);
  });
});
