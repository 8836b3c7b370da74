/**
 * How much of a platform-wide cap an account takes up (rules: 8; source: 003).
 */
import { ZERO, max, min, type Decimal } from '../decimal.js';
import type { AccountState, CollateralTable } from '../model.js';
import { refuseAmount, type Refusal } from '../refusal.js';

/** min(max(quantity, 0), userCap), in coins. */
export function platformUse(quantity: Decimal, table: CollateralTable): Decimal {
  const held = max(ZERO, quantity);
  return table.userCap === null ? held : min(held, table.userCap);
}

/**
 * Whether the change of an account keeps within what is left under the caps; null: it does.
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

/** Only accounts in multi-asset mode use a cap up. */
function useOf(asset: string, account: AccountState, table: CollateralTable): Decimal {
  if (account.collateralMode === 'SINGLE_ASSET') return ZERO;
  const balance = account.balances.find((held) => held.asset === asset);
  return balance === undefined ? ZERO : platformUse(balance.quantity, table);
}
