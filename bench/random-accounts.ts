/** Accounts, prices and rules for the benchmark of the prefilter, the same in every run; one table for all of a kind. */
import { decimal, type Decimal } from '../src/margin/decimal.js';
import { Fraction } from '../src/margin/fraction.js';
import type { AccountState, Market, Policy } from '../src/margin/model.js';
import { PARAMETERS, collateralTable, instrumentRules } from './tables.js';

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

const table = collateralTable(100_000_000);
const instruments = INSTRUMENTS.map((symbol) => instrumentRules(symbol, 'A0'));
export const collateral = [...ASSETS, SCATTERED, ROW];
export const policy: Policy = {
  ...PARAMETERS,
  assets: new Map(['USDT', ...collateral].map((s) => [s, { pricedAs: null, transferable: true, convertible: true }])),
  collateralRatios: new Map(collateral.map((symbol) => [symbol, table])),
  instruments: new Map(instruments.map((rules) => [rules.symbol, rules])),
};
const LIABILITY_TIERS = [
  { floor: decimal(0), cap: decimal(100_000), initialRate: decimal('0.1'), maintenanceRate: decimal('0.05') },
  { floor: decimal(100_000), cap: null, initialRate: decimal('0.2'), maintenanceRate: decimal('0.1') },
];
/** The same with every rule that a policy may add: equity, liabilities, orders, initial ratios, settlement, a threshold. */
export const policyOfAllRules: Policy = {
  ...policy,
  pnlCounts: 'AS_EQUITY',
  liquidationRatio: new Fraction(decimal(1), decimal('1.05')),
  liabilities: [{ asset: null, tierUnit: 'QUOTE_VALUE', tiers: LIABILITY_TIERS }],
  openOrders: { initial: 'WORST_SIDE', maintenance: 'WORST_SIDE', openLoss: 'INITIAL' },
  collateralRatios: new Map(
    collateral.map((symbol) => [
      symbol,
      { ...table, initialTiers: table.tiers.map((tier) => ({ ...tier, ratio: tier.ratio.times('0.9') })) },
    ]),
  ),
  instruments: new Map(
    instruments.map((rules, index) => [rules.symbol, { ...rules, settlementAsset: index % 2 === 0 ? 'USDT' : 'A1' }]),
  ),
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
  return {
    collateralMode: 'MULTI_ASSET',
    switchedOff: [],
    positionMode: 'ONE_WAY',
    balances,
    positions,
    openOrders: [],
  };
}

/** Orders on both sides in every instrument in which it has a position. */
export function withOrders(account: AccountState): AccountState {
  const openOrders = account.positions.map(({ instrument, size, leverage }) => {
    const mark = text(START.get(instrument) ?? 1, 4);
    const [buySize, sellSize] = [size.times('0.5'), size.times(2)];
    const notionals = { buyNotional: buySize.times(mark), sellNotional: sellSize.times(mark) };
    return { instrument, side: null, buySize, sellSize, ...notionals, leverage };
  });
  return { ...account, openOrders };
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
