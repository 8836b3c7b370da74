/** Trades: one fact with two sides, recorded on both or on neither, however often it is sent (rules: 25). */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { readAccount } from '../../support/calls/account-reader.js';
import { unchanged } from '../../support/calls/fingerprint.js';
import { globalIdOf, uuidOf } from '../../support/calls/global-ids.js';
import { ledgerOf as storedLedger } from '../../support/calls/stored-ledger.js';
import { balancesOf, ledgerOf, versionOf } from '../../support/calls/trader-calls.js';
import {
  fill,
  openAccount,
  openHolding,
  publishPrices,
  recordFills,
  recordTrades,
  reportOpenOrders,
  resting,
  trade,
  type TradeChoice,
} from '../../support/calls/venue-system.js';
import type { Api } from '../../support/services/api.js';
import { startTestApps, type TestApp } from '../../support/services/app.js';
import { createTestDatabase, type TestDatabase } from '../../support/services/database.js';

/** More of them for a long run: PROPERTY_RUNS=200. */
const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 6);

let database: TestDatabase;
let apps: [TestApp, ...TestApp[]];
let services: Api[];
let app: TestApp;
let service: Api;
let alice: Api;

beforeAll(async () => {
  database = await createTestDatabase();
  apps = await startTestApps({ database });
  services = await Promise.all(apps.map((each) => each.as('venue', 'SERVICE')));
  [app, service] = [apps[0], services[0] as Api];
  alice = await app.as('alice', 'TRADER');
  await publishPrices(service, { BTC: '60000', 'BITGET/BTCUSDT': '60000', 'BITGET/ETHUSDT': '3000' });
});

afterAll(async () => {
  for (const each of apps) await each.close();
  await database.drop();
});

const two = async (): Promise<[string, string]> => [await openAccount(service), await openAccount(service)];

/** "LONG 0.1 for 6000" of each open position. */
async function positionsOf(id: string): Promise<string[]> {
  const { positions } = await readAccount<{ positions: { side: string; size: string; entryPrice: string }[] }>(
    service,
    id,
    'positions { side size entryPrice }',
  );
  return positions.map(({ side, size, entryPrice }) => `${side} ${size} at ${entryPrice}`);
}

describe('a trade', () => {
  it('is a fill of each side under its id', async () => {
    const [buyer, seller] = await two();
    const tradeId = randomUUID();
    const at = new Date().toISOString();
    const sides = { buyer: { fee: '3' }, seller: { fee: '-1', kind: 'LIQUIDATION' } };
    const taken = await recordTrades(service, trade(buyer, seller, '0.1', '60000', { tradeId, at, ...sides }));
    expect(taken).toEqual({ recorded: 1, alreadyKnown: 0, errors: [] });
    expect([await positionsOf(buyer), await positionsOf(seller)]).toEqual([
      ['LONG 0.1 at 60000'],
      ['SHORT 0.1 at 60000'],
    ]);
    expect(await ledgerOf(alice, buyer)).toEqual([`FEE USDT -3 -3 ${tradeId}`]);
    expect(await ledgerOf(alice, seller)).toEqual([`FEE USDT 1 1 ${tradeId}`]);
    const fields = `fills { nodes { fillId tradeId side size price fee kind realizedPnl at } }
      ledger { nodes { instrument { symbol } fill { tradeId side } } }`;
    const shared = { fillId: tradeId, tradeId, size: '0.1', price: '60000', realizedPnl: '0', at };
    for (const [id, side, fee, kind] of [
      [buyer, 'BUY', '3', 'TRADE'],
      [seller, 'SELL', '-1', 'LIQUIDATION'],
    ] as const) {
      expect(await readAccount(alice, id, fields)).toEqual({
        fills: { nodes: [{ ...shared, side, fee, kind }] },
        ledger: { nodes: [{ instrument: { symbol: 'BTCUSDT' }, fill: { tradeId, side } }] },
      });
    }
    expect([await versionOf(service, buyer), await versionOf(service, seller)]).toEqual([2, 2]);
  });

  it('has one instant of recording on both sides, though one account changed later than its request began', async () => {
    const [buyer, seller] = await two();
    const { db, hotAccounts } = app.app.services;
    await db.$executeRaw`
      UPDATE accounts SET changed_at = now() + interval '3 seconds' WHERE id = ${uuidOf(seller)}::uuid`;
    hotAccounts.clear();
    const tradeId = randomUUID();
    expect(await recordTrades(service, trade(buyer, seller, '0.1', '60000', { tradeId }))).toMatchObject({
      recorded: 1,
    });
    const rows = await db.$queryRaw<object[]>`SELECT DISTINCT recorded_at FROM fills WHERE fill_id = ${tradeId}`;
    expect(rows).toHaveLength(1);
  });

  it('that comes again is known, whatever has become of the accounts', async () => {
    const [buyer, seller] = await two();
    const input = trade(buyer, seller, '0.1', '60000', { buyer: { positionSide: 'LONG' } });
    expect(await recordTrades(service, input, input)).toEqual({ recorded: 1, alreadyKnown: 1, errors: [] });
    await recordTrades(service, trade(seller, buyer, '0.2', '61000'));
    expect(await unchanged(app, () => recordTrades(service, input))).toEqual({
      recorded: 0,
      alreadyKnown: 1,
      errors: [],
    });
  });

  it('is refused with other content under its id', async () => {
    const [buyer, seller] = await two();
    const choice = { tradeId: randomUUID(), at: new Date().toISOString() };
    const third = await openAccount(service);
    await recordTrades(service, trade(buyer, seller, '0.1', '60000', choice));
    const others = [
      trade(buyer, seller, '0.2', '60000', choice),
      trade(buyer, seller, '0.1', '60001', choice),
      trade(seller, buyer, '0.1', '60000', choice),
      trade(buyer, third, '0.1', '60000', choice),
      trade(third, seller, '0.1', '60000', choice),
      trade(buyer, seller, '0.1', '3000', { ...choice, instrument: 'ETHUSDT' }),
      trade(buyer, seller, '0.1', '60000', { ...choice, at: new Date(Date.now() - 5_000).toISOString() }),
      trade(buyer, seller, '0.1', '60000', { ...choice, buyer: { fee: '1' } }),
      trade(buyer, seller, '0.1', '60000', { ...choice, seller: { feeAsset: 'BTC' } }),
      trade(buyer, seller, '0.1', '60000', { ...choice, seller: { kind: 'ADL' } }),
    ];
    const { errors, ...counts } = await unchanged(app, () => recordTrades(service, ...others));
    expect(counts).toEqual({ recorded: 0, alreadyKnown: 0 });
    expect(errors.map(({ code, field }) => [code, field])).toEqual(
      others.map((_each, index) => ['IDEMPOTENCY_KEY_REUSED', ['input', 'trades', String(index), 'tradeId']]),
    );
  });

  it('may have the id of a single fill: each kind of fact has ids of its own', async () => {
    const [buyer, seller] = await two();
    const id = randomUUID();
    expect(await recordFills(service, fill(buyer, 'BTCUSDT', 'BUY', '1', '1', { fillId: id }))).toMatchObject({
      recorded: 1,
    });
    expect(await recordTrades(service, trade(buyer, seller, '1', '1', { tradeId: id }))).toMatchObject({ recorded: 1 });
    const { fills } = await readAccount<{ fills: object }>(alice, buyer, 'fills { nodes { fillId tradeId } }');
    expect(fills).toEqual({
      nodes: [
        { fillId: id, tradeId: id },
        { fillId: id, tradeId: null },
      ],
    });
  });

  it('closes and opens as fills do: realised PnL and what is left', async () => {
    const [buyer, seller] = await two();
    await recordTrades(service, trade(buyer, seller, '1', '60000'), trade(seller, buyer, '1.5', '61000'));
    expect([await balancesOf(alice, buyer), await balancesOf(alice, seller)]).toEqual([
      { USDT: '1000' },
      { USDT: '-1000' },
    ]);
    expect([await positionsOf(buyer), await positionsOf(seller)]).toEqual([
      ['SHORT 0.5 at 61000'],
      ['LONG 0.5 at 61000'],
    ]);
  });
});

describe('what rests after a trade', () => {
  /** The seller has resting orders, at a venue that counts them for maintenance margin. */
  async function withOrders(): Promise<[string, string]> {
    const [buyer, seller] = await two();
    const orders = [{ accountId: seller, instrument: 'BTCUSDT', ...resting(5, ['0', '0'], ['2', '120000']) }];
    expect((await reportOpenOrders(service, ...orders)).errors).toEqual([]);
    return [buyer, seller];
  }
  const restOf = async (id: string): Promise<object> => readAccount(service, id, 'openOrders { sellSize sequence }');

  it('is taken with it, and is missed on the side that has orders: neither side is recorded', async () => {
    const [buyer, seller] = await withOrders();
    const tradeId = randomUUID();
    const bare = trade(buyer, seller, '1', '60000', { tradeId });
    expect((await unchanged(app, () => recordTrades(service, bare))).errors).toMatchObject([
      { code: 'ORDERS_REQUIRED', field: ['input', 'trades', '0', 'seller', 'openOrders'] },
    ]);
    const openOrders = resting(6, ['0', '0'], ['1', '60000']);
    const complete = trade(buyer, seller, '1', '60000', { tradeId, seller: { openOrders } });
    expect(await recordTrades(service, complete)).toMatchObject({ recorded: 1, errors: [] });
    expect(await restOf(seller)).toEqual({ openOrders: [{ sellSize: '1', sequence: '6' }] });
    expect([await versionOf(service, buyer), await versionOf(service, seller)]).toEqual([2, 3]);
  });

  it('is ignored, and says so, where a later report is known', async () => {
    const [buyer, seller] = await withOrders();
    const input = { trades: [trade(buyer, seller, '1', '60000', { seller: { openOrders: resting(4) } })] };
    const { recordTrades: payload } = await service.ask<{ recordTrades: object }>(
      `mutation ($input: RecordTradesInput!) { recordTrades(input: $input) { recorded errors { code }
        warnings { code field } } }`,
      { input },
    );
    const field = ['input', 'trades', '0', 'seller', 'openOrders', 'sequence'];
    expect(payload).toEqual({ recorded: 1, errors: [], warnings: [{ code: 'ORDERS_OUTDATED', field }] });
    expect(await restOf(seller)).toEqual({ openOrders: [{ sellSize: '2', sequence: '5' }] });
  });
});

describe('what is wrong with a trade is named by its side, and nothing is written:', () => {
  type Case = [what: string, code: string, field: string, input: () => Promise<object>];
  const nobodys = globalIdOf('Account', randomUUID());
  const between = async (choice: TradeChoice = {}, size = '1', price = '60000'): Promise<object> =>
    trade(...(await two()), size, price, choice);
  const elsewhere = (venue: string): Promise<string> => openAccount(service, { venue });
  const aster = (): Promise<string> => openAccount(service, { venue: 'ASTER', chain: 'BNB_CHAIN' });
  /** A long of 1 in hedge mode. */
  async function hedged(): Promise<string> {
    const id = await openAccount(service, { positionMode: 'HEDGE' });
    await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '60000', { positionSide: 'LONG' }));
    return id;
  }
  const cases: Case[] = [
    [
      'a buyer that is not there',
      'ACCOUNT_NOT_FOUND',
      'buyer.accountId',
      async () => trade(nobodys, (await two())[1], '1', '1'),
    ],
    [
      'a seller that is not there',
      'ACCOUNT_NOT_FOUND',
      'seller.accountId',
      async () => trade((await two())[0], nobodys, '1', '1'),
    ],
    [
      'one account on both sides',
      'INVALID_INPUT',
      'seller.accountId',
      async () => {
        const [both] = await two();
        return trade(both, both, '1', '60000');
      },
    ],
    [
      'accounts of two venues that both have the instrument',
      'INVALID_INPUT',
      'seller.accountId',
      async () => trade((await two())[0], await aster(), '1', '60000'),
    ],
    [
      "an instrument that the seller's venue lacks",
      'INSTRUMENT_NOT_FOUND',
      'seller.accountId',
      async () => trade((await two())[0], await elsewhere('ASCENDEX'), '1', '60000'),
    ],
    [
      "an instrument that the buyer's venue lacks",
      'INSTRUMENT_NOT_FOUND',
      'buyer.accountId',
      async () => trade(await elsewhere('ASCENDEX'), (await two())[0], '1', '60000'),
    ],
    [
      'an instrument that their venue lacks',
      'INSTRUMENT_NOT_FOUND',
      'instrument',
      () => between({ instrument: 'NOPE' }),
    ],
    ['no size', 'INVALID_INPUT', 'size', () => between({}, '0')],
    ['a negative size', 'INVALID_INPUT', 'size', () => between({}, '-1')],
    ['too large a size', 'INVALID_INPUT', 'size', () => between({}, '1000000000000001')],
    ['no price', 'INVALID_INPUT', 'price', () => between({}, '1', '0')],
    ['an empty id', 'INVALID_INPUT', 'tradeId', () => between({ tradeId: '' })],
    ['an id with NUL', 'INVALID_INPUT', 'tradeId', () => between({ tradeId: 'a\0' })],
    ['an instant ahead', 'INVALID_INPUT', 'at', () => between({ at: new Date(Date.now() + 3_600_000).toISOString() })],
    ['too large a fee', 'INVALID_INPUT', 'buyer.fee', () => between({ buyer: { fee: '1000000000000001' } })],
    [
      'a fee in an asset that there is not',
      'ASSET_NOT_FOUND',
      'seller.feeAsset',
      () => between({ seller: { feeAsset: 'NOPE' } }),
    ],
    [
      'a rebate that would count and never had a price',
      'PRICE_UNAVAILABLE',
      'seller.fee',
      async () => trade(await aster(), await aster(), '1', '60000', { seller: { fee: '-1', feeAsset: 'BNB' } }),
    ],
    [
      'no side in hedge mode',
      'INVALID_INPUT',
      'seller.positionSide',
      async () => trade((await two())[0], await hedged(), '1', '60000'),
    ],
    [
      'more closed than that side of the seller holds',
      'INVALID_INPUT',
      'seller.positionSide',
      async () => trade((await two())[0], await hedged(), '1.5', '60000', { seller: { positionSide: 'LONG' } }),
    ],
  ];

  it.each(cases)('%s', async (_what, code, field, inputOf) => {
    const input = await inputOf();
    const { errors, ...counts } = await unchanged(app, () => recordTrades(service, input));
    expect(errors).toMatchObject([{ code, field: ['input', 'trades', '0', ...field.split('.')] }]);
    expect(counts).toEqual({ recorded: 0, alreadyKnown: 0 });
  });

  it('what is right of a batch is taken, each by itself', async () => {
    const [buyer, seller] = await two();
    const wrong = await Promise.all(cases.map(([, , , inputOf]) => inputOf()));
    const { recorded, errors } = await recordTrades(
      service,
      ...wrong.flatMap((input) => [input, trade(buyer, seller, '1', '60000')]),
    );
    expect(recorded).toBe(cases.length);
    expect(errors.map(({ code, field }) => [code, field?.slice(2).join('.')])).toEqual(
      cases.map(([, code, field], index) => [code, `${2 * index}.${field}`]),
    );
    expect([await positionsOf(buyer), await versionOf(service, seller)]).toEqual([[`LONG ${recorded} at 60000`], 2]);
  });
});

it('over all accounts the sizes of random trades add up to 0, sent again and again, at once and through every server', async () => {
  const ids = await Promise.all(Array.from({ length: 5 }, () => openHolding(service, { USDT: '1000' })));
  const { db } = app.app.services;
  let [taken, known] = [0, 0];
  const party = fc.record({ place: fc.nat({ max: 4 }), fee: fc.constantFrom('0', '0.5', '-0.1') });
  const one = fc.record({
    ...{ buyer: party, seller: party, size: fc.constantFrom('0.1', '0.25', '1', '0.000000000000000001') },
    ...{ price: fc.constantFrom('59000', '60000', '61234.5'), instrument: fc.constantFrom('BTCUSDT', 'ETHUSDT') },
    /** In which of the requests it is sent, beside the first. */
    again: fc.nat({ max: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(one, { minLength: 4, maxLength: 24 }), async (list) => {
      const before = await netSizes(ids);
      const inputs = list.map(({ buyer, seller, size, price, instrument }) =>
        trade(ids[buyer.place] ?? '', ids[seller.place] ?? '', size, price, {
          ...{ instrument, buyer: { fee: buyer.fee }, seller: { fee: seller.fee } },
        }),
      );
      const requests = [0, 1, 2, 3].map((request) =>
        inputs.filter((_input, index) => request === 0 || list[index]?.again === request),
      );
      const answers = await Promise.all(
        requests.map((trades, index) => recordTrades(services[index % services.length] as Api, ...trades)),
      );
      const isWrong = (index: number): boolean => list[index]?.buyer.place === list[index]?.seller.place;
      const codes = answers.flatMap(({ errors }) => errors.map(({ code }) => code));
      expect(new Set(codes)).toEqual(new Set(list.some((_each, index) => isWrong(index)) ? ['INVALID_INPUT'] : []));
      taken += answers.reduce((sum, { recorded }) => sum + recorded, 0);
      known += answers.reduce((sum, { alreadyKnown }) => sum + alreadyKnown, 0);
      // What each account has is what its trades come to, each counted once.
      const due = new Map(before);
      list.forEach(({ buyer, seller, size, instrument }, index) => {
        if (isWrong(index)) return;
        for (const [{ place }, sign] of [
          [buyer, 1n],
          [seller, -1n],
        ] as const) {
          const key = `${place} ${instrument}`;
          due.set(key, (due.get(key) ?? 0n) + sign * units(size));
        }
      });
      expect(await netSizes(ids)).toEqual(due);
      for (const instrument of ['BTCUSDT', 'ETHUSDT']) {
        const sizes = [...due].filter(([key]) => key.endsWith(instrument)).map(([, size]) => size);
        expect(sizes.reduce((sum, size) => sum + size, 0n)).toBe(0n);
      }
      expect((await storedLedger(db)).faults).toEqual([]);
    }),
    { numRuns: RUNS },
  );
  // Both happen, or the property says nothing.
  expect(Math.min(taken, known)).toBeGreaterThan(RUNS);
});

/** In units of the last digit. */
function units(size: string): bigint {
  const [whole = '0', fraction = ''] = size.split('.');
  return BigInt(`${whole}${fraction.padEnd(18, '0')}`);
}

/** By place and instrument; short is negative, closed is 0. */
async function netSizes(ids: readonly string[]): Promise<Map<string, bigint>> {
  const found = new Map(ids.flatMap((_id, place) => ['BTCUSDT', 'ETHUSDT'].map((each) => [`${place} ${each}`, 0n])));
  for (const [place, id] of ids.entries()) {
    const { positions } = await readAccount<{
      positions: { instrument: { symbol: string }; side: string; size: string }[];
    }>(service, id, 'positions { instrument { symbol } side size }');
    for (const { instrument, side, size } of positions) {
      found.set(`${place} ${instrument.symbol}`, side === 'LONG' ? units(size) : -units(size));
    }
  }
  return found;
}
