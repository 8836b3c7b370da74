/**
 * The single steps of a simulation (rules: 14): each is the real change with its own rule, applied to an account that is
 * not stored.
 */
import { checkOrders, checkTrade } from './acceptance.js';
import { balanceOf, withBalanceChanges, withPositions } from '../state/account.js';
import { assessMargin } from '../state/assess.js';
import { autoExchange } from './auto-exchange.js';
import { ZERO, type Decimal } from '../decimal.js';
import { checkCollateralAsset, switchedOffAfter } from './collateral-switch.js';
import { checkFee } from './fee.js';
import { applyFill } from './fill.js';
import { checkMarginAdjustment } from './isolated.js';
import { checkLeverage, withLeverage } from './leverage.js';
import { checkCollateralMode } from './modes.js';
import {
  type AccountState,
  type CollateralMode,
  type InstrumentRules,
  type MarginMode,
  type Market,
  type OpenOrders,
  type Policy,
  type PositionSide,
  type PositionState,
  type TradeSide,
} from '../model.js';
import { checkPlatformCaps } from './platform-cap.js';
import { refuse, type Refusal } from '../refusal.js';
import { checkTransferOut } from '../solve/transferable.js';
import { checkCredit } from './unpriced.js';
import { settlementAssetOf } from '../state/settlement.js';

/** What an account has set for an instrument. */
export interface InstrumentSetting {
  readonly leverage: Decimal;
  readonly marginMode: MarginMode;
}

/** One step: the account after it, and why it would be refused. */
export interface Step {
  readonly account: AccountState;
  readonly refusal: Refusal | null;
  /** Symbols whose stale price the step passes by only. */
  readonly stale?: readonly string[];
}

/** What every step is taken at. */
export interface Terms {
  readonly market: Market;
  readonly policy: Policy;
  /** By asset with a platform cap: coins of it that nobody uses yet. */
  readonly platformRoom: ReadonlyMap<string, Decimal>;
}

export interface SimulatedSwitch {
  readonly asset: string;
  /** False: the asset is switched off. */
  readonly counts: boolean;
}

export interface SimulatedMargin {
  readonly instrument: string;
  /** Null: the one position in the instrument. */
  readonly positionSide: PositionSide | null;
  /** In the settlement asset; negative: out. */
  readonly quantity: Decimal;
}

export interface SimulatedTrade {
  readonly instrument: string;
  readonly side: TradeSide;
  readonly positionSide: PositionSide | null;
  readonly size: Decimal;
  /** Null: the present mark price. */
  readonly price: Decimal | null;
  /** In units of the fee asset; negative: a rebate. */
  readonly fee: Decimal;
  /** Null, or left out: the settlement asset. */
  readonly feeAsset?: string | null;
}

/** An order that would rest beside those that do. */
export interface SimulatedOrder {
  readonly instrument: string;
  readonly side: TradeSide;
  /** Which side of a hedged account; not looked at in one-way mode. */
  readonly positionSide: PositionSide | null;
  readonly size: Decimal;
  /** The limit; null: the present mark price. */
  readonly price: Decimal | null;
}

/** A lack of margin or balance has a result to show; what is impossible has none. */
const SHOWN: readonly string[] = ['INSUFFICIENT_MARGIN', 'INSUFFICIENT_BALANCE', 'BELOW_MAINTENANCE_MARGIN'];

export function isApplied(refusal: Refusal | null): boolean {
  return refusal === null || SHOWN.includes(refusal.code);
}

function step(before: AccountState, after: AccountState, refusal: Refusal | null): Step {
  return { account: isApplied(refusal) ? after : before, refusal };
}

function exchanged(account: AccountState, { market, policy }: Terms): AccountState {
  return withBalanceChanges(account, autoExchange(account, market, policy));
}

export function switchMode(account: AccountState, collateralMode: CollateralMode, terms: Terms): Step {
  const { market, policy, platformRoom } = terms;
  const after = { ...account, collateralMode };
  const refusal =
    checkCollateralMode(collateralMode, account, market, policy) ??
    checkPlatformCaps(account, after, policy.collateralRatios, platformRoom);
  return step(account, collateralMode === account.collateralMode ? account : exchanged(after, terms), refusal);
}

/** @param start the account before all steps: the platform's room was left then, and earlier steps have used some up */
export function switchAsset(
  start: AccountState,
  account: AccountState,
  { asset, counts }: SimulatedSwitch,
  terms: Terms,
): Step {
  const { market, policy, platformRoom } = terms;
  const switchedOff = switchedOffAfter(account.switchedOff, asset, counts);
  const after = { ...account, switchedOff };
  const refusal =
    checkCollateralAsset(asset, counts, account, market, policy) ??
    checkPlatformCaps(start, after, policy.collateralRatios, platformRoom);
  const isSet = switchedOff.length === account.switchedOff.length;
  return step(account, isSet ? account : exchanged(after, terms), refusal);
}

export function setLeverage(
  account: AccountState,
  rules: InstrumentRules,
  leverage: Decimal,
  present: Decimal,
  { market, policy }: Terms,
): Step {
  const refusal = checkLeverage(rules, leverage, present, account, market, policy);
  return step(account, withLeverage(account, rules.symbol, leverage), refusal);
}

/** @param start as of `switchAsset` */
export function transfer(
  start: AccountState,
  account: AccountState,
  asset: string,
  quantity: Decimal,
  { market, policy, platformRoom }: Terms,
): Step {
  if (!policy.assets.has(asset)) return { account, refusal: refuse('ASSET_NOT_FOUND', `There is no asset ${asset}.`) };
  const after = withBalanceChanges(account, [{ asset, quantity, kind: 'TRANSFER' }]);
  const refusal = quantity.lt(ZERO)
    ? checkTransferOut(asset, quantity.negated(), account, market, policy)
    : (checkCredit(asset, balanceOf(after, asset), account, market, policy) ??
      checkPlatformCaps(start, after, policy.collateralRatios, platformRoom));
  return step(account, after, refusal);
}

export function adjustMargin(
  account: AccountState,
  { instrument, positionSide, quantity }: SimulatedMargin,
  { market, policy }: Terms,
): Step {
  const isNamed = (held: Pick<PositionState, 'instrument' | 'side'>): boolean =>
    held.instrument === instrument && (positionSide === null || held.side === positionSide);
  const [report, another] = assessMargin(account, market, policy).positions.filter(isNamed);
  if (report === undefined) {
    return { account, refusal: refuse('POSITION_NOT_FOUND', `There is no such position in ${instrument}.`) };
  }
  if (another !== undefined) {
    const message = `${instrument} has two positions: name the side.`;
    return { account, refusal: refuse('INVALID_INPUT', message, ['positionSide']) };
  }
  const refusal = checkMarginAdjustment(report, quantity, account, market, policy);
  const isolatedMargin = report.isolatedMargin.plus(quantity);
  // More than the whole margin cannot be shown as taken out.
  if (isolatedMargin.isNegative()) return { account, refusal };
  const positions = account.positions.map((held) => (isNamed(held) ? { ...held, isolatedMargin } : held));
  const entry = { asset: report.settlementAsset, quantity: quantity.negated(), kind: 'MARGIN_ADJUSTMENT' } as const;
  return step(account, withBalanceChanges({ ...account, positions }, [entry]), refusal);
}

export function placeOrder(
  account: AccountState,
  { instrument, side, positionSide, size, price: limit }: SimulatedOrder,
  { leverage }: InstrumentSetting,
  { market, policy }: Terms,
): Step {
  const mark = market.mark(instrument);
  const price = limit ?? mark?.price;
  if (price === undefined) {
    return { account, refusal: refuse('PRICE_UNAVAILABLE', `${instrument} has no mark price to rest at.`) };
  }
  const hedged = account.positionMode === 'HEDGE';
  if (hedged && positionSide === null) {
    const message = 'In hedge mode an order names its position side.';
    return { account, refusal: refuse('INVALID_INPUT', message, ['positionSide']) };
  }
  const of = { instrument, side: hedged ? positionSide : null };
  const isSame = (each: OpenOrders): boolean => each.instrument === instrument && each.side === of.side;
  const before = account.openOrders.find(isSame) ?? {
    ...of,
    ...{ buySize: ZERO, sellSize: ZERO, buyNotional: ZERO, sellNotional: ZERO, leverage },
  };
  const notional = size.times(price);
  const placed: OpenOrders =
    side === 'BUY'
      ? { ...before, buySize: before.buySize.plus(size), buyNotional: before.buyNotional.plus(notional) }
      : { ...before, sellSize: before.sellSize.plus(size), sellNotional: before.sellNotional.plus(notional) };
  const after = { ...account, openOrders: [...account.openOrders.filter((each) => !isSame(each)), placed] };
  const { refusal, stale } = checkOrders(account, after, market, policy);
  const restsAt = limit === null && mark?.stale === true ? [instrument] : [];
  return { ...step(account, after, refusal), stale: refusal === null ? [...stale, ...restsAt] : [] };
}

export function makeTrade(
  account: AccountState,
  trade: SimulatedTrade,
  setting: InstrumentSetting,
  terms: Terms,
): Step {
  const { market, policy } = terms;
  const mark = market.mark(trade.instrument);
  const price = trade.price ?? mark?.price;
  if (price === undefined) {
    return { account, refusal: refuse('PRICE_UNAVAILABLE', `${trade.instrument} has no mark price to trade at.`) };
  }
  const filled = fillTrade(account, { ...trade, price }, setting, terms);
  if (filled.refusal !== null) return filled;
  const after = exchanged(filled.account, terms);
  const { refusal, stale } = checkTrade(account, after, market, policy);
  const tradedAt = trade.price === null && mark?.stale === true ? [trade.instrument] : [];
  return { ...step(account, after, refusal), stale: refusal === null ? [...stale, ...tradedAt] : [] };
}

/** The trade itself, before debts are exchanged and before it is asked whether the account may make it. */
export function fillTrade(
  account: AccountState,
  trade: SimulatedTrade & { readonly price: Decimal },
  setting: InstrumentSetting,
  { market, policy }: Pick<Terms, 'market' | 'policy'>,
): Step {
  const settlementAsset = settlementAssetOf(trade.instrument, policy);
  const feeProblem = checkFee({ ...trade, settlementAsset }, account, market, policy);
  if (feeProblem !== null) return { account, refusal: feeProblem };
  const effect = applyFill(account, { ...trade, ...setting, settlementAsset });
  if (effect.refusal !== null) return { account, refusal: effect.refusal };
  const filled = withBalanceChanges(withPositions(account, effect.positions), effect.changes);
  return { account: filled, refusal: null };
}
