/**
 * When an alert fires (rules: 13). One machine stands behind the cross account and one behind each isolated position.
 * It remembers what it alerted last, so that a ratio that trembles at a boundary fires once: getting worse is told at
 * once, getting better only when the ratio has fallen clearly below the boundary that it came over. All comparisons are
 * exact, by cross-multiplication.
 */
import { ONE, decimal, quotientHalfEven, type Decimal } from '../../margin/decimal.js';
import type { MarginStatus } from '../../margin/model.js';
import { isWorse, statusBoundaries, thresholdOf, type Thresholds } from '../../margin/state/status.js';
import type { UnitAmounts } from '../columns/quiet-range.js';

/** What a trader wants to be told of. */
export interface AlertRule {
  readonly id: string;
  /** Fires when maintenance margin >= this x margin balance. */
  readonly marginRatio: Decimal;
  /** Arms again when maintenance margin < this x margin balance; at most `marginRatio`. */
  readonly rearmBelow: Decimal;
}

export interface MachineState {
  /** Alerted last. HEALTHY stands for calm, which is NO_EXPOSURE too: going from one to the other is no news. */
  readonly status: MarginStatus;
  /** Rules that have fired and are not armed again. */
  readonly fired: readonly string[];
}

/** Where every machine begins, and where nothing has to be remembered. */
export const CALM: MachineState = { status: 'HEALTHY', fired: [] };

export type Crossing =
  | { readonly kind: 'STATUS_CHANGED'; readonly status: MarginStatus; readonly previousStatus: MarginStatus }
  | { readonly kind: 'RULE_FIRED'; readonly status: MarginStatus; readonly rule: string };

export interface Step {
  /** The same object where nothing has changed. */
  readonly state: MachineState;
  /** The status first, then rules in their order. */
  readonly crossings: readonly Crossing[];
}

/** A status or a rule is left again below this part of its threshold, unless the rule says another. */
const RECOVERY = decimal('0.95');

const NOTHING: readonly never[] = [];

export function isCalm(state: MachineState): boolean {
  return state.status === 'HEALTHY' && state.fired.length === 0;
}

/** What a level's state means to its machine. Stepping again over the same level changes nothing more. */
export function step(
  state: MachineState,
  unitState: UnitAmounts,
  thresholds: Thresholds,
  rules: readonly AlertRule[],
): Step {
  const status = hasNewStatus(state.status, unitState, thresholds) ? unitState.status : null;
  const fired = firedAfter(state.fired, unitState, rules);
  if (status === null && fired === state.fired) return { state, crossings: NOTHING };

  const crossings: Crossing[] = [];
  if (status !== null) crossings.push({ kind: 'STATUS_CHANGED', status, previousStatus: state.status });
  for (const rule of fired) {
    if (!state.fired.includes(rule)) crossings.push({ kind: 'RULE_FIRED', status: unitState.status, rule });
  }
  return { state: { status: status === null ? state.status : remembered(status), fired }, crossings };
}

/** The isolated position is closed: it has recovered from whatever was alerted, and its machine is gone. */
export function close(state: MachineState): readonly Crossing[] {
  if (state.status === 'HEALTHY') return NOTHING;
  return [{ kind: 'STATUS_CHANGED', status: 'NO_EXPOSURE', previousStatus: state.status }];
}

/** Where a rule arms again that names no ratio for it; to the nearest at 18 digits, ties to the even digit. */
export function defaultRearmBelow(marginRatio: Decimal): Decimal {
  return quotientHalfEven(marginRatio.times(RECOVERY), ONE);
}

/** Every ratio at which some machine of an account may change. */
export function alertBoundaries(thresholds: Thresholds, rules: readonly AlertRule[]): Decimal[] {
  return [
    ...statusBoundaries(thresholds).flatMap((ratio) => [ratio, ratio.times(RECOVERY)]),
    ...rules.flatMap(({ marginRatio, rearmBelow }) => [marginRatio, rearmBelow]),
  ];
}

function hasNewStatus(alerted: MarginStatus, unitState: UnitAmounts, thresholds: Thresholds): boolean {
  const { status, marginBalance, maintenanceMargin } = unitState;
  if (remembered(status) === alerted) return false;
  if (status === 'UNPRICED' || alerted === 'UNPRICED' || isWorse(status, alerted)) return true;
  if (status === 'NO_EXPOSURE') return true;
  const recovered = thresholdOf(alerted, thresholds).times(RECOVERY);
  return maintenanceMargin.lt(marginBalance.times(recovered));
}

function remembered(status: MarginStatus): MarginStatus {
  return status === 'NO_EXPOSURE' ? 'HEALTHY' : status;
}

/** The rules that have fired and are not armed again, in the rules' order; rules that are gone are forgotten. */
function firedAfter(before: readonly string[], unitState: UnitAmounts, rules: readonly AlertRule[]): readonly string[] {
  if (before.length === 0 && rules.length === 0) return before;
  const fired = rules.filter((rule) => isFired(rule, before.includes(rule.id), unitState)).map(({ id }) => id);
  const isSame = fired.length === before.length && fired.every((id) => before.includes(id));
  return isSame ? before : fired;
}

function isFired(rule: AlertRule, wasFired: boolean, unitState: UnitAmounts): boolean {
  const { status, marginBalance, maintenanceMargin } = unitState;
  if (status === 'UNPRICED') return wasFired;
  if (status === 'NO_EXPOSURE') return false;
  return wasFired
    ? maintenanceMargin.gte(marginBalance.times(rule.rearmBelow))
    : maintenanceMargin.gte(marginBalance.times(rule.marginRatio));
}
