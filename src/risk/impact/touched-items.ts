/** Balances, debts, positions and orders that a change of rules touches, with their totals before and after. */
import { ZERO, type Decimal } from '../../margin/decimal.js';
import { inUnit, settlementPriceOf } from '../../margin/state/settlement.js';
import type { Market, Policy } from '../../margin/model.js';
import { ExactSum } from '../columns/exact-sum.js';
import {
  FIRST_HOLDING,
  FIRST_POSITION,
  HOLDINGS,
  POSITIONS,
  POSITION_AMOUNTS,
  UNIT_HALVES,
  UNIT_WORDS,
} from '../columns/columns.js';
import type { KnownAccounts } from '../columns/known-accounts.js';
import { CollateralTotal } from './collateral-total.js';
import { DebtTotal, MaintenanceTotal } from './maintenance-total.js';
import { OrderTotal } from './order-total.js';
import { differenceOf, type RuleDifference } from './rule-difference.js';

type Pair<T> = readonly [before: T, after: T];

export class TouchedItems {
  /** Some positions are touched, so that isolated ones may be. */
  readonly arePositions: boolean;
  private readonly difference: RuleDifference;
  private readonly areHoldings: boolean;
  private readonly areDebts: boolean;
  // By row of an asset or an instrument; null: not touched.
  private readonly collateral = new Map<number, Pair<CollateralTotal> | null>();
  private readonly maintenance = new Map<number, Pair<MaintenanceTotal> | null>();
  private readonly debts = new Map<number, Pair<DebtTotal>>();
  private readonly sizesAtRisk = new Map<number, ExactSum>();
  private readonly orders: OrderTotal;

  constructor(
    private readonly accounts: KnownAccounts,
    private readonly ruleSet: number,
    private readonly market: Market,
    private readonly policies: Pair<Policy>,
  ) {
    const difference = differenceOf(...policies);
    this.difference = difference;
    const { assets, instruments, statuses, debtMargin, debtsRequire } = difference;
    this.areDebts = debtMargin || (statuses && debtsRequire);
    this.areHoldings = assets.size > 0 || this.areDebts;
    this.arePositions = instruments.size > 0 || statuses;
    const areTouched = (instrument: string): boolean => difference.orders || difference.instruments.has(instrument);
    this.orders = new OrderTotal(market, policies, areTouched);
  }

  /** Whether a margin unit is touched; with `adds`, its touched items are added to the totals. */
  take(unit: number, adds: boolean): boolean {
    const hasHoldings = this.areHoldings && this.takeHoldings(unit, adds);
    const hasPositions = this.arePositions && this.takePositions(unit, adds);
    const hasOrders = this.takeOrders(unit, adds);
    return hasHoldings || hasPositions || hasOrders || this.isEquityTouched(unit);
  }

  /** Adds the positions of a unit to the notional at risk. */
  addAtRisk(unit: number): void {
    const { units, positions } = this.accounts.columns;
    const first = units.words[unit * UNIT_WORDS + FIRST_POSITION] as number;
    const end = first + (units.halves[unit * UNIT_HALVES + POSITIONS] as number);
    for (let item = first; item < end; item++) {
      const row = positions.row[item] as number;
      let sizes = this.sizesAtRisk.get(row);
      if (sizes === undefined) this.sizesAtRisk.set(row, (sizes = new ExactSum()));
      const size = Math.abs(positions.amounts[item * POSITION_AMOUNTS] as number);
      sizes.add(size, positions.digits[item] as number, () => this.sizeOf(unit, item - first));
    }
  }

  get collateralValues(): Pair<Decimal> {
    return sumsOf(this.collateral.values());
  }

  get maintenanceMargins(): Pair<Decimal> {
    const [before, after] = sumsOf(this.maintenance.values());
    const debts = [...this.debts.values()];
    const [ordersBefore, ordersAfter] = this.orders.values;
    return [
      debts.reduce((sum, [total]) => sum.plus(total.required), before).plus(ordersBefore),
      debts.reduce((sum, [, total]) => sum.plus(total.required), after).plus(ordersAfter),
    ];
  }

  get notionalAtRisk(): Decimal {
    let notional = ZERO;
    for (const [row, sizes] of this.sizesAtRisk) notional = notional.plus(sizes.total.times(this.valueOf(row)));
    return notional;
  }

  private takeHoldings(unit: number, adds: boolean): boolean {
    const { units, holdings } = this.accounts.columns;
    const first = units.words[unit * UNIT_WORDS + FIRST_HOLDING] as number;
    const end = first + (units.halves[unit * UNIT_HALVES + HOLDINGS] as number);
    let isTouched = false;
    for (let item = first; item < end; item++) {
      const row = holdings.row[item] as number;
      const quantity = holdings.quantity[item] as number;
      const totals = quantity > 0 ? this.collateralAt(row) : null;
      if (quantity > 0 ? totals === null : !this.areDebts) continue;
      isTouched = true;
      if (!adds) continue;
      const digits = holdings.digits[item] as number;
      const exact = (): Decimal => this.accounts.stateAt(unit).balances[item - first]?.quantity ?? ZERO;
      for (const total of totals ?? []) total.add(quantity, digits, exact);
      if (quantity > 0 || !this.difference.debtMargin) continue;
      for (const total of this.debtsAt(row)) total.add(-quantity, digits, () => exact().negated());
    }
    return isTouched;
  }

  private takePositions(unit: number, adds: boolean): boolean {
    const { units, positions } = this.accounts.columns;
    const first = units.words[unit * UNIT_WORDS + FIRST_POSITION] as number;
    const end = first + (units.halves[unit * UNIT_HALVES + POSITIONS] as number);
    let isTouched = this.difference.statuses && end > first;
    for (let item = first; item < end; item++) {
      const totals = this.maintenanceAt(positions.row[item] as number);
      if (totals === null) continue;
      isTouched = true;
      if (!adds) continue;
      const size = Math.abs(positions.amounts[item * POSITION_AMOUNTS] as number);
      const exact = (): Decimal => this.sizeOf(unit, item - first);
      for (const total of totals) total.add(size, positions.digits[item] as number, exact);
    }
    return isTouched;
  }

  /** Where PnL counts as equity, a cross position is part of what its settlement asset counts, or owes. */
  private isEquityTouched(unit: number): boolean {
    const { equities, pnlCounts } = this.difference;
    const { units, positions, rules } = this.accounts.columns;
    const open = units.halves[unit * UNIT_HALVES + POSITIONS] as number;
    if (!equities || units.isMultiAsset[unit] !== 1 || open === 0) return false;
    if (pnlCounts || this.areDebts) return true;
    const first = units.words[unit * UNIT_WORDS + FIRST_POSITION] as number;
    const rows = Array.from({ length: open }, (_, index) => positions.row[first + index] as number);
    return rows.some((row) => this.collateralAt(rules.settlementRow[row] as number) !== null);
  }

  private takeOrders(unit: number, adds: boolean): boolean {
    const { orders, ordersRequire, instruments, statuses } = this.difference;
    const { units, orders: items } = this.accounts.columns;
    const first = units.orders[unit] as number;
    if (first === 0 || !(orders || (ordersRequire && (statuses || instruments.size > 0)))) return false;
    let isTouched = orders || statuses;
    let hasAmounts = false;
    items.forEachRow(first - 1, (row) => {
      hasAmounts ||= orders || this.maintenanceAt(row) !== null;
    });
    isTouched ||= hasAmounts;
    if (adds && hasAmounts) this.orders.add(this.accounts.stateAt(unit));
    return isTouched;
  }

  private collateralAt(row: number): Pair<CollateralTotal> | null {
    let totals = this.collateral.get(row);
    if (totals === undefined) {
      const { asset, counting } = this.accounts.columns.rules.assetAt(this.ruleSet, row);
      const total = (policy: Policy): CollateralTotal => new CollateralTotal(asset, counting, this.market, policy);
      const isTouched = counting === 'MULTI_ASSET' && this.difference.assets.has(asset);
      totals = isTouched ? [total(this.policies[0]), total(this.policies[1])] : null;
      this.collateral.set(row, totals);
    }
    return totals;
  }

  private maintenanceAt(row: number): Pair<MaintenanceTotal> | null {
    let totals = this.maintenance.get(row);
    if (totals === undefined) {
      const instrument = this.instrumentOf(row);
      const total = (policy: Policy): MaintenanceTotal => new MaintenanceTotal(instrument, this.market, policy);
      const isTouched = this.difference.instruments.has(instrument);
      totals = isTouched ? [total(this.policies[0]), total(this.policies[1])] : null;
      this.maintenance.set(row, totals);
    }
    return totals;
  }

  private debtsAt(row: number): Pair<DebtTotal> {
    let totals = this.debts.get(row);
    if (totals === undefined) {
      const { asset } = this.accounts.columns.rules.assetAt(this.ruleSet, row);
      const total = (policy: Policy): DebtTotal => new DebtTotal(asset, this.market, policy);
      totals = [total(this.policies[0]), total(this.policies[1])];
      this.debts.set(row, totals);
    }
    return totals;
  }

  /** The exact size of a position of a unit, without the sign of its side. */
  private sizeOf(unit: number, index: number): Decimal {
    const { columns } = this.accounts;
    const cross = columns.crossOf(unit);
    const { positions } = this.accounts.stateAt(cross);
    const found =
      unit === cross
        ? positions.filter(({ marginMode }) => marginMode === 'CROSS')[index]
        : positions.filter(({ marginMode }) => marginMode === 'ISOLATED')[columns.unitsAt(cross).indexOf(unit) - 1];
    return found?.size ?? ZERO;
  }

  /** What one of the base asset is worth by the mark, in the venue's unit; 0 without a price. */
  private valueOf(row: number): Decimal {
    const instrument = this.instrumentOf(row);
    const mark = this.market.mark(instrument)?.price ?? null;
    return inUnit(mark, settlementPriceOf(instrument, this.market, this.policies[0]));
  }

  private instrumentOf(row: number): string {
    return this.accounts.columns.rules.instrumentAt(this.ruleSet, row);
  }
}

function sumsOf(totals: Iterable<Pair<{ readonly value: Decimal }> | null>): Pair<Decimal> {
  let [before, after] = [ZERO, ZERO];
  for (const pair of totals) {
    if (pair === null) continue;
    before = before.plus(pair[0].value);
    after = after.plus(pair[1].value);
  }
  return [before, after];
}
