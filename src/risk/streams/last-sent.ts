/**
 * What a stream remembers of the state that it last sent of an account. Overwritten in place: new objects for every
 * subscriber at every tick outlive the young generation, and collecting them is the largest cost of a push.
 */
import type { MarginState } from '../../ledger/margin-state.js';
import type { Decimal } from '../../margin/decimal.js';
import type { MarginStatus, Policy } from '../../margin/model.js';
import type { UnitState, UnitStates } from '../alerts/margin-units.js';
import { MutableDecimal } from './mutable-decimal.js';

export class LastSent {
  private unitStates: readonly LastSentUnit[] = [];
  private stale: readonly string[] = [];
  /** Null unless every difference is sent (minChange 0). */
  private readonly basis: Basis | null;

  /** @param minChange least movement of a ratio that is sent */
  constructor(private readonly minChange: Decimal) {
    this.basis = minChange.isZero() ? new Basis() : null;
  }

  /** @param unitStates of the state */
  keep(state: MarginState, unitStates: UnitStates): void {
    if (!this.hasUnits(unitStates)) this.unitStates = unitStates.map(({ name }) => new LastSentUnit(name));
    for (const [index, unitState] of unitStates.entries()) this.unitStates[index]?.keep(unitState);
    if (!haveSameText(this.stale, state.report.stale)) this.stale = state.report.stale;
    this.basis?.keep(state);
  }

  /** @param unitStates of the state */
  differsFrom(state: MarginState, unitStates: UnitStates): boolean {
    return (
      // An isolated position was opened or closed.
      !this.hasUnits(unitStates) ||
      unitStates.some((unitState, index) => this.unitStates[index]?.hasMoved(unitState, this.minChange)) ||
      !haveSameText(this.stale, state.report.stale) ||
      this.basis?.differsFrom(state) === true
    );
  }

  /** The margin ratio of a margin unit; null: it had none. */
  marginRatioOf(unitState: string): Decimal | null {
    return this.unitStates.find(({ name }) => name === unitState)?.marginRatio ?? null;
  }

  private hasUnits(unitStates: UnitStates): boolean {
    return (
      this.unitStates.length === unitStates.length &&
      unitStates.every(({ name }, index) => name === this.unitStates[index]?.name)
    );
  }
}

/** The last sent state of one margin unit. */
class LastSentUnit {
  private status: MarginStatus | null = null;
  private hasRatio = false;
  private readonly ratio = new MutableDecimal();

  constructor(readonly name: string) {}

  keep({ status, marginRatio }: UnitState): void {
    this.status = status;
    this.hasRatio = marginRatio !== null;
    if (marginRatio !== null) this.ratio.keep(marginRatio);
  }

  hasMoved({ status, marginRatio }: UnitState, minChange: Decimal): boolean {
    // The status says why there is no ratio: nothing is required, the balance is not positive, or a price is missing.
    if (status !== this.status || (marginRatio !== null) !== this.hasRatio) return true;
    if (marginRatio === null || this.ratio.equals(marginRatio)) return false;
    return minChange.isZero() || marginRatio.minus(this.ratio.value).abs().gte(minChange);
  }

  get marginRatio(): Decimal | null {
    return this.hasRatio ? this.ratio.value : null;
  }
}

/** The values that determine the rest of a state: if they are equal, the account was merely evaluated again. */
class Basis {
  private version = 0;
  private policy: Policy | null = null;
  private readonly walletValue = new MutableDecimal();
  private readonly marginBalance = new MutableDecimal();
  private readonly maintenanceMargin = new MutableDecimal();

  keep({ account, policy, report }: MarginState): void {
    this.version = account.version;
    this.policy = policy;
    this.walletValue.keep(report.walletValue);
    this.marginBalance.keep(report.marginBalance);
    this.maintenanceMargin.keep(report.maintenanceMargin);
  }

  differsFrom({ account, policy, report }: MarginState): boolean {
    return (
      this.version !== account.version ||
      this.policy !== policy ||
      !this.walletValue.equals(report.walletValue) ||
      !this.marginBalance.equals(report.marginBalance) ||
      !this.maintenanceMargin.equals(report.maintenanceMargin)
    );
  }
}

function haveSameText(before: readonly string[], now: readonly string[]): boolean {
  return before.length === now.length && now.every((text, index) => text === before[index]);
}
