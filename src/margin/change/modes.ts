/**
 * When an account may change its modes (rules: 6, 7 and 20; sources: 001 and 002).
 */
import { checkCollateral } from './acceptance.js';
import { unacceptedPosition } from '../state/settlement.js';
import { ZERO } from '../decimal.js';
import { type AccountState, type CollateralMode, type MarginMode, type Market, type Policy } from '../model.js';
import { refuse, refuseAmount, type Refusal } from '../refusal.js';
import { checkCredits } from './unpriced.js';

/** Isolated margin is allowed in single-asset mode, and in multi-asset mode where the policy says so (rules: 6). */
export function allowsIsolated(mode: CollateralMode, policy: Policy): boolean {
  return mode === 'SINGLE_ASSET' || policy.isolatedInMultiAsset;
}

/**
 * The margin mode of an instrument changes only while it has neither a position nor a resting order (rules: 7); null: it
 * may, as may what is set already. Refused with ISOLATED_NOT_ALLOWED or MARGIN_MODE_LOCKED.
 *
 * @param present the mode that is set
 */
export function checkMarginMode(
  instrument: string,
  mode: MarginMode,
  present: MarginMode,
  account: AccountState,
  policy: Policy,
): Refusal | null {
  if (mode === present) return null;
  if (mode === 'ISOLATED' && !allowsIsolated(account.collateralMode, policy)) {
    return refuse('ISOLATED_NOT_ALLOWED', 'This venue has no isolated margin in multi-asset mode.');
  }
  if (account.positions.some((position) => position.instrument === instrument)) {
    return refuse('MARGIN_MODE_LOCKED', `The margin mode cannot change while ${instrument} has a position.`);
  }
  if (account.openOrders.some((orders) => orders.instrument === instrument)) {
    const message = `The margin mode cannot change while ${instrument} has open orders: cancel them first.`;
    return refuse('MARGIN_MODE_LOCKED', message);
  }
  return null;
}

/** The position mode changes only without a position and a resting order (rules: 7); else POSITION_MODE_LOCKED. */
export function checkPositionMode(account: AccountState): Refusal | null {
  if (account.positions.length > 0) {
    return refuse('POSITION_MODE_LOCKED', 'The position mode cannot change while the account has a position.');
  }
  const [orders] = account.openOrders;
  if (orders === undefined) return null;
  const message = `The position mode cannot change while ${orders.instrument} has open orders: cancel them first.`;
  return refuse('POSITION_MODE_LOCKED', message);
}

/**
 * Why the collateral mode may not change (rules: 7); null: it may. Not while an order rests. To multi-asset: not while an isolated position stands
 * where that mode has none, nor while a balance would begin to count that never had a price. To single-asset: not while
 * anything but the asset that counts there is owed, nor when the margin balance would not cover the initial margin. To
 * neither while a position stands whose settlement asset does not count there. Refused with SETTLEMENT_NOT_ACCEPTED,
 * COLLATERAL_MODE_LOCKED, INSUFFICIENT_MARGIN, or PRICE_UNAVAILABLE: also while a price of a cross position is stale.
 */
export function checkCollateralMode(
  mode: CollateralMode,
  account: AccountState,
  market: Market,
  policy: Policy,
): Refusal | null {
  if (mode === account.collateralMode) return null;
  const [orders] = account.openOrders;
  if (orders !== undefined) {
    const message = `The collateral mode cannot change while ${orders.instrument} has open orders: cancel them first.`;
    return refuse('COLLATERAL_MODE_LOCKED', message);
  }
  const after = { ...account, collateralMode: mode };
  const unaccepted = unacceptedPosition(after, policy);
  if (unaccepted !== null) {
    const { instrument, asset } = unaccepted;
    const message = `${asset}, in which ${instrument} is settled, does not count in that mode: close the position first.`;
    return refuse('SETTLEMENT_NOT_ACCEPTED', message);
  }
  if (mode === 'MULTI_ASSET') {
    const isolated = account.positions.find(({ marginMode }) => marginMode === 'ISOLATED');
    if (isolated === undefined || allowsIsolated(mode, policy)) return checkCredits(after, market, policy);
    const message = `Multi-asset mode has no isolated margin here: close the isolated position in ${isolated.instrument} first.`;
    return refuse('COLLATERAL_MODE_LOCKED', message);
  }
  const owed = account.balances.find(({ asset, quantity }) => asset !== policy.singleAsset && quantity.lt(ZERO));
  if (owed !== undefined) {
    const message = `In single-asset mode nothing but ${policy.singleAsset} may be owed: cover the debt in ${owed.asset} first.`;
    return refuseAmount('COLLATERAL_MODE_LOCKED', message, owed.quantity.negated(), ZERO);
  }
  return checkCollateral(after, market, policy);
}
