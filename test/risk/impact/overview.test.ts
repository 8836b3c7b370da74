/** The overview of a venue against assessing every account: exactly, whatever has changed since it was last asked for. */
import { setImmediate as nextPass } from 'node:timers/promises';

import { afterAll, beforeAll, beforeEach, expect, it, jest } from '@jest/globals';

import type { AccountRow } from '../../../src/ledger/account-rows.js';
import { textOf } from '../../../src/ledger/account-text.js';
import { ZERO, decimal, quotientDown, type Decimal } from '../../../src/margin/decimal.js';
import { Fraction } from '../../../src/margin/fraction.js';
import {
  MARGIN_STATUSES,
  type AccountState,
  type Market,
  type OpenOrders,
  type PriceState,
} from '../../../src/margin/model.js';
import { assessMargin } from '../../../src/margin/state/assess.js';
import { assessBalance, countingOf } from '../../../src/margin/state/collateral.js';
import { worstStatus } from '../../../src/margin/state/status.js';
import type { PriceSnapshot } from '../../../src/market/price-snapshot.js';
import { createLogger } from '../../../src/platform/log.js';
import { Slice } from '../../../src/platform/yielding.js';
import { Rulebook } from '../../../src/policy/rulebook/rulebook.js';
import { Bitmap } from '../../../src/risk/columns/bitmap.js';
import { AccountCache } from '../../../src/risk/engine/account-cache.js';
import { SetAside } from '../../../src/risk/engine/set-aside.js';
import { HoldingTotals } from '../../../src/risk/impact/holding-totals.js';
import { ShortfallTotal } from '../../../src/risk/impact/shortfall-total.js';
import type { Overview } from '../../../src/risk/impact/overview.js';
import { transact } from '../../../src/platform/database/database.js';
import { uuidv7 } from '../../../src/platform/ids.js';
import { insertPolicyVersion, readPolicyVersions } from '../../../src/policy/versions/policy-store.js';
import { openTestDatabase } from '../../support/services/database.js';
import { onBoundary, unitStatesOf } from '../columns/adversary.js';

const PLACES = [
  ['BITGET', null],
  ['ASTER', 'BNB_CHAIN'],
  ['ASTER', 'ETHEREUM'],
] as const;
const AT = new Date();
const EARLY = new Fraction(decimal(1), decimal('1.05'));
/** No account of it has a price. */
const UNPRICED = 'BNB';

let database: Awaited<ReturnType<typeof openTestDatabase>>;
let rulebook: Rulebook;
let cache: AccountCache;
let states: Map<string, { readonly place: (typeof PLACES)[number]; readonly state: AccountState }>;
let versions: Map<string, number>;
let snapshot: PriceSnapshot;

beforeAll(async () => {
  database = await openTestDatabase();
  // One of the venues liquidates early.
  await transact(database.db, async (tx) => {
    const newest = (await readPolicyVersions(tx, { key: 'ASTER' })).at(-1);
    if (newest === undefined) throw new Error('ASTER has no policy.');
    const head = { id: uuidv7(), version: newest.version + 1, effectiveFrom: new Date('2026-05-01T00:00:00Z') };
    await insertPolicyVersion(tx, { ...newest, ...head, liquidationRatio: EARLY });
  });
  rulebook = await Rulebook.load(database.db);
});
afterAll(() => database.close());

beforeEach(() => {
  cache = new AccountCache(database.db, rulebook, new SetAside(createLogger('silent')));
  [states, versions] = [new Map(), new Map()];
  for (let number = 0; number < 700; number++) put(number);
  setPrices();
});

/** Numbers from 0 to 1, the same in every run (Mulberry32). */
let seed = 5;
function random(): number {
  seed = (seed + 0x6d2b79f5) | 0;
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}

function digits(value: number): Decimal {
  const places = [0, 2, 6, 8, 18][Math.floor(5 * random())] ?? 0;
  return decimal(value.toFixed(places));
}

function idOf(number: number): string {
  return `00000000-0000-7000-8000-${number.toString(16).padStart(12, '0')}`;
}

const policyOf = ([venue, chain]: (typeof PLACES)[number]) => rulebook.policy(venue, chain, AT);

/** Another state of the account: any, or one on the boundary of liquidation, or one digit beside it. */
function put(number: number): void {
  const place = PLACES[number % PLACES.length] ?? PLACES[0];
  const policy = policyOf(place);
  const balances = ['USDT', ...policy.collateralRatios.keys()]
    .filter((asset, index, all) => all.indexOf(asset) === index && (asset === 'USDT' || random() < 0.3))
    .map((asset) => ({ asset, quantity: digits(10 ** (6 * random()) * (random() < 0.3 ? -1 : 1)) }))
    .filter(({ quantity }) => !quantity.isZero());
  const positions = [...policy.instruments.keys()]
    .filter(() => random() < 0.25)
    .map((instrument) => {
      const size = digits(10 ** (3 * random())).plus('0.5');
      const isolated = random() < 0.2;
      return {
        ...{ instrument, side: random() < 0.5 ? ('LONG' as const) : ('SHORT' as const), size },
        cost: size.times(digits(100 * random()).plus(1)),
        leverage: decimal(20),
        marginMode: isolated ? ('ISOLATED' as const) : ('CROSS' as const),
        isolatedMargin: isolated ? size.times(digits(20 * random())) : ZERO,
      };
    });
  const collateralMode = random() < 0.8 ? ('MULTI_ASSET' as const) : ('SINGLE_ASSET' as const);
  // Of every fourth account: they turn the position to three times its size.
  const openOrders = (number % 4 === 0 ? positions : []).map(({ instrument, size, leverage }): OpenOrders => {
    const notionals = { buyNotional: size.times(4_000), sellNotional: size.times(4_000) };
    return { instrument, side: null, buySize: size.times(2), sellSize: size.times(4), ...notionals, leverage };
  });
  // Of every third account: one asset, or two.
  const switchedOff = number % 3 === 0 ? ['BTC', 'ETH'].slice(number % 2) : [];
  const any: AccountState = {
    ...{ collateralMode, switchedOff, positionMode: 'ONE_WAY', balances, positions, openOrders },
  };
  const beside = decimal(['0', '0.000000000000000001', '-0.000000000000000001'][number % 3] ?? '0');
  const onIt = (): AccountState => onBoundary(any, marketNow(), policy, policy.liquidationRatio, beside);
  const state = number % 5 === 0 && snapshot !== undefined ? onIt() : any;
  const id = idOf(number);
  const [mode, positionMode, held, open, orders = [], off = []] = textOf(state);
  const resting = orders.map(
    ([instrument, , buySize, sellSize, buyNotional, sellNotional]) =>
      [instrument, 'BOTH', buySize, sellSize, buyNotional, sellNotional, '1'] as const,
  );
  const settings = open.map(([instrument, , , , , marginMode]) => [instrument, 20, marginMode] as const);
  const rows = open.map(
    ([instrument, side, size, cost, , , margin]) => [instrument, side, size, cost, margin] as const,
  );
  const version = (versions.get(id) ?? 0) + 1;
  const row: AccountRow = [
    ...([id, version, place[0], place[1], 'Test', 'alice', AT.toISOString(), AT.toISOString()] as const),
    [mode, positionMode, held, rows, settings, resting, off],
    null,
  ];
  versions.set(id, version);
  expect(cache.put(row, AT)).toBe(true);
  states.set(id, { place, state });
}

function marketNow(): Market {
  return snapshot.marketOf('BITGET');
}

/** Other prices; takes them over, and settles every account as the loop does. */
function setPrices(): void {
  const prices = new Map<string, PriceState>();
  const price = (symbol: string): PriceState | null => {
    if (symbol.startsWith(UNPRICED)) return null;
    const known = prices.get(symbol) ?? { price: digits(100 * random()).plus('0.01'), stale: false };
    prices.set(symbol, known);
    return known;
  };
  snapshot = { seq: 1n, asOf: new Date(), marketOf: () => ({ index: price, mark: price }) };
  cache.takePrices(snapshot, new Bitmap());
  for (const id of states.keys()) settle(id);
}

function settle(id: string): void {
  const known = states.get(id);
  if (known === undefined) throw new Error('There is no such account.');
  const units = unitStatesOf(assessMargin(known.state, marketNow(), policyOf(known.place)));
  cache.columns.unitsOf(id).forEach((unit, index) => {
    cache.columns.settle(unit, { status: units[index]?.status ?? 'UNPRICED', low: 0, high: 0 });
  });
}

/** What the overview must say, in plain text. */
function expected(venue: string): object {
  const counts = new Map<string, number>(MARGIN_STATUSES.map((status) => [status, 0]));
  const assets = new Map<string, Decimal[]>();
  let [required, balance] = [ZERO, ZERO];
  for (const { place, state } of states.values()) {
    if (place[0] !== venue) continue;
    const report = assessMargin(state, marketNow(), policyOf(place));
    const status = worstStatus(report);
    counts.set(status, (counts.get(status) ?? 0) + 1);
    if (report.status === 'LIQUIDATION') {
      required = required.plus(report.maintenanceMargin);
      balance = balance.plus(report.marginBalance);
    }
    // What is held counts by itself, also where PnL is equity (rules: 17).
    for (const balance of state.balances) {
      const { asset, quantity } = balance;
      if (quantity.isZero()) continue;
      const counting = countingOf(asset, state);
      const { collateralValue } = assessBalance(balance, counting, marketNow(), policyOf(place));
      const key = `${asset} ${place[1] ?? ''}`;
      const [held, owed, counted] = assets.get(key) ?? [ZERO, ZERO, ZERO];
      const [isHeld, old] = [quantity.gt(0), [held ?? ZERO, owed ?? ZERO, counted ?? ZERO]];
      const more = [isHeld ? quantity : ZERO, isHeld ? ZERO : quantity.negated(), isHeld ? collateralValue : ZERO];
      assets.set(
        key,
        old.map((amount, index) => amount.plus(more[index] ?? ZERO)),
      );
    }
  }
  const shortfall =
    venue === 'ASTER' ? quotientDown(required.times('1.05').minus(balance), decimal(1)) : required.minus(balance);
  const sorted = [...assets].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    accounts: [...counts],
    shortfall: shortfall.toFixed(),
    assets: sorted.map(([key, amounts]) => [key, ...amounts.map((amount) => amount.toFixed())]),
  };
}

function said({ accounts, shortfall, assets }: Overview): object {
  return {
    accounts: accounts.map(({ status, accounts: count }) => [status, count]),
    shortfall: shortfall.toFixed(),
    assets: assets.map(({ asset, chain, held, owed, collateralValue }) => {
      return [`${asset} ${chain ?? ''}`, held.toFixed(), owed.toFixed(), collateralValue.toFixed()];
    }),
  };
}

async function check(): Promise<void> {
  for (const venue of ['BITGET', 'ASTER']) {
    const overview = await cache.overviews.of(snapshot, venue);
    expect(said(overview)).toEqual(expected(venue));
    expect(overview.asOf).toBe(snapshot.asOf);
    expect(overview.shortfall.gt(0)).toBe(true);
  }
}

/** Half of the accounts changes, ten come, and seven cannot be read any more. */
function changeAccounts(): void {
  for (let number = 0; number < 710; number += number < 700 ? 2 : 1) {
    put(number);
    settle(idOf(number));
  }
  for (let number = 0; number < 700; number += 100) {
    const id = idOf(number);
    const held = ['MULTI_ASSET', 'ONE_WAY', ['NONSENSE', '1'], [], [], [], []] as const;
    const now = AT.toISOString();
    const row = [id, 1_000, 'BITGET', null, 'Test', 'alice', now, now, held, null] as const;
    expect(cache.put(row, AT)).toBe(false);
    states.delete(id);
  }
}

it('says what assessing every account says', async () => {
  await check();
});

it('says it after accounts have changed, come and gone, and adds up only these', async () => {
  await check();
  const adding = jest.spyOn(HoldingTotals.prototype, 'addAll');
  changeAccounts();
  await check();
  expect(adding).not.toHaveBeenCalled();
  adding.mockRestore();
});

it('says it after the prices have moved', async () => {
  await check();
  for (let move = 0; move < 3; move++) {
    setPrices();
    await check();
  }
});

it('says it again at once while nothing changes', async () => {
  await check();
  const spies = [jest.spyOn(HoldingTotals.prototype, 'addAll'), jest.spyOn(ShortfallTotal.prototype, 'add')];
  await check();
  for (const spy of spies) {
    expect(spy).not.toHaveBeenCalled();
    spy.mockRestore();
  }
});

it('says it for those who ask while accounts and prices change in the meantime, and afterwards', async () => {
  const over = jest.spyOn(Slice.prototype, 'isOver', 'get').mockReturnValue(true);
  for (let round = 0; round < 4; round++) {
    const asked = [cache.overviews.of(snapshot, 'BITGET'), cache.overviews.of(snapshot, 'ASTER')];
    for (let pass = 0; pass < round; pass++) await nextPass();
    changeAccounts();
    await nextPass();
    if (round > 1) setPrices();
    for (const overview of await Promise.all(asked)) expect(overview.accounts).toHaveLength(MARGIN_STATUSES.length);
    await check();
  }
  over.mockRestore();
});

it('is as of the prices at which it was begun, though others have come since', async () => {
  const [before, total] = [snapshot, expected('BITGET') as { assets: object }];
  const over = jest.spyOn(Slice.prototype, 'isOver', 'get').mockReturnValue(true);
  const asked = cache.overviews.of(before, 'BITGET');
  setPrices();
  const overview = await asked;
  expect(overview.asOf).toBe(before.asOf);
  expect((said(overview) as { assets: object }).assets).toEqual(total.assets);
  over.mockRestore();
});
