/** Unrealised PnL as equity of the asset that it is settled in (rules: 17). */
import { ZERO, type Decimal } from '../decimal.js';
import type { AccountState, BalanceState, CollateralMode, MarginMode, Policy } from '../model.js';

/**
 * Whether PnL of cross positions counts with the balance of its settlement asset. In single-asset mode that one asset
 * counts in full, so that nothing would differ.
 */
export function isPnlEquity(mode: CollateralMode, { pnlCounts }: Pick<Policy, 'pnlCounts'>): boolean {
  return pnlCounts === 'AS_EQUITY' && mode === 'MULTI_ASSET';
}

/** A position, as far as its PnL goes; null without a price. */
interface Gain {
  readonly marginMode: MarginMode;
  readonly settlementAsset: string;
  readonly unrealizedPnl: Decimal | null;
}

const NONE: ReadonlyMap<string, Decimal> = new Map();

/** By asset: the PnL of cross positions that counts with its balance, in units of the asset, exact. */
export function equityPnl(
  { collateralMode }: AccountState,
  positions: readonly Gain[],
  policy: Policy,
): ReadonlyMap<string, Decimal> {
  if (!isPnlEquity(collateralMode, policy)) return NONE;
  const pnl = new Map<string, Decimal>();
  for (const { marginMode, settlementAsset: asset, unrealizedPnl } of positions) {
    if (marginMode === 'CROSS' && unrealizedPnl !== null) pnl.set(asset, (pnl.get(asset) ?? ZERO).plus(unrealizedPnl));
  }
  return pnl;
}

/** The balances, and one of 0 for each asset that has PnL alone. */
export function withPnl(balances: readonly BalanceState[], pnl: ReadonlyMap<string, Decimal>): readonly BalanceState[] {
  if (pnl.size === 0) return balances;
  const held = new Set(balances.map(({ asset }) => asset));
  const others = [...pnl.keys()].filter((asset) => !held.has(asset));
  return [...balances, ...others.map((asset) => ({ asset, quantity: ZERO }))];
}
