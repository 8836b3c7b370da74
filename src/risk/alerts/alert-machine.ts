/**
 * When an alert fires (rules: 13). Each margin unit has a machine. It remembers what it alerted last, so that a
 * trembling ratio fires once. Getting worse fires at once. Getting better fires only when the ratio is clearly below
 * the boundary that it had crossed. Comparisons are exact, by cross-multiplication.
 */
import { ONE, decimal, quotientHalfEven, type Decimal } from '../../margin/decimal.js';
import { Fraction } from '../../margin/fraction.js';
import type { MarginStatus } from '../../margin/model.js';
import { isWorse, statusBoundaries, thresholdOf, type Thresholds } from '../../margin/state/status.js';
import type { UnitAmounts } from '../columns/quiet-range.js';

/** A ratio at which a trader wants to be alerted. */
export interface AlertRule {
  readonly id: string;
  /** Fires when maintenance margin >= this x margin balance. */
  readonly marginRatio: Decimal;
  /** Rearms when maintenance margin < this x margin balance; at most `marginRatio`. */
  readonly rearmBelow: Decimal;
}

export interface MachineState {
  /** Alerted last. HEALTHY stands for NO_EXPOSURE, too: moving between these two fires nothing. */
  readonly status: MarginStatus;
  /** Rules that have fired and are not rearmed. */
  readonly fired: readonly string[];
}

/** The initial state; it need not be stored. */
export const CALM: MachineState = { status: 'HEALTHY', fired: [] };

export type Crossing =
  | { readonly kind: 'STATUS_CHANGED'; readonly status: MarginStatus; readonly previousStatus: MarginStatus }
  | { readonly kind: 'RULE_FIRED'; readonly status: MarginStatus; readonly rule: string };

export interface Step {
  /** The same object if nothing has changed. */
  readonly state: MachineState;
  /** The status first, then rules in order. */
  readonly crossings: readonly Crossing[];
}

/** A status is left below this part of its threshold, and so is a rule without `rearmBelow`. */
const RECOVERY = decimal('0.95');

const NOTHING: readonly never[] = [];

export function isCalm(state: MachineState): boolean {
  return state.status === 'HEALTHY' && state.fired.length === 0;
}

/** Steps a machine over the state of its margin unit. Repeating a step changes nothing. */
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

/** The isolated position is closed: it has recovered from its last alert, and its machine ends. */
export function close(state: MachineState): readonly Crossing[] {
  if (state.status === 'HEALTHY') return NOTHING;
  return [{ kind: 'STATUS_CHANGED', status: 'NO_EXPOSURE', previousStatus: state.status }];
}

/** Where a rule without `rearmBelow` rearms; to the nearest at 18 digits, ties to the even digit. */
export function defaultRearmBelow(marginRatio: Decimal): Decimal {
  return quotientHalfEven(marginRatio.times(RECOVERY), ONE);
}

/** Every ratio at which a machine of an account may change. */
export function alertBoundaries(thresholds: Thresholds, rules: readonly AlertRule[]): Fraction[] {
  return [
    ...statusBoundaries(thresholds).flatMap((ratio) => [ratio, ratio.times(RECOVERY)]),
    ...rules.flatMap(({ marginRatio, rearmBelow }) => [Fraction.of(marginRatio), Fraction.of(rearmBelow)]),
  ];
}

function hasNewStatus(alerted: MarginStatus, unitState: UnitAmounts, thresholds: Thresholds): boolean {
  const { status, marginBalance, maintenanceMargin } = unitState;
  if (remembered(status) === alerted) return false;
  if (status === 'UNPRICED' || alerted === 'UNPRICED' || isWorse(status, alerted)) return true;
  if (status === 'NO_EXPOSURE') return true;
  const recovered = thresholdOf(alerted, thresholds).times(RECOVERY);
  return recovered.sideOf(maintenanceMargin, marginBalance) < 0;
}

function remembered(status: MarginStatus): MarginStatus {
  return status === 'NO_EXPOSURE' ? 'HEALTHY' : status;
}

/** Rules that have fired and are not rearmed, in order. Removed rules are dropped. */
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
