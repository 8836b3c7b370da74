/** Interest, hour by hour, at instants that the tests choose (rules: 10; 001, "Interest rate"). */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { openAccount, type NewAccount } from '../../src/ledger/accounts.js';
import type { ReportingParts } from '../../src/ledger/ledger-checks.js';
import { chargeInterest } from '../../src/ledger/interest.js';
import { recordLedgerEntries } from '../../src/ledger/reported/entries.js';
import { setCollateralMode } from '../../src/ledger/settings.js';
import { decimal } from '../../src/margin/decimal.js';
import { PriceBoard } from '../../src/market/price-board.js';
import { createBus } from '../../src/platform/events.js';
import { Lanes } from '../../src/platform/lanes.js';
import { Rulebook } from '../../src/policy/rulebook/rulebook.js';
import { SERVER_URL, createTestDatabase, type TestDatabase } from '../support/services/database.js';

let database: TestDatabase;
let closers: (() => Promise<void>)[] = [];
/** Two processes on PostgreSQL; a PGlite folder has one. */
let processes: ReportingParts[];
/** Nothing is in memory: every transaction reads. */
const hotAccounts: ReportingParts['hotAccounts'] = { holdingsAt: () => null, wrote: () => undefined };
let parts: ReportingParts;

beforeAll(async () => {
  database = await createTestDatabase();
  processes = [];
  for (let each = 0; each < (SERVER_URL === null ? 1 : 2); each++) {
    const { db, close } = await database.open();
    const rulebook = await Rulebook.load(db);
    processes.push({
      db,
      rulebook,
      board: new PriceBoard(rulebook, 60_000),
      bus: createBus(),
      lanes: new Lanes(8),
      hotAccounts,
    });
    closers = [...closers, close];
  }
  parts = processes[0] as ReportingParts;
  // Long ago: what is credited needs a price that once was, and what is exchanged one that is fresh.
  const past = Date.parse('2026-01-01T00:00:00Z');
  for (const { board } of processes) {
    const quotes = ['BTC', 'USD1'].map((asset) => {
      return {
        ...{ asset, unit: 'USDT', source: 'long ago', price: decimal('1') },
        ...{ at: past, datedAhead: false },
      };
    });
    board.apply(board.compose(quotes, [], past));
  }
});

afterAll(async () => {
  for (const close of closers) await close();
  await database.drop();
});

const at = (time: string): Date => new Date(time.includes('T') ? time : `2026-05-01T${time}Z`);

async function account(opened: Date, choice: Partial<NewAccount> = {}): Promise<string> {
  const input = {
    ...{ name: 'Test', owner: 'alice', venue: 'ASTER', chain: 'BNB_CHAIN' },
    ...{ collateralMode: 'MULTI_ASSET' as const, positionMode: 'ONE_WAY' as const },
    ...choice,
  };
  const request = { viewer: 'venue', key: randomUUID(), mutation: 'openAccount', input };
  const { account: made } = await openAccount(parts, input, request, opened);
  return made?.id ?? '';
}

/** A fact of the venue, recorded at the instant. */
async function postEntry(accountId: string, asset: string, quantity: string, when: Date): Promise<void> {
  const entry = {
    entryId: randomUUID(),
    accountId,
    position: null,
    instrument: null,
    asset,
    quantity: decimal(quantity),
    at: when,
  };
  const { refusals } = await recordLedgerEntries(parts, [{ ...entry, kind: 'ADJUSTMENT' }], when);
  expect(refusals).toEqual([]);
}

/** All that is due, in batches of two accounts; how many accounts paid. */
async function charge(now: Date, by: ReportingParts = parts): Promise<number> {
  let charged = 0;
  for (let after: string | null = null; ;) {
    const batch = await chargeInterest(by, now, after, 2);
    charged += batch.charged;
    after = batch.last;
    if (after === null) return charged;
  }
}

/** Oldest first: asset, quantity, and the hour that it is for. */
async function paid(accountId: string): Promise<string[]> {
  const rows = await parts.db.ledgerEntry.findMany({ where: { accountId, kind: 'INTEREST' }, orderBy: { seq: 'asc' } });
  return rows.map(({ assetSymbol, quantity, reference }) => `${assetSymbol} ${quantity.toFixed()} ${reference}`);
}

it('begins at Aster with the first full hour after April 9, 2026 10:00 UTC', async () => {
  // 001: "Starting April 9, 2026 10:00 UTC, interest rates will apply to negative balances under Multi-Asset Mode."
  const opened = at('2026-04-09T08:30:00Z');
  const id = await account(opened);
  await postEntry(id, 'USDT', '-2000', opened);
  for (const hour of ['09:00:00', '10:00:00', '10:59:59.999']) expect(await charge(at(`2026-04-09T${hour}Z`))).toBe(0);
  expect(await charge(at('2026-04-09T11:00:00Z'))).toBe(1);
  // 001: "if your balance is –2,000 USDT at a rate of 0.000457%/hr, the hourly charge is 0.000457% × (2,000 − 1,000) =
  // 0.00457 USDT." (V44)
  expect(await paid(id)).toEqual(['USDT -0.00457 interest:2026-04-09T11:00:00.000Z']);
  expect(await charge(at('2026-04-09T11:59:59Z'))).toBe(0);
  expect((await parts.db.account.findUniqueOrThrow({ where: { id } })).version).toBe(3);
  await postEntry(id, 'USDT', '2000.00457', at('2026-04-09T11:59:59Z'));
});

it('is free within 1,000 of each asset, in single-asset mode, and at other venues', async () => {
  // 001: "no interest is charged as long as your negative balance stays within it"; "USDT & USD1 will be calculated
  // independently".
  const opened = at('08:10:00');
  const [within, both, single, bitget] = [
    await account(opened),
    await account(opened),
    await account(opened, { collateralMode: 'SINGLE_ASSET' }),
    await account(opened, { venue: 'BITGET', chain: null }),
  ];
  await postEntry(within, 'USDT', '-1000', opened);
  await postEntry(both, 'USDT', '-999.999999999999999999', opened);
  await postEntry(both, 'USD1', '-1500', opened);
  await postEntry(single, 'USDT', '-2000', opened);
  await postEntry(bitget, 'USDT', '-2000', opened);
  expect(await charge(at('09:00:00'))).toBe(1);
  expect(await paid(both)).toEqual(['USD1 -0.002285 interest:2026-05-01T09:00:00.000Z']);
  for (const id of [within, single, bitget]) expect(await paid(id)).toEqual([]);
  for (const id of [within, both, single]) await parts.db.account.update({ where: { id }, data: { owner: 'done' } });
  await postEntry(both, 'USD1', '1500.002285', at('09:00:01'));
});

it('catches up hour by hour on balances as booked, from the opening of an account on', async () => {
  const [early, late] = [await account(at('12:00:00')), await account(at('13:30:00'))];
  for (const [id, when] of [
    [early, '12:00:00'],
    [late, '13:30:00'],
  ] as const)
    await postEntry(id, 'USDT', '-2000', at(when));
  expect(await charge(at('15:20:00'))).toBe(2);
  // 0.00000457 x (2,000 - 1,000), then x 1,000.00457, then x 1,000.0091400208849, rounded up at 18 digits.
  const hours = ['0.00457', '0.0045700208849', '0.004570041769895444'];
  const entries = (from: number): string[] =>
    hours
      .slice(0, 16 - from)
      .map((quantity, index) => `USDT -${quantity} interest:2026-05-01T${from + index}:00:00.000Z`);
  // Opened at 12:00 sharp, it has its first hour at 13:00.
  expect(await paid(early)).toEqual(entries(13));
  expect(await paid(late)).toEqual(entries(14));
  for (const id of [early, late]) await postEntry(id, 'USDT', '3000', at('15:20:00'));
});

it('looks at the balance of the hour, however late it comes', async () => {
  const id = await account(at('15:30:00'));
  await postEntry(id, 'USDT', '-2000', at('16:00:00'));
  // Paid back half a second after the hour, and borrowed again before the next but one.
  await postEntry(id, 'USDT', '2000', at('16:00:00.500'));
  await postEntry(id, 'USDT', '-3000', at('17:00:00.001'));
  await charge(at('18:05:00'));
  expect(await paid(id)).toEqual([
    'USDT -0.00457 interest:2026-05-01T16:00:00.000Z',
    // 0.00000457 x (3,000.00457 - 1,000).
    'USDT -0.0091400208849 interest:2026-05-01T18:00:00.000Z',
  ]);
  await postEntry(id, 'USDT', '4000', at('18:05:00'));
});

it('is charged once, however many try at the same time', async () => {
  const opened = at('18:10:00');
  const ids = await Promise.all(Array.from({ length: 5 }, () => account(opened)));
  for (const id of ids) await postEntry(id, 'USDT', '-2000', opened);
  const tries = Array.from({ length: 6 }, (_, index) =>
    charge(at('20:00:00'), processes[index % processes.length] as ReportingParts),
  );
  expect((await Promise.all(tries)).reduce((sum, charged) => sum + charged, 0)).toBe(5);
  for (const id of ids) {
    expect(await paid(id)).toEqual([
      'USDT -0.00457 interest:2026-05-01T19:00:00.000Z',
      'USDT -0.0045700208849 interest:2026-05-01T20:00:00.000Z',
    ]);
    await postEntry(id, 'USDT', '3000', at('20:00:00'));
  }
});

it('is booked before the mode changes, and not for the hours of single-asset mode', async () => {
  const id = await account(at('20:10:00'));
  const set = (collateralMode: 'SINGLE_ASSET' | 'MULTI_ASSET', time: string) =>
    setCollateralMode(parts, { accountId: id, owner: 'alice', collateralMode }, at(time));
  await postEntry(id, 'USDT', '-2000', at('20:10:00'));
  // Refused, since nothing covers the debt: then nothing is booked either.
  expect(await set('SINGLE_ASSET', '21:00:01')).toMatchObject([{ code: 'INSUFFICIENT_MARGIN' }]);
  expect(await paid(id)).toEqual([]);
  await postEntry(id, 'USDT', '3000', at('21:00:02'));
  expect(await set('SINGLE_ASSET', '21:00:03')).toEqual([]);
  expect(await paid(id)).toEqual(['USDT -0.00457 interest:2026-05-01T21:00:00.000Z']);
  await postEntry(id, 'USDT', '-5000', at('21:30:00'));
  expect(await charge(at('22:10:00'))).toBe(0);
  expect(await set('MULTI_ASSET', '22:30:00')).toEqual([]);
  await charge(at('23:00:00'));
  // 1,000 - 0.00457 - 5,000: 0.00000457 x 3,000.00457.
  expect((await paid(id)).slice(1)).toEqual(['USDT -0.0137100208849 interest:2026-05-01T23:00:00.000Z']);
  await postEntry(id, 'USDT', '6000', at('23:00:00'));
});

it('exchanges once at the end of a catch-up', async () => {
  const opened = at('2026-05-02T00:10:00Z');
  const now = at('2026-05-02T03:05:00Z');
  const id = await account(opened);
  await postEntry(id, 'BTC', '1', opened);
  await postEntry(id, 'USDT', '-9999.95', opened);
  const quote = {
    asset: 'BTC',
    unit: 'USDT',
    source: 'test',
    price: decimal('60000'),
    at: now.getTime(),
    datedAhead: false,
  };
  parts.board.apply(parts.board.compose([quote], [], now.getTime()));
  expect(await charge(now)).toBe(1);
  // 9,999.9911… after the first hour, 10,000.0322… after the second and 10,000.073389878390026257 after the third; 1 BTC
  // counts 57,000; what is sold of it is rounded up.
  expect(await paid(id)).toHaveLength(3);
  const rows = await parts.db.ledgerEntry.findMany({
    where: { accountId: id, kind: 'AUTO_EXCHANGE' },
    orderBy: { seq: 'asc' },
  });
  expect(rows.map(({ assetSymbol, quantity, reference }) => [assetSymbol, quantity.toFixed(), reference])).toEqual([
    ['BTC', '-0.175439884032954211', 'interest:2026-05-02T03:00:00.000Z'],
    ['USDT', '10526.39304197725266', 'interest:2026-05-02T03:00:00.000Z'],
  ]);
  expect((await parts.db.account.findUniqueOrThrow({ where: { id } })).version).toBe(4);
});

it('alerts on the first hour after one without interest, once an account and run', async () => {
  const day = (time: string): Date => at(`2026-05-03T${time}Z`);
  const id = await account(day('00:10:00'));
  /** Outbox rows since the last call: the entries of each. */
  const newOutbox = async (): Promise<string[][]> => {
    const items = await parts.db.outboxItem.findMany({
      where: { accountId: id, kind: { not: 'CHANGED' } },
      orderBy: { seq: 'asc' },
    });
    await parts.db.outboxItem.deleteMany({ where: { accountId: id } });
    const found = await parts.db.ledgerEntry.findMany({ where: { accountId: id } });
    return items.map(({ kind, entries }) => [
      kind,
      ...entries.map((seq) => {
        const entry = found.find((one) => one.seq === seq);
        return `${entry?.assetSymbol ?? ''} ${entry?.reference.slice(-13, -8) ?? ''}`;
      }),
    ]);
  };
  await postEntry(id, 'USDT', '-2000', day('00:10:00'));
  expect(await newOutbox()).toEqual([]);
  await charge(day('01:00:00'));
  expect(await newOutbox()).toEqual([['INTEREST_STARTED', 'USDT 01:00']]);
  await charge(day('02:00:00'));
  expect(await newOutbox()).toEqual([]);

  // Each asset on its own.
  await postEntry(id, 'USD1', '-1500', day('02:30:00'));
  await charge(day('03:00:00'));
  expect(await newOutbox()).toEqual([['INTEREST_STARTED', 'USD1 03:00']]);

  // An hour without, and hours that are caught up with.
  await postEntry(id, 'USDT', '2000', day('03:30:00'));
  await charge(day('04:00:00'));
  expect(await newOutbox()).toEqual([]);
  await postEntry(id, 'USDT', '-3000', day('04:30:00'));
  await charge(day('07:05:00'));
  expect(await newOutbox()).toEqual([['INTEREST_STARTED', 'USDT 05:00']]);

  // Both pause within the run, one of them twice.
  await postEntry(id, 'USDT', '3000', day('07:30:00'));
  await postEntry(id, 'USDT', '-3000', day('08:30:00'));
  await postEntry(id, 'USD1', '1500', day('08:30:00'));
  await postEntry(id, 'USDT', '3000', day('09:30:00'));
  await postEntry(id, 'USDT', '-3000', day('10:30:00'));
  await postEntry(id, 'USD1', '-1500', day('10:30:00'));
  await charge(day('11:00:00'));
  const [item, ...others] = await newOutbox();
  expect(others).toEqual([]);
  expect(item?.slice(0, 2)).toEqual(['INTEREST_STARTED', 'USDT 09:00']);
  expect(item?.slice(2).sort()).toEqual(['USD1 11:00', 'USDT 11:00']);
  // 08:00, in which USD1 has paid, was the last hour before the pause; nothing was paid in 10:00.
  expect((await paid(id)).filter((entry) => entry.includes('T10:00'))).toEqual([]);

  // What the interest leads to comes after it.
  await charge(day('12:00:00'));
  await postEntry(id, 'BTC', '1', day('12:10:00'));
  await postEntry(id, 'USDT', '3000', day('12:10:00'));
  await charge(day('13:00:00'));
  const quote = {
    asset: 'BTC',
    unit: 'USDT',
    source: 'test',
    price: decimal('60000'),
    at: day('14:00:00').getTime(),
    datedAhead: false,
  };
  parts.board.apply(parts.board.compose([quote], [], quote.at));
  await newOutbox();
  const owed = await parts.db.balance.findFirstOrThrow({ where: { accountId: id, assetSymbol: 'USDT' } });
  await postEntry(id, 'USDT', decimal('-9999.99').minus(owed.quantity.toFixed()).toFixed(), day('13:10:00'));
  await charge(day('14:00:00'));
  expect(await newOutbox()).toEqual([
    ['INTEREST_STARTED', 'USDT 14:00'],
    ['AUTO_EXCHANGED', 'BTC 14:00', 'USDT 14:00'],
  ]);
  await postEntry(id, 'USD1', '2000', day('14:00:00'));
});
