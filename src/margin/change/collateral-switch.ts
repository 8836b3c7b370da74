/**
 * Assets that a trader takes out of the collateral of an account, and puts back in (rules: 23; no venue of the sources
 * has it: OKX and Bybit do).
 */
import { balanceOf } from '../state/account.js';
import { settlementAssetOf } from '../state/settlement.js';
import { ZERO } from '../decimal.js';
import { checkBacking } from '../solve/transferable.js';
import { assessMargin } from '../state/assess.js';
import type { AccountState, Market, Policy } from '../model.js';
import { refuse, type Refusal } from '../refusal.js';
import { checkCredit } from './unpriced.js';

/** What is switched off once the asset counts, or no longer does; by code point. */
export function switchedOffAfter(switchedOff: readonly string[], asset: string, counts: boolean): readonly string[] {
  const others = switchedOff.filter((each) => each !== asset);
  return counts ? others : [...others, asset].sort();
}

/**
 * Why an asset may not be switched on or off (rules: 23); null: it may, as may what is set already. Refused with
 * ASSET_NOT_FOUND. On: with PRICE_UNAVAILABLE, where a balance would begin to count that never had a price; platform
 * caps are the caller's. Off: with SETTLEMENT_NOT_ACCEPTED for the asset of single-asset mode, and for that in which
 * a position or an order is settled; else, where some of it counts, as taking all of it out would be (rules: 8), with
 * PRICE_UNAVAILABLE or INSUFFICIENT_MARGIN: what is off may leave, and leaves no less behind than a transfer.
 */
export function checkCollateralAsset(
  asset: string,
  counts: boolean,
  account: AccountState,
  market: Market,
  policy: Policy,
): Refusal | null {
  if (!policy.assets.has(asset)) return refuse('ASSET_NOT_FOUND', 'There is no such asset.');
  if (counts !== account.switchedOff.includes(asset)) return null;
  const after = { ...account, switchedOff: switchedOffAfter(account.switchedOff, asset, counts) };
  if (counts) return checkCredit(asset, balanceOf(account, asset), after, market, policy);
  if (asset === policy.singleAsset) {
    const message = `${asset} is what counts in single-asset mode of this venue, and cannot be switched off.`;
    return refuse('SETTLEMENT_NOT_ACCEPTED', message);
  }
  const isSettledInIt = (each: { readonly instrument: string }): boolean =>
    settlementAssetOf(each.instrument, policy) === asset;
  const position = account.positions.find(isSettledInIt);
  if (position !== undefined) {
    const message = `The position in ${position.instrument} is settled in ${asset}: close it before it is switched off.`;
    return refuse('SETTLEMENT_NOT_ACCEPTED', message);
  }
  const orders = account.openOrders.find(isSettledInIt);
  if (orders !== undefined) {
    const message = `Open orders in ${orders.instrument} are settled in ${asset}: cancel them before it is switched off.`;
    return refuse('SETTLEMENT_NOT_ACCEPTED', message);
  }
  if (!isCounted(asset, account, market, policy)) return null;
  return checkBacking(after, market, policy);
}

/** Whether the account would have less collateral without the asset. */
function isCounted(asset: string, account: AccountState, market: Market, policy: Policy): boolean {
  if (account.collateralMode === 'SINGLE_ASSET') return false;
  const own = assessMargin(account, market, policy).collateral.find((each) => each.asset === asset);
  return own !== undefined && (own.collateralValue.gt(ZERO) || own.initialCollateralValue.gt(ZERO));
}
