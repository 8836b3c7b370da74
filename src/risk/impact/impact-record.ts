/**
 * An impact as it is kept with the change that it is about: counts and sums as they were. The accounts hit worst are kept
 * by name only, since their states of that instant can be computed again.
 */
import type { MarginState } from '../../ledger/margin-state.js';
import { assessMargin } from '../../margin/state/assess.js';
import { decimal, roundDown, roundUp, toPlain } from '../../margin/decimal.js';
import type { Impact, RatioChangeDraft } from './impact.js';

export interface ImpactRecord extends Omit<Impact, 'worst' | 'concerned'> {
  /** Ids, the worst first. */
  readonly worst: readonly string[];
}

/** JSON; sums are rounded once, at 18 digits: what counts as collateral down, what is at risk up. */
export function writeImpact({ worst, asOf, accountsAffected, transitions, ...sums }: Impact): string {
  return JSON.stringify({
    asOf,
    accountsAffected,
    transitions,
    collateralValueBefore: toPlain(roundDown(sums.collateralValueBefore)),
    collateralValueAfter: toPlain(roundDown(sums.collateralValueAfter)),
    notionalAtRisk: toPlain(roundUp(sums.notionalAtRisk)),
    worst: worst.map(({ accountId }) => accountId),
  });
}

export function readImpact(text: string): ImpactRecord {
  const read = JSON.parse(text) as Record<'asOf' | keyof Sums, string> & Omit<ImpactRecord, 'asOf' | keyof Sums>;
  return {
    ...read,
    asOf: new Date(read.asOf),
    collateralValueBefore: decimal(read.collateralValueBefore),
    collateralValueAfter: decimal(read.collateralValueAfter),
    notionalAtRisk: decimal(read.notionalAtRisk),
  };
}

type Sums = Pick<Impact, 'collateralValueBefore' | 'collateralValueAfter' | 'notionalAtRisk'>;

/** The same account at the same prices, if these ratios were in force at its venue and on its chain. */
export function stateUnder(state: MarginState, changes: readonly RatioChangeDraft[]): MarginState {
  const collateralRatios = new Map(state.policy.collateralRatios);
  for (const { venue, chain, asset, schedule } of changes) {
    if (venue === state.account.venue && chain === state.account.chain) collateralRatios.set(asset, schedule);
  }
  const policy = { ...state.policy, collateralRatios };
  return { ...state, policy, report: assessMargin(state.holds, state.market, policy) };
}
