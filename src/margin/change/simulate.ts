/**
 * What an account would be after changes that are not made (rules: 14). Every step uses the rule and the arithmetic of
 * the real change, so that both give the same numbers.
 */
import { checkTrade } from './acceptance.js';
import { withBalanceChanges, withPositions } from '../state/account.js';
import { assessMargin, type MarginReport } from '../state/assess.js';
import { autoExchange } from './auto-exchange.js';
import { ZERO, type Decimal } from '../decimal.js';
import { applyFill } from './fill.js';
import { checkLeverage, startingLeverage, withLeverage } from './leverage.js';
import { allowsIsolated, checkCollateralMode } from './modes.js';
import {
  SETTLEMENT_ASSET,
  type AccountState,
  type CollateralMode,
  type MarginMode,
  type Market,
  type Policy,
  type PositionSide,
  type TradeSide,
} from '../model.js';
import { checkPlatformCaps } from './platform-cap.js';
import { refuse, within, type Refusal } from '../refusal.js';
import { checkTransferOut } from '../solve/transferable.js';

export interface SimulatedChanges {
  /** Null: as it is. */
  readonly collateralMode: CollateralMode | null;
  readonly leverages: readonly { readonly instrument: string; readonly leverage: Decimal }[];
  /** Negative: out. */
  readonly transfers: readonly { readonly asset: string; readonly quantity: Decimal }[];
  readonly trades: readonly SimulatedTrade[];
  /** An asset's index price or an instrument's mark price; each moves only what it names. */
  readonly prices: readonly { readonly symbol: string; readonly price: Decimal }[];
}

export interface SimulatedTrade {
  readonly instrument: string;
  readonly side: TradeSide;
  readonly positionSide: PositionSide | null;
  readonly size: Decimal;
  /** Null: the present mark price. */
  readonly price: Decimal | null;
  readonly fee: Decimal;
}

/** What an account has set for an instrument. */
export interface InstrumentSetting {
  readonly leverage: Decimal;
  readonly marginMode: MarginMode;
}

/** What a step takes beyond account, market and policy. */
export interface SimulationContext {
  /** By instrument; one without starts at `startingLeverage` in cross margin. */
  readonly settings: ReadonlyMap<string, InstrumentSetting>;
  /** By asset with a platform cap: coins of it that nobody uses yet. */
  readonly platformRoom: ReadonlyMap<string, Decimal>;
}

export interface Simulation {
  readonly before: MarginReport;
  readonly after: MarginReport;
  /** The account, the market and the policy that `after` is the report of. */
  readonly account: AccountState;
  readonly market: Market;
  readonly policy: Policy;
  /** Of the first step that its own rule refuses, at present prices; null: the venue would accept all of it. */
  readonly refusal: Refusal | null;
}

/** One step: the account after it, and why it would be refused. */
interface Step {
  readonly account: AccountState;
  readonly refusal: Refusal | null;
}

/**
 * Applies, in this order: mode, leverages, transfers, trades, prices (rules: 14). A step refused for want of margin or
 * balance is applied all the same, so that `after` shows what it comes to. Any other refused step is left out.
 */
export function simulate(
  account: AccountState,
  changes: SimulatedChanges,
  market: Market,
  policy: Policy,
  context: SimulationContext,
): Simulation {
  const steps = simulation(account, changes, market, policy, context);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** The same, step by step, for a caller that yields in between (rules: 14). */
export function* simulation(
  account: AccountState,
  changes: SimulatedChanges,
  market: Market,
  policy: Policy,
  context: SimulationContext,
): Generator<undefined, Simulation> {
  const before = assessMargin(account, market, policy);
  const settings = new Map(context.settings);
  let current = account;
  let refusal: Refusal | null = null;
  const take = (step: Step, field: readonly string[]): void => {
    current = step.account;
    if (step.refusal !== null) refusal ??= within(field, step.refusal);
  };

  const { collateralMode, leverages, transfers, trades } = changes;
  if (collateralMode !== null) {
    take(switchMode(current, collateralMode, market, policy, context), ['collateralMode']);
    if (!allowsIsolated(current.collateralMode, policy)) {
      for (const [instrument, setting] of settings) settings.set(instrument, { ...setting, marginMode: 'CROSS' });
    }
  }
  for (const [index, { instrument, leverage }] of leverages.entries()) {
    yield;
    const step = setLeverage(current, instrument, leverage, market, policy);
    take(step, ['leverages', `${index}`]);
    if (isApplied(step.refusal)) {
      settings.set(instrument, { marginMode: 'CROSS', ...settings.get(instrument), leverage });
    }
  }
  for (const [index, { asset, quantity }] of transfers.entries()) {
    yield;
    take(transfer(account, current, asset, quantity, market, policy, context), ['transfers', `${index}`]);
  }
  for (const [index, trade] of trades.entries()) {
    yield;
    take(makeTrade(current, trade, settings.get(trade.instrument), market, policy), ['trades', `${index}`]);
  }
  const moved = withPrices(market, policy, changes.prices);
  changes.prices.forEach(({ symbol }, index) => {
    take({ account: current, refusal: checkSymbol(symbol, policy) }, ['prices', `${index}`]);
  });
  return {
    before,
    after: assessMargin(current, moved.market, moved.policy),
    account: current,
    ...moved,
    refusal,
  };
}

/** A lack of margin or balance has a result to show; what is impossible has none. */
function isApplied(refusal: Refusal | null): boolean {
  return refusal === null || refusal.code === 'INSUFFICIENT_MARGIN' || refusal.code === 'INSUFFICIENT_BALANCE';
}

function step(before: AccountState, after: AccountState, refusal: Refusal | null): Step {
  return { account: isApplied(refusal) ? after : before, refusal };
}

function exchanged(account: AccountState, market: Market, policy: Policy): AccountState {
  return withBalanceChanges(account, autoExchange(account, market, policy));
}

function switchMode(
  account: AccountState,
  collateralMode: CollateralMode,
  market: Market,
  policy: Policy,
  context: SimulationContext,
): Step {
  const after = { ...account, collateralMode };
  const refusal =
    checkCollateralMode(collateralMode, account, market, policy) ??
    checkPlatformCaps(account, after, policy.collateralRatios, context.platformRoom);
  return step(account, collateralMode === account.collateralMode ? account : exchanged(after, market, policy), refusal);
}

function setLeverage(
  account: AccountState,
  instrument: string,
  leverage: Decimal,
  market: Market,
  policy: Policy,
): Step {
  const rules = policy.instruments.get(instrument);
  if (rules === undefined) return { account, refusal: unknownInstrument(instrument) };
  return step(
    account,
    withLeverage(account, instrument, leverage),
    checkLeverage(rules, leverage, account, market, policy),
  );
}

function transfer(
  start: AccountState,
  account: AccountState,
  asset: string,
  quantity: Decimal,
  market: Market,
  policy: Policy,
  context: SimulationContext,
): Step {
  if (!policy.assets.has(asset)) return { account, refusal: refuse('ASSET_NOT_FOUND', `There is no asset ${asset}.`) };
  const after = withBalanceChanges(account, [{ asset, quantity, kind: 'TRANSFER' }]);
  const refusal = quantity.lt(ZERO)
    ? checkTransferOut(asset, quantity.negated(), account, market, policy)
    : // The room is what was left at the start: earlier steps have used some of it up.
      checkPlatformCaps(start, after, policy.collateralRatios, context.platformRoom);
  return step(account, after, refusal);
}

function makeTrade(
  account: AccountState,
  trade: SimulatedTrade,
  setting: InstrumentSetting | undefined,
  market: Market,
  policy: Policy,
): Step {
  const rules = policy.instruments.get(trade.instrument);
  if (rules === undefined) return { account, refusal: unknownInstrument(trade.instrument) };
  const price = trade.price ?? market.mark(trade.instrument)?.price;
  if (price === undefined) {
    return { account, refusal: refuse('PRICE_UNAVAILABLE', `${trade.instrument} has no mark price to trade at.`) };
  }
  const { leverage, marginMode } = setting ?? { leverage: startingLeverage(rules), marginMode: 'CROSS' as const };
  const effect = applyFill(account, { ...trade, price, leverage, marginMode });
  if (effect.refusal !== null) return { account, refusal: effect.refusal };
  const filled = withBalanceChanges(withPositions(account, effect.positions), effect.changes);
  const after = exchanged(filled, market, policy);
  return step(account, after, checkTrade(account, after, market, policy));
}

function unknownInstrument(symbol: string): Refusal {
  return refuse('INSTRUMENT_NOT_FOUND', `This venue has no instrument ${symbol}.`);
}

function checkSymbol(symbol: string, policy: Policy): Refusal | null {
  if (symbol === SETTLEMENT_ASSET) return refuse('INVALID_INPUT', 'USDT is the measure of all prices: it is always 1.');
  if (policy.assets.has(symbol) || policy.instruments.has(symbol)) return null;
  return refuse('ASSET_NOT_FOUND', `There is neither an asset nor an instrument ${symbol}.`);
}

/**
 * The market with the named prices in place of its own; they are fresh. An asset that is priced as another takes a
 * price named for it, and follows the other where none is.
 */
function withPrices(
  market: Market,
  policy: Policy,
  prices: SimulatedChanges['prices'],
): { market: Market; policy: Policy } {
  const named = new Map(prices.map(({ symbol, price }) => [symbol, { price, stale: false }]));
  const assets = new Map(policy.assets);
  for (const symbol of named.keys()) {
    const rules = assets.get(symbol);
    if (rules !== undefined) assets.set(symbol, { ...rules, pricedAs: null });
  }
  return {
    market: {
      index: (asset) => named.get(asset) ?? market.index(asset),
      mark: (instrument) => named.get(instrument) ?? market.mark(instrument),
    },
    policy: { ...policy, assets },
  };
}
