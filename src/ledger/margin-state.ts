import { assessMargin, type MarginReport } from '../margin/assess.js';
import type { AccountState, Market, Policy } from '../margin/model.js';
import type { PriceBoard } from '../market/price-board.js';
import type { Rulebook } from '../policy/rulebook.js';
import { accountState, type AccountRecord, type Holdings } from './records.js';

/** The margin state of an account at an instant, with all that it was computed from. */
export interface MarginState {
  readonly account: AccountRecord;
  /** The account as the margin rules see it. */
  readonly holds: AccountState;
  readonly market: Market;
  readonly policy: Policy;
  readonly report: MarginReport;
  readonly asOf: Date;
}

/** Joins what the account holds, what the market says and what the venue's policy is: the one place that does. */
export function marginState(holdings: Holdings, rulebook: Rulebook, board: PriceBoard, asOf: Date): MarginState {
  const { account } = holdings;
  const { market, policy } = rulesOf(account, { rulebook, board }, asOf);
  const holds = accountState(holdings, rulebook);
  return { account, holds, market, policy, report: assessMargin(holds, market, policy), asOf };
}

/** What the margin rules take beside the account itself: prices and policy of its venue and chain. */
export function rulesOf(
  account: Pick<AccountRecord, 'venue' | 'chain'>,
  { rulebook, board }: { readonly rulebook: Rulebook; readonly board: PriceBoard },
  at: Date,
): { readonly market: Market; readonly policy: Policy } {
  return {
    market: board.marketOf(account.venue, at.getTime()),
    policy: rulebook.policy(account.venue, account.chain, at),
  };
}
