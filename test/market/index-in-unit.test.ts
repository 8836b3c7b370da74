/** The index of an asset in the unit of a venue (rules: 16). */
import { describe, expect, it } from '@jest/globals';

import { decimal } from '../../src/margin/decimal.js';
import { indexInUnit } from '../../src/market/index-in-unit.js';
import { PriceBoard } from '../../src/market/price-board.js';
import type { BatchPrice } from '../../src/market/quote.js';
import { stalePrices } from '../../src/market/stale-prices.js';
import { quote } from './boards.js';

const NOW = 1_000_000;
const MAX_AGE = 60_000;

/** "BTC/USDC 60000 30": the price of an asset in a unit, so many seconds old; "!" at the end: stale already. */
function shown(asset: string, ...prices: string[]): string | null {
  const known = new Map(
    prices.map((text): [string, BatchPrice] => {
      const [name = '', price = '', seconds = '', stale] = text.split(' ');
      return [name, { price: decimal(price), at: NOW - Number(seconds) * 1_000, stale: stale !== undefined }];
    }),
  );
  const index = (of: string, unit: string): BatchPrice | null => known.get(`${of}/${unit}`) ?? null;
  const found = indexInUnit(asset, 'USDC', { index }, NOW, MAX_AGE);
  if (found === null) return null;
  return `${found.price.toString()} ${(NOW - found.at) / 1_000}${found.stale ? ' stale' : ''}`;
}

describe('the index in the unit of a venue', () => {
  it('is the composite in that unit while it is fresh, whatever the others say', () => {
    expect(shown('BTC', 'BTC/USDC 60000 30', 'BTC/USDT 61000 1', 'USDT/USDC 0.99 1')).toBe('60000 30');
  });

  it('is else the exact product with the common unit, as old as the older factor', () => {
    expect(shown('BTC', 'BTC/USDT 60000.000000000000000001 30', 'USDT/USDC 0.999999999999999999 40')).toBe(
      '59999.999999999999940000999999999999999999 40',
    );
    expect(shown('BTC', 'BTC/USDC 1 61', 'BTC/USDT 60000 30', 'USDT/USDC 0.5 40')).toBe('30000 40');
    expect(shown('BTC', 'BTC/USDC 1 1 !', 'BTC/USDT 60000 30', 'USDT/USDC 0.5 40')).toBe('30000 40');
  });

  it('goes on moving with the fresh factor, stale, while neither is fresh', () => {
    expect(shown('BTC', 'BTC/USDC 1 61', 'BTC/USDT 30000 1', 'USDT/USDC 0.5 80')).toBe('15000 80 stale');
    expect(shown('BTC', 'BTC/USDC 1 61', 'BTC/USDT 30000 80', 'USDT/USDC 0.5 1')).toBe('15000 80 stale');
  });

  it('is the newer one once nothing of them is fresh', () => {
    expect(shown('BTC', 'BTC/USDC 1 70', 'BTC/USDT 60000 75', 'USDT/USDC 0.5 80')).toBe('1 70');
    expect(shown('BTC', 'BTC/USDC 1 90', 'BTC/USDT 60000 75', 'USDT/USDC 0.5 80')).toBe('30000 80 stale');
    expect(shown('BTC', 'BTC/USDC 1 80', 'BTC/USDT 60000 75', 'USDT/USDC 0.5 80')).toBe('1 80');
  });

  it('is that of the common unit itself, which has no product', () => {
    expect(shown('USDT', 'USDT/USDC 0.999 5')).toBe('0.999 5');
    expect(shown('USDT')).toBeNull();
  });

  it('does not exist where a factor never was', () => {
    expect(shown('BTC', 'BTC/USDT 60000 1')).toBeNull();
    expect(shown('BTC', 'USDT/USDC 1 1')).toBeNull();
  });
});

describe('a board of two units', () => {
  const START = quote('BTC', 'A', '1', 0).at;
  const symbols = {
    assets: new Map(['USDT', 'USDC', 'BTC'].map((symbol) => [symbol, { pricedAs: null }])),
    venues: new Map([
      ['ASTER', { unit: 'USDT' }],
      ['OWN', { unit: 'USDC' }],
    ]),
    instruments: new Map(),
  };

  it('composes each unit by itself, and shows each venue its own', () => {
    const board = new PriceBoard(symbols, MAX_AGE);
    const inUsdc = (source: string, price: string) => ({ ...quote('BTC', source, price, 0), unit: 'USDC' });
    const rate = { ...quote('USDT', 'A', '0.5', 0), unit: 'USDC' };
    board.apply(board.compose([quote('BTC', 'A', '100', 0), rate], [], START));
    const price = (venue: string, asset: string): unknown =>
      board.marketOf(venue, START).index(asset)?.price.toString();
    expect([price('ASTER', 'BTC'), price('OWN', 'BTC'), price('OWN', 'USDT')]).toEqual(['100', '50', '0.5']);
    expect(board.indexDetail('BTC', START, 'USDC')).toMatchObject({ stale: false, sources: [] });

    // What makes a product stale is what makes its factor stale.
    board.apply(board.compose([quote('BTC', 'B', '120', 0)], [], START));
    const found = board.indexDetail('BTC', START, 'USDC');
    expect(found).toMatchObject({ stale: true, staleReason: 'SOURCES_DISAGREE' });
    expect(stalePrices(board, symbols, START)).toEqual(
      ['index/BTC', 'index/BTC/USDC'].map((symbol) => ({ symbol, reason: 'SOURCES_DISAGREE' })),
    );

    board.apply(board.compose([inUsdc('A', '51'), inUsdc('B', '53')], [], START));
    expect([price('ASTER', 'BTC'), price('OWN', 'BTC')]).toEqual(['100', '52']);
    expect(board.indexDetail('BTC', START, 'USDC')?.sources).toHaveLength(2);
    expect(board.indexDetail('USDC', START, 'USDC')?.price.toString()).toBe('1');
    // A source that left its unit would be two sources.
    expect(board.indexDetail('BTC', START)?.sources).toHaveLength(2);
  });
});
