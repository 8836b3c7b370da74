import { autoExchange } from '../margin/change/auto-exchange.js';
import type { Rulebook } from '../policy/rulebook/rulebook.js';
import type { LockedAccount, Origin } from './locked-accounts.js';
import { rulesOf, type Markets } from './margin-state.js';

/**
 * Exchanges other assets for debts past their thresholds (rules: 11), in the transaction of the cause, at fresh prices
 * only. Call after each single fill, fee, run of interest and change of mode or switch.
 *
 * @param origin of the cause; the entries of the exchange have the same
 */
export function bookAutoExchange(
  locked: LockedAccount,
  origin: Origin,
  parts: { readonly rulebook: Rulebook; readonly board: Markets },
  now: Date,
): void {
  const { market, policy } = rulesOf(locked.account, parts, now);
  for (const { asset, quantity, kind } of autoExchange(locked.state(parts.rulebook), market, policy)) {
    locked.post(asset, quantity, { ...origin, kind, reportedAt: null });
  }
}
