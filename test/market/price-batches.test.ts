/** Price batches: each is stored at once, and its callers are answered by it, also where it fails. */
import { setImmediate as nextTurn } from 'node:timers/promises';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import { decimal } from '../../src/margin/decimal.js';
import type { Prices } from '../../src/market/prices.js';
import { breaking, pricesThen, shown, storedPrices } from './price-database.js';
import { MAX_AGE, NOON, priceWorld, quote, type PriceWorld } from './price-world.js';

let world: PriceWorld;
beforeAll(async () => {
  world = await priceWorld();
});
beforeEach(() => world.begin());
afterAll(() => world.close());

describe('a round', () => {
  it('is one statement, and none where nothing comes of it', async () => {
    const { prices } = await world.open();
    world.statements.length = 0;
    world.now = NOON + 5_000;
    await prices.publish([quote('BTC', 'A', 100, 5), quote('ETH', 'A', 10, 5)]);
    expect(world.statements).toHaveLength(1);
    await prices.publish([quote('BTC', 'A', 90, 4)]);
    await prices.refresh();
    expect(world.statements).toHaveLength(1);
    await prices.catchUp();
    expect(world.statements).toHaveLength(2);
    expect(await world.rounds()).toHaveLength(1);
  });

  it('takes what is published while another one is being stored, and answers each caller when its own is stored', async () => {
    const { prices } = await world.open();
    const calls: Promise<void>[] = [];
    for (let call = 0; call < 50; call++) {
      const publish = async (): Promise<void> => {
        await prices.publish([quote('BTC', `source ${call}`, 100 + call)]);
        const sources = prices.board.indexDetail('BTC', world.now)?.sources ?? [];
        expect(sources.map(({ source }) => source)).toContain(`source ${call}`);
      };
      calls.push(publish());
      if (call % 7 === 0) await nextTurn();
    }
    await Promise.all(calls);
    const { length } = await world.rounds();
    expect(length).toBeGreaterThan(1);
    expect(length).toBeLessThan(20);
    expect(prices.board.seq).toBe(BigInt(length));
    expect(await storedPrices(world.db(), NOON)).toHaveLength(50 + 1);
  });

  it('is of a later instant than every snapshot before it, also when the clock stands or goes back', async () => {
    const { prices } = await world.open();
    let last = new Date(0);
    let price = 100;
    for (const step of [0, 0, 1, -4_000, 0, 2_000, 4_000, -1]) {
      world.now += step;
      const before = prices.snapshot();
      const publishing = prices.publish([quote('BTC', 'A', price++)]);
      await Promise.resolve();
      const during = prices.snapshot();
      await publishing;
      const after = prices.snapshot();
      expect(before.asOf >= last).toBe(true);
      expect(during.asOf >= before.asOf).toBe(true);
      expect([during.seq, after.seq]).toEqual([before.seq, before.seq + 1n]);
      const [stored] = (await world.rounds()).slice(-1);
      expect((stored as { at: Date }).at > during.asOf).toBe(true);
      expect((stored as { at: Date }).at <= after.asOf).toBe(true);
      last = after.asOf;
    }
  });

  it('follows a clock that is set back: what was dated ahead is of the instant at which it was set right', async () => {
    const { prices } = await world.open();
    await prices.publish([quote('BTC', 'A', 100)]);
    world.now = NOON + 3_600_000;
    await prices.publish([quote('BTC', 'A', 200, 3_600), quote('ETH', 'A', 20, 3_600)]);
    await prices.publish([quote('BTC', 'A', 300, 3_601)]);
    expect(prices.snapshot().asOf).toEqual(new Date(world.now + 1));
    world.now = NOON + 2_000;
    expect(prices.snapshot().asOf).toEqual(new Date(world.now));
    expect(prices.board.indexDetail('BTC', world.now)).toMatchObject({ stale: true });
    await prices.refresh();
    await prices.publish([quote('BTC', 'A', 101, 2)]);
    expect(prices.board.indexDetail('BTC', world.now)).toMatchObject({ price: decimal(101), stale: false });
    expect(prices.board.indexDetail('ETH', world.now)).toMatchObject({ price: decimal(20), stale: true });
    const dated = await world.db().priceRound.findMany({ orderBy: { seq: 'asc' } });
    expect(dated.map(({ at }) => at.getTime() - NOON)).toEqual([0, 2_000, 2_000, 2_000, 2_001]);
    const was = async (instant: number): Promise<string | undefined> =>
      (await pricesThen(world.db(), new Date(instant), { maxAge: MAX_AGE, venues: new Map() }))
        ?.marketOf('BITGET')
        .index('BTC')
        ?.price.toString();
    expect(await Promise.all([1_999, 2_000, 2_001].map((after) => was(NOON + after)))).toEqual(['100', '300', '101']);
  });
});

describe('a failure', () => {
  it('is told to exactly the callers of its round, and nothing has changed', async () => {
    world.now = NOON + 1_000;
    const broken = breaking(world.db());
    const opened = await world.open(broken.db);
    const { prices } = opened;
    await prices.publish([quote('BTC', 'A', 100)]);
    const before = world.board(opened)[0];
    broken.breakNext('BEFORE');
    const failing = [prices.publish([quote('BTC', 'A', 101, 1)]), prices.publish([quote('BTC', 'B', 102, 1)])];
    await Promise.resolve();
    const following = prices.publish([quote('ETH', 'A', 10, 1)]);
    expect((await Promise.allSettled(failing)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(world.board(opened)[0]).toEqual(before);
    await following;
    expect(await storedPrices(world.db(), NOON)).toEqual([
      ...['index BTC 100 0', 'index ETH 10 1', 'quote BTC A 100 0', 'quote ETH A 10 1'],
    ]);
    expect(shown(prices.snapshot(), ['BTC', 'ETH'], [])).toEqual(['BTC 100', 'ETH 10']);
    expect(await world.rounds()).toHaveLength(2);
  });

  it('whose end is unknown holds back the instants, until a round makes sure', async () => {
    const broken = breaking(world.db());
    const { prices } = await world.open(broken.db);
    await prices.publish([quote('BTC', 'A', 100)]);
    broken.breakNext('BEFORE');
    world.now += 10;
    await expect(prices.publish([quote('BTC', 'A', 101, 1)])).rejects.toThrow('away');
    world.now += 5_000;
    expect(prices.snapshot().asOf.getTime()).toBe(NOON + 9);
    await prices.refresh();
    expect(prices.snapshot()).toMatchObject({ seq: 2n, asOf: new Date(world.now) });
    expect(await world.rounds()).toHaveLength(2);
    expect(await world.db().priceChange.count()).toBe(1);
  });

  it.each<[string, (prices: Prices) => Promise<unknown>, number]>([
    ['the next round', (prices) => prices.publish([quote('BTC', 'B', 106, 1)]), 3],
    ['a look at what has aged', (prices) => prices.refresh(), 2],
    ['catching up', (prices) => prices.catchUp(), 2],
  ])('of the answer alone: %s finds what was stored', async (_, next, count) => {
    const broken = breaking(world.db());
    const { prices, heard } = await world.open(broken.db);
    await prices.publish([quote('BTC', 'A', 100)]);
    broken.breakNext('AFTER');
    world.now += 10;
    await expect(prices.publish([quote('BTC', 'A', 104, 1)])).rejects.toThrow('no answer');
    const during = prices.snapshot();
    expect(shown(during, ['BTC'], [])).toEqual(['BTC 100']);
    expect(
      shown(await pricesThen(world.db(), during.asOf, { maxAge: MAX_AGE, venues: new Map() }), ['BTC'], []),
    ).toEqual(['BTC 100']);
    await next(prices);
    expect(await world.rounds()).toHaveLength(count);
    expect(heard).toHaveLength(count);
    expect(prices.board.seq).toBe(BigInt(count));
    expect(shown(prices.snapshot(), ['BTC'], [])).toEqual([count === 3 ? 'BTC 105' : 'BTC 104']);
  });
});
