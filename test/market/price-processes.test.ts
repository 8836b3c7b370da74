/** Price batches of two processes: in one order, without a gap, and with one board for both. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import { decimal, toPlain } from '../../src/margin/decimal.js';
import { WentBackError } from '../../src/platform/database/database-errors.js';
import { withoutGuards } from '../support/services/database.js';
import { shown, storedPrices } from './price-database.js';
import { MAX_AGE, NOON, priceWorld, quote, type Opened, type PriceWorld } from './price-world.js';

let world: PriceWorld;
beforeAll(async () => {
  world = await priceWorld();
});
beforeEach(() => world.begin());
afterAll(() => world.close());

describe('two processes', () => {
  it('store the rounds of both in one order, and come to the same board', async () => {
    world.now = NOON + 59_000;
    const [one, other] = [await world.open(world.db(0)), await world.open(world.db(1))];
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
    const { length } = await world.rounds();
    expect([one.prices.board.seq, other.prices.board.seq]).toEqual([BigInt(length), BigInt(length)]);
    expect(world.board(one)).toEqual(world.board(other));
    expect(world.board(await world.open())).toEqual(world.board(one));
    // The newest of the shared source: 59 s, of whichever call had it last.
    expect(one.prices.board.indexDetail('BTC', world.now)?.sources).toHaveLength(7);
    const shared = one.prices.board.indexDetail('BTC', world.now)?.sources.find(({ source }) => source === 'shared');
    expect(shared?.at).toEqual(new Date(NOON + 59_000));
    for (const { prices } of [one, other]) {
      const index = prices.board.indexDetail('BTC', world.now);
      expect(await storedPrices(world.db(), NOON)).toContain(
        `index BTC ${toPlain(index?.price ?? decimal(0))} ${((index?.at.getTime() ?? 0) - NOON) / 1_000}`,
      );
    }
    const told = other.heard.length;
    await other.prices.refresh();
    expect([other.heard.length, (await world.rounds()).length]).toEqual([told, length]);
  });

  it('never let an older quote of a source win, whichever takes it', async () => {
    world.now = NOON + 10_000;
    const [one, other] = [await world.open(world.db(0)), await world.open(world.db(1))];
    await one.prices.publish([quote('BTC', 'A', 100, 10)]);
    expect(await other.prices.publish([quote('BTC', 'A', 90, 5)])).toMatchObject({
      ...{ accepted: 0, refusals: [] },
      ignored: [{ code: 'QUOTE_OUTDATED', field: ['quotes', '0', 'at'] }],
    });
    expect(await storedPrices(world.db(), NOON)).toEqual(['index BTC 100 10', 'quote BTC A 100 10']);
    expect(world.board(other)).toEqual(world.board(one));
    expect(await world.rounds()).toHaveLength(1);
  });

  it('hear of what the other has stored when they catch up, and once', async () => {
    const [one, other] = [await world.open(world.db(0)), await world.open(world.db(1))];
    const mark = { ...quote('', 'A', 101), asset: null, venue: 'ASTER', instrument: 'BTCUSDT' };
    await one.prices.publish([quote('BTC', 'A', 100), mark]);
    await other.prices.catchUp();
    await other.prices.catchUp();
    expect(other.heard).toEqual([{ assets: ['BTC', 'BTC-S'], marks: [{ venue: 'ASTER', instrument: 'BTCUSDT' }] }]);
    expect(shown(other.prices.snapshot(), ['BTC'], ['BTCUSDT'])).toEqual(['BTC 100', 'BTCUSDT 101']);
    // What has aged is stored by the first, and only taken over by the other.
    world.now += MAX_AGE + 1;
    await one.prices.refresh();
    await other.prices.refresh();
    expect(await world.rounds()).toHaveLength(2);
    expect(other.heard).toHaveLength(2);
    expect(shown(other.prices.snapshot(), ['BTC'], ['BTCUSDT'])).toEqual(['BTC 100 stale', 'BTCUSDT 101 stale']);
  });
});

describe('a database that went back', () => {
  it('takes no batch on top of one that it has lost, which would leave a gap for others to fill', async () => {
    const [behind, ahead] = [await world.open(world.db(0)), await world.open(world.db(1))];
    await behind.prices.publish([quote('BTC', 'A', 100)]);
    world.now = NOON + 1_000;
    await ahead.prices.publish([quote('ETH', 'A', 10, 1)]);
    // As a standby that lacks the second batch.
    await withoutGuards(world.db(), async (tx) => {
      const lost = { where: { round: 2n } };
      await tx.indexQuote.deleteMany(lost);
      await tx.indexPrice.deleteMany(lost);
      await tx.priceChange.deleteMany(lost);
      await tx.priceRound.deleteMany({ where: { seq: 2n } });
    });

    world.now = NOON + 2_000;
    await expect(ahead.prices.publish([quote('BTC', 'A', 101, 2)])).rejects.toThrow(WentBackError);
    await behind.prices.publish([quote('BTC', 'A', 102, 2)]);
    expect(await world.rounds()).toHaveLength(2);
    expect(await ahead.prices.isAhead()).toBe(false);
    await ahead.prices.reload();
    await ahead.prices.publish([quote('BTC', 'B', 104, 2)]);
    await behind.prices.catchUp();
    expect(world.board(behind)).toEqual(world.board(ahead));
    expect(shown(behind.prices.snapshot(), ['BTC', 'ETH'], [])).toEqual(['BTC 103', 'ETH none']);
  });
});
