/**
 * What cross accounts in LIQUIDATION lack to its boundary: maintenance margin / liquidation ratio less margin balance,
 * summed. All of its parts are linear within segments of the curves, so that sums of quantities, sizes and costs are
 * enough. An account of which floats do not tell surely how it stands is assessed.
 */
import { ZERO, quotientDown, type Decimal } from '../../margin/decimal.js';
import { WHOLE, type Fraction } from '../../margin/fraction.js';
import type { Market, Policy, PositionState } from '../../margin/model.js';
import { assessMargin } from '../../margin/state/assess.js';
import { settlementPriceOf } from '../../margin/state/settlement.js';
import type { PriceSnapshot } from '../../market/price-snapshot.js';
import {
  FIRST_HOLDING,
  FIRST_POSITION,
  HOLDINGS,
  POSITIONS,
  POSITION_AMOUNTS,
  UNIT_HALVES,
  UNIT_WORDS,
} from '../columns/columns.js';
import { ExactSum } from '../columns/exact-sum.js';
import type { KnownAccounts } from '../columns/known-accounts.js';
import { sureStatus, thresholdsOf, type Thresholds } from '../columns/prefilter.js';
import type { RuleColumns } from '../columns/rule-columns.js';
import { INTERVAL_STRIDE, valueUnits, type Columns } from '../columns/valuation.js';
import { CollateralTotal } from './collateral-total.js';
import { DebtTotal, MaintenanceTotal } from './maintenance-total.js';

/** One asset, as it counts in one collateral mode or switched off, on one chain. */
interface HoldingSums {
  readonly counted: CollateralTotal;
  readonly owed: DebtTotal;
}

/** One instrument under one policy. */
interface PositionSums {
  readonly maintenance: MaintenanceTotal;
  readonly mark: Decimal;
  /** What one of the quote asset is worth, in the venue's unit. */
  readonly rate: Decimal;
  /** Long less short. */
  readonly size: ExactSum;
  /** What long positions have cost, less what short ones have. */
  readonly cost: ExactSum;
}

const unit = new Uint32Array(1);
const interval = new Float64Array(INTERVAL_STRIDE);
const flags = new Uint8Array(1);

export class ShortfallTotal {
  /** By row of the rules' columns. */
  private readonly holdings: (HoldingSums | undefined)[] = [];
  private readonly positions: (PositionSums | undefined)[] = [];
  private readonly thresholds = new Map<Policy, Thresholds>();
  /** Of the accounts that were assessed. */
  private required = ZERO;
  private balance = ZERO;
  /** Of the venue. */
  private liquidationRatio: Fraction = WHOLE;
  private readonly columns: Columns;
  private market: Market | null = null;
  /** The item that is being added. */
  private cross = 0;
  private place = 0;

  /**
   * @param snapshot the prices; all accounts are of one venue
   * @param rules the rules' columns at these prices
   */
  constructor(
    private readonly known: KnownAccounts,
    private readonly snapshot: PriceSnapshot,
    rules: RuleColumns,
  ) {
    const { units, holdings, positions, orders } = known.columns;
    this.columns = { units, holdings, positions, orders, rules };
  }

  /** Adds an account of the venue if its cross state is in LIQUIDATION at these prices. */
  add(cross: number): void {
    const { venue, policy } = this.known.ruleSetAt(cross);
    this.liquidationRatio = policy.liquidationRatio;
    unit[0] = cross;
    this.cross = cross;
    valueUnits(this.columns, unit, 0, 1, interval, flags);
    const [low = 0, high = 0, least = 0, most = 0] = interval;
    const status = sureStatus(this.thresholdsUnder(policy), flags[0] ?? 0, low, high, least, most);
    // What orders require, and what an equity counts, bends with the mark: such accounts are assessed.
    const { rules, units } = this.columns;
    const ruleSet = this.known.columns.ruleSetOf(cross);
    const isLinear = rules.isPnlEquity[ruleSet] === 0 && (rules.ordersAsk[ruleSet] === 0 || units.orders[cross] === 0);
    if (status === 'LIQUIDATION' && isLinear) {
      this.addHoldings(cross);
      this.addPositions(cross);
    } else if (status === null || status === 'LIQUIDATION') {
      const report = assessMargin(this.known.stateAt(cross), this.marketOf(venue), policy);
      if (report.status !== 'LIQUIDATION') return;
      this.required = this.required.plus(report.maintenanceMargin);
      this.balance = this.balance.plus(report.marginBalance);
    }
  }

  /** In the venue's unit, exact; rounded down at 18 digits where the liquidation ratio is not 1. */
  get value(): Decimal {
    let required = this.required;
    let balance = this.balance;
    for (const sums of this.holdings) {
      if (sums === undefined) continue;
      required = required.plus(sums.owed.required);
      balance = balance.plus(sums.counted.value).minus(sums.owed.value);
    }
    for (const sums of this.positions) {
      if (sums === undefined) continue;
      required = required.plus(sums.maintenance.value);
      const pnl = sums.size.total.times(sums.mark).minus(sums.cost.total);
      balance = balance.plus(pnl.times(sums.rate));
    }
    const { numerator, denominator, isOne } = this.liquidationRatio;
    if (isOne) return required.minus(balance);
    return quotientDown(required.times(denominator).minus(balance.times(numerator)), numerator);
  }

  private addHoldings(cross: number): void {
    const { units, holdings } = this.known.columns;
    const first = units.words[cross * UNIT_WORDS + FIRST_HOLDING] as number;
    const end = first + (units.halves[cross * UNIT_HALVES + HOLDINGS] as number);
    for (let item = first; item < end; item++) {
      const row = holdings.row[item] as number;
      const sums = this.holdings[row] ?? this.beginHolding(cross, row);
      const quantity = holdings.quantity[item] as number;
      const digits = holdings.digits[item] as number;
      this.place = item - first;
      if (quantity > 0) sums.counted.add(quantity, digits, this.exactQuantity);
      else sums.owed.add(-quantity, digits, this.exactDebt);
    }
  }

  private addPositions(cross: number): void {
    const { units, positions } = this.known.columns;
    const first = units.words[cross * UNIT_WORDS + FIRST_POSITION] as number;
    const end = first + (units.halves[cross * UNIT_HALVES + POSITIONS] as number);
    for (let item = first; item < end; item++) {
      const row = positions.row[item] as number;
      const sums = this.positions[row] ?? this.beginPosition(cross, row);
      const size = positions.amounts[item * POSITION_AMOUNTS] as number;
      const offset = positions.amounts[item * POSITION_AMOUNTS + 1] as number;
      const digits = positions.digits[item] as number;
      this.place = item - first;
      sums.maintenance.add(Math.abs(size), digits, this.exactSize);
      sums.size.add(size, digits, this.exactSigned);
      sums.cost.add(-offset, positions.costDigits[item] as number, this.exactCost);
    }
  }

  private readonly exactQuantity = (): Decimal => this.known.stateAt(this.cross).balances[this.place]?.quantity ?? ZERO;
  private readonly exactDebt = (): Decimal => this.exactQuantity().negated();
  private readonly exactSize = (): Decimal => this.position().size;
  private readonly exactSigned = (): Decimal => signed(this.position(), 'size');
  private readonly exactCost = (): Decimal => signed(this.position(), 'cost');

  /** The cross positions of an account keep their order in the columns. */
  private position(): PositionState {
    const { positions } = this.known.stateAt(this.cross);
    const position = positions.filter(({ marginMode }) => marginMode === 'CROSS')[this.place];
    if (position === undefined) throw new Error('The columns hold a position that the account has not.');
    return position;
  }

  private thresholdsUnder(policy: Policy): Thresholds {
    let thresholds = this.thresholds.get(policy);
    if (thresholds === undefined) this.thresholds.set(policy, (thresholds = thresholdsOf(policy)));
    return thresholds;
  }

  /** One for all accounts: it looks each price up once. */
  private marketOf(venue: string): Market {
    return (this.market ??= this.snapshot.marketOf(venue));
  }

  private beginHolding(cross: number, row: number): HoldingSums {
    const { venue, policy } = this.known.ruleSetAt(cross);
    const { asset, counting } = this.known.columns.rules.assetAt(this.known.columns.ruleSetOf(cross), row);
    const market = this.marketOf(venue);
    const counted = new CollateralTotal(asset, counting, market, policy);
    const sums = { counted, owed: new DebtTotal(asset, market, policy) };
    this.holdings[row] = sums;
    return sums;
  }

  private beginPosition(cross: number, row: number): PositionSums {
    const { venue, policy } = this.known.ruleSetAt(cross);
    const instrument = this.known.columns.rules.instrumentAt(this.known.columns.ruleSetOf(cross), row);
    const market = this.marketOf(venue);
    const maintenance = new MaintenanceTotal(instrument, market, policy);
    const mark = market.mark(instrument)?.price ?? ZERO;
    const rate = settlementPriceOf(instrument, market, policy)?.price ?? ZERO;
    const sums = { maintenance, mark, rate, size: new ExactSum(), cost: new ExactSum() };
    this.positions[row] = sums;
    return sums;
  }
}

/** As a long position has it; negative for a short one. */
function signed(position: PositionState, amount: 'size' | 'cost'): Decimal {
  return position.side === 'LONG' ? position[amount] : position[amount].negated();
}
