/**
 * Small accounts, markets and policies for tests. Numbers are texts, as a reader writes them; what is left out has
 * the value that matters least: no fee, no debt margin, no interest, liquidation only below maintenance margin.
 */
import { decimal, type Decimal } from '../../../src/margin/decimal.js';
import { WHOLE } from '../../../src/margin/fraction.js';
import type {
  AccountState,
  AssetRules,
  CollateralTable,
  CollateralTier,
  InstrumentRules,
  MaintenanceTier,
  MarginMode,
  Market,
  OpenOrders,
  Policy,
  PositionSide,
  PositionState,
  PriceState,
  TierUnit,
} from '../../../src/margin/model.js';

/** `{ BTC: '1', USDT: '-5000' }` */
export function account(
  balances: Readonly<Record<string, string>>,
  positions: readonly PositionState[] = [],
  modes: Partial<Pick<AccountState, 'collateralMode' | 'switchedOff' | 'positionMode' | 'openOrders'>> = {},
): AccountState {
  return {
    collateralMode: 'MULTI_ASSET',
    positionMode: 'ONE_WAY',
    switchedOff: [],
    openOrders: [],
    ...modes,
    balances: Object.entries(balances).map(([asset, quantity]) => ({ asset, quantity: decimal(quantity) })),
    positions,
  };
}

export interface PositionText {
  readonly instrument?: string;
  readonly side?: PositionSide;
  readonly size: string;
  /** Of one unit; the cost is size x entry. */
  readonly entry: string;
  readonly leverage?: string;
  readonly marginMode?: MarginMode;
  readonly isolatedMargin?: string;
}

export function position(text: PositionText): PositionState {
  return {
    instrument: text.instrument ?? 'BTCUSDT',
    side: text.side ?? 'LONG',
    size: decimal(text.size),
    cost: decimal(text.size).times(text.entry),
    leverage: decimal(text.leverage ?? '20'),
    marginMode: text.marginMode ?? 'CROSS',
    isolatedMargin: decimal(text.isolatedMargin ?? '0'),
  };
}

export interface OrdersText {
  readonly instrument?: string;
  readonly side?: PositionSide;
  /** Size and limit price. */
  readonly buys?: readonly [size: string, price: string];
  readonly sells?: readonly [size: string, price: string];
  readonly leverage?: string;
}

export function orders({ instrument = 'BTCUSDT', side, buys, sells, leverage = '20' }: OrdersText): OpenOrders {
  const [[buySize, buyPrice], [sellSize, sellPrice]] = [buys ?? ['0', '0'], sells ?? ['0', '0']];
  return {
    instrument,
    side: side ?? null,
    buySize: decimal(buySize),
    sellSize: decimal(sellSize),
    buyNotional: decimal(buySize).times(buyPrice),
    sellNotional: decimal(sellSize).times(sellPrice),
    leverage: decimal(leverage),
  };
}

/** Symbols of assets and of instruments alike; `stale` names those whose price is too old. */
export function market(prices: Readonly<Record<string, string>>, stale: readonly string[] = []): Market {
  const price = (symbol: string): PriceState | null => {
    const text = prices[symbol];
    return text === undefined ? null : { price: decimal(text), stale: stale.includes(symbol) };
  };
  return { index: price, mark: price };
}

/** Collateral tiers from rows of floor and ratio; each cap is the next floor, the last one `lastCap` or none. */
export function table(
  rows: readonly (readonly [floor: string, ratio: string])[],
  more: { tierUnit?: TierUnit; userCap?: string; lastCap?: string } = {},
): CollateralTable {
  const tiers: CollateralTier[] = rows.map(([floor, ratio], index) => ({
    floor: decimal(floor),
    cap: optional(rows[index + 1]?.[0] ?? more.lastCap),
    ratio: decimal(ratio),
  }));
  return {
    id: 'ratio',
    tierUnit: more.tierUnit ?? 'QUOTE_VALUE',
    tiers,
    userCap: optional(more.userCap),
  };
}

/** One ratio for any quantity. */
export function flat(ratio: string): CollateralTable {
  return table([['0', ratio]]);
}

/** Maintenance tiers from rows of floor, rate, amount and leverage; each cap is the next floor. */
export function instrument(
  symbol: string,
  baseAsset: string,
  rows: readonly (readonly [floor: string, rate: string, amount: string, maxLeverage: string])[],
): InstrumentRules {
  const tiers: MaintenanceTier[] = rows.map(([floor, rate, amount, maxLeverage], index) => ({
    tier: index + 1,
    floor: decimal(floor),
    cap: optional(rows[index + 1]?.[0]),
    maintenanceRate: decimal(rate),
    maintenanceAmount: decimal(amount),
    maxLeverage: decimal(maxLeverage),
  }));
  return { symbol, baseAsset, settlementAsset: 'USDT', maxLeverage: decimal(rows[0]?.[3] ?? '1'), tiers };
}

/** Binance's brackets of 2024-10-24, the first five (progressive). */
export const BTCUSDT = instrument('BTCUSDT', 'BTC', [
  ['0', '0.004', '0', '125'],
  ['50000', '0.005', '50', '100'],
  ['600000', '0.0065', '950', '75'],
  ['3000000', '0.01', '11450', '50'],
  ['12000000', '0.02', '131450', '25'],
]);

/** AscendEX's announcement of 2021-09-10 (flat). */
export const BTC_PERP = instrument('BTC-PERP', 'BTC', [
  ['0', '0.006', '0', '100'],
  ['50000', '0.012', '0', '50'],
  ['200000', '0.024', '0', '25'],
  ['2000000', '0.06', '0', '10'],
  ['20000000', '0.12', '0', '5'],
  ['40000000', '0.2', '0', '3'],
]);

/** Bitget's tiers of BTC, with at most 100 coins of one account (003). */
export const BITGET_BTC = table(
  [
    ['0', '0.975'],
    ['100000', '0.97'],
    ['500000', '0.965'],
    ['1000000', '0.96'],
    ['5000000', '0.85'],
  ],
  { userCap: '100' },
);

export interface PolicyText extends Partial<Omit<Policy, 'assets' | 'collateralRatios' | 'instruments'>> {
  readonly ratios?: Readonly<Record<string, CollateralTable>>;
  readonly instruments?: readonly InstrumentRules[];
  readonly assets?: Readonly<Record<string, Partial<AssetRules>>>;
}

const ORDINARY: AssetRules = { pricedAs: null, transferable: true, convertible: true };

export function policy(text: PolicyText = {}): Policy {
  const { ratios = {}, instruments = [BTCUSDT], assets = {}, ...rest } = text;
  const named = new Set(['USDT', ...Object.keys(ratios), ...Object.keys(assets)]);
  return {
    version: 1,
    unit: 'USDT',
    singleAsset: 'USDT',
    liquidationRatio: WHOLE,
    liquidatesAtEquality: false,
    maintenanceMethod: 'PROGRESSIVE',
    pnlCounts: 'IN_FULL',
    liquidationFeeRate: decimal(0),
    warningRatio: decimal('0.5'),
    marginCallRatio: decimal('0.8'),
    isolatedInMultiAsset: false,
    debtMarginRate: decimal(0),
    liabilities: [],
    transferFloor: { notionalRate: decimal(0), maintenanceMultiple: decimal(0) },
    openOrders: { initial: 'NONE', maintenance: 'NONE', openLoss: 'NONE' },
    interest: [],
    autoExchange: [],
    exchangeOrder: 'PRO_RATA',
    exchangeRates: [],
    ...rest,
    assets: new Map(Array.from(named, (symbol) => [symbol, { ...ORDINARY, ...assets[symbol] }])),
    collateralRatios: new Map(Object.entries(ratios)),
    instruments: new Map(instruments.map((rules) => [rules.symbol, rules])),
  };
}

function optional(text: string | undefined): Decimal | null {
  return text === undefined ? null : decimal(text);
}
