/**
 * The margin loop with up to a million accounts in memory: bytes an account, how long the event loop waits while prices
 * move, and a preview of a ratio that all accounts hold, against assessing each of them twice.
 *
 *   node dist/bench/live.js [accounts ...]      PGlite, or PostgreSQL with DATABASE_URL (a server for databases)
 *
 * PGlite answers in this process and holds up the event loop by itself; a venue of this size has PostgreSQL.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

import { readConfig } from '../src/config.js';
import type { AccountRow, PositionRow } from '../src/ledger/account-rows.js';
import { assessMargin } from '../src/margin/state/assess.js';
import { decimal, toPlain, type Decimal } from '../src/margin/decimal.js';
import { Prices } from '../src/market/prices.js';
import { FREE } from '../src/risk/columns/columns.js';
import { impactOf } from '../src/risk/impact/impact.js';
import { MarginLoop } from '../src/risk/engine/margin-loop.js';
import { createBus } from '../src/platform/events.js';
import { openDatabase } from '../src/platform/database/database.js';
import { createLogger } from '../src/platform/log.js';
import { readReferenceData } from '../src/policy/reference/reference-data.js';
import { storeReferenceData } from '../src/policy/reference/reference-store.js';
import { Rulebook } from '../src/policy/rulebook/rulebook.js';
import { createDatabase } from './database.js';
import { MARKS, accountId, quotes } from './portfolios.js';

const log = createLogger('error');

const sizes = process.argv.slice(2).map(Number);
/** Held by every hundredth account. */
const RARE = { asset: 'XRP', price: '0.5123' };
const MEASURED_MS = 20_000;

const database = await createDatabase();
const { db, close } = await openDatabase({ ...database, poolSize: 4 });
await storeReferenceData(db, await readReferenceData(readConfig({}).referenceFolders));
const rulebook = await Rulebook.load(db);

const memory: Record<string, object> = {};
const delays: Record<string, object> = {};
const previews: Record<string, object> = {};
for (const accounts of sizes.length > 0 ? sizes : [10_000, 100_000, 1_000_000]) await measure(accounts);
console.log('\nBytes an account, with 5 assets and 5 positions each (limits: 300 and 800).');
console.table(memory);
console.log(`\nWaits of the event loop while 1 % is touched every 100 ms and all every second (p99: limit 20 ms).`);
console.table(delays);
console.log('\nPreview of BTC 0.1 lower for all accounts, against assessing each twice (limits: 30 times, p99 20 ms).');
console.table(previews);
await close();
await database.drop();
process.exit(process.exitCode ?? 0);

/** Similar but not equal: holdings and debts grow from one to the next, in small steps. */
function rowOf(number: number): AccountRow {
  const now = new Date().toISOString();
  const step = decimal(number % 1_000).times('0.001');
  const rare = number % 100 === 0 ? [RARE.asset, '250'] : ['SOL', '150.25'];
  const position = (instrument: string, side: 'LONG' | 'SHORT', size: string, cost: string): PositionRow => {
    const exact = [decimal(size).plus(step), decimal(cost).plus(step.times(MARKS[instrument] ?? '0'))].map(toPlain);
    return [instrument, side, exact[0] ?? '', exact[1] ?? '', '0'];
  };
  const balances = [
    ...['USDT', toPlain(decimal(-720_000).plus(decimal(number % 10_007).times(40)))],
    ...['BTC', toPlain(decimal('10.123').plus(step))],
    ...['ETH', '25.5', 'BNB', '12.75', ...rare],
  ];
  const positions = [
    position('BTCUSDT', 'LONG', '1.5', '89000.15'),
    position('BTCUSDT', 'SHORT', '0.25', '15111.125'),
    position('ETHUSDT', 'LONG', '20', '59500'),
    position('ETHUSDT', 'SHORT', '3', '9000.5'),
    position('SOLUSDT', 'LONG', '300', '45000'),
  ];
  const place = [accountId(number), 1, 'BITGET', null] as const;
  return [...place, 'Bench', 'bench', now, now, ['MULTI_ASSET', 'HEDGE', balances, positions, [], [], []], null];
}

async function measure(count: number): Promise<void> {
  const bus = createBus();
  const prices = await Prices.open({
    ...{ db, symbols: rulebook, maxAge: 3_600_000, clock: Date.now, log },
    onPrices: (changes) => bus.emit('prices', changes),
  });
  const loop = new MarginLoop({ db, rulebook, prices, bus, log });
  const rare = (price: string) => [{ asset: RARE.asset, price: decimal(price), source: 'bench', at: new Date() }];
  await prices.publish([...quotes(), ...rare(RARE.price)]);
  for (let number = 0; number < count; number++) loop.accounts.put(rowOf(number), new Date());
  await loop.start();
  const label = count.toLocaleString('en');
  const { columns } = loop.accounts;
  memory[label] = {
    columns: Math.round(columns.bytes / count),
    'with exact amounts': Math.round(loop.accounts.bytes / count),
  };

  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const end = performance.now() + MEASURED_MS;
  let ticks = 0;
  for (let tenth = 0; performance.now() < end; tenth++) {
    const began = performance.now();
    const move = 1 + (tenth % 7) * 0.0001;
    if (tenth % 10 === 0) {
      const moved = Object.fromEntries(
        Object.entries(MARKS).map(([of, mark]) => [of, (Number(mark) * move).toFixed(4)]),
      );
      await prices.publish(quotes(moved));
    } else await prices.publish(rare((0.5 * move).toFixed(6)));
    ticks += 1;
    await sleep(Math.max(0, 100 - (performance.now() - began)));
  }
  await loop.idle();
  delay.disable();
  delays[label] = {
    'ticks taken': ticks,
    'p50, ms': (delay.percentile(50) / 1e6).toFixed(1),
    'p99, ms': (delay.percentile(99) / 1e6).toFixed(1),
    'longest, ms': (delay.max / 1e6).toFixed(1),
  };
  await preview(loop, label, count);
  await loop.close();
}

async function preview(loop: MarginLoop, label: string, count: number): Promise<void> {
  const policy = rulebook.policy('BITGET', null, new Date());
  const [before, market] = [policy.collateralRatios.get('BTC'), loop.snapshot.marketOf('BITGET')];
  if (before === undefined) throw new Error('BITGET does not accept BTC.');
  const lower = (ratio: Decimal) => ratio.minus('0.1');
  const schedule = {
    ...before,
    id: 'draft',
    tiers: before.tiers.map((tier) => ({ ...tier, ratio: lower(tier.ratio) })),
  };
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const started = performance.now();
  const after = { ...policy, collateralRatios: new Map([...policy.collateralRatios, ['BTC', schedule]]) };
  const impact = await impactOf(loop, [{ venue: 'BITGET', chain: null, policy: after }]);
  const took = performance.now() - started;
  delay.disable();

  const counts = new Map<string, number>();
  const { columns } = loop.accounts;
  const startedExact = performance.now();
  for (let cross = 0; cross < columns.units.end; cross++) {
    if (columns.crossOf(cross) === FREE || columns.crossOf(cross) !== cross) continue;
    const account = loop.accounts.stateAt(cross);
    const [from, to] = [assessMargin(account, market, policy).status, assessMargin(account, market, after).status];
    if (from !== to) counts.set(`${from}/${to}`, (counts.get(`${from}/${to}`) ?? 0) + 1);
  }
  const tookExact = performance.now() - startedExact;
  const isSame =
    impact.accountsAffected === count &&
    impact.transitions.length === counts.size &&
    impact.transitions.every(({ from, to, accounts }) => counts.get(`${from}/${to}`) === accounts);
  if (!isSame) {
    console.error(`The preview for ${label} accounts does not count what assessing each tells.`);
    process.exitCode = 1;
  }
  previews[label] = {
    'preview, ms': Math.round(took),
    'assessing twice, ms': Math.round(tookExact),
    'times faster': (tookExact / took).toFixed(0),
    'equal counts': isSame,
    transitions: impact.transitions.map(({ from, to, accounts }) => `${from}>${to} ${accounts}`).join(', '),
    'p99, ms': (delay.percentile(99) / 1e6).toFixed(1),
  };
}
