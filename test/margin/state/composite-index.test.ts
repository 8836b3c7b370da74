import { describe, expect, it } from '@jest/globals';

import { compositeIndex, type SourceQuote } from '../../../src/margin/state/composite-index.js';
import { decimal, toPlain } from '../../../src/margin/decimal.js';

const NOW = 1_000_000;
const MAX_AGE = 60_000;

function index(prices: Readonly<Record<string, string>>, ages: Readonly<Record<string, number>> = {}) {
  const quotes: SourceQuote[] = Object.entries(prices).map(([source, price]) => ({
    source,
    price: decimal(price),
    at: NOW - (ages[source] ?? 0),
  }));
  const result = compositeIndex(quotes, NOW, MAX_AGE);
  return result === null ? null : `${toPlain(result.price)} from ${result.used.join(' ')}`;
}

describe('the composite index (rules: 2)', () => {
  // 004: "calculated based on the average of the spot prices from exchanges …, excluding the highest and lowest prices".
  it('leaves out one lowest and one highest of three and more', () => {
    expect(index({ D: '4', A: '1', C: '3', B: '2' })).toBe('2.5 from B C');
    expect(index({ A: '1', B: '5', C: '1000000' })).toBe('5 from B');
  });

  it('takes the first name for the lowest and the last for the highest of equal prices', () => {
    expect(index({ C: '2', B: '1', A: '1' })).toBe('1 from B');
    expect(index({ C: '2', B: '2', A: '2' })).toBe('2 from B');
    expect(index({ A: '1', C: '2', B: '2' })).toBe('2 from B');
  });

  it('takes the mean of two, unless they are more than 5 % apart', () => {
    expect(index({ A: '100', B: '105' })).toBe('102.5 from A B');
    expect(index({ A: '105.000000000000000001', B: '100' })).toBeNull();
  });

  it('takes the only one', () => {
    expect(index({ A: '7' })).toBe('7 from A');
  });

  it('leaves out what is too old: a quote of exactly the limit is fresh', () => {
    expect(index({ A: '1', B: '2', C: '3' }, { C: 60_000 })).toBe('2 from B');
    expect(index({ A: '1', B: '1.02', C: '3' }, { C: 60_001 })).toBe('1.01 from A B');
    expect(index({ A: '1' }, { A: 60_001 })).toBeNull();
    expect(index({})).toBeNull();
  });

  it('rounds to the nearest, ties to the even digit', () => {
    // (1 + 1.000000000000000001) / 2 lies between …000 and …001: the even one is 1.
    expect(index({ A: '1', B: '1.000000000000000001' })).toBe('1 from A B');
    expect(index({ A: '1.000000000000000001', B: '1.000000000000000002' })).toBe('1.000000000000000002 from A B');
    // (1 + 1 + 2) / 3 of the middle three of five.
    expect(index({ A: '0.9', B: '1', C: '1', D: '2', E: '3' })).toBe('1.333333333333333333 from B C D');
  });
});
