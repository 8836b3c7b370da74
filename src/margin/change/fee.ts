/**
 * Whether the fee of a fill may be in an asset (rules: 2 and 6). Any asset of the venue may be charged, down to a debt; a
 * rebate is a credit like any other.
 */
import type { AccountState, Market, Policy } from '../model.js';
import { refuse, within, type Refusal } from '../refusal.js';
import { balanceOf } from '../state/account.js';
import { feeAssetOf, type Fill } from './fill.js';
import { checkCredit } from './unpriced.js';

/**
 * Why the fee may not be in its asset; null: it may. Refused with ASSET_NOT_FOUND (field `feeAsset`), and with
 * PRICE_UNAVAILABLE (field `fee`) where a rebate would count and the asset never had a price.
 *
 * @param account before the fill
 */
export function checkFee(
  fill: Pick<Fill, 'fee' | 'feeAsset' | 'settlementAsset'>,
  account: AccountState,
  market: Market,
  policy: Policy,
): Refusal | null {
  const asset = feeAssetOf(fill);
  if (fill.feeAsset != null && !policy.assets.has(asset)) {
    return refuse('ASSET_NOT_FOUND', 'There is no such asset.', ['feeAsset']);
  }
  if (!fill.fee.isNegative()) return null;
  const after = balanceOf(account, asset).minus(fill.fee);
  const refusal = checkCredit(asset, after, account, market, policy);
  return refusal === null ? null : within(['fee'], refusal);
}
