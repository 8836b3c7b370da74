/**
 * The newest prices as floats, each with a number. A float is within one unit roundoff (relative) of its decimal; the
 * error bound needs no more. Staleness changes no status and no ratio (rules: 2), so it is not in the floats.
 */
import type { Decimal } from '../../margin/decimal.js';
import { UNIT_PRICE, type PriceState } from '../../margin/model.js';
import { grown } from './growth.js';

/** What has a price: an asset in a unit, or an instrument of a venue. */
type Priced =
  { readonly asset: string; readonly unit: string } | { readonly venue: string; readonly instrument: string };

/** Source of prices; null: there never was one. */
export interface PriceSource {
  index(asset: string, unit: string): PriceState | null;
  mark(venue: string, instrument: string): PriceState | null;
}

/** Differences from the prices taken before. */
export interface PriceMoves {
  /** Numbers of prices that have changed. */
  readonly moved: readonly number[];
  /** Numbers of prices that became stale, or fresh again. */
  readonly aged: ReadonlySet<number>;
}

export class PriceColumn {
  /** NaN: there never was a price. */
  values = new Float64Array(0);
  private readonly numbers = new Map<string, number>();
  /** By number: what the price belongs to; null: to nothing that can have one. */
  private readonly priced: (Priced | null)[] = [];
  /** By number: the exact price taken last. */
  private readonly taken: (PriceState | null)[] = [];
  /** The number of a price that is never set. */
  readonly never: number;
  /** The number of what a venue's unit is worth in itself. */
  readonly one: number;

  constructor() {
    this.never = this.numberOf('', null);
    this.one = this.numberOf('1', null);
    this.set(this.one, UNIT_PRICE.price);
  }

  /** The number of an asset's own index price in the unit of a venue. Assets priced as another have none. */
  ofAsset(symbol: string, unit: string): number {
    return symbol === unit ? this.one : this.numberOf(`index\0${unit}\0${symbol}`, { asset: symbol, unit });
  }

  ofInstrument(venue: string, symbol: string): number {
    return this.numberOf(`mark\0${venue}\0${symbol}`, { venue, instrument: symbol });
  }

  set(price: number, value: Decimal | null): void {
    this.values[price] = value === null ? NaN : value.toNumber();
  }

  /** A copy at the prices of this moment. */
  copy(): PriceColumn {
    const copy = new PriceColumn();
    for (const [key, price] of this.numbers) copy.numberOf(key, this.priced[price] ?? null);
    copy.values = this.values.slice();
    copy.taken.push(...this.taken);
    return copy;
  }

  /** Takes all prices from the source. */
  take(source: PriceSource): PriceMoves {
    const moved: number[] = [];
    const aged = new Set<number>();
    this.priced.forEach((what, price) => {
      if (what === null) return;
      const now = 'asset' in what ? source.index(what.asset, what.unit) : source.mark(what.venue, what.instrument);
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
