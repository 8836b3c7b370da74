/**
 * The prefilter over the columns: a tick that touches all accounts, against `assessMargin` for each of them and against
 * the same float sums without error bounds; ticks that touch 1 % of the accounts; bytes per account. All run in one
 * process, so that the machine's speed affects all alike.
 *
 *   npx tsc -p tsconfig.build.json && taskset -c 0 node --expose-gc dist/bench/prefilter.js [--rules] [accounts ...]
 *
 * Each account has 5 assets and 5 positions (all in cross margin), drawn at random into 10,000 portfolios that are then
 * dealt out again and again. `assessMargin` is timed on 2,000 of them and scaled. With --rules all of them use every rule
 * that a policy may add, and have open orders in each instrument; the sums without bounds know none of that.
 */
import { textOf } from '../src/ledger/account-text.js';
import { assessMargin } from '../src/margin/state/assess.js';
import type { AccountState, Market } from '../src/margin/model.js';
import { Bitmap } from '../src/risk/columns/bitmap.js';
import { AccountColumns } from '../src/risk/columns/account-columns.js';
import { statusBoundaries } from '../src/margin/state/status.js';
import { quietRangeOf, type QuietRange } from '../src/risk/columns/quiet-range.js';
import { PriceColumn } from '../src/risk/columns/price-column.js';
import { RuleColumns } from '../src/risk/columns/rule-columns.js';
import { prefilter } from '../src/risk/columns/prefilter.js';
import { withoutBounds } from './bare-sums.js';
import {
  INSTRUMENTS,
  ROW,
  SCATTERED,
  collateral,
  market,
  policy as plainPolicy,
  policyOfAllRules,
  portfolio,
  withFifth,
  withOrders,
} from './random-accounts.js';

const OPTIONS = process.argv.slice(2);
const USES_ALL_RULES = OPTIONS.includes('--rules');
const SIZES = OPTIONS.filter((option) => option !== '--rules').map(Number);
const PORTFOLIOS = 10_000;
const ASSESSED = 2_000;
const TURNS = 7;
/** Margin units that the margin loop gives the prefilter at a time. */
const BATCH = 4_096;

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
  for (const asset of collateral) prices.set(prices.ofAsset(asset, 'USDT'), now.index(asset)?.price ?? null);
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

const policy = USES_ALL_RULES ? policyOfAllRules : plainPolicy;
const portfolios = Array.from({ length: PORTFOLIOS }, portfolio).map((account) =>
  USES_ALL_RULES ? withOrders(account) : account,
);

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
  const priceOf = (asset: string): number[] => [rules.prices.ofAsset(asset, 'USDT')];

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
    const bare = USES_ALL_RULES ? NaN : perTurn(() => void tick(columns, all, withoutBounds));
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
