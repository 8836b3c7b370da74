/** What readers of all accounts in memory need. */
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
  /** By number in the columns: the rules in force. */
  readonly ruleSets: readonly RuleSet[];
  /** Exact amounts of the account with this cross unit. */
  stateAt(cross: number): AccountState;
  ruleSetAt(cross: number): RuleSet;
  /** The rules of a venue and chain, and their number in the columns; null: no account is there. */
  placeOf(venue: string, chain: string | null): { readonly ruleSet: number; readonly policy: Policy } | null;
}
