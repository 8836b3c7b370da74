/**
 * Holdings of a cross unit with the PnL that is settled in them, where PnL counts as equity (rules: 17), in float64.
 *
 * ## The bound
 *
 * With the words of `valuation.ts`: the equity of an asset is quantity + the sum of (size x mark + offset). A quantity is
 * within u, size x mark within 3u of itself, an offset within u. Their sum of m terms adds (m - 1)u of the sum of their
 * magnitudes, which is itself short by (m + 1)u of it (second order). So it is within (m + 2)u of that sum, where m is at
 * most the number of terms n of the unit. What counts of an equity, and what a debt requires, rise with it by at most 1,
 * and by at most `scale`. So an error of an equity, times its price, is one of the balance, and scale x it one of
 * maintenance. With the product by the price both are within (n + 5)u of `spread`, the sum of these magnitudes x price,
 * which `valuation.ts` adds to its own.
 *
 * PnL settled in an asset that is switched off joins the row that the asset has then: instruments have one row more for
 * such accounts.
 *
 * An equity near 0 may have the wrong sign: what counts and what is required are continuous there. The flags stay as good:
 * such a unit has a position, so that REQUIRES is set.
 */
import type { AccountColumns } from './account-columns.js';
import {
  FIRST_HOLDING,
  FIRST_POSITION,
  HOLDINGS,
  POSITIONS,
  POSITION_AMOUNTS,
  UNIT_HALVES,
  UNIT_WORDS,
} from './columns.js';
import { grown } from './growth.js';

type EquityColumns = Pick<AccountColumns, 'units' | 'holdings' | 'positions' | 'rules'>;

/** Equities of one unit, side by side. */
export class Equities {
  row = new Uint32Array(0);
  quantity = new Float64Array(0);
  /** The sum of the magnitudes that a quantity was made of. */
  private magnitude = new Float64Array(0);
  count = 0;
  /** Magnitudes x prices, in the venue's unit. */
  spread = 0;

  /** Takes the unit: its holdings first, then assets that have PnL alone. */
  gather(columns: EquityColumns, unit: number): void {
    const { words, halves } = columns.units;
    const first = words[unit * UNIT_WORDS + FIRST_HOLDING] as number;
    const held = halves[unit * UNIT_HALVES + HOLDINGS] as number;
    const open = halves[unit * UNIT_HALVES + POSITIONS] as number;
    this.reserve(held + open);
    for (let index = 0; index < held; index++) {
      this.row[index] = columns.holdings.row[first + index] as number;
      this.quantity[index] = columns.holdings.quantity[first + index] as number;
      this.magnitude[index] = Math.abs(this.quantity[index] as number);
    }
    this.count = held;
    this.addPnl(columns, words[unit * UNIT_WORDS + FIRST_POSITION] as number, open);
    const { collateralPrice, prices } = columns.rules;
    this.spread = 0;
    for (let index = 0; index < this.count; index++) {
      const price = prices.values[collateralPrice[this.row[index] as number] as number] as number;
      if (!Number.isNaN(price)) this.spread += (this.magnitude[index] as number) * price;
    }
  }

  private addPnl({ positions, rules }: EquityColumns, first: number, open: number): void {
    const { instrumentPrice, settlementRow, prices } = rules;
    for (let item = first; item < first + open; item++) {
      const instrument = positions.row[item] as number;
      const mark = prices.values[instrumentPrice[instrument] as number] as number;
      if (Number.isNaN(mark)) continue;
      const exposure = (positions.amounts[item * POSITION_AMOUNTS] as number) * mark;
      const offset = positions.amounts[item * POSITION_AMOUNTS + 1] as number;
      const index = this.indexOf(settlementRow[instrument] as number);
      this.quantity[index] = (this.quantity[index] as number) + exposure + offset;
      this.magnitude[index] = (this.magnitude[index] as number) + Math.abs(exposure) + Math.abs(offset);
    }
  }

  private indexOf(row: number): number {
    for (let index = 0; index < this.count; index++) if (this.row[index] === row) return index;
    this.row[this.count] = row;
    this.quantity[this.count] = 0;
    this.magnitude[this.count] = 0;
    return this.count++;
  }

  private reserve(count: number): void {
    if (count <= this.row.length) return;
    this.row = grown(this.row, count);
    this.quantity = grown(this.quantity, count);
    this.magnitude = grown(this.magnitude, count);
  }
}
