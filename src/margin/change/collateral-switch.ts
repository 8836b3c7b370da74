/**
 * Assets that a trader takes out of the collateral of an account, and puts back in (rules: 23; no venue of the sources
 * has it: OKX and Bybit do).
 */
import { balanceOf } from '../state/account.js';
import { settlementAssetOf } from '../state/settlement.js';
import { checkCollateral } from './acceptance.js';
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
 * a position or an order is settled; else as `checkCollateral` refuses the state after it.
 */
export function checkCollateralAsset(
  asset: string,
  counts: boolean,
  account: AccountState,
  market: Market,
  policy: Policy,
): Refusal | null {
  if (!policy.assets.has(asset)) return refuse('ASSET_NOT_FOUND', `There is no asset ${asset}.`);
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
  return checkCollateral(after, market, policy);
}
