/**
 * The prefilter over the columns: a tick that touches all accounts, against `assessMargin` for each of them and against
 * the same float sums without error bounds; ticks that touch 1 % of the accounts; bytes per account. All run in one
 * process, so that the machine's speed affects all alike.
 *
 *   npx tsc -p tsconfig.build.json && taskset -c 0 node --expose-gc dist/bench/prefilter.js [accounts ...]
 *
 * Each account has 5 assets and 5 positions (all in cross margin), drawn at random into 10,000 portfolios that are then
 * dealt out again and again. `assessMargin` is timed on 2,000 of them and scaled.
 */
import { textOf } from '../src/ledger/account-text.js';
import { assessMargin } from '../src/margin/state/assess.js';
import { decimal, type Decimal } from '../src/margin/decimal.js';
import type { AccountState, CollateralTable, InstrumentRules, Market, Policy } from '../src/margin/model.js';
import { Bitmap } from '../src/risk/columns/bitmap.js';
import { AccountColumns } from '../src/risk/columns/account-columns.js';
import {
  UNIT_HALVES,
  UNIT_WORDS,
  QUIET_RANGE,
  FIRST_HOLDING,
  FIRST_POSITION,
  HOLDINGS,
  POSITIONS,
  POSITION_AMOUNTS,
  RULE_SET,
} from '../src/risk/columns/columns.js';
import { statusBoundaries } from '../src/margin/state/status.js';
import { quietRangeOf, type QuietRange } from '../src/risk/columns/quiet-range.js';
import { PriceColumn } from '../src/risk/columns/price-column.js';
import { COLLATERAL_STRIDE, MAINTENANCE_STRIDE, RuleColumns } from '../src/risk/columns/rule-columns.js';
import { prefilter } from '../src/risk/columns/prefilter.js';

const SIZES = process.argv.slice(2).map(Number);
const PORTFOLIOS = 10_000;
const ASSESSED = 2_000;
const TURNS = 7;
/** Margin units that the margin loop gives the prefilter at a time. */
const BATCH = 4_096;

// --- Rules and prices: Bitget's tiers of BTC (003) and Binance's brackets of BTCUSDT (2024-10-24), for all ---

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
const INSTRUMENTS = Array.from({ length: 20 }, (_, index) => `I${index}`);
/** Held by 1 % of the accounts, at random and in a row. */
const SCATTERED = 'SCATTERED';
const ROW = 'ROW';

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

const schedule: CollateralTable = {
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
const collateral = [...ASSETS, SCATTERED, ROW];
const policy: Policy = {
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
  collateralRatios: new Map(collateral.map((symbol) => [symbol, schedule])),
  instruments: new Map(instruments.map((rules) => [rules.symbol, rules])),
};
const START = new Map([...collateral, ...INSTRUMENTS].map((symbol) => [symbol, 10 ** (5 * random() - 1)]));

/** All prices, up to 0.1 % away from where they started. */
function market(): Market {
  const moved = [...START].map(([symbol, price]) => {
    return [symbol, { price: text(price * (0.999 + 0.002 * random()), 9), stale: false }] as const;
  });
  const prices = new Map(moved);
  return { index: (symbol) => prices.get(symbol) ?? null, mark: (symbol) => prices.get(symbol) ?? null };
}

function text(value: number, digits: number): Decimal {
  return decimal(value.toFixed(digits));
}

function portfolio(): AccountState {
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
function withFifth(account: AccountState, index: number, of: number): AccountState {
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

// --- The same sums without bounds ---

/** Counts the margin units whose ratio has left its quiet range, as far as floats can tell. */
function withoutBounds(columns: AccountColumns, units: Uint32Array, count: number): number {
  const { words, halves, quietRanges } = columns.units;
  const { row: holdingRow, quantity: quantities } = columns.holdings;
  const { row: positionRow, amounts } = columns.positions;
  const { collateralPrice, collateralTier, collateralTiers, userCap, inCoins, debtMarginRate } = columns.rules;
  const { instrumentPrice, maintenanceTier, maintenanceTiers } = columns.rules;
  const { values: prices } = columns.rules.prices;
  let outside = 0;
  for (let index = 0; index < count; index++) {
    const unit = units[index] as number;
    const word = unit * UNIT_WORDS;
    const half = unit * UNIT_HALVES;
    let balance = 0;
    let debts = 0;
    const firstItem = words[word + FIRST_HOLDING] as number;
    const endOfHoldings = firstItem + (halves[half + HOLDINGS] as number);
    for (let item = firstItem; item < endOfHoldings; item++) {
      const row = holdingRow[item] as number;
      const quantity = quantities[item] as number;
      const price = prices[collateralPrice[row] as number] as number;
      if (quantity < 0) {
        balance += quantity * price;
        debts -= quantity * price;
        continue;
      }
      const cap = userCap[row] as number;
      const counted = quantity < cap ? quantity : cap;
      const coins = inCoins[row] === 1;
      const amount = coins ? counted : counted * price;
      let tier = collateralTier[row] as number;
      while (amount >= (collateralTiers[tier] as number)) tier += COLLATERAL_STRIDE;
      const value = (collateralTiers[tier + 1] as number) * amount + (collateralTiers[tier + 2] as number);
      balance += coins ? value * price : value;
    }
    let maintenance = debts * (debtMarginRate[halves[half + RULE_SET] as number] as number);
    const firstOpen = words[word + FIRST_POSITION] as number;
    const endOfPositions = firstOpen + (halves[half + POSITIONS] as number);
    for (let item = firstOpen; item < endOfPositions; item++) {
      const row = positionRow[item] as number;
      const exposure =
        (amounts[item * POSITION_AMOUNTS] as number) * (prices[instrumentPrice[row] as number] as number);
      const notional = Math.abs(exposure);
      balance += exposure + (amounts[item * POSITION_AMOUNTS + 1] as number);
      let tier = maintenanceTier[row] as number;
      while (notional >= (maintenanceTiers[tier] as number)) tier += MAINTENANCE_STRIDE;
      maintenance += notional * (maintenanceTiers[tier + 2] as number) + (maintenanceTiers[tier + 3] as number);
    }
    if (
      maintenance <= (quietRanges[unit * QUIET_RANGE] as number) * balance ||
      maintenance >= (quietRanges[unit * QUIET_RANGE + 1] as number) * balance
    )
      outside++;
  }
  return outside;
}

// --- Runs ---

/** Milliseconds. */
function time(work: () => void): number {
  const start = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - start) / 1e6;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

function memory(): number {
  (globalThis as { gc?: () => void }).gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function setPrices(columns: AccountColumns, now: Market): void {
  const { prices } = columns.rules;
  for (const asset of collateral) prices.set(prices.ofAsset(asset), now.index(asset)?.price ?? null);
  for (const symbol of INSTRUMENTS) prices.set(prices.ofInstrument('VENUE', symbol), now.mark(symbol)?.price ?? null);
}

/** A tick: marks touched units dirty, and prefilters them in batches. Returns how many it touches, and wakes. */
function tick(
  columns: AccountColumns,
  prices: readonly number[],
  judge: typeof prefilter,
): { touched: number; awake: number } {
  const dirty = new Bitmap();
  for (const price of prices) columns.addHolders(price, dirty);
  let [touched, awake] = [0, 0];
  for (let count = BATCH; count === BATCH;) {
    count = dirty.take(taken);
    touched += count;
    awake += judge(columns, taken, count, woken);
  }
  return { touched, awake };
}
const taken = new Uint32Array(BATCH);
const woken = new Uint32Array(BATCH);

function idOf(index: number): string {
  const mixed = Math.imul(index + 1, 0x9e3779b1) >>> 0;
  return `${mixed.toString(16).padStart(8, '0')}-0000-4000-8000-${index.toString(16).padStart(12, '0')}`;
}

const portfolios = Array.from({ length: PORTFOLIOS }, portfolio);

function bench(size: number): Record<string, string | number> {
  const before = memory();
  const rules = new RuleColumns(new PriceColumn());
  const columns = new AccountColumns(rules);
  const { ruleSet } = rules.setPolicy('VENUE', null, policy);
  const start = market();
  const boundaries = statusBoundaries(policy);
  const sample: { readonly account: AccountState; readonly unit: number }[] = [];
  /** By what an account's quiet range depends on: its portfolio and its fifth asset. */
  const quietRanges = new Map<string, QuietRange>();
  const loading = time(() => {
    for (let index = 0; index < size; index++) {
      const number = index % PORTFOLIOS;
      const account = withFifth(portfolios[number] as AccountState, index, size);
      const [unit = 0] = columns.put(idOf(index), ruleSet, textOf(account), 1);
      const key = `${number} ${account.balances.at(-1)?.asset ?? ''}`;
      const quietRange = quietRanges.get(key) ?? quietRangeOf(assessMargin(account, start, policy), boundaries, []);
      quietRanges.set(key, quietRange);
      columns.settle(unit, quietRange);
      if (index % Math.floor(size / ASSESSED) === 0 && sample.length < ASSESSED) sample.push({ account, unit });
    }
  });
  quietRanges.clear();
  const bytes = memory() - before;
  const all = Array.from(columns.rules.prices.values, (_, price) => price);
  const priceOf = (asset: string): number[] => [rules.prices.ofAsset(asset)];

  const times: Record<'prefiltered' | 'bare' | 'assessed' | 'scattered' | 'row', number[]> = {
    prefiltered: [],
    bare: [],
    assessed: [],
    scattered: [],
    row: [],
  };
  let [awake, scattered, row] = [0, 0, 0];
  /** Few accounts are visited again and again, so that the clock has something to measure. */
  const repeats = Math.max(1, Math.round(200_000 / size));
  const perTurn = (work: () => void): number => {
    const total = time(() => {
      for (let repeat = 0; repeat < repeats; repeat++) work();
    });
    return total / repeats;
  };
  for (let turn = 0; turn < TURNS + 2; turn++) {
    const now = market();
    setPrices(columns, now);
    const prefiltered = perTurn(() => ({ awake } = tick(columns, all, prefilter)));
    const bare = perTurn(() => void tick(columns, all, withoutBounds));
    const one = perTurn(() => ({ touched: scattered } = tick(columns, priceOf(SCATTERED), prefilter)));
    const inRow = perTurn(() => ({ touched: row } = tick(columns, priceOf(ROW), prefilter)));
    const statuses: string[] = [];
    const assessed = time(() => {
      for (const { account } of sample) statuses.push(assessMargin(account, now, policy).status);
    });
    checkDecisions(columns, sample, statuses);
    // The first runs are for the compiler.
    if (turn < 2) continue;
    times.prefiltered.push(prefiltered);
    times.bare.push(bare);
    times.scattered.push(one);
    times.row.push(inRow);
    times.assessed.push(assessed / sample.length);
  }
  const perAccount = median(times.prefiltered) / size;
  return {
    accounts: size,
    'prefilter, all (ms)': median(times.prefiltered).toFixed(1),
    'ns an account': (perAccount * 1e6).toFixed(0),
    'without bounds (ns)': ((median(times.bare) / size) * 1e6).toFixed(0),
    'factor to it': (median(times.prefiltered) / median(times.bare)).toFixed(2),
    'assessMargin (us)': (median(times.assessed) * 1e3).toFixed(1),
    'times faster': (median(times.assessed) / perAccount).toFixed(0),
    awake,
    '1 % scattered, to proportional': (median(times.scattered) / scattered / perAccount).toFixed(2),
    '1 % in a row': (median(times.row) / row / perAccount).toFixed(2),
    'bytes an account': (columns.bytes / size).toFixed(0),
    'of process': (bytes / size).toFixed(0),
    'load (us an account)': ((loading / size) * 1e3).toFixed(1),
  };
}

/** A sleeping unit has the status that it had; one with another status must be awake. */
function checkDecisions(
  columns: AccountColumns,
  sample: readonly { readonly account: AccountState; readonly unit: number }[],
  statuses: readonly string[],
): void {
  const units = Uint32Array.from(sample, ({ unit }) => unit);
  const out = new Uint32Array(units.length);
  const awake = new Set(out.subarray(0, prefilter(columns, units, units.length, out)));
  sample.forEach(({ unit }, index) => {
    const isSame = columns.statusOf(unit) === statuses[index];
    if (!isSame && !awake.has(unit)) throw new Error('The prefilter let an account sleep whose status has changed.');
    if (isSame && awake.has(unit)) throw new Error('The prefilter woke an account needlessly.');
  });
}

console.table((SIZES.length > 0 ? SIZES : [10_000, 100_000, 1_000_000]).map(bench));
