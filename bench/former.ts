/** `margin/` of a former build: what is measured and compared against. */
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { Decimal } from '../src/margin/decimal.js';
import { Fraction } from '../src/margin/fraction.js';
import type { Market, PriceState } from '../src/margin/model.js';

/**
 * All that the files export, wherever they stand in `src/margin`.
 *
 * @param folder of a checkout that is built
 * @param load imports a module by its URL
 */
export async function formerMargin<T>(
  folder: string,
  files: readonly string[],
  load: (url: string) => Promise<object>,
): Promise<T> {
  const margin = join(folder, 'dist/src/margin');
  const found = readdirSync(margin, { recursive: true, encoding: 'utf8' }).filter((path) =>
    files.some((file) => basename(path) === `${file}.js`),
  );
  const modules = await Promise.all(found.map((path) => load(pathToFileURL(join(margin, path)).href)));
  return Object.assign({}, ...modules) as T;
}

/** The same plain data in decimals of the former build. */
export function translated<T>(value: T, decimal: (text: string) => Decimal): T {
  const translate = (each: unknown): unknown => {
    if (typeof each !== 'object' || each === null) return each;
    if (each instanceof Decimal) return decimal(each.toFixed());
    if (each instanceof Fraction)
      return new Fraction(decimal(each.numerator.toFixed()), decimal(each.denominator.toFixed()));
    if (each instanceof Map) return new Map(Array.from(each, ([key, inner]) => [key, translate(inner)]));
    if (Array.isArray(each)) return each.map(translate);
    return Object.fromEntries(Object.entries(each).map(([name, inner]) => [name, translate(inner)]));
  };
  return translate(value) as T;
}

/** The same market; prices are translated once, since a market is asked for the same ones again. */
export function translatedMarket(market: Market, decimal: (text: string) => Decimal): Market {
  const once = (ask: Market['index']): Market['index'] => {
    const known = new Map<string, PriceState | null>();
    return (symbol) => {
      const price = known.get(symbol) ?? translated(ask(symbol), decimal);
      known.set(symbol, price);
      return price;
    };
  };
  return { index: once((asset) => market.index(asset)), mark: once((instrument) => market.mark(instrument)) };
}
