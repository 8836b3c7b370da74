/**
 * The ADL ranks of all positions, against a tick of the prefilter that touches all accounts; the longest piece in which
 * the event loop is held; and bytes a position, of the ranking that stands and at most while the next one is made. Times
 * are those of the CPU, so that other work on the machine is not in them.
 *
 *   npx tsc -p tsconfig.build.json && taskset -c 0 node --expose-gc dist/bench/adl.js [accounts ...]
 *
 * Accounts as in prefilter.ts: 5 assets and 5 positions each.
 */
import { textOf } from '../src/ledger/account-text.js';
import type { AccountState } from '../src/margin/model.js';
import { AccountColumns } from '../src/risk/columns/account-columns.js';
import { prefilter } from '../src/risk/columns/prefilter.js';
import { PriceColumn } from '../src/risk/columns/price-column.js';
import { RuleColumns } from '../src/risk/columns/rule-columns.js';
import { AdlRanks } from '../src/risk/impact/adl-ranks.js';
import { INSTRUMENTS, collateral, market, policy, portfolio, withFifth } from './random-accounts.js';

const SIZES = process.argv.slice(2).map(Number);
const PORTFOLIOS = 10_000;
const POSITIONS = 5;
const TURNS = 7;
const FIRST = 3;
const BATCH = 4_096;
const NEVER = new AbortController().signal;

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
}

function idOf(index: number): string {
  const mixed = Math.imul(index + 1, 0x9e3779b1) >>> 0;
  return `${mixed.toString(16).padStart(8, '0')}-0000-4000-8000-${index.toString(16).padStart(12, '0')}`;
}

function setPrices(columns: AccountColumns): void {
  const { prices } = columns.rules;
  const now = market();
  for (const asset of collateral) prices.set(prices.ofAsset(asset, 'USDT'), now.index(asset)?.price ?? null);
  for (const symbol of INSTRUMENTS) prices.set(prices.ofInstrument('VENUE', symbol), now.mark(symbol)?.price ?? null);
}

const units = new Uint32Array(BATCH);
const awake = new Uint32Array(BATCH);

function tick(columns: AccountColumns): number {
  const { end } = columns.units;
  const start = cpuMs();
  for (let from = 0; from < end; from += BATCH) {
    const count = Math.min(BATCH, end - from);
    for (let index = 0; index < count; index++) units[index] = from + index;
    prefilter(columns, units, count, awake);
  }
  return cpuMs() - start;
}

const portfolios = Array.from({ length: PORTFOLIOS }, portfolio);

async function bench(size: number): Promise<Record<string, string | number>> {
  const columns = new AccountColumns(new RuleColumns(new PriceColumn()));
  const { ruleSet } = columns.rules.setPolicy('VENUE', null, policy);
  for (let index = 0; index < size; index++) {
    const account = withFifth(portfolios[index % PORTFOLIOS] as AccountState, index, size);
    columns.put(idOf(index), ruleSet, textOf(account), 1);
  }
  const ranks = new AdlRanks(columns);
  const [ranked, prefiltered, held]: [number[], number[], number[]] = [[], [], []];
  let most = 0;
  for (let turn = 0; turn < TURNS + FIRST; turn++) {
    setPrices(columns);
    const tickMs = tick(columns);
    // The first runs are for the compiler, and for memory, which takes long to ask for.
    const isFirst = turn < FIRST;
    if (isFirst) (globalThis as { gc?: () => void }).gc?.();
    const before = process.memoryUsage().arrayBuffers;
    const looks = isFirst
      ? setInterval(() => (most = Math.max(most, process.memoryUsage().arrayBuffers - before)), 1)
      : undefined;
    const start = cpuMs();
    let isOver = false;
    let [longest, last] = [0, start];
    const look = (): void => {
      const now = cpuMs();
      longest = Math.max(longest, now - last);
      last = now;
      if (!isOver) setImmediate(look);
    };
    if (!isFirst) setImmediate(look);
    await ranks.compute(NEVER);
    isOver = true;
    const rankMs = cpuMs() - start;
    clearInterval(looks);
    if (isFirst) continue;
    ranked.push(rankMs);
    held.push(longest);
    prefiltered.push(tickMs);
  }
  const positions = size * POSITIONS;
  return {
    accounts: size,
    'ranks (ms of CPU)': median(ranked).toFixed(0),
    'prefilter (ms)': median(prefiltered).toFixed(0),
    ratio: (median(ranked) / median(prefiltered)).toFixed(1),
    'ns a position': ((median(ranked) / positions) * 1e6).toFixed(0),
    'longest pieces (ms)': `${median(held).toFixed(1)}, at most ${Math.max(...held).toFixed(1)}`,
    'bytes a position': (ranks.bytes / positions).toFixed(1),
    'at most beside it': (most / positions).toFixed(1),
  };
}

const rows: Record<string, string | number>[] = [];
for (const size of SIZES.length > 0 ? SIZES : [10_000, 100_000, 1_000_000]) rows.push(await bench(size));
console.table(rows);
