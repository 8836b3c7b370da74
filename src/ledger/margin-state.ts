import { assessMargin, type MarginReport } from '../margin/assess.js';
import type { PriceBoard } from '../market/price-board.js';
import type { Rulebook } from '../policy/rulebook.js';
import { accountState, type AccountRecord, type Holdings } from './records.js';

/** The margin state of an account at an instant, with the versions that it was computed from. */
export interface MarginState {
  readonly account: AccountRecord;
  readonly report: MarginReport;
  readonly policyVersion: number;
  readonly asOf: Date;
}

/** Joins what the account holds, what the market says and what the venue's policy is: the one place that does. */
export function marginState(holdings: Holdings, rulebook: Rulebook, board: PriceBoard, asOf: Date): MarginState {
  const { account } = holdings;
  const policy = rulebook.policy(account.venue, account.chain, asOf);
  const market = board.marketOf(account.venue, asOf.getTime());
  const report = assessMargin(accountState(holdings, rulebook), market, policy);
  return { account, report, policyVersion: policy.version, asOf };
}
