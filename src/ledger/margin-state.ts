import { assessMargin, type MarginReport } from '../margin/state/assess.js';
import type { AccountState, Market, Policy } from '../margin/model.js';
import type { Rulebook } from '../policy/rulebook/rulebook.js';
import { accountState, type AccountRecord, type Holdings } from './records.js';

/** Source of prices: the board, or the snapshot of a price batch. */
export interface Markets {
  /** For accounts of one venue. The board judges staleness at `now`, a snapshot at its own instant. */
  marketOf(venue: string, now: number): Market;
}

/** The margin state of an account at an instant, with all that it was computed from. */
export interface MarginState {
  readonly account: AccountRecord;
  /** The account as the margin rules take it. */
  readonly holds: AccountState;
  readonly market: Market;
  readonly policy: Policy;
  readonly report: MarginReport;
  readonly asOf: Date;
}

/** Joins holdings, market and policy; the only place that does. */
export function marginState(holdings: Holdings, rulebook: Rulebook, board: Markets, asOf: Date): MarginState {
  const { account } = holdings;
  const { market, policy } = rulesOf(account, { rulebook, board }, asOf);
  const holds = accountState(holdings, rulebook);
  return { account, holds, market, policy, report: assessMargin(holds, market, policy), asOf };
}

/** What the margin rules take beside the account: prices and policy of its venue and chain. */
export function rulesOf(
  account: Pick<AccountRecord, 'venue' | 'chain'>,
  { rulebook, board }: { readonly rulebook: Rulebook; readonly board: Markets },
  at: Date,
): { readonly market: Market; readonly policy: Policy } {
  return {
    market: board.marketOf(account.venue, at.getTime()),
    policy: rulebook.policy(account.venue, account.chain, at),
  };
}
