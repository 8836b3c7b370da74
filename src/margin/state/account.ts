/**
 * How an account changes: balances by entries, positions by being replaced (rules: 1). The ledger and a simulation use
 * the same functions, so that both end in the same state. Quantities are in units of the asset, exact.
 */
import { ZERO, type Decimal } from '../decimal.js';
import type { AccountState, BalanceState, PositionState } from '../model.js';

export type BalanceChangeKind =
  | 'AUTO_EXCHANGE'
  | 'EXCHANGE_COST'
  | 'FEE'
  | 'FUNDING'
  | 'INSURANCE'
  | 'INTEREST'
  | 'LIQUIDATION_FEE'
  | 'MARGIN_ADJUSTMENT'
  | 'REALIZED_PNL'
  | 'TRANSFER';

/** A ledger entry to be: 18 digits, rounded against the client, never 0. */
export interface BalanceChange {
  readonly asset: string;
  readonly quantity: Decimal;
  readonly kind: BalanceChangeKind;
}

/** What the account holds of the asset, without isolated margin; 0 where it never held any. */
export function balanceOf(account: AccountState, asset: string): Decimal {
  return account.balances.find((balance) => balance.asset === asset)?.quantity ?? ZERO;
}

/** The account after the entries; balances that they lack are added at the end. */
export function withBalanceChanges(account: AccountState, changes: readonly BalanceChange[]): AccountState {
  const quantities = new Map(account.balances.map(({ asset, quantity }) => [asset, quantity]));
  for (const { asset, quantity } of changes) quantities.set(asset, (quantities.get(asset) ?? ZERO).plus(quantity));
  const balances: BalanceState[] = Array.from(quantities, ([asset, quantity]) => ({ asset, quantity }));
  return { ...account, balances };
}

/** The account with these positions in place of those of the same instrument and side; size 0 takes one away. */
export function withPositions(account: AccountState, changed: readonly PositionState[]): AccountState {
  const replaced = (position: PositionState): boolean =>
    changed.some(({ instrument, side }) => instrument === position.instrument && side === position.side);
  const positions = [...account.positions.filter((position) => !replaced(position)), ...changed];
  return { ...account, positions: positions.filter(({ size }) => !size.isZero()) };
}
