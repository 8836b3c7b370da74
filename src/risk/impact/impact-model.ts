/** The impact of a change of rules: accounts affected, transitions between statuses, and the worst accounts. */
import type { MarginReport } from '../../margin/state/assess.js';
import type { Decimal } from '../../margin/decimal.js';
import type { AccountState, Market, MarginStatus, Policy, PositionSide } from '../../margin/model.js';

export interface StatusTransition {
  readonly from: MarginStatus;
  readonly to: MarginStatus;
  readonly accounts: number;
}

export interface IsolatedTransition {
  readonly from: MarginStatus;
  readonly to: MarginStatus;
  readonly positions: number;
}

/** An account with its state before and after. */
export interface AccountImpact {
  readonly accountId: string;
  /** The isolated position by whose ratio the account is ranked; nulls: the cross account. */
  readonly rankedBy: { readonly instrument: string | null; readonly side: PositionSide | null };
  readonly holds: AccountState;
  readonly market: Market;
  readonly before: { readonly policy: Policy; readonly report: MarginReport };
  readonly after: { readonly policy: Policy; readonly report: MarginReport };
}

/**
 * The change *touches* a margin unit (the cross account, or one isolated position) where a rule that it changes is
 * applied: a positive balance of an asset whose ratio changes, in multi-asset mode; a position under changed tiers, fee
 * or method; a debt under changed tables of liabilities or a changed `debtMarginRate`; orders that require something under
 * changed order rules, tiers, fee or method; under changed thresholds or equality, a position, orders that require
 * something, or a debt for which margin is required. Where PnL counts as equity, a cross position is part of what its
 * settlement asset counts or owes; where it begins or ceases to, each is. No other unit changes its status or its ratio.
 */
export interface Impact {
  readonly asOf: Date;
  /** Accounts with a touched unit. A change of ratios touches cross accounts only. */
  readonly accountsAffected: number;
  /** Accounts with a unit that would be in LIQUIDATION and is not. */
  readonly accountsAtRisk: number;
  /** Collateral value of assets whose ratios change, over the affected accounts, in the venue's unit; 0 if no ratio changes. */
  readonly collateralValueBefore: Decimal;
  readonly collateralValueAfter: Decimal;
  /**
   * Maintenance margin of positions under changed tiers, fee or method, of debts under changed rates, and of orders under
   * changed tiers or order rules, in the venue's unit; of debts by balances alone. 0 if none of these changes. Items without a price are left out.
   */
  readonly maintenanceMarginBefore: Decimal;
  readonly maintenanceMarginAfter: Decimal;
  /** Of cross accounts, sorted by name of the statuses; unchanged statuses are left out. */
  readonly transitions: readonly StatusTransition[];
  /** Of isolated positions, likewise. */
  readonly isolatedTransitions: readonly IsolatedTransition[];
  /** Notional of positions of units that would be in LIQUIDATION and are not, in the venue's unit. */
  readonly notionalAtRisk: Decimal;
  /** Up to 100 accounts, each by its touched unit with the highest margin ratio after; the highest first. */
  readonly worst: readonly AccountImpact[];
  /** Accounts of these venues that cannot be read now: they are in none of these numbers. Null: not counted then. */
  readonly setAside: number | null;
  /** Accounts with a unit whose status would change, or whose ratio would rise by more than 5 %. */
  readonly concerned: readonly string[];
}

/** How many units move from one status to another. */
export interface Move {
  readonly from: MarginStatus;
  readonly to: MarginStatus;
  readonly units: number;
}

/** By name of the statuses. */
export type Moves = Map<string, Move>;

export function addMove(moves: Moves, { from, to, units }: Move): void {
  const key = `${from}/${to}`;
  moves.set(key, { from, to, units: units + (moves.get(key)?.units ?? 0) });
}
