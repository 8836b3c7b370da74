/** What is asked of the accounts in memory by those who look at all of them. */
import type { AccountState, Policy } from '../../margin/model.js';
import type { AccountColumns } from './account-columns.js';

/** The rules of one venue on one chain. */
export interface RuleSet {
  readonly venue: string;
  readonly chain: string | null;
  readonly policy: Policy;
}

export interface KnownAccounts {
  readonly columns: AccountColumns;
  /** The exact amounts of the account whose cross bucket it is. */
  stateAt(cross: number): AccountState;
  ruleSetAt(cross: number): RuleSet;
  /** The rules of a venue and chain, and their number in the columns; null: no account is there. */
  placeOf(venue: string, chain: string | null): { readonly ruleSet: number; readonly policy: Policy } | null;
}
