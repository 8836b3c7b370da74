/**
 * The asset that an instrument is settled in, and where it is accepted (rules: 16; source: 001, contracts in USD1).
 */
import { ONE, ZERO, type Decimal } from '../decimal.js';
import type { AccountState, CollateralChoice, Market, Policy, PriceState } from '../model.js';
import { collateralTableOf, countingOf, indexPrice } from './collateral.js';

/** The settlement asset of an instrument; of one that the venue does not have, its unit. */
export function settlementAssetOf(instrument: string, policy: Policy): string {
  return policy.instruments.get(instrument)?.settlementAsset ?? policy.unit;
}

/**
 * What one unit of the settlement asset is worth, in the venue's unit (rules: 16). Null when that asset never had a
 * price.
 */
export function settlementPriceOf(instrument: string, market: Market, policy: Policy): PriceState | null {
  return indexPrice(settlementAssetOf(instrument, policy), market, policy);
}

/** An amount in the quote asset, in the venue's unit, exact (rules: 16); 0 while it is unknown. */
export function inUnit(amount: Decimal | null, settlementPrice: PriceState | null): Decimal {
  if (amount === null || settlementPrice === null) return ZERO;
  return settlementPrice.price === ONE ? amount : amount.times(settlementPrice.price);
}

/**
 * Whether an account may open what is settled in the asset: where the asset counts, so that realising PnL never moves a
 * margin balance by a haircut (rules: 16). Single-asset mode: the one asset that counts. Multi-asset mode: an asset with
 * a ratio on the account's chain, or the venue's unit, unless it is switched off (rules: 23).
 */
export function acceptsSettlement(asset: string, choice: CollateralChoice, policy: Policy): boolean {
  return collateralTableOf(asset, countingOf(asset, choice), policy) !== null;
}

/** The first position that the account could not open as it is, for its settlement asset; null: there is none. */
export function unacceptedPosition(
  account: Pick<AccountState, 'positions'> & CollateralChoice,
  policy: Policy,
): { readonly instrument: string; readonly asset: string } | null {
  for (const { instrument } of account.positions) {
    const asset = settlementAssetOf(instrument, policy);
    if (!acceptsSettlement(asset, account, policy)) return { instrument, asset };
  }
  return null;
}
