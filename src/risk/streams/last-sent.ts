/**
 * What a stream remembers of the state that it last sent of an account. Overwritten in place: new objects for every
 * subscriber at every tick outlive the young generation, and collecting them costs more than the push.
 */
import type { MarginState } from '../../ledger/margin-state.js';
import { ZERO, type Decimal } from '../../margin/decimal.js';
import type { MarginStatus, Policy } from '../../margin/model.js';
import type { UnitState, UnitStates } from '../alerts/margin-units.js';

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
  marginRatio: Decimal | null = null;
  private marginBalance = ZERO;
  private maintenanceMargin = ZERO;

  constructor(readonly name: string) {}

  keep({ status, marginRatio, marginBalance, maintenanceMargin }: UnitState): void {
    this.status = status;
    this.marginRatio = marginRatio;
    this.marginBalance = marginBalance;
    this.maintenanceMargin = maintenanceMargin;
  }

  hasMoved(unitState: UnitState, minChange: Decimal): boolean {
    const { status, marginRatio } = unitState;
    if (status !== this.status) return true;
    // Amounts may move under the same ratio, and where there is none.
    if (minChange.isZero() && this.hasOtherAmounts(unitState)) return true;
    // The status says why there is no ratio: nothing is required, the balance is not positive, or a price is missing.
    if (marginRatio === null || this.marginRatio === null) return marginRatio !== this.marginRatio;
    const change = marginRatio.minus(this.marginRatio).abs();
    return !change.isZero() && change.gte(minChange);
  }

  private hasOtherAmounts({ marginBalance, maintenanceMargin }: UnitState): boolean {
    return !this.marginBalance.eq(marginBalance) || !this.maintenanceMargin.eq(maintenanceMargin);
  }
}

/**
 * The values that with the amounts of all units determine the rest of a state: if they are equal, the account was merely
 * evaluated again.
 */
class Basis {
  private version = 0;
  private policy: Policy | null = null;
  private walletValue = ZERO;
  private initialCollateral = ZERO;
  /** Orders move it alone. */
  private initialMargin = ZERO;

  keep({ account, policy, report }: MarginState): void {
    this.version = account.version;
    this.policy = policy;
    this.walletValue = report.walletValue;
    this.initialCollateral = report.initialCollateralValue;
    this.initialMargin = report.initialMargin;
  }

  differsFrom({ account, policy, report }: MarginState): boolean {
    return (
      this.version !== account.version ||
      this.policy !== policy ||
      !this.walletValue.eq(report.walletValue) ||
      !this.initialCollateral.eq(report.initialCollateralValue) ||
      !this.initialMargin.eq(report.initialMargin)
    );
  }
}

function haveSameText(before: readonly string[], now: readonly string[]): boolean {
  return before.length === now.length && now.every((text, index) => text === before[index]);
}
