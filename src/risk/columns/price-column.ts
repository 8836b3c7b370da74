/**
 * The newest prices as floats, each under a number. A float lies within one unit roundoff of the decimal that it
 * stands for (relative), which is all that the error bound needs to know of it. Whether a price is stale changes no
 * status and no ratio (rules: 2), so that the floats say nothing of it.
 */
import type { Decimal } from '../../margin/decimal.js';
import { SETTLEMENT_ASSET, SETTLEMENT_PRICE, type PriceState } from '../../margin/model.js';
import { grown } from './growth.js';

/** What an index or a mark is; an instrument is one of its venue. */
type Priced = { readonly asset: string } | { readonly venue: string; readonly instrument: string };

/** Where the prices come from; null: there never was one. */
export interface PriceSource {
  index(asset: string): PriceState | null;
  mark(venue: string, instrument: string): PriceState | null;
}

/** What was taken is other than before. */
export interface PriceMoves {
  /** Numbers of the prices that are others. */
  readonly moved: readonly number[];
  /** Numbers of those that have become stale, or fresh again. */
  readonly aged: ReadonlySet<number>;
}

export class PriceColumn {
  /** NaN: there never was a price. */
  values = new Float64Array(0);
  private readonly numbers = new Map<string, number>();
  /** By number: what it is the price of; null: of nothing that has one. */
  private readonly priced: (Priced | null)[] = [];
  /** By number: the exact price that was taken last. */
  private readonly taken: (PriceState | null)[] = [];
  /** The number of a price that nobody ever sets. */
  readonly never: number;

  constructor() {
    this.never = this.numberOf('', null);
    this.set(this.ofAsset(SETTLEMENT_ASSET), SETTLEMENT_PRICE.price);
  }

  /** The number of an asset's own index price; assets that are priced as another have none. */
  ofAsset(symbol: string): number {
    return this.numberOf(`index\0${symbol}`, symbol === SETTLEMENT_ASSET ? null : { asset: symbol });
  }

  ofInstrument(venue: string, symbol: string): number {
    return this.numberOf(`mark\0${venue}\0${symbol}`, { venue, instrument: symbol });
  }

  set(price: number, value: Decimal | null): void {
    this.values[price] = value === null ? NaN : value.toNumber();
  }

  /** With the prices of this moment. */
  copy(): PriceColumn {
    const copy = new PriceColumn();
    for (const [key, price] of this.numbers) copy.numberOf(key, this.priced[price] ?? null);
    copy.values = this.values.slice();
    copy.taken.push(...this.taken);
    return copy;
  }

  /** Takes all prices from there. */
  take(source: PriceSource): PriceMoves {
    const moved: number[] = [];
    const aged = new Set<number>();
    this.priced.forEach((what, price) => {
      if (what === null) return;
      const now = 'asset' in what ? source.index(what.asset) : source.mark(what.venue, what.instrument);
      const before = this.taken[price] ?? null;
      this.taken[price] = now;
      if (before !== null && now !== null && before.stale !== now.stale) aged.add(price);
      if (before === null ? now === null : now !== null && now.price.eq(before.price)) return;
      this.set(price, now?.price ?? null);
      moved.push(price);
    });
    return { moved, aged };
  }

  private numberOf(key: string, what: Priced | null): number {
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    const price = this.numbers.size;
    this.numbers.set(key, price);
    this.priced.push(what);
    if (price >= this.values.length) this.values = grown(this.values, price + 1);
    this.values[price] = NaN;
    return price;
  }
}
