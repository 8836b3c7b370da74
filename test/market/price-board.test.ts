import { describe, expect, it } from '@jest/globals';

import { decimal, toPlain } from '../../src/margin/decimal.js';
import { PriceBoard, type PriceDetail, type PriceBatch } from '../../src/market/price-board.js';
import type { IndexQuote, MarkQuote, NewerPrices, PriceChanges } from '../../src/market/quote.js';

/** Instants are seconds after this one; a price is stale when it is more than 60 s old. */
const START = Date.parse('2026-01-01T00:00:00Z');
const at = (seconds: number): number => START + seconds * 1000;

const symbols = {
  assets: new Map(['USDT', 'BTC', 'ETH', 'BNB'].map((symbol) => [symbol, { pricedAs: null as string | null }])),
  venues: new Map([['ASTER', null]]),
  instruments: new Map([['ASTER', new Map([['BTCUSDT', null]])]]),
};
symbols.assets.set('BTC-S', { pricedAs: 'BTC' });
symbols.assets.set('USDT-S', { pricedAs: 'USDT' });

function newBoard(): PriceBoard {
  return new PriceBoard(symbols, 60_000);
}

/** "BTC from A 100 at 5" */
function quote(asset: string, source: string, price: string, seconds: number): IndexQuote {
  return { asset, source, price: decimal(price), at: at(seconds) };
}

function mark(price: string, seconds: number, source = 'A'): MarkQuote {
  return { venue: 'ASTER', instrument: 'BTCUSDT', source, price: decimal(price), at: at(seconds) };
}

function publish(board: PriceBoard, now: number, ...quotes: (IndexQuote | MarkQuote)[]): PriceChanges {
  const indexes = quotes.filter((one) => 'asset' in one);
  const marks = quotes.filter((one) => 'venue' in one);
  const round = board.compose(indexes, marks, at(now));
  board.apply(round);
  return round.changes;
}

/** "100 AGED at 5 [A- B+]": why it is stale, and a plus for a source that is used. */
function shown(detail: PriceDetail | null): string | null {
  if (detail === null) return null;
  const sources = detail.sources.map(({ source, used }) => source + (used ? '+' : '-')).join(' ');
  const seconds = (detail.at.getTime() - START) / 1000;
  return `${toPlain(detail.price)}${detail.stale ? ` ${detail.staleReason}` : ''} at ${seconds} [${sources}]`;
}

function index(board: PriceBoard, asset: string, now: number): string | null {
  return shown(board.indexDetail(asset, at(now)));
}

describe('the index', () => {
  it('is composed of the newest quote of each source', () => {
    const board = newBoard();
    publish(board, 10, quote('BTC', 'A', '90', 1), quote('BTC', 'A', '100', 5), quote('BTC', 'B', '102', 4));
    expect(index(board, 'BTC', 10)).toBe('101 at 5 [A+ B+]');
    publish(board, 11, quote('BTC', 'C', '101', 10), quote('BTC', 'D', '200', 11));
    // Of 100, 101, 102, 200 one lowest and one highest go: (101 + 102) / 2.
    expect(index(board, 'BTC', 11)).toBe('101.5 at 11 [A- B+ C+ D-]');
  });

  it('never takes an older quote of a source, and of one instant the later', () => {
    const board = newBoard();
    publish(board, 10, quote('BTC', 'A', '100', 5), quote('BTC', 'A', '90', 4));
    publish(board, 10, quote('BTC', 'A', '80', 4));
    expect(index(board, 'BTC', 10)).toBe('100 at 5 [A+]');
    publish(board, 10, quote('BTC', 'A', '70', 5), quote('BTC', 'A', '71', 5));
    expect(index(board, 'BTC', 10)).toBe('71 at 5 [A+]');
  });

  it('is fresh at 60 s and stale a millisecond later, at its last price', () => {
    const board = newBoard();
    publish(board, 0, quote('BTC', 'A', '100', 0));
    expect(index(board, 'BTC', 60)).toBe('100 at 0 [A+]');
    expect(index(board, 'BTC', 60.001)).toBe('100 AGED at 0 [A-]');
    expect(board.marketOf('ASTER', at(60)).index('BTC')).toEqual({ price: decimal(100), stale: false });
    expect(board.marketOf('ASTER', at(60.001)).index('BTC')).toEqual({ price: decimal(100), stale: true });
  });

  it('follows the source that is left when another one has aged out', () => {
    const board = newBoard();
    publish(board, 30, quote('BTC', 'A', '100', 0), quote('BTC', 'B', '104', 30));
    expect(publish(board, 60)).toEqual({ assets: [], marks: [] });
    expect(index(board, 'BTC', 60)).toBe('102 at 30 [A+ B+]');
    expect(publish(board, 61)).toEqual({ assets: ['BTC', 'BTC-S'], marks: [] });
    expect(index(board, 'BTC', 61)).toBe('104 at 30 [A- B+]');
  });

  it('stands, stale, while two sources are more than 5 % apart, until one of them is right or gone', () => {
    const board = newBoard();
    publish(board, 0, quote('BTC', 'A', '100', 0));
    publish(board, 30, quote('BTC', 'B', '105', 30));
    expect(index(board, 'BTC', 30)).toBe('102.5 at 30 [A+ B+]');
    expect(publish(board, 31, quote('BTC', 'B', '105.000001', 31)).assets).toEqual(['BTC', 'BTC-S']);
    expect(index(board, 'BTC', 31)).toBe('102.5 SOURCES_DISAGREE at 30 [A- B-]');
    publish(board, 61);
    expect(index(board, 'BTC', 61)).toBe('105.000001 at 31 [A- B+]');
  });

  it('says that a clock was ahead where no source is fresh and one is dated beyond what is taken', () => {
    const board = newBoard();
    publish(board, 100, quote('BTC', 'A', '100', 100), mark('100', 100));
    // The clock is set back: what was dated by it lies more than a minute ahead.
    expect(index(board, 'BTC', 39)).toBe('100 CLOCK_AHEAD at 100 [A-]');
    expect(shown(board.markDetail('ASTER', 'BTCUSDT', at(39)))).toBe('100 CLOCK_AHEAD at 100 [A-]');
  });

  it('is the old price, stale at once, where the first quote is old', () => {
    const board = newBoard();
    expect(publish(board, 100, quote('BTC', 'A', '100', 39)).assets).toEqual(['BTC', 'BTC-S']);
    expect(index(board, 'BTC', 100)).toBe('100 AGED at 39 [A-]');
  });

  it('is not there while its only two sources disagree, and does not come of their growing old', () => {
    const board = newBoard();
    expect(publish(board, 0, quote('BTC', 'A', '100', 0), quote('BTC', 'B', '200', 0)).assets).toEqual([]);
    expect(index(board, 'BTC', 0)).toBeNull();
    expect(publish(board, 61).assets).toEqual([]);
    expect(board.marketOf('ASTER', at(61)).index('BTC')).toBeNull();
  });

  it('is null for what never had a quote, and 1 for USDT', () => {
    const board = newBoard();
    expect(index(board, 'ETH', 0)).toBeNull();
    expect(board.marketOf('ASTER', START).index('ETH')).toBeNull();
    expect(index(board, 'USDT', 7)).toBe('1 at 7 []');
    expect(index(board, 'USDT-S', 7)).toBe('1 at 7 []');
  });

  it('is shared by what is priced as the asset', () => {
    const board = newBoard();
    publish(board, 1, quote('BTC', 'A', '100', 1));
    expect(index(board, 'BTC-S', 1)).toBe('100 at 1 [A+]');
  });

  it('has an instant that never goes back, whichever sources are dropped', () => {
    const board = newBoard();
    publish(board, 10, quote('BTC', 'A', '1', 1), quote('BTC', 'B', '2', 10), quote('BTC', 'C', '3', 2));
    expect(index(board, 'BTC', 10)).toBe('2 at 10 [A- B+ C-]');
    publish(board, 11, quote('BTC', 'A', '9', 3));
    // 2, 3 and 9: only C's is used, which is of 2 s.
    expect(index(board, 'BTC', 11)).toBe('3 at 10 [A- B- C+]');
  });
});

describe('marks', () => {
  it('are the newest, whatever their source, and go stale', () => {
    const board = newBoard();
    expect(board.markDetail('ASTER', 'BTCUSDT', START)).toBeNull();
    expect(board.marketOf('ASTER', START).mark('BTCUSDT')).toBeNull();
    publish(board, 5, mark('100', 5), mark('90', 4, 'B'));
    publish(board, 5, mark('80', 3, 'B'));
    expect(shown(board.markDetail('ASTER', 'BTCUSDT', at(65)))).toBe('100 at 5 [A+]');
    expect(shown(board.markDetail('ASTER', 'BTCUSDT', at(65.001)))).toBe('100 AGED at 5 [A-]');
    expect(board.marketOf('ASTER', at(66)).mark('BTCUSDT')).toEqual({ price: decimal(100), stale: true });
    expect(board.marketOf('BITGET', at(5)).mark('BTCUSDT')).toBeNull();
    publish(board, 6, mark('101', 5, 'B'));
    expect(shown(board.markDetail('ASTER', 'BTCUSDT', at(6)))).toBe('101 at 5 [B+]');
  });
});

const bitcoinMark = { venue: 'ASTER', instrument: 'BTCUSDT' };

describe('a round', () => {
  const nothing = { assets: [], marks: [] };

  it('names what has another price, became stale or became fresh, and nothing else', () => {
    const board = newBoard();
    const everything = { assets: ['BTC', 'BTC-S', 'ETH'], marks: [bitcoinMark] };
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
    expect(round.stored.indexes).toEqual([{ asset: 'BTC', price: decimal(101), at: at(6), stale: false }]);
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
      indexes: [{ asset: 'BTC', price, at: at(5), stale }],
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

describe('a snapshot', () => {
  it('stays as it was, whatever comes later', () => {
    const board = newBoard();
    publish(board, 5, quote('BTC', 'A', '100', 5), mark('101', 5));
    const before = board.snapshot(new Date(at(6)));
    publish(board, 70, quote('BTC', 'A', '200', 70), quote('ETH', 'A', '10', 70), mark('201', 70));
    const after = board.snapshot(new Date(at(140)));
    expect([before.seq, before.asOf, after.seq, after.asOf]).toEqual([1n, new Date(at(6)), 2n, new Date(at(140))]);
    const [then, now] = [before.marketOf('ASTER'), after.marketOf('ASTER')];
    expect(then.index('BTC')).toEqual({ price: decimal(100), stale: false });
    expect(then.mark('BTCUSDT')).toEqual({ price: decimal(101), stale: false });
    expect(then.index('ETH')).toBeNull();
    expect(now.index('BTC')).toEqual({ price: decimal(200), stale: true });
    expect(now.index('ETH')).toEqual({ price: decimal(10), stale: true });
    expect(now.mark('BTCUSDT')).toEqual({ price: decimal(201), stale: true });
    expect(after.marketOf('BITGET').mark('BTCUSDT')).toBeNull();
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
