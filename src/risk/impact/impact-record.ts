/**
 * An impact as stored with its change: counts and sums of that instant. Of the worst accounts only ids are stored,
 * since their states of that instant can be computed again.
 */
import type { MarginState } from '../../ledger/margin-state.js';
import { assessMargin } from '../../margin/state/assess.js';
import { ZERO, decimal, roundDown, roundUp, toPlain } from '../../margin/decimal.js';
import type { Policy } from '../../margin/model.js';
import type { Impact } from './impact-model.js';

export interface ImpactRecord extends Omit<Impact, 'worst' | 'concerned'> {
  /** Account ids, the worst first. */
  readonly worst: readonly string[];
}

/** As JSON. Sums are rounded once, at 18 digits, as they are answered: requirements up, everything else down. */
export function writeImpact({ worst, ...impact }: Omit<Impact, 'concerned'>): string {
  return JSON.stringify({
    asOf: impact.asOf,
    accountsAffected: impact.accountsAffected,
    accountsAtRisk: impact.accountsAtRisk,
    transitions: impact.transitions,
    isolatedTransitions: impact.isolatedTransitions,
    collateralValueBefore: toPlain(roundDown(impact.collateralValueBefore)),
    collateralValueAfter: toPlain(roundDown(impact.collateralValueAfter)),
    maintenanceMarginBefore: toPlain(roundUp(impact.maintenanceMarginBefore)),
    maintenanceMarginAfter: toPlain(roundUp(impact.maintenanceMarginAfter)),
    notionalAtRisk: toPlain(roundDown(impact.notionalAtRisk)),
    setAside: impact.setAside,
    worst: worst.map(({ accountId }) => accountId),
  });
}

/** The JSON. Older records of changes of ratios lack the optional fields. */
interface Stored extends Pick<ImpactRecord, 'accountsAffected' | 'transitions' | 'worst'> {
  readonly asOf: string;
  readonly collateralValueBefore: string;
  readonly collateralValueAfter: string;
  readonly notionalAtRisk: string;
  readonly accountsAtRisk?: number;
  readonly isolatedTransitions?: ImpactRecord['isolatedTransitions'];
  readonly maintenanceMarginBefore?: string;
  readonly maintenanceMarginAfter?: string;
  readonly setAside?: number;
}

export function readImpact(text: string): ImpactRecord {
  const read = JSON.parse(text) as Stored;
  const { maintenanceMarginBefore: before, maintenanceMarginAfter: after } = read;
  return {
    asOf: new Date(read.asOf),
    accountsAffected: read.accountsAffected,
    // A change of ratios moves cross accounts only, each once.
    accountsAtRisk:
      read.accountsAtRisk ??
      read.transitions.reduce((sum, { to, accounts }) => (to === 'LIQUIDATION' ? sum + accounts : sum), 0),
    transitions: read.transitions,
    isolatedTransitions: read.isolatedTransitions ?? [],
    collateralValueBefore: decimal(read.collateralValueBefore),
    collateralValueAfter: decimal(read.collateralValueAfter),
    maintenanceMarginBefore: before === undefined ? ZERO : decimal(before),
    maintenanceMarginAfter: after === undefined ? ZERO : decimal(after),
    notionalAtRisk: decimal(read.notionalAtRisk),
    setAside: read.setAside ?? null,
    worst: read.worst,
  };
}

/** The same account at the same prices, if this policy were in force. */
export function stateUnder(state: MarginState, policy: Policy): MarginState {
  return { ...state, policy, report: assessMargin(state.holds, state.market, policy) };
}
