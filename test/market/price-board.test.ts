/** The price board: which prices it shows of the quotes that it has, and what a snapshot keeps of it. */
import { describe, expect, it } from '@jest/globals';

import { decimal } from '../../src/margin/decimal.js';
import { START, at, index, mark, newBoard, publish, quote, shown } from './boards.js';

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
