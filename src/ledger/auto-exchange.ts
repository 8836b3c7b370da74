/** Exchanges other assets for debts past their thresholds (rules: 11), in the transaction of the cause. */
import { autoExchange } from '../margin/change/auto-exchange.js';
import type { LedgerParts } from './ledger-checks.js';
import type { LockedAccount } from './locked-accounts.js';
import { rulesOf } from './margin-state.js';

/**
 * Exchanges at fresh prices only, if a debt is past its threshold. Call after each single fill, fee, run of interest
 * and change of mode.
 *
 * @param reference the cause; the entries of the exchange carry it
 */
export function bookAutoExchange(
  locked: LockedAccount,
  reference: string,
  parts: Pick<LedgerParts, 'rulebook' | 'board'>,
  now: Date,
): void {
  const { market, policy } = rulesOf(locked.account, parts, now);
  for (const { asset, quantity } of autoExchange(locked.state(parts.rulebook), market, policy)) {
    locked.post(asset, quantity, { kind: 'AUTO_EXCHANGE', reference, reportedAt: null });
  }
}
