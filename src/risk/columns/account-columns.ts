/**
 * All accounts of the process, in columns: what the prefilter needs to value them, how they stood when last assessed,
 * and which prices they depend on. A changed account is replaced as a whole. The caller must have an added or replaced
 * account assessed, since its former status is gone.
 */
import type { AccountText, PositionText } from '../../ledger/account-text.js';
import { MARGIN_STATUSES, type CollateralChoice, type MarginStatus } from '../../margin/model.js';
import { isWorse } from '../../margin/state/status.js';
import { AccountIds } from './account-ids.js';
import { Bitmap } from './bitmap.js';
import {
  UNIT_HALVES,
  UNIT_WORDS,
  UnitColumns,
  QUIET_RANGE,
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
import { OrderColumns } from './order-columns.js';
import { isCross, offsetOf } from './position-amounts.js';
import type { QuietRange } from './quiet-range.js';
import { digitsOf } from './exact-sum.js';
import type { RuleColumns } from './rule-columns.js';

/** Of a position's text. */
const ISOLATED_MARGIN = 6;
/** In place of a status: not known. */
const NOT_ASSESSED = MARGIN_STATUSES.length;

export class AccountColumns {
  readonly units = new UnitColumns();
  readonly holdings = new HoldingColumns();
  readonly positions = new PositionColumns();
  readonly orders = new OrderColumns();
  private readonly ids = new AccountIds();
  /** By number of a price: the margin units that it values. */
  private readonly holders: Bitmap[] = [];
  /** Rises whenever an account is put or removed, or a unit settled. */
  changes = 0;

  constructor(readonly rules: RuleColumns) {}

  /** How many accounts there are. */
  get size(): number {
    return this.ids.size;
  }

  /** Memory of the columns, with the room that they have to grow. */
  get bytes(): number {
    const holders = this.holders.reduce((bytes, bitmap) => bytes + bitmap.bytes, 0);
    const items = this.holdings.bytes + this.positions.bytes + this.orders.bytes;
    return this.units.bytes + items + this.ids.bytes + holders;
  }

  /**
   * Adds or replaces an account under a rule set (from `RuleColumns.setPolicy`). Returns its margin units: the cross
   * one, then the isolated ones in the account's order. None of them sleeps until it is settled.
   */
  put(id: string, ruleSet: number, account: AccountText, version: number): number[] {
    const [collateralMode, , balances, open, orders = [], switchedOff = []] = account;
    const choice = { collateralMode, switchedOff };
    this.changes += 1;
    const known = this.ids.find(id);
    const cross = known ?? this.units.take();
    if (known === null) {
      this.ids.add(id, cross);
      this.units.next[cross] = 0;
    } else {
      this.empty(cross);
    }
    this.units.version[cross] = version;
    const numbers = [cross];
    this.units.orders[cross] = this.orders.put(orders, open, (symbol) =>
      this.rules.instrumentRow(ruleSet, choice, symbol),
    );
    this.fill(cross, cross, ruleSet, choice, balances, open.filter(isCross));
    for (const position of open) {
      if (isCross(position)) continue;
      const isolated = this.units.take();
      const last = numbers.at(-1) ?? cross;
      this.units.next[last] = isolated + 1;
      this.units.next[isolated] = 0;
      this.fill(isolated, cross, ruleSet, choice, [], [position]);
      numbers.push(isolated);
    }
    return numbers;
  }

  /** Removes an account; unknown ids are ignored. */
  remove(id: string): void {
    const cross = this.ids.find(id);
    if (cross === null) return;
    this.changes += 1;
    this.empty(cross);
    this.ids.delete(id);
    this.units.release(cross);
  }

  /** The margin units of an account, as `put` returned them; empty for an unknown id. */
  unitsOf(id: string): number[] {
    const cross = this.ids.find(id);
    return cross === null ? [] : this.chain(cross);
  }

  /** The id of the account of a margin unit. */
  accountOf(unit: number): string {
    return this.ids.of(this.crossOf(unit));
  }

  /** The cross unit of the same account. */
  crossOf(unit: number): number {
    return this.units.account[unit] as number;
  }

  /** The margin units of the account with this cross unit. */
  unitsAt(cross: number): number[] {
    return this.chain(cross);
  }

  /** As given to `put`; null: the account is unknown. */
  versionOf(id: string): number | null {
    const cross = this.ids.find(id);
    return cross === null ? null : (this.units.version[cross] as number);
  }

  ruleSetOf(unit: number): number {
    return this.units.halves[unit * UNIT_HALVES + RULE_SET] as number;
  }

  /** Stores the status of an assessed unit, and the range in which it may sleep. */
  settle(unit: number, { status, low, high }: QuietRange): void {
    this.changes += 1;
    this.units.halves[unit * UNIT_HALVES + STATUS] = MARGIN_STATUSES.indexOf(status);
    this.units.quietRanges[unit * QUIET_RANGE] = low;
    this.units.quietRanges[unit * QUIET_RANGE + 1] = high;
  }

  /** The status with which a unit was settled; null: not since it last changed. */
  statusOf(unit: number): MarginStatus | null {
    return MARGIN_STATUSES[this.units.halves[unit * UNIT_HALVES + STATUS] as number] ?? null;
  }

  /** The worst status of the account; null: not evaluated yet. */
  worstStatusOf(cross: number): MarginStatus | null {
    let worst: MarginStatus | null = null;
    for (const unit of this.unitsAt(cross)) {
      const status = this.statusOf(unit);
      if (status !== null && (worst === null || isWorse(status, worst))) worst = status;
    }
    return worst;
  }

  /** The next prefilter will wake this unit at any value. */
  wake(unit: number): void {
    this.units.quietRanges[unit * QUIET_RANGE] = Infinity;
    this.units.quietRanges[unit * QUIET_RANGE + 1] = 0;
  }

  /** Adds every unit that a price values to `dirty`. */
  addHolders(price: number, dirty: Bitmap): void {
    const holders = this.holders[price];
    if (holders !== undefined) dirty.addAll(holders);
  }

  /** Whether one of the prices values the unit. */
  isValuedByAny(unit: number, prices: ReadonlySet<number>): boolean {
    let found = false;
    this.forEachPrice(unit, (price) => (found ||= prices.has(price)));
    return found;
  }

  /** Adds every unit of a rule set to `dirty`. `wake`: its thresholds have changed, so no unit may sleep on. */
  addRuleSet(ruleSet: number, dirty: Bitmap, wake: boolean): void {
    this.forEachUnitOf(ruleSet, (unit) => {
      dirty.add(unit);
      if (wake) this.wake(unit);
    });
  }

  /** Makes a change by which items of the rule set take other prices. */
  reprice(ruleSet: number, change: () => void): void {
    this.forEachUnitOf(ruleSet, (unit) => this.forEachPrice(unit, (price) => this.holders[price]?.delete(unit)));
    change();
    this.forEachUnitOf(ruleSet, (unit) => this.hold(unit));
  }

  private forEachUnitOf(ruleSet: number, visit: (unit: number) => void): void {
    const { account, halves, end } = this.units;
    for (let unit = 0; unit < end; unit++) {
      if (halves[unit * UNIT_HALVES + RULE_SET] === ruleSet && account[unit] !== FREE) visit(unit);
    }
  }

  private hold(unit: number): void {
    this.forEachPrice(unit, (price) => (this.holders[price] ??= new Bitmap()).add(unit));
  }

  private chain(cross: number): number[] {
    const numbers = [cross];
    for (let next = this.units.next[cross] as number; next !== 0; next = this.units.next[next - 1] as number) {
      numbers.push(next - 1);
    }
    return numbers;
  }

  /** Releases all items of an account, and its isolated units. */
  private empty(cross: number): void {
    const { units } = this;
    for (const unit of this.chain(cross)) {
      this.forEachPrice(unit, (price) => this.holders[price]?.delete(unit));
      const { firstHolding, heldAssets, firstPosition, openPositions } = this.itemsOf(unit);
      this.holdings.release(firstHolding, heldAssets);
      this.positions.release(firstPosition, openPositions);
      if (units.orders[unit] !== 0) this.orders.empty((units.orders[unit] as number) - 1);
      units.orders[unit] = 0;
      units.halves[unit * UNIT_HALVES + HOLDINGS] = 0;
      units.halves[unit * UNIT_HALVES + POSITIONS] = 0;
      if (unit !== cross) units.release(unit);
    }
    units.next[cross] = 0;
  }

  private fill(
    unit: number,
    cross: number,
    ruleSet: number,
    choice: CollateralChoice,
    balances: readonly string[],
    open: readonly PositionText[],
  ): void {
    const { units, holdings, positions, rules } = this;
    const heldAssets = balances.length / 2;
    const firstHolding = holdings.take(heldAssets);
    for (let item = 0; item < heldAssets; item++) {
      const [asset, plain] = [balances[2 * item] as string, balances[2 * item + 1] as string];
      const quantity = Number(plain);
      holdings.row[firstHolding + item] = rules.collateralRow(ruleSet, choice, asset);
      holdings.quantity[firstHolding + item] = quantity;
      holdings.digits[firstHolding + item] = digitsOf(plain, quantity);
    }
    const firstPosition = positions.take(open.length);
    open.forEach((position, index) => {
      const [instrument, side, plain, cost] = position;
      const size = Number(plain);
      positions.row[firstPosition + index] = rules.instrumentRow(ruleSet, choice, instrument);
      const amounts = (firstPosition + index) * POSITION_AMOUNTS;
      positions.amounts[amounts] = side === 'LONG' ? size : -size;
      positions.amounts[amounts + 1] = offsetOf(position);
      positions.digits[firstPosition + index] = digitsOf(plain, size);
      positions.costDigits[firstPosition + index] = digitsOf(cost, Number(cost));
    });
    units.words[unit * UNIT_WORDS + FIRST_HOLDING] = firstHolding;
    units.words[unit * UNIT_WORDS + FIRST_POSITION] = firstPosition;
    units.halves.set([heldAssets, open.length, ruleSet, NOT_ASSESSED], unit * UNIT_HALVES + HOLDINGS);
    units.account[unit] = cross;
    units.isolatedMargin[unit] = unit === cross ? 0 : Number(open[0]?.[ISOLATED_MARGIN] ?? 0);
    units.isMultiAsset[unit] = unit === cross && choice.collateralMode === 'MULTI_ASSET' ? 1 : 0;
    this.wake(unit);
    this.hold(unit);
  }

  private forEachPrice(unit: number, visit: (price: number) => void): void {
    const { holdings, positions, rules } = this;
    const { firstHolding, heldAssets, firstPosition, openPositions } = this.itemsOf(unit);
    for (let item = firstHolding; item < firstHolding + heldAssets; item++) {
      visit(rules.collateralPrice[holdings.row[item] as number] as number);
    }
    for (let item = firstPosition; item < firstPosition + openPositions; item++) {
      const row = positions.row[item] as number;
      visit(rules.instrumentPrice[row] as number);
      visit(rules.settlementPrice[row] as number);
    }
    const first = this.units.orders[unit] as number;
    if (first !== 0)
      this.orders.forEachRow(first - 1, (row) => {
        visit(rules.instrumentPrice[row] as number);
        visit(rules.settlementPrice[row] as number);
      });
  }

  private itemsOf(unit: number): Record<'firstHolding' | 'heldAssets' | 'firstPosition' | 'openPositions', number> {
    const { words, halves } = this.units;
    return {
      firstHolding: words[unit * UNIT_WORDS + FIRST_HOLDING] as number,
      heldAssets: halves[unit * UNIT_HALVES + HOLDINGS] as number,
      firstPosition: words[unit * UNIT_WORDS + FIRST_POSITION] as number,
      openPositions: halves[unit * UNIT_HALVES + POSITIONS] as number,
    };
  }
}
