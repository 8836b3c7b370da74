/** A price batch: what it changes, what is to be stored of it, and what another board makes of what was stored. */
import { describe, expect, it } from '@jest/globals';

import { decimal } from '../../src/margin/decimal.js';
import type { PriceBatch } from '../../src/market/price-board.js';
import type { IndexQuote, MarkQuote, NewerPrices } from '../../src/market/quote.js';
import { at, index, mark, newBoard, publish, quote } from './boards.js';

const bitcoinMark = { venue: 'ASTER', instrument: 'BTCUSDT' };

describe('a round', () => {
  const nothing = { assets: [], marks: [] };

  it('names what has another price, became stale or became fresh, and nothing else', () => {
    const board = newBoard();
    const everything = { assets: ['BTC', 'ETH', 'BTC-S'], marks: [bitcoinMark] };
    const quotes = (seconds: number): (IndexQuote | MarkQuote)[] => [
      ...[quote('BTC', 'A', '100', seconds), quote('ETH', 'A', '10', seconds)],
      mark('100', seconds),
    ];
    expect(publish(board, 0, ...quotes(0))).toEqual(everything);
    expect(publish(board, 1, ...quotes(1))).toEqual(nothing);
    expect(publish(board, 2, ...quotes(0))).toEqual(nothing);
    expect(publish(board, 3, quote('ETH', 'A', '11', 3))).toEqual({ assets: ['ETH'], marks: [] });
    expect(publish(board, 61)).toEqual(nothing);
    expect(publish(board, 62)).toEqual({ assets: ['BTC', 'BTC-S'], marks: [bitcoinMark] });
    expect(publish(board, 63)).toEqual(nothing);
    expect(publish(board, 70, ...quotes(70))).toEqual(everything);
  });

  it('says what is to be stored, and changes nothing before it is applied', () => {
    const board = newBoard();
    publish(board, 5, quote('BTC', 'A', '100', 5), mark('100', 5));
    const round = board.compose([quote('BTC', 'A', '1', 4), quote('BTC', 'B', '102', 6)], [mark('7', 1)], at(6));
    expect(round.stored.quotes).toEqual([quote('BTC', 'B', '102', 6)]);
    expect(round.stored.indexes).toEqual([
      { asset: 'BTC', unit: 'USDT', price: decimal(101), at: at(6), stale: false },
    ]);
    expect(round.stored.marks).toEqual([]);
    expect(index(board, 'BTC', 6)).toBe('100 at 5 [A+]');
    board.apply(round);
    expect(index(board, 'BTC', 6)).toBe('101 at 6 [A+ B+]');
  });

  it('names each price that became stale once, with the reason', () => {
    const board = newBoard();
    const composed = (now: number, ...quotes: IndexQuote[]): PriceBatch['becameStale'] => {
      const batch = board.compose(quotes, [], at(now));
      board.apply(batch);
      return batch.becameStale;
    };
    publish(board, 0, quote('BTC', 'A', '100', 0), quote('ETH', 'A', '10', 0), mark('100', 0));
    expect(composed(1, quote('BTC', 'B', '200', 1))).toEqual([{ symbol: 'index/BTC', reason: 'SOURCES_DISAGREE' }]);
    expect(composed(2)).toEqual([]);
    expect(composed(61)).toEqual([
      { symbol: 'index/ETH', reason: 'AGED' },
      { symbol: 'mark/ASTER/BTCUSDT', reason: 'AGED' },
    ]);
    // The other source has been alone since, and was fresh.
    expect(composed(62)).toEqual([{ symbol: 'index/BTC', reason: 'AGED' }]);
    expect(composed(63)).toEqual([]);
  });

  it('stores that a price has become stale, once, and no quote', () => {
    const board = newBoard();
    publish(board, 5, quote('BTC', 'A', '100', 5), mark('100', 5));
    const round = board.compose([], [], at(100));
    const [price, stale] = [decimal(100), true];
    expect(round.stored).toEqual({
      quotes: [],
      indexes: [{ asset: 'BTC', unit: 'USDT', price, at: at(5), stale }],
      marks: [{ ...mark('100', 5), stale }],
    });
    expect(round.changes).toEqual({ assets: ['BTC', 'BTC-S'], marks: [bitcoinMark] });
    board.apply(round);
    expect(board.compose([], [], at(200)).stored).toEqual({ quotes: [], indexes: [], marks: [] });
  });

  it('has the number after that of the last one that was applied', () => {
    const board = newBoard();
    expect([board.seq, board.compose([], [], at(0)).seq]).toEqual([0n, 1n]);
    publish(board, 5, quote('BTC', 'A', '100', 5));
    expect([board.seq, board.batchAt, board.compose([], [], at(6)).seq]).toEqual([1n, at(5), 2n]);
  });
});

describe('what another board has stored', () => {
  /** What a round leaves in the database. */
  function written({ seq, at: composedAt, stored }: PriceBatch): NewerPrices {
    const indexes = stored.indexes.map((one) => ({ index: one, composedAt }));
    return { ...stored, seq, at: composedAt, indexes };
  }

  it('is on this one as it is there, and the quotes of both make the next index', () => {
    const [one, other] = [newBoard(), newBoard()];
    const first = one.compose([quote('BTC', 'A', '100', 0), quote('BTC', 'B', '104', 30)], [mark('100', 30)], at(30));
    one.apply(first);
    expect(other.catchUp(written(first))).toEqual({ assets: ['BTC', 'BTC-S'], marks: [bitcoinMark] });
    expect(index(other, 'BTC', 30)).toBe('102 at 30 [A+ B+]');
    expect([other.seq, other.batchAt]).toEqual([1n, at(30)]);
    // A has aged out by now; until a round says so, what was recorded stands.
    expect(other.marketOf('ASTER', at(70)).index('BTC')).toEqual({ price: decimal(102), stale: false });
    const second = other.compose([quote('BTC', 'C', '106', 70)], [], at(70));
    other.apply(second);
    expect(one.catchUp(written(second))).toEqual({ assets: ['BTC', 'BTC-S'], marks: [] });
    for (const board of [one, other]) {
      expect(index(board, 'BTC', 70)).toBe('105 at 70 [A- B+ C+]');
      expect(board.compose([], [], at(71)).stored).toEqual({ quotes: [], indexes: [], marks: [] });
    }
  });

  it('is the last index where its sources disagree or have aged, and is not told or stored again', () => {
    const [one, other] = [newBoard(), newBoard()];
    const rounds: [number, ...IndexQuote[]][] = [
      [0, quote('BTC', 'A', '100', 0), quote('ETH', 'A', '1', 0), quote('ETH', 'B', '2', 0)],
      [30, quote('BTC', 'B', '200', 30)],
      [40, quote('BTC', 'B', '201', 40)],
    ];
    for (const [now, ...quotes] of rounds) {
      const round = one.compose(quotes, [], at(now));
      one.apply(round);
      const told = other.catchUp(written(round));
      expect(told).toEqual(round.changes);
    }
    expect(index(other, 'BTC', 40)).toBe('100 SOURCES_DISAGREE at 0 [A- B-]');
    expect(index(other, 'ETH', 40)).toBeNull();
    expect(other.compose([], [], at(41)).stored).toEqual({ quotes: [], indexes: [], marks: [] });
    // When A is gone, B stands alone, on both.
    expect(other.compose([], [], at(61)).stored).toEqual(one.compose([], [], at(61)).stored);
    publish(other, 61);
    expect(index(other, 'BTC', 61)).toBe('201 at 40 [A- B+]');
  });
});
