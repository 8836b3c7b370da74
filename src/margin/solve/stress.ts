/**
 * The margin state under a shock of prices (rules: 14).
 */
import { assessMargin, type MarginReport } from '../state/assess.js';
import { pricedBy } from '../state/collateral.js';
import { ONE, type Decimal } from '../decimal.js';
import { type AccountState, type Market, type Policy, type PriceState } from '../model.js';

/**
 * The report for every shock, in their order (rules: 14), rounded as `assessMargin` rounds. The index of the named
 * assets, of what is priced as they are, and marks on these are multiplied by 1 + shock: a shock for an asset that is
 * priced as another is one for that other (rules: 9). Everything else stays, and the venue's unit never moves.
 *
 * @param shocks from -1 (everything worthless) on
 * @param assets null: all but the unit
 */
export function stress(
  account: AccountState,
  market: Market,
  policy: Policy,
  shocks: readonly Decimal[],
  assets: readonly string[] | null,
): MarginReport[] {
  const named = assets === null ? null : new Set(assets.map((asset) => pricedBy(asset, policy)));
  const moves = (asset: string): boolean => {
    const priced = pricedBy(asset, policy);
    return priced !== policy.unit && (named === null || named.has(priced));
  };
  return shocks.map((shock) => {
    const factor = ONE.plus(shock);
    const shocked: Market = {
      index(asset) {
        const price = market.index(asset);
        return moves(asset) ? times(price, factor) : price;
      },
      mark(instrument) {
        const base = policy.instruments.get(instrument)?.baseAsset;
        const price = market.mark(instrument);
        return base !== undefined && moves(base) ? times(price, factor) : price;
      },
    };
    return assessMargin(account, shocked, policy);
  });
}

function times(price: PriceState | null, factor: Decimal): PriceState | null {
  return price === null ? null : { ...price, price: price.price.times(factor) };
}
