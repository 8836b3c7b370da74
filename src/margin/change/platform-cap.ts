/**
 * How much of a platform-wide cap an account takes up (rules: 8; source: 003).
 */
import { ZERO, max, min, type Decimal } from '../decimal.js';
import type { AccountState, CollateralTable } from '../model.js';
import { refuseAmount, type Refusal } from '../refusal.js';
import { countingOf } from '../state/collateral.js';

/** What a balance uses of the platform cap: min(max(quantity, 0), userCap), in coins, exact (rules: 8). */
export function platformUse(quantity: Decimal, table: CollateralTable): Decimal {
  const held = max(ZERO, quantity);
  return table.userCap === null ? held : min(held, table.userCap);
}

/**
 * Why the change of an account does not fit under the platform caps (rules: 8); null: it does. Refused with
 * PLATFORM_CAP_REACHED.
 *
 * @param room by asset with a cap: coins of the cap that nobody uses yet
 */
export function checkPlatformCaps(
  before: AccountState,
  after: AccountState,
  tables: ReadonlyMap<string, CollateralTable>,
  room: ReadonlyMap<string, Decimal>,
): Refusal | null {
  for (const [asset, left] of room) {
    const table = tables.get(asset);
    if (table === undefined) continue;
    const more = useOf(asset, after, table).minus(useOf(asset, before, table));
    if (more.gt(ZERO) && more.gt(left)) {
      const message = `All accounts together may hold only so much ${asset} as collateral; there is less room than that.`;
      return refuseAmount('PLATFORM_CAP_REACHED', message, more, max(ZERO, left));
    }
  }
  return null;
}

/** Only accounts in multi-asset mode use a cap up, by what they have not switched off. */
function useOf(asset: string, account: AccountState, table: CollateralTable): Decimal {
  if (countingOf(asset, account) !== 'MULTI_ASSET') return ZERO;
  const balance = account.balances.find((held) => held.asset === asset);
  return balance === undefined ? ZERO : platformUse(balance.quantity, table);
}
