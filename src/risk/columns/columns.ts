/**
 * The columns of all accounts: numbers side by side in typed arrays, which the prefilter reads in sequence. Free places
 * are used again; nothing is ever moved.
 */
import { grown } from './growth.js';

/** End of a list of free places. */
const NONE = 0xffffffff;

/** In place of an account's number: the unit is free. */
export const FREE = 0xffffffff;

/** Of a unit in `words`: 32-bit numbers, four for each unit, of which the last two are its `halves`. */
export const UNIT_WORDS = 4;
export const FIRST_HOLDING = 0;
export const FIRST_POSITION = 1;

/** Of a unit in `halves`: 16-bit numbers, eight for each unit, of which the first four are its `words`. */
export const UNIT_HALVES = 8;
/** How many holdings, and how many positions. */
export const HOLDINGS = 4;
export const POSITIONS = 5;
export const RULE_SET = 6;
/** As last assessed: an index in MARGIN_STATUSES, or one more than the last. */
export const STATUS = 7;

/** Of a unit in `quietRanges`. */
export const QUIET_RANGE = 2;

/**
 * A margin unit has a status of its own: all that an account has in cross margin, or one isolated position. The number
 * of an account is that of its cross unit, which every account has.
 *
 * All that the prefilter reads of a unit is together in memory: if units are scattered, the number of cache lines
 * decides.
 */
export class UnitColumns {
  words = new Uint32Array(0);
  /** The same memory as `words`. */
  halves = new Uint16Array(0);
  /** Lowest and highest margin ratio at which it may sleep; low >= high: it may not. */
  quietRanges = new Float64Array(0);
  /** The cross unit of the same account; FREE: the unit is free. */
  account = new Uint32Array(0);
  /** The first item of its orders plus 1; 0: none that can open anything, or an isolated unit. */
  orders = new Uint32Array(0);
  /** Of an isolated unit: what is set aside for it, in the settlement asset; of a cross unit 0. */
  isolatedMargin = new Float64Array(0);
  /** 1: the cross unit of an account in multi-asset mode. */
  isMultiAsset = new Uint8Array(0);
  /** Of a cross unit: the version of the account. */
  version = new Uint32Array(0);
  /** The next isolated unit of the same account plus 1, 0 after the last. Of a free place: the next free one. */
  next = new Uint32Array(0);

  /** Above every number ever taken. */
  end = 0;
  private free = NONE;

  take(): number {
    const unit = this.free;
    if (unit !== NONE) {
      this.free = this.next[unit] as number;
      return unit;
    }
    if (this.end === this.account.length) this.grow();
    return this.end++;
  }

  release(unit: number): void {
    this.account[unit] = FREE;
    this.next[unit] = this.free;
    this.free = unit;
  }

  get bytes(): number {
    const { words, quietRanges, account, orders, isolatedMargin, isMultiAsset, version, next } = this;
    const columns = [words, quietRanges, account, orders, isolatedMargin, isMultiAsset, version, next];
    return columns.reduce((bytes, column) => bytes + column.byteLength, 0);
  }

  private grow(): void {
    this.account = grown(this.account, this.end + 1);
    const { length } = this.account;
    this.orders = grown(this.orders, length);
    this.isolatedMargin = grown(this.isolatedMargin, length);
    this.isMultiAsset = grown(this.isMultiAsset, length);
    this.version = grown(this.version, length);
    this.next = grown(this.next, length);
    this.quietRanges = grown(this.quietRanges, length * QUIET_RANGE);
    this.words = grown(this.words, length * UNIT_WORDS);
    this.halves = new Uint16Array(this.words.buffer);
  }
}

/** Blocks of neighbouring items, one block for each unit. A freed block serves the next unit of its size. */
export abstract class ItemColumns {
  /** The rules and the price of the item: a row of `RuleColumns`. Of a free block's first item: the next free block. */
  row = new Uint32Array(0);
  private end = 0;
  /** The first free block, by how many items it has room for. */
  private readonly free = new Map<number, number>();

  /** The first item of a block with room for `count` items. */
  take(count: number): number {
    if (count === 0) return 0;
    const room = roomFor(count);
    const block = this.free.get(room) ?? NONE;
    if (block !== NONE) {
      this.free.set(room, this.row[block] as number);
      return block;
    }
    const first = this.end;
    this.end += room;
    if (this.end > this.row.length) this.grow(this.end);
    return first;
  }

  release(first: number, count: number): void {
    if (count === 0) return;
    const room = roomFor(count);
    this.row[first] = this.free.get(room) ?? NONE;
    this.free.set(room, first);
  }

  protected grow(needed: number): void {
    this.row = grown(this.row, needed);
  }
}

/** Exact for the many small accounts. Large ones share few sizes, so that freed blocks are used again. */
function roomFor(count: number): number {
  return count <= 8 ? count : Math.ceil(count / 8) * 8;
}

export class HoldingColumns extends ItemColumns {
  /** In units of the asset; negative: owed. The float next to the exact quantity. */
  quantity = new Float64Array(0);
  /** `digitsOf` the exact quantity. */
  digits = new Uint8Array(0);

  get bytes(): number {
    return this.row.byteLength + this.quantity.byteLength + this.digits.byteLength;
  }

  protected override grow(needed: number): void {
    super.grow(needed);
    this.quantity = grown(this.quantity, this.row.length);
    this.digits = grown(this.digits, this.row.length);
  }
}

/** Numbers of a position in `amounts`: size and offset. */
export const POSITION_AMOUNTS = 2;

/**
 * The value of a position to its unit is size x mark + offset, for long and short alike: the signs hold the side.
 * Leverage is missing because neither status nor ratio depends on it.
 */
export class PositionColumns extends ItemColumns {
  /**
   * Size in the base asset, negative: short. Offset in the quote asset; long: isolated margin - cost, short: isolated margin +
   * cost. The floats next to the exact size and to the exact sum.
   */
  amounts = new Float64Array(0);
  /** `digitsOf` the exact size. */
  digits = new Uint8Array(0);
  /** Of a cross position: `digitsOf` its cost. */
  costDigits = new Uint8Array(0);

  get bytes(): number {
    return this.row.byteLength + this.amounts.byteLength + this.digits.byteLength + this.costDigits.byteLength;
  }

  protected override grow(needed: number): void {
    super.grow(needed);
    this.digits = grown(this.digits, this.row.length);
    this.costDigits = grown(this.costDigits, this.row.length);
    this.amounts = grown(this.amounts, this.row.length * POSITION_AMOUNTS);
  }
}
