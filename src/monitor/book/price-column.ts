/**
 * The newest prices as floats, each under a number. A float lies within one unit roundoff of the decimal that it
 * stands for (relative), which is all that the error bound needs to know of it. Whether a price is stale changes no
 * status and no ratio (rules: 2), so that it is not here.
 */
import { SETTLEMENT_ASSET } from '../../margin/model.js';
import type { Decimal } from '../../margin/decimal.js';
import { grown } from './growth.js';

export class PriceColumn {
  /** NaN: there never was a price. */
  values = new Float64Array(0);
  private readonly numbers = new Map<string, number>();
  /** The number of a price that nobody ever sets. */
  readonly never: number;

  constructor() {
    this.never = this.numberOf('');
    // USDT, in which everything is valued (rules: 1).
    this.values[this.ofAsset(SETTLEMENT_ASSET)] = 1;
  }

  /** The number of an asset's own index price; assets that are priced as another have none. */
  ofAsset(symbol: string): number {
    return this.numberOf(`index\0${symbol}`);
  }

  ofInstrument(venue: string, symbol: string): number {
    return this.numberOf(`mark\0${venue}\0${symbol}`);
  }

  set(price: number, value: Decimal | null): void {
    this.values[price] = value === null ? NaN : value.toNumber();
  }

  private numberOf(key: string): number {
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    const price = this.numbers.size;
    this.numbers.set(key, price);
    if (price >= this.values.length) this.values = grown(this.values, price + 1);
    this.values[price] = NaN;
    return price;
  }
}
