/** What accounts held, at any instant since they were opened (rules: 12). */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { createLoaders } from '../../src/api/execution/loaders.js';
import { openAccount, type NewAccount } from '../../src/ledger/accounts.js';
import { marginsAt, readHoldingsAt, type PastAccount } from '../../src/ledger/margin-at.js';
import type { ReportingParts } from '../../src/ledger/ledger-checks.js';
import { recordFills } from '../../src/ledger/reported/fills.js';
import { reportOpenOrders } from '../../src/ledger/reported/open-orders.js';
import { adjustPositionMargin } from '../../src/ledger/withdrawals.js';
import { readHoldings, type AccountRecord, type Holdings } from '../../src/ledger/records.js';
import { recordLedgerEntries } from '../../src/ledger/reported/entries.js';
import {
  setCollateralAsset,
  setCollateralMode,
  setLeverage,
  setMarginMode,
  setPositionMode,
} from '../../src/ledger/settings.js';
import { decimal } from '../../src/margin/decimal.js';
import { Prices } from '../../src/market/prices.js';
import { createBus } from '../../src/platform/events.js';
import { Lanes } from '../../src/platform/lanes.js';
import { createLogger } from '../../src/platform/log.js';
import { Rulebook } from '../../src/policy/rulebook/rulebook.js';
import { createTestDatabase, withoutGuards } from '../support/services/database.js';

const log = createLogger('silent');

/** When the first prices were published. */
const START = Date.parse('2026-05-01T09:30:00.000Z');

/** Nothing is in memory: every transaction reads. */
const hotAccounts: ReportingParts['hotAccounts'] = { holdingsAt: () => null, wrote: () => undefined };
let parts: ReportingParts;
let close: () => Promise<void>;
const statements: string[] = [];

beforeAll(async () => {
  const database = await createTestDatabase();
  const { db, close: disconnect } = await database.open((sql) => statements.push(sql));
  close = async () => {
    await disconnect();
    await database.drop();
  };
  const rulebook = await Rulebook.load(db);
  const clock = (): number => START;
  const prices = await Prices.open({ db, symbols: rulebook, maxAge: 60_000, clock, onPrices: () => undefined, log });
  const quote = { source: 'test', price: decimal('10000'), at: new Date(START) };
  const marks = ['BTC-PERP', 'ETH-PERP'].map((symbol) => ({ ...quote, venue: 'ASCENDEX', instrument: symbol }));
  await prices.publish([{ ...quote, asset: 'BTC' }, { ...quote, asset: 'ETH' }, ...marks]);
  parts = { db, rulebook, board: prices.board, bus: createBus(), lanes: new Lanes(8), hotAccounts };
});

afterAll(() => close());

async function account(at: number, choice: Partial<NewAccount> = {}): Promise<AccountRecord> {
  const input = {
    ...{ name: 'Test', owner: 'alice', venue: 'ASCENDEX', chain: null },
    ...{ collateralMode: 'SINGLE_ASSET' as const, positionMode: 'ONE_WAY' as const },
    ...choice,
  };
  const request = { viewer: 'venue', key: randomUUID(), mutation: 'openAccount', input };
  const { account: made } = await openAccount(parts, input, request, new Date(at));
  if (made === null) throw new Error('The account was refused.');
  return made;
}

/** Facts of the venue, recorded at the instant in one transaction. */
async function postEntry(
  ids: readonly string[],
  asset: string,
  quantity: string,
  at: number,
  said = at,
): Promise<void> {
  const entries = ids.map((accountId) => ({
    ...{ entryId: randomUUID(), accountId, position: null, instrument: null, asset, quantity: decimal(quantity) },
    ...{ kind: 'ADJUSTMENT' as const, at: new Date(said) },
  }));
  expect((await recordLedgerEntries(parts, entries, new Date(at))).refusals).toEqual([]);
}

async function fillOne(
  { id, positionMode }: AccountRecord,
  { instrument, side, size, price }: { instrument: string; side: 'BUY' | 'SELL'; size: string; price: string },
  at: number,
): Promise<void> {
  const positionSide = positionMode === 'ONE_WAY' ? null : side === 'BUY' ? ('LONG' as const) : ('SHORT' as const);
  const fill = { fillId: randomUUID(), accountId: id, instrument, side, positionSide, at: new Date(at) };
  const numbers = { size: decimal(size), price: decimal(price), fee: decimal('0.125') };
  await recordFills(parts, [{ ...fill, ...numbers, kind: 'TRADE' }], new Date(at));
}

const held = async (past: PastAccount): Promise<Holdings | undefined> =>
  (await readHoldingsAt(parts, [past])).holdings.get(past);

async function usdt(of: AccountRecord, at: number): Promise<string | undefined> {
  return (await held({ account: of, at: new Date(at) }))?.balances.get('USDT')?.toFixed();
}

const marginAt = async (of: AccountRecord, at: number, now: number) => {
  const [answer] = await marginsAt(parts, [{ account: of, at: new Date(at) }], new Date(now));
  if (answer instanceof Error) throw answer;
  return { reason: answer?.reason, balance: answer?.margin?.report.marginBalance.toFixed() };
};

const instrument = fc.constantFrom('BTC-PERP', 'ETH-PERP');
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant('fill' as const),
      ...{ instrument, side: fc.constantFrom('BUY' as const, 'SELL' as const) },
      ...{ size: fc.constantFrom('0.5', '1', '3.25'), price: fc.constantFrom('9000', '10000.01') },
    }),
  },
  fc.record({ what: fc.constant('flatten' as const) }),
  fc.record({
    what: fc.constant('entry' as const),
    ...{
      asset: fc.constantFrom('USDT', 'BTC', 'ETH'),
      quantity: fc.constantFrom('-100', '0.000000000000000001', '100'),
    },
  }),
  fc.record({ what: fc.constant('leverage' as const), instrument, leverage: fc.constantFrom('1', '10', '25') }),
  fc.record({
    what: fc.constant('marginMode' as const),
    ...{ instrument, marginMode: fc.constantFrom('CROSS' as const, 'ISOLATED' as const) },
  }),
  fc.record({
    what: fc.constant('collateralAsset' as const),
    ...{ asset: fc.constantFrom('BTC', 'ETH', 'BNB'), counts: fc.boolean() },
  }),
  fc.record({ what: fc.constant('margin' as const), quantity: fc.constantFrom('-1', '5') }),
  fc.record({
    what: fc.constant('orders' as const),
    ...{ instrument, side: fc.constantFrom('LONG' as const, 'SHORT' as const) },
    ...{ buySize: fc.constantFrom('0', '0.5', '3'), sellSize: fc.constantFrom('0', '0', '1.5') },
    sequence: fc.integer({ min: 2, max: 14 }),
  }),
  fc.record({
    what: fc.constant('positionMode' as const),
    positionMode: fc.constantFrom('ONE_WAY' as const, 'HEDGE' as const),
  }),
  fc.record({
    what: fc.constant('collateralMode' as const),
    collateralMode: fc.constantFrom('SINGLE_ASSET' as const, 'MULTI_ASSET' as const),
  }),
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Does it, or is refused. */
async function take(of: Holdings, each: Step, at: number): Promise<unknown> {
  const now = new Date(at);
  const own = { accountId: of.account.id, owner: 'alice' };
  const open = [...of.positions.values()].filter(({ size }) => !size.isZero());
  if (each.what === 'fill') return fillOne(of.account, each, at);
  if (each.what === 'orders') {
    const sizes = { buySize: decimal(each.buySize), sellSize: decimal(each.sellSize) };
    const notionals = { buyNotional: sizes.buySize.times(9_000), sellNotional: sizes.sellSize.times(11_000) };
    const place = { accountId: own.accountId, instrument: each.instrument, positionSide: each.side };
    return reportOpenOrders(parts, [{ ...place, ...sizes, ...notionals, sequence: decimal(each.sequence) }], now);
  }
  if (each.what === 'entry') return postEntry([own.accountId], each.asset, each.quantity, at);
  if (each.what === 'leverage') return setLeverage(parts, { ...own, ...each, leverage: decimal(each.leverage) }, now);
  if (each.what === 'marginMode') return setMarginMode(parts, { ...own, ...each }, now);
  if (each.what === 'positionMode') return setPositionMode(parts, { ...own, ...each }, now);
  if (each.what === 'collateralAsset') return setCollateralAsset(parts, { ...own, ...each }, now);
  if (each.what === 'collateralMode') return setCollateralMode(parts, { ...own, ...each }, now);
  if (each.what === 'flatten') {
    const fills = open.map(({ instrument: symbol, side, size }) => ({
      ...{ fillId: randomUUID(), accountId: own.accountId, instrument: symbol, positionSide: side },
      ...{ side: side === 'LONG' ? ('SELL' as const) : ('BUY' as const), size, price: decimal(9500), fee: decimal(0) },
      ...{ kind: 'TRADE' as const, at: now },
    }));
    return recordFills(parts, fills, now);
  }
  const [first] = open;
  if (first === undefined) return undefined;
  const request = { viewer: 'alice', key: randomUUID(), mutation: 'adjustPositionMargin', input: each };
  const position = { ...own, instrument: first.instrument, side: first.side };
  return adjustPositionMargin(parts, { ...position, quantity: decimal(each.quantity) }, request, now);
}

it.each([
  { positionMode: 'ONE_WAY', collateralMode: 'SINGLE_ASSET', marginMode: 'ISOLATED' },
  { positionMode: 'HEDGE', collateralMode: 'MULTI_ASSET', marginMode: 'ISOLATED' },
  { positionMode: 'HEDGE', collateralMode: 'SINGLE_ASSET', marginMode: 'CROSS' },
] as const)(
  'is what was read then, whatever happened and whatever clocks said: %p',
  async ({ marginMode, ...modes }) => {
    let compared = 0;
    let setAside = false;
    let rested = false;
    // Milliseconds from one change to the next: now and then the clock of the process that records goes back.
    const pace = fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 5 }) }, fc.integer({ min: -4, max: -1 }));
    const history = fc.array(fc.tuple(step, pace), { minLength: 15, maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        let clock = START;
        const of = await account(clock, modes);
        await postEntry([of.id], 'USDT', '50000', clock);
        const setting = { accountId: of.id, owner: 'alice', instrument: 'BTC-PERP', marginMode };
        expect(await setMarginMode(parts, setting, new Date(clock))).toEqual([]);
        /** By instant, what was held at its end. */
        const states = new Map<number, Holdings>();
        const remember = async (): Promise<Holdings> => {
          const now = (await readHoldings(parts.db, parts.rulebook, [of.id])).get(of.id) as Holdings;
          states.set(now.account.changedAt.getTime(), now);
          return now;
        };
        let now = await remember();
        // Orders that rest at first and are cleared: as long as some do, no mode changes.
        const place = { what: 'orders', instrument: 'BTC-PERP', side: 'LONG', sellSize: '0' } as const;
        const first: [Step, number][] = [
          [{ ...place, buySize: '3', sequence: 0 }, 1],
          [{ ...place, buySize: '0', sequence: 1 }, 2],
        ];
        for (const [each, milliseconds] of [...first, ...steps]) {
          clock += milliseconds;
          await take(now, each, clock);
          now = await remember();
          rested ||= [...now.openOrders.values()].some(({ buySize }) => !buySize.isZero());
          setAside ||= [...now.positions.values()].some(({ isolatedMargin }) => !isolatedMargin.isZero());
        }
        const instants = [...states.keys()].sort((a, b) => a - b);
        expect(instants[0]).toBe(START);
        const asked = instants.flatMap((instant, index) => [
          { account: of, at: new Date(instant) },
          // The last millisecond before the next change; up to the last one, whatever comes after.
          { account: of, at: new Date((instants[index + 1] ?? instant + 1e9) - 1) },
        ]);
        statements.length = 0;
        const { holdings: found } = await readHoldingsAt(parts, asked);
        expect(statements).toHaveLength(1);
        asked.forEach((past, index) => {
          expect(found.get(past)).toEqual(states.get(instants[Math.floor(index / 2)] as number));
        });
        compared += asked.length;
        expect(await held({ account: of, at: new Date(START - 1) })).toBeUndefined();
      }),
      { numRuns: 2 },
    );
    // Or the property says nothing.
    expect(compared).toBeGreaterThan(16);
    expect(rested).toBe(true);
    if (marginMode === 'ISOLATED') expect(setAside).toBe(true);
  },
);

it('follows the instant of recording: what happened before and was recorded after is absent until then', async () => {
  const of = await account(START);
  await postEntry([of.id], 'USDT', '1000', START);
  // Of 9:30:01, recorded at 9:30:05.
  await postEntry([of.id], 'USDT', '-400', START + 5_000, START + 1_000);
  expect(await usdt(of, START + 2_000)).toBe('1000');
  expect(await usdt(of, START + 4_999)).toBe('1000');
  expect(await usdt(of, START + 5_000)).toBe('600');
});

it('takes the last of what was recorded in one millisecond', async () => {
  const of = await account(START);
  for (const quantity of ['1', '10', '100']) await postEntry([of.id], 'USDT', quantity, START + 7);
  await postEntry([of.id], 'USDT', '1000', START + 8);
  const past = await held({ account: of, at: new Date(START + 7) });
  expect(past?.account.version).toBe(4);
  expect(past?.balances.get('USDT')?.toFixed()).toBe('111');
});

it('says why there is none', async () => {
  const opened = START - 10_000;
  const of = await account(opened);
  const now = START + 10_000;
  await postEntry([of.id], 'USDT', '5', opened + 1_000);
  await postEntry([of.id], 'BTC', '1', opened + 2_000);
  expect(await marginAt(of, opened - 1, now)).toEqual({ reason: 'BEFORE_OPENING', balance: undefined });
  // Before year 1 as PostgreSQL counts them.
  expect(await marginAt(of, Date.parse('0000-01-01T00:00:00Z'), now)).toMatchObject({ reason: 'BEFORE_OPENING' });
  expect(await marginAt(of, now + 1, now)).toEqual({ reason: 'IN_THE_FUTURE', balance: undefined });
  // USDT is worth itself, even where no prices are kept; BTC is not.
  expect(await marginAt(of, opened, now)).toEqual({ reason: null, balance: '0' });
  expect(await marginAt(of, opened + 1_999, now)).toEqual({ reason: null, balance: '5' });
  expect(await marginAt(of, opened + 2_000, now)).toEqual({ reason: 'PRICES_NOT_KEPT', balance: undefined });
  expect(await marginAt(of, START - 1, now)).toEqual({ reason: 'PRICES_NOT_KEPT', balance: undefined });
  // In single-asset mode it counts nothing all the same.
  expect(await marginAt(of, now, now)).toEqual({ reason: null, balance: '5' });
});

it('has no answer for an account that is older than its versions', async () => {
  const of = await account(START);
  await postEntry([of.id], 'USDT', '5', START + 1_000);
  await postEntry([of.id], 'USDT', '6', START + 2_000);
  const before = { accountId: of.id, version: { lt: 3 } };
  await withoutGuards(parts.db, (tx) => tx.accountVersion.deleteMany({ where: before }));
  expect(await marginAt(of, START + 1_999, START + 2_000)).toEqual({ reason: 'PRICES_NOT_KEPT', balance: undefined });
  expect(await marginAt(of, START + 2_000, START + 2_000)).toEqual({ reason: null, balance: '11' });
});

it('distinguishes many accounts and instants in one statement', async () => {
  const accounts = await Promise.all(Array.from({ length: 20 }, () => account(START)));
  const ids = accounts.map(({ id }) => id);
  await postEntry(ids, 'USDT', '1', START + 1);
  await postEntry(ids.slice(10), 'USDT', '10', START + 2);
  const asked = accounts.flatMap((of) => [1, 2, 3].map((after) => ({ account: of, at: new Date(START + after) })));
  statements.length = 0;
  const answers = await marginsAt(parts, asked, new Date(START + 3));
  expect(statements).toHaveLength(1);
  const balances = answers.map((answer) => {
    if (answer instanceof Error) throw answer;
    return answer.margin?.report.marginBalance.toFixed();
  });
  expect(balances).toEqual(accounts.flatMap((_, index) => (index < 10 ? ['1', '1', '1'] : ['1', '11', '11'])));
});

it('is answered within a request that began before the instant', async () => {
  const of = await account(START);
  await postEntry([of.id], 'USDT', '1', START + 1);
  const loaders = createLoaders(
    { ...parts, hotAccounts: { read: async () => new Map() }, clock: () => START + 2 },
    new Date(START),
  );
  const { margin, reason } = await loaders.marginAt.load({ account: of, at: new Date(START + 2) });
  expect({ balance: margin?.report.marginBalance.toFixed(), reason }).toEqual({ balance: '1', reason: null });
});
