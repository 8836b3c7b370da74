/** Price boards of a few symbols, and what they show, in short. */
import { decimal, toPlain } from '../../src/margin/decimal.js';
import { PriceBoard, type PriceDetail } from '../../src/market/price-board.js';
import type { IndexQuote, MarkQuote, PriceChanges } from '../../src/market/quote.js';

/** Instants are seconds after this one; a price is stale when it is more than 60 s old. */
export const START = Date.parse('2026-01-01T00:00:00Z');
export const at = (seconds: number): number => START + seconds * 1000;

const symbols = {
  assets: new Map(['USDT', 'BTC', 'ETH', 'BNB'].map((symbol) => [symbol, { pricedAs: null as string | null }])),
  venues: new Map([['ASTER', { unit: 'USDT' }]]),
  instruments: new Map([['ASTER', new Map([['BTCUSDT', null]])]]),
};
symbols.assets.set('BTC-S', { pricedAs: 'BTC' });
symbols.assets.set('USDT-S', { pricedAs: 'USDT' });

export function newBoard(): PriceBoard {
  return new PriceBoard(symbols, 60_000);
}

/** "BTC from A 100 at 5" */
export function quote(asset: string, source: string, price: string, seconds: number): IndexQuote {
  return { asset, unit: 'USDT', source, price: decimal(price), at: at(seconds), datedAhead: false };
}

export function mark(price: string, seconds: number, source = 'A'): MarkQuote {
  return { venue: 'ASTER', instrument: 'BTCUSDT', source, price: decimal(price), at: at(seconds), datedAhead: false };
}

export function publish(board: PriceBoard, now: number, ...quotes: (IndexQuote | MarkQuote)[]): PriceChanges {
  const indexes = quotes.filter((one) => 'asset' in one);
  const marks = quotes.filter((one) => 'venue' in one);
  const round = board.compose(indexes, marks, at(now));
  board.apply(round);
  return round.changes;
}

/** "100 AGED at 5 [A- B+]": why it is stale, and a plus for a source that is used. */
export function shown(detail: PriceDetail | null): string | null {
  if (detail === null) return null;
  const sources = detail.sources.map(({ source, used }) => source + (used ? '+' : '-')).join(' ');
  const seconds = (detail.at.getTime() - START) / 1000;
  return `${toPlain(detail.price)}${detail.stale ? ` ${detail.staleReason}` : ''} at ${seconds} [${sources}]`;
}

export function index(board: PriceBoard, asset: string, now: number): string | null {
  return shown(board.indexDetail(asset, at(now)));
}
