/** Which of two quotes of one price counts, and which changes nothing (rules: 2). */
import { describe, expect, it } from '@jest/globals';

import { decimal } from '../../src/margin/decimal.js';
import { PriceBoard } from '../../src/market/price-board.js';
import { outranks } from '../../src/market/quote-order.js';
import type { IndexQuote, MarkQuote } from '../../src/market/quote.js';

const symbols = {
  assets: new Map([['BTC', { pricedAs: null }]]),
  venues: new Map([['ASTER', { unit: 'USDT' }]]),
  instruments: new Map([['ASTER', new Map([['BTCUSDT', null]])]]),
};

function quote(source: string, at: number, datedAhead = false): IndexQuote {
  return { asset: 'BTC', unit: 'USDT', source, price: decimal(1), at, datedAhead };
}

function mark(at: number): MarkQuote {
  return { venue: 'ASTER', instrument: 'BTCUSDT', source: 'A', price: decimal(1), at, datedAhead: false };
}

describe('of two quotes', () => {
  it('the later counts, and of one instant that which was received last', () => {
    expect(outranks(quote('A', 5), undefined, 10)).toBe(true);
    expect(outranks(quote('A', 5), quote('A', 4), 10)).toBe(true);
    expect(outranks(quote('A', 5), quote('A', 5), 10)).toBe(true);
    expect(outranks(quote('A', 4), quote('A', 5), 10)).toBe(false);
  });

  it('one that was dated ahead outranks nothing that is received after it', () => {
    expect(outranks(quote('A', 9), quote('A', 10, true), 11)).toBe(true);
    expect(outranks(quote('A', 11, true), quote('A', 10), 11)).toBe(true);
  });

  it('one that was received in what is now the future outranks nothing: the clock was set back', () => {
    expect(outranks(quote('A', 9), quote('A', 20), 10)).toBe(true);
    expect(outranks(quote('A', 9), quote('A', 10), 10)).toBe(false);
  });
});

it('names the quotes of a batch that change nothing', () => {
  const board = new PriceBoard(symbols, 60_000);
  const first = [quote('A', 4), quote('A', 3), quote('B', 3)];
  const batch = board.compose(first, [mark(4), mark(5)], 5);
  expect([...batch.ignored]).toEqual([first[1]]);
  board.apply(batch);
  const late = [quote('B', 2), quote('A', 4)];
  const lateMark = mark(4);
  expect([...board.compose(late, [lateMark], 6).ignored]).toEqual([late[0], lateMark]);
});
