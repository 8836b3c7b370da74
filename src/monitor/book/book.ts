/**
 * All accounts of the process, in columns: what the screen needs to value them, how they stood when they were last
 * assessed, and who is touched by a price. An account is replaced whole when it changes; whoever adds or replaces one
 * has it assessed, since what was known of it is forgotten.
 */
import { ZERO } from '../../margin/decimal.js';
import { MARGIN_STATUSES, type AccountState, type MarginStatus, type PositionState } from '../../margin/model.js';
import { AccountIds } from './account-ids.js';
import { Bitmap } from './bitmap.js';
import {
  BUCKET_HALVES,
  BUCKET_WORDS,
  BucketColumns,
  CORRIDOR,
  FIRST_HOLDING,
  FIRST_POSITION,
  FREE,
  HOLDINGS,
  HoldingColumns,
  POSITIONS,
  POSITION_AMOUNTS,
  PositionColumns,
  RULE_SET,
  STATUS,
} from './columns.js';
import type { Corridor } from './corridor.js';
import type { RuleColumns } from './rule-columns.js';

/** In the place of a status: none is known. */
const NOT_ASSESSED = MARGIN_STATUSES.length;

export class Book {
  readonly buckets = new BucketColumns();
  readonly holdings = new HoldingColumns();
  readonly positions = new PositionColumns();
  private readonly ids = new AccountIds();
  /** By the number of the price: the buckets that it values. */
  private readonly holders: Bitmap[] = [];

  constructor(readonly rules: RuleColumns) {}

  /** How many accounts there are. */
  get size(): number {
    return this.ids.size;
  }

  /** What the columns take, with the room that they have to grow. */
  get bytes(): number {
    const holders = this.holders.reduce((bytes, bitmap) => bytes + bitmap.bytes, 0);
    return this.buckets.bytes + this.holdings.bytes + this.positions.bytes + this.ids.bytes + holders;
  }

  /**
   * Adds an account, or replaces it, with its rule set (`RuleColumns.setPolicy` says which). Answers its buckets: the
   * cross one, then those of its isolated positions in the account's order. None of them sleeps until it is settled.
   */
  put(id: string, ruleSet: number, account: AccountState): number[] {
    const known = this.ids.find(id);
    const cross = known ?? this.buckets.take();
    if (known === null) {
      this.ids.add(id, cross);
      this.buckets.next[cross] = 0;
    } else {
      this.empty(cross);
    }
    const open = account.positions.filter(({ size }) => !size.isZero());
    const numbers = [cross];
    this.fill(
      cross,
      cross,
      ruleSet,
      account,
      open.filter(({ marginMode }) => marginMode === 'CROSS'),
    );
    for (const position of open) {
      if (position.marginMode === 'CROSS') continue;
      const isolated = this.buckets.take();
      const last = numbers.at(-1) ?? cross;
      this.buckets.next[last] = isolated + 1;
      this.buckets.next[isolated] = 0;
      this.fill(isolated, cross, ruleSet, { ...account, balances: [] }, [position]);
      numbers.push(isolated);
    }
    return numbers;
  }

  /** Takes an account out; unknown ones are ignored. */
  remove(id: string): void {
    const cross = this.ids.find(id);
    if (cross === null) return;
    this.empty(cross);
    this.ids.delete(id);
    this.buckets.release(cross);
  }

  /** The buckets of an account, as `put` answered them; none for one that is unknown. */
  bucketsOf(id: string): number[] {
    const cross = this.ids.find(id);
    return cross === null ? [] : this.chain(cross);
  }

  /** The account to which a bucket belongs. */
  accountOf(bucket: number): string {
    return this.ids.of(this.buckets.account[bucket] as number);
  }

  /** How a bucket stands, after it was assessed: until when it may sleep. */
  settle(bucket: number, { status, low, high }: Corridor): void {
    this.buckets.halves[bucket * BUCKET_HALVES + STATUS] = MARGIN_STATUSES.indexOf(status);
    this.buckets.corridors[bucket * CORRIDOR] = low;
    this.buckets.corridors[bucket * CORRIDOR + 1] = high;
  }

  /** The status with which a bucket was settled; null: it was not since it last changed. */
  statusOf(bucket: number): MarginStatus | null {
    return MARGIN_STATUSES[this.buckets.halves[bucket * BUCKET_HALVES + STATUS] as number] ?? null;
  }

  /** Wakes a bucket, whatever it is worth, when it is next looked at. */
  wake(bucket: number): void {
    this.buckets.corridors[bucket * CORRIDOR] = Infinity;
    this.buckets.corridors[bucket * CORRIDOR + 1] = 0;
  }

  /** Adds every bucket that a price values to `marks`. */
  markHolders(price: number, marks: Bitmap): void {
    const holders = this.holders[price];
    if (holders !== undefined) marks.addAll(holders);
  }

  /** Adds every bucket under a rule set to `marks`; with `wake`, since its thresholds mean something else now. */
  markRuleSet(ruleSet: number, marks: Bitmap, wake: boolean): void {
    const { account, halves, end } = this.buckets;
    for (let bucket = 0; bucket < end; bucket++) {
      if (halves[bucket * BUCKET_HALVES + RULE_SET] !== ruleSet || account[bucket] === FREE) continue;
      marks.add(bucket);
      if (wake) this.wake(bucket);
    }
  }

  private chain(cross: number): number[] {
    const numbers = [cross];
    for (let next = this.buckets.next[cross] as number; next !== 0; next = this.buckets.next[next - 1] as number) {
      numbers.push(next - 1);
    }
    return numbers;
  }

  /** Lets go of all that an account holds, and of its isolated buckets. */
  private empty(cross: number): void {
    const { buckets } = this;
    for (const bucket of this.chain(cross)) {
      this.forEachPrice(bucket, (price) => this.holders[price]?.delete(bucket));
      const { firstHolding, heldAssets, firstPosition, openPositions } = this.itemsOf(bucket);
      this.holdings.release(firstHolding, heldAssets);
      this.positions.release(firstPosition, openPositions);
      buckets.halves[bucket * BUCKET_HALVES + HOLDINGS] = 0;
      buckets.halves[bucket * BUCKET_HALVES + POSITIONS] = 0;
      if (bucket !== cross) buckets.release(bucket);
    }
    buckets.next[cross] = 0;
  }

  private fill(
    bucket: number,
    cross: number,
    ruleSet: number,
    { collateralMode, balances }: AccountState,
    open: readonly PositionState[],
  ): void {
    const { buckets, holdings, positions, rules } = this;
    const held = balances.filter(({ quantity }) => !quantity.isZero());
    const firstHolding = holdings.take(held.length);
    held.forEach(({ asset, quantity }, index) => {
      holdings.row[firstHolding + index] = rules.collateralRow(ruleSet, collateralMode, asset);
      holdings.quantity[firstHolding + index] = quantity.toNumber();
    });
    const firstPosition = positions.take(open.length);
    open.forEach(({ instrument, side, size, cost, marginMode, isolatedMargin }, index) => {
      const isLong = side === 'LONG';
      const margin = marginMode === 'ISOLATED' ? isolatedMargin : ZERO;
      positions.row[firstPosition + index] = rules.instrumentRow(ruleSet, instrument);
      const offset = isLong ? margin.minus(cost) : margin.plus(cost);
      const amounts = [isLong ? size.toNumber() : -size.toNumber(), offset.toNumber()];
      positions.amounts.set(amounts, (firstPosition + index) * POSITION_AMOUNTS);
    });
    buckets.words[bucket * BUCKET_WORDS + FIRST_HOLDING] = firstHolding;
    buckets.words[bucket * BUCKET_WORDS + FIRST_POSITION] = firstPosition;
    buckets.halves.set([held.length, open.length, ruleSet, NOT_ASSESSED], bucket * BUCKET_HALVES + HOLDINGS);
    buckets.account[bucket] = cross;
    this.wake(bucket);
    this.forEachPrice(bucket, (price) => (this.holders[price] ??= new Bitmap()).add(bucket));
  }

  private forEachPrice(bucket: number, visit: (price: number) => void): void {
    const { holdings, positions, rules } = this;
    const { firstHolding, heldAssets, firstPosition, openPositions } = this.itemsOf(bucket);
    for (let item = firstHolding; item < firstHolding + heldAssets; item++) {
      visit(rules.collateralPrice[holdings.row[item] as number] as number);
    }
    for (let item = firstPosition; item < firstPosition + openPositions; item++) {
      visit(rules.instrumentPrice[positions.row[item] as number] as number);
    }
  }

  private itemsOf(bucket: number): Record<'firstHolding' | 'heldAssets' | 'firstPosition' | 'openPositions', number> {
    const { words, halves } = this.buckets;
    return {
      firstHolding: words[bucket * BUCKET_WORDS + FIRST_HOLDING] as number,
      heldAssets: halves[bucket * BUCKET_HALVES + HOLDINGS] as number,
      firstPosition: words[bucket * BUCKET_WORDS + FIRST_POSITION] as number,
      openPositions: halves[bucket * BUCKET_HALVES + POSITIONS] as number,
    };
  }
}
