/**
 * Accounts, prices and rules for the benchmark of the prefilter, the same in every run: Bitget's tiers of BTC (003) for
 * all collateral, Binance's brackets of BTCUSDT (2024-10-24) for all instruments.
 */
import { decimal, type Decimal } from '../src/margin/decimal.js';
import type { AccountState, CollateralTable, InstrumentRules, Market, Policy } from '../src/margin/model.js';

const RATIO_ROWS = [
  ['0', '100000', '0.975'],
  ['100000', '500000', '0.97'],
  ['500000', '1000000', '0.965'],
  ['1000000', '5000000', '0.96'],
  ['5000000', null, '0.85'],
] as const;
/** Floor, cap, rate, amount, largest leverage. */
const TIER_ROWS = [
  ['0', '50000', '0.004', '0', '125'],
  ['50000', '600000', '0.005', '50', '100'],
  ['600000', '3000000', '0.0065', '950', '75'],
  ['3000000', '12000000', '0.01', '11450', '50'],
  ['12000000', null, '0.02', '131450', '25'],
] as const;
const ASSETS = Array.from({ length: 20 }, (_, index) => `A${index}`);
export const INSTRUMENTS = Array.from({ length: 20 }, (_, index) => `I${index}`);
/** Held by 1 % of the accounts, at random and in a row. */
export const SCATTERED = 'SCATTERED';
export const ROW = 'ROW';

const random = wheel(1);

/** Numbers from 0 to 1, the same in every run (Mulberry32). */
function wheel(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const table: CollateralTable = {
  id: 'ratio',
  tierUnit: 'QUOTE_VALUE',
  userCap: decimal(100_000_000),
  tiers: RATIO_ROWS.map(([floor, cap, ratio]) => ({
    floor: decimal(floor),
    cap: cap === null ? null : decimal(cap),
    ratio: decimal(ratio),
  })),
};
const instruments: InstrumentRules[] = INSTRUMENTS.map((symbol) => ({
  symbol,
  baseAsset: 'A0',
  maxLeverage: decimal(125),
  tiers: TIER_ROWS.map(([floor, cap, rate, amount, leverage], index) => ({
    tier: index + 1,
    floor: decimal(floor),
    cap: cap === null ? null : decimal(cap),
    maintenanceRate: decimal(rate),
    maintenanceAmount: decimal(amount),
    maxLeverage: decimal(leverage),
  })),
}));
export const collateral = [...ASSETS, SCATTERED, ROW];
export const policy: Policy = {
  version: 1,
  liquidatesAtEquality: false,
  maintenanceMethod: 'PROGRESSIVE',
  liquidationFeeRate: decimal('0.0006'),
  warningRatio: decimal('0.5'),
  marginCallRatio: decimal('0.8'),
  isolatedInMultiAsset: false,
  debtMarginRate: decimal(0),
  interest: [],
  autoExchange: [],
  assets: new Map(['USDT', ...collateral].map((s) => [s, { pricedAs: null, transferable: true, convertible: true }])),
  collateralRatios: new Map(collateral.map((symbol) => [symbol, table])),
  instruments: new Map(instruments.map((rules) => [rules.symbol, rules])),
};
const START = new Map([...collateral, ...INSTRUMENTS].map((symbol) => [symbol, 10 ** (5 * random() - 1)]));

/** All prices, up to 0.1 % away from where they started. */
export function market(): Market {
  const moved = [...START].map(([symbol, price]) => {
    return [symbol, { price: text(price * (0.999 + 0.002 * random()), 9), stale: false }] as const;
  });
  const prices = new Map(moved);
  return { index: (symbol) => prices.get(symbol) ?? null, mark: (symbol) => prices.get(symbol) ?? null };
}

function text(value: number, digits: number): Decimal {
  return decimal(value.toFixed(digits));
}

export function portfolio(): AccountState {
  const first = Math.floor(random() * 17);
  const held = ASSETS.slice(first, first + 3).map((asset) => {
    const value = 10 ** (2 + 4 * random()) * (random() < 0.1 ? -0.05 : 1);
    return { asset, quantity: text(value / (START.get(asset) ?? 1), 8) };
  });
  const traded = Math.floor(random() * 16);
  const positions = INSTRUMENTS.slice(traded, traded + 5).map((instrument) => {
    const mark = START.get(instrument) ?? 1;
    const size = text(10 ** (3 + 3 * random()) / mark, 6).plus('0.000001');
    return {
      instrument,
      side: random() < 0.5 ? ('LONG' as const) : ('SHORT' as const),
      size,
      cost: size.times(text(mark * (0.99 + 0.02 * random()), 4)),
      leverage: decimal(20),
      marginMode: 'CROSS' as const,
      isolatedMargin: decimal(0),
    };
  });
  const balances = [{ asset: 'USDT', quantity: text(10 ** (3 + 2 * random()), 6) }, ...held];
  return { collateralMode: 'MULTI_ASSET', positionMode: 'ONE_WAY', balances, positions };
}

/** The fifth asset: of one in a hundred at random, of one in a hundred in a row, of all others one that they lack. */
export function withFifth(account: AccountState, index: number, of: number): AccountState {
  const inRow = index >= of * 0.5 && index < of * 0.51;
  const asset = inRow
    ? ROW
    : random() < 0.01
      ? SCATTERED
      : (account.positions.length + index) % 2 === 0
        ? 'A18'
        : 'A19';
  return { ...account, balances: [...account.balances.filter((b) => b.asset !== asset), { asset, quantity: FIFTH }] };
}
const FIFTH = decimal('1.25');
