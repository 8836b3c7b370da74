/**
 * Scores of positions for auto-deleveraging (rules: 24), in floats over the columns. They order positions, and no money
 * is moved by them.
 */
import { MARGIN_STATUSES } from '../../margin/model.js';
import {
  FIRST_HOLDING,
  FIRST_POSITION,
  HOLDINGS,
  POSITIONS,
  POSITION_AMOUNTS,
  STATUS,
  UNIT_HALVES,
  UNIT_WORDS,
} from '../columns/columns.js';
import { UNKNOWN } from '../columns/unit-flags.js';
import { INTERVAL_STRIDE, valueUnits, type Columns } from '../columns/valuation.js';

/** Units valued at a time; an account is never divided, so that there may be more. */
export const BATCH = 256;
const UNPRICED = MARGIN_STATUSES.indexOf('UNPRICED');
/**
 * A profit within so much of its parts counts 0: floats cannot tell it from none. Size, mark, offset and margin are each
 * within one unit roundoff, a product and two sums add four.
 */
const NOISE = 2 ** -50;

/** Called for each position: the cross unit of its account, its `groupOf`, and its score, from 0. */
type Visit = (cross: number, group: number, score: number) => void;

/** Positions that are ranked among each other: those of one instrument on one side, whatever the chain. */
export function groupOf(instrumentPrice: number, isShort: boolean): number {
  return 2 * instrumentPrice + (isShort ? 1 : 0);
}

export class AdlScores {
  private intervals = new Float64Array(BATCH * INTERVAL_STRIDE);
  private flags = new Uint8Array(BATCH);

  constructor(private readonly columns: Columns) {}

  /** Visits the positions of the first `count` units: all of each account, its cross unit first. */
  visit(units: Uint32Array, count: number, visit: Visit): void {
    const { columns } = this;
    if (count > this.flags.length) {
      this.intervals = new Float64Array(count * INTERVAL_STRIDE);
      this.flags = new Uint8Array(count);
    }
    valueUnits(columns, units, 0, count, this.intervals, this.flags);
    const { words, halves, account, isolatedMargin } = columns.units;
    const { row: rows, amounts } = columns.positions;
    const { instrumentPrice, settlementPrice, prices } = columns.rules;
    let wallet = 1;
    for (let index = 0; index < count; index++) {
      const unit = units[index] as number;
      const cross = account[unit] as number;
      if (unit === cross) wallet = Math.max(1, this.walletValueOf(cross));
      const first = words[unit * UNIT_WORDS + FIRST_POSITION] as number;
      const end = first + (halves[unit * UNIT_HALVES + POSITIONS] as number);
      if (first === end) continue;
      const ratio = halves[unit * UNIT_HALVES + STATUS] === UNPRICED ? 0 : this.ratioAt(index);
      const margin = isolatedMargin[unit] as number;
      for (let item = first; item < end; item++) {
        const row = rows[item] as number;
        const price = instrumentPrice[row];
        // A row that is newer than these prices.
        if (price === undefined) continue;
        const size = amounts[item * POSITION_AMOUNTS] as number;
        const offset = amounts[item * POSITION_AMOUNTS + 1] as number;
        const exposure = size * (prices.values[price] as number);
        const profit = exposure + (offset - margin);
        const isProfit = profit > NOISE * (Math.abs(exposure) + Math.abs(offset) + margin);
        const rate = prices.values[settlementPrice[row] as number] as number;
        const score = isProfit ? ((profit * rate) / wallet) * ratio : 0;
        visit(cross, groupOf(price, size < 0), score > 0 ? score : 0);
      }
    }
  }

  /** The margin ratio of a valued unit; 0 where there is none. */
  private ratioAt(index: number): number {
    if (((this.flags[index] as number) & UNKNOWN) !== 0) return 0;
    const place = index * INTERVAL_STRIDE;
    const balance = (this.intervals[place] as number) + (this.intervals[place + 1] as number);
    const maintenance = (this.intervals[place + 2] as number) + (this.intervals[place + 3] as number);
    return balance > 0 ? maintenance / balance : 0;
  }

  /** All balances at index price, without isolated margin; what has no price counts 0. */
  private walletValueOf(cross: number): number {
    const { units, holdings, rules } = this.columns;
    const first = units.words[cross * UNIT_WORDS + FIRST_HOLDING] as number;
    const end = first + (units.halves[cross * UNIT_HALVES + HOLDINGS] as number);
    let value = 0;
    for (let item = first; item < end; item++) {
      const price = rules.prices.values[rules.collateralPrice[holdings.row[item] as number] as number] as number;
      if (!Number.isNaN(price)) value += (holdings.quantity[item] as number) * price;
    }
    return value;
  }
}
