/**
 * What an account would be after changes that are not made (rules: 14). Every step uses the rule and the arithmetic of
 * the real change, so that both give the same numbers.
 */
import { assessMargin, type MarginReport } from '../state/assess.js';
import { pricedBy } from '../state/collateral.js';
import type { Decimal } from '../decimal.js';
import { startingLeverage } from './leverage.js';
import { allowsIsolated, checkMarginMode } from './modes.js';
import { type AccountState, type CollateralMode, type MarginMode, type Market, type Policy } from '../model.js';
import { refuse, within, type Refusal } from '../refusal.js';
import {
  adjustMargin,
  isApplied,
  makeTrade,
  placeOrder,
  setLeverage,
  switchAsset,
  switchMode,
  transfer,
  type InstrumentSetting,
  type SimulatedMargin,
  type SimulatedOrder,
  type SimulatedSwitch,
  type SimulatedTrade,
  type Step,
  type Terms,
} from './simulation-steps.js';

export interface SimulatedChanges {
  /** Null: as it is. */
  readonly collateralMode: CollateralMode | null;
  readonly collateralAssets: readonly SimulatedSwitch[];
  readonly marginModes: readonly { readonly instrument: string; readonly marginMode: MarginMode }[];
  readonly leverages: readonly { readonly instrument: string; readonly leverage: Decimal }[];
  /** Negative: out. */
  readonly transfers: readonly { readonly asset: string; readonly quantity: Decimal }[];
  readonly margins: readonly SimulatedMargin[];
  readonly orders: readonly SimulatedOrder[];
  readonly trades: readonly SimulatedTrade[];
  /**
   * An asset's index price or an instrument's mark price; each moves only what it names. That of an asset which is
   * priced as another is one for that other. Of two for the same price the last counts.
   */
  readonly prices: readonly { readonly symbol: string; readonly price: Decimal }[];
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
  /** The account and the market that `after` is the report of. */
  readonly account: AccountState;
  readonly market: Market;
  /** Of the first step that its own rule refuses, at present prices; null: the venue would accept all of it. */
  readonly refusal: Refusal | null;
  /** Symbols whose stale price a trade or an order passed by only; by code point. */
  readonly stale: readonly string[];
}

/**
 * Applies, in this order: modes (of the collateral, of its assets, of instruments), leverages, transfers, isolated margin, orders,
 * trades, prices (rules: 14). A step refused for want of margin or balance is applied all the same, so that `after` shows what
 * it comes to. Any other refused step is left out.
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
  const trial = new Trial(account, { market, policy, platformRoom: context.platformRoom }, context.settings);
  const { collateralMode, collateralAssets, marginModes, leverages, transfers, margins, orders, trades, prices } =
    changes;
  if (collateralMode !== null) trial.switchMode(collateralMode);
  for (const [index, change] of collateralAssets.entries()) {
    yield;
    trial.switchAsset(change, ['collateralAssets', `${index}`]);
  }
  for (const [index, { instrument, marginMode }] of marginModes.entries()) {
    trial.setMarginMode(instrument, marginMode, ['marginModes', `${index}`]);
  }
  for (const [index, { instrument, leverage }] of leverages.entries()) {
    yield;
    trial.setLeverage(instrument, leverage, ['leverages', `${index}`]);
  }
  for (const [index, { asset, quantity }] of transfers.entries()) {
    yield;
    trial.transfer(asset, quantity, ['transfers', `${index}`]);
  }
  for (const [index, margin] of margins.entries()) {
    yield;
    trial.adjustMargin(margin, ['margins', `${index}`]);
  }
  for (const [index, order] of orders.entries()) {
    yield;
    trial.placeOrder(order, ['orders', `${index}`]);
  }
  for (const [index, trade] of trades.entries()) {
    yield;
    trial.makeTrade(trade, ['trades', `${index}`]);
  }
  prices.forEach(({ symbol }, index) => trial.checkSymbol(symbol, ['prices', `${index}`]));
  return trial.end(withPrices(market, policy, prices));
}

/** The account and its settings from step to step. */
class Trial {
  private readonly before: MarginReport;
  private account: AccountState;
  private readonly settings: Map<string, InstrumentSetting>;
  private refusal: Refusal | null = null;
  private readonly stale = new Set<string>();

  constructor(
    private readonly start: AccountState,
    private readonly terms: Terms,
    settings: ReadonlyMap<string, InstrumentSetting>,
  ) {
    this.before = assessMargin(start, terms.market, terms.policy);
    this.account = start;
    this.settings = new Map(settings);
  }

  switchMode(mode: CollateralMode): void {
    this.take(switchMode(this.account, mode, this.terms), ['collateralMode']);
    if (allowsIsolated(this.account.collateralMode, this.terms.policy)) return;
    for (const [name, setting] of this.settings) this.settings.set(name, { ...setting, marginMode: 'CROSS' });
  }

  switchAsset(change: SimulatedSwitch, field: readonly string[]): void {
    this.take(switchAsset(this.start, this.account, change, this.terms), field);
  }

  setMarginMode(instrument: string, marginMode: MarginMode, field: readonly string[]): void {
    const setting = this.settingOf(instrument, field);
    if (setting === null) return;
    const refusal = checkMarginMode(instrument, marginMode, setting.marginMode, this.account, this.terms.policy);
    this.take({ account: this.account, refusal }, field);
    if (refusal === null) this.settings.set(instrument, { ...setting, marginMode });
  }

  setLeverage(instrument: string, leverage: Decimal, field: readonly string[]): void {
    const setting = this.settingOf(instrument, field);
    const rules = this.terms.policy.instruments.get(instrument);
    if (setting === null || rules === undefined) return;
    const step = setLeverage(this.account, rules, leverage, setting.leverage, this.terms);
    this.take(step, field);
    if (isApplied(step.refusal)) this.settings.set(instrument, { ...setting, leverage });
  }

  transfer(asset: string, quantity: Decimal, field: readonly string[]): void {
    this.take(transfer(this.start, this.account, asset, quantity, this.terms), field);
  }

  adjustMargin(margin: SimulatedMargin, field: readonly string[]): void {
    this.take(adjustMargin(this.account, margin, this.terms), field);
  }

  placeOrder(order: SimulatedOrder, field: readonly string[]): void {
    const setting = this.settingOf(order.instrument, field);
    if (setting !== null) this.take(placeOrder(this.account, order, setting, this.terms), field);
  }

  makeTrade(trade: SimulatedTrade, field: readonly string[]): void {
    const setting = this.settingOf(trade.instrument, field);
    if (setting !== null) this.take(makeTrade(this.account, trade, setting, this.terms), field);
  }

  checkSymbol(symbol: string, field: readonly string[]): void {
    this.take({ account: this.account, refusal: checkSymbol(symbol, this.terms.policy) }, field);
  }

  /** @param market after all steps */
  end(market: Market): Simulation {
    const { before, account, refusal } = this;
    const after = assessMargin(account, market, this.terms.policy);
    return { before, after, account, market, refusal, stale: [...this.stale].sort() };
  }

  private take({ account, refusal, stale }: Step, field: readonly string[]): void {
    this.account = account;
    if (refusal !== null) this.refusal ??= within(field, refusal);
    for (const symbol of stale ?? []) this.stale.add(symbol);
  }

  /** Null, and refused: there is no such instrument. */
  private settingOf(instrument: string, field: readonly string[]): InstrumentSetting | null {
    const rules = this.terms.policy.instruments.get(instrument);
    if (rules !== undefined) {
      return this.settings.get(instrument) ?? { leverage: startingLeverage(rules), marginMode: 'CROSS' };
    }
    const refusal = refuse('INSTRUMENT_NOT_FOUND', `This venue has no instrument ${instrument}.`);
    this.take({ account: this.account, refusal }, field);
    return null;
  }
}

function checkSymbol(symbol: string, policy: Policy): Refusal | null {
  if (policy.assets.has(symbol) && pricedBy(symbol, policy) === policy.unit) {
    return refuse('INVALID_INPUT', `${policy.unit} is the measure of all prices of this venue: it is always 1.`);
  }
  if (policy.assets.has(symbol) || policy.instruments.has(symbol)) return null;
  return refuse('ASSET_NOT_FOUND', `There is neither an asset nor an instrument ${symbol}.`);
}

/** The market with the named prices in place of its own; they are fresh. */
function withPrices(market: Market, policy: Policy, prices: SimulatedChanges['prices']): Market {
  const named = new Map(prices.map(({ symbol, price }) => [pricedBy(symbol, policy), { price, stale: false }]));
  return {
    index: (asset) => named.get(asset) ?? market.index(asset),
    mark: (instrument) => named.get(instrument) ?? market.mark(instrument),
  };
}
