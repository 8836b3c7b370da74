import { toPlain } from '../../src/margin/decimal.js';
import type { Market } from '../../src/margin/model.js';
import { pricesAt, type PastPrices } from '../../src/market/price-history.js';
import type { PriceSnapshot } from '../../src/market/price-snapshot.js';
import { readNewer } from '../../src/market/price-store.js';
import type { Database } from '../../src/platform/database/database.js';
import { withoutGuards } from '../support/services/database.js';

/** As if nothing had ever been published. */
export async function forgetPrices(db: Database): Promise<void> {
  await withoutGuards(db, async (tx) => {
    await tx.indexQuote.deleteMany();
    await tx.indexPrice.deleteMany();
    await tx.markPrice.deleteMany();
    await tx.priceChange.deleteMany();
    await tx.priceRound.deleteMany();
  });
}

/** Every price that is stored, a line each; instants in seconds after `start`. */
export async function storedPrices(db: Database, start: number): Promise<string[]> {
  const { quotes, indexes, marks } = await readNewer(db, 0n);
  const second = (at: number): string => `${(at - start) / 1000}`;
  return [
    ...quotes.map(({ asset, source, price, at }) => `quote ${asset} ${source} ${toPlain(price)} ${second(at)}`),
    ...indexes.map(({ index: { asset, price, at } }) => `index ${asset} ${toPlain(price)} ${second(at)}`),
    ...marks.map(({ venue, instrument, source, price, at }) => {
      return `mark ${venue}/${instrument} ${source} ${toPlain(price)} ${second(at)}`;
    }),
  ].sort();
}

/** Does what it is told to with the next statement that stores a round. */
export function breaking(target: Database): { readonly db: Database; breakNext(how: 'BEFORE' | 'AFTER'): void } {
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

/** "BTC 60000 stale", "BTCUSDT none": what a snapshot says of these assets and of ASTER's instruments. */
export function shown(
  snapshot: PriceSnapshot | null,
  assets: readonly string[],
  instruments: readonly string[],
): string[] {
  if (snapshot === null) return ['not kept'];
  const market = snapshot.marketOf('ASTER');
  const line = (name: string, state: ReturnType<Market['index']>): string => {
    return state === null ? `${name} none` : `${name} ${toPlain(state.price)}${state.stale ? ' stale' : ''}`;
  };
  return [
    ...assets.map((asset) => line(asset, market.index(asset))),
    ...instruments.map((instrument) => line(instrument, market.mark(instrument))),
  ];
}

/** The prices of one instant; null: none are kept. */
export async function pricesThen(db: Database, at: Date, terms: PastPrices): Promise<PriceSnapshot | null> {
  return (await pricesAt(db, [at.getTime()], terms)).get(at.getTime()) ?? null;
}
