/** Fills and transfers that cannot be: each refused by its code and path, what is right beside it taken, no halves. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { unchanged } from '../../support/calls/fingerprint.js';
import { expectProblem } from '../../support/calls/refused-input.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
  type Batch,
} from '../../support/calls/venue-system.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';

let app: TestApp;
let service: Api;
/** At BITGET, one-way: 10,000 USDT, and a long of 1 BTC at its mark of 60,000. */
let bitget: string;
/** At BITGET, hedged: a long of 1 BTC and a short of 2. */
let hedged: string;
let ascendex: string;

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
  await publishPrices(service, { BTC: '60000', 'BITGET/BTCUSDT': '60000' });
  bitget = await openAccount(service);
  hedged = await openAccount(service, { positionMode: 'HEDGE' });
  ascendex = await openAccount(service, { venue: 'ASCENDEX' });
  await recordTransfers(service, transfer(bitget, 'USDT', '10000'));
  const taken = await recordFills(
    service,
    fill(bitget, 'BTCUSDT', 'BUY', '1', '60000'),
    fill(hedged, 'BTCUSDT', 'BUY', '1', '60000', { positionSide: 'LONG' }),
    fill(hedged, 'BTCUSDT', 'SELL', '2', '60000', { positionSide: 'SHORT' }),
  );
  expect(taken).toEqual({ recorded: 3, alreadyKnown: 0, errors: [] });
});

afterAll(() => app.close());

const BAD_IDS: readonly (readonly [string, string])[] = [
  ['empty', ''],
  ['of 201 characters', 'x'.repeat(201)],
  ['with NUL', 'a\0b'],
  ['with half of a surrogate pair', 'a\ud800'],
  ['with the other half', '\udc00'],
];
const LONGEST_AT = '9999-12-31T23:59:59.999Z';
const later = (seconds: number): string => new Date(Date.now() + seconds * 1_000).toISOString();

describe('recordFills', () => {
  const good = (): Record<string, unknown> => ({ ...fill(bitget, 'BTCUSDT', 'BUY', '1', '60000') });
  const rows: readonly (readonly [string, () => object, string, string])[] = [
    ['a size of 0', () => ({ size: '0' }), 'INVALID_INPUT', 'size'],
    ['a size of -0', () => ({ size: '-0' }), 'INVALID_INPUT', 'size'],
    ['a negative size', () => ({ size: '-1' }), 'INVALID_INPUT', 'size'],
    ['a size above 1e15', () => ({ size: '1000000000000000.000000000000000001' }), 'INVALID_INPUT', 'size'],
    ['a price of 0', () => ({ price: '0.000' }), 'INVALID_INPUT', 'price'],
    ['a negative price', () => ({ price: '-60000' }), 'INVALID_INPUT', 'price'],
    ['a price above 1e12', () => ({ price: '1000000000000.000000000000000001' }), 'INVALID_INPUT', 'price'],
    ['a fee above 1e15', () => ({ fee: '1000000000000001' }), 'INVALID_INPUT', 'fee'],
    ['a rebate above 1e15', () => ({ fee: '-1000000000000001' }), 'INVALID_INPUT', 'fee'],
    ['an instant more than a minute ahead', () => ({ at: later(90) }), 'INVALID_INPUT', 'at'],
    ['the last instant of all', () => ({ at: LONGEST_AT }), 'INVALID_INPUT', 'at'],
    ['an instant before computers', () => ({ at: '1969-12-31T23:59:59.999Z' }), 'INVALID_INPUT', 'at'],
    ['the year 0', () => ({ at: '0000-01-01T00:00:00Z' }), 'INVALID_INPUT', 'at'],
    ['an instrument of another venue', () => ({ instrument: 'BTC-PERP' }), 'INSTRUMENT_NOT_FOUND', 'instrument'],
    ['an instrument in lower case', () => ({ instrument: 'btcusdt' }), 'INSTRUMENT_NOT_FOUND', 'instrument'],
    ['an instrument with NUL', () => ({ instrument: 'BTCUSDT\0' }), 'INSTRUMENT_NOT_FOUND', 'instrument'],
    ['no such instrument', () => ({ instrument: '__proto__' }), 'INSTRUMENT_NOT_FOUND', 'instrument'],
    ['an instrument of an account elsewhere', () => ({ accountId: ascendex }), 'INSTRUMENT_NOT_FOUND', 'instrument'],
    ['no side in hedge mode', () => ({ accountId: hedged }), 'INVALID_INPUT', 'positionSide'],
    [
      'more closed than the long side holds',
      () => ({ accountId: hedged, side: 'SELL', positionSide: 'LONG', size: '1.000000000000000001' }),
      'INVALID_INPUT',
      'size',
    ],
    [
      'more closed than the short side holds',
      () => ({ accountId: hedged, side: 'BUY', positionSide: 'SHORT', size: '2.000000000000000001' }),
      'INVALID_INPUT',
      'size',
    ],
    ...BAD_IDS.map(([what, fillId]) => [`an id ${what}`, () => ({ fillId }), 'INVALID_INPUT', 'fillId'] as const),
  ];

  it.each(rows)('refuses %s', async (_what, wrong, code, field) => {
    const { recorded, alreadyKnown, errors } = await unchanged(app, () =>
      recordFills(service, { ...good(), ...wrong() }),
    );
    expect([recorded, alreadyKnown]).toEqual([0, 0]);
    expectProblem(errors, code, ['input', 'fills', '0', field]);
  });

  it('takes what is right of a batch, in its order, and names each wrong item by its path', async () => {
    const id = await openAccount(service);
    const items = rows.flatMap(([, wrong]) => [
      { ...fill(id, 'BTCUSDT', 'BUY', '1', '60000') },
      { ...good(), ...wrong() },
    ]);
    const others = async (): Promise<unknown> => [
      await stateOf(bitget),
      await stateOf(hedged),
      await stateOf(ascendex),
    ];
    const before = await others();
    const { recorded, errors } = await recordFills(service, ...items);
    expect(recorded).toBe(rows.length);
    expect(errors.map(({ code, field }) => [code, field])).toEqual(
      rows.map(([, , code, field], index) => [code, ['input', 'fills', String(2 * index + 1), field]]),
    );
    expect(await others()).toEqual(before);
    expect(await stateOf(id)).toMatchObject({ version: 2, positions: [{ side: 'LONG', size: String(rows.length) }] });
  });

  it('says of a hedge how much there was to close', async () => {
    const wrong = { ...good(), accountId: hedged, side: 'SELL', positionSide: 'LONG', size: '1.5' };
    const { errors } = await recordFills(service, wrong);
    expect(errors).toMatchObject([{ required: '1.5', available: '1' }]);
  });

  it('takes the largest there may be, and answers it exactly', async () => {
    const id = await openAccount(service);
    const most = { size: '1000000000000000', price: '1000000000000', fee: '1000000000000000' };
    const { recorded, errors } = await recordFills(service, { ...fill(id, 'ETHUSDT', 'SELL', '1', '1'), ...most });
    expect([recorded, errors]).toEqual([1, []]);
    expect(await stateOf(id)).toMatchObject({
      balances: [{ quantity: '-1000000000000000' }],
      positions: [{ side: 'SHORT', size: '1000000000000000', entryPrice: '1000000000000' }],
    });
  });

  it('fails as a whole where one item is no fill at all', async () => {
    const broken = { ...good(), size: 'much' };
    const { data, errors } = await unchanged(app, () =>
      service.send('mutation ($input: RecordFillsInput!) { recordFills(input: $input) { recorded } }', {
        input: { fills: [good(), broken] },
      }),
    );
    expect(data).toBeUndefined();
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['BAD_USER_INPUT']);
    expect(errors?.[0]?.message).toContain('input.fills[1].size');
  });

  it('answers an empty batch', async () => {
    expect(await unchanged(app, () => recordFills(service))).toEqual({ recorded: 0, alreadyKnown: 0, errors: [] });
  });
});

describe('recordTransfers', () => {
  const rows: readonly (readonly [string, () => object, string, string])[] = [
    ['a quantity of 0', () => ({ quantity: '0' }), 'INVALID_INPUT', 'quantity'],
    ['a quantity of -0', () => ({ quantity: '-0.0' }), 'INVALID_INPUT', 'quantity'],
    ['a quantity above 1e15', () => ({ quantity: '1000000000000000.000000000000000001' }), 'INVALID_INPUT', 'quantity'],
    ['a quantity below -1e15', () => ({ quantity: '-1000000000000001' }), 'INVALID_INPUT', 'quantity'],
    ['an instant more than a minute ahead', () => ({ at: later(90) }), 'INVALID_INPUT', 'at'],
    ['the last instant of all', () => ({ at: LONGEST_AT }), 'INVALID_INPUT', 'at'],
    ['the year 0', () => ({ at: '0000-01-01T00:00:00Z' }), 'INVALID_INPUT', 'at'],
    ['no such asset', () => ({ asset: 'NOPE' }), 'ASSET_NOT_FOUND', 'asset'],
    ['an asset in lower case', () => ({ asset: 'usdt' }), 'ASSET_NOT_FOUND', 'asset'],
    ['an asset with NUL', () => ({ asset: 'USDT\0' }), 'ASSET_NOT_FOUND', 'asset'],
    ['no asset', () => ({ asset: '' }), 'ASSET_NOT_FOUND', 'asset'],
    ['more than there is', () => ({ quantity: '-10000.000000000000000001' }), 'INSUFFICIENT_BALANCE', 'quantity'],
    ['anything of what there is not', () => ({ asset: 'ETH', quantity: '-1' }), 'INSUFFICIENT_BALANCE', 'quantity'],
    // 10,000 less the initial margin of 60,000 / 20 = 3,000 leaves 7,000.
    ['more than can leave', () => ({ quantity: '-7000.000000000000000001' }), 'INSUFFICIENT_MARGIN', 'quantity'],
    ...BAD_IDS.map(
      ([what, transferId]) => [`an id ${what}`, () => ({ transferId }), 'INVALID_INPUT', 'transferId'] as const,
    ),
  ];

  it.each(rows)('refuses %s', async (_what, wrong, code, field) => {
    const item = { ...transfer(bitget, 'USDT', '5'), ...wrong() };
    const { recorded, alreadyKnown, errors } = await unchanged(app, () => recordTransfers(service, item));
    expect([recorded, alreadyKnown]).toEqual([0, 0]);
    expectProblem(errors, code, ['input', 'transfers', '0', field]);
  });

  it('says what there is', async () => {
    const { errors } = await recordTransfers(
      service,
      transfer(bitget, 'USDT', '-10001'),
      transfer(bitget, 'USDT', '-7000.5'),
    );
    expect(errors.map(({ required, available }) => [required, available])).toEqual([
      ['10001', '10000'],
      ['7000.5', '7000'],
    ]);
  });

  it('takes what is right of a batch, and names each wrong item by its path', async () => {
    const id = await openAccount(service);
    const items = rows.flatMap(([, wrong]) => [
      transfer(id, 'USDT', '1'),
      { ...transfer(bitget, 'USDT', '5'), ...wrong() },
    ]);
    const before = await stateOf(bitget);
    const { recorded, errors } = await recordTransfers(service, ...items);
    expect(recorded).toBe(rows.length);
    expect(errors.map(({ code, field }) => [code, field])).toEqual(
      rows.map(([, , code, field], index) => [code, ['input', 'transfers', String(2 * index + 1), field]]),
    );
    expect(await stateOf(bitget)).toEqual(before);
    expect(await stateOf(id)).toMatchObject({ version: 2, balances: [{ quantity: String(rows.length) }] });
  });

  it('judges each item after those before it', async () => {
    const id = await openAccount(service);
    const batch = await recordTransfers(
      service,
      transfer(id, 'USDT', '-1'),
      transfer(id, 'USDT', '10'),
      transfer(id, 'USDT', '-7'),
      transfer(id, 'USDT', '-4'),
    );
    expect(summary(batch)).toEqual([
      2,
      ['INSUFFICIENT_BALANCE', '0', '1', '0'],
      ['INSUFFICIENT_BALANCE', '3', '4', '3'],
    ]);
    expect(await stateOf(id)).toMatchObject({ balances: [{ quantity: '3' }] });
  });

  it('lets nothing out while a price that it takes is missing or stale', async () => {
    const unpriced = await openAccount(service);
    const stale = await openAccount(service);
    // Two minutes old when it arrives, where a minute is the limit.
    const at = later(-120);
    await publishPrices(service, { 'BITGET/SOLUSDT': '20' }, { at });
    await recordTransfers(service, transfer(unpriced, 'USDT', '1000'), transfer(stale, 'USDT', '1000'));
    await recordFills(service, fill(unpriced, 'ETHUSDT', 'BUY', '1', '3000'), fill(stale, 'SOLUSDT', 'BUY', '1', '20'));
    for (const id of [unpriced, stale]) {
      const { recorded, errors } = await unchanged(app, () => recordTransfers(service, transfer(id, 'USDT', '-1')));
      expect(recorded).toBe(0);
      expectProblem(errors, 'PRICE_UNAVAILABLE', ['input', 'transfers', '0', 'quantity']);
    }
  });

  it('forgets what it refused: the id may come again', async () => {
    const id = await openAccount(service);
    const transferId = randomUUID();
    const refused = await recordTransfers(service, transfer(id, 'USDT', '-1', transferId));
    expect(summary(refused)).toEqual([0, ['INSUFFICIENT_BALANCE', '0', '1', '0']]);
    const taken = await recordTransfers(service, transfer(id, 'USDT', '5', transferId));
    expect(summary(taken)).toEqual([1]);
  });
});

function summary({ recorded, errors }: Batch): unknown[] {
  return [recorded, ...errors.map(({ code, field, required, available }) => [code, field?.[2], required, available])];
}

async function stateOf(id: string): Promise<unknown> {
  const query = `query ($id: ID!) { account(id: $id) {
    version balances { asset { symbol } quantity } positions { side size entryPrice }
    ledger(first: 100) { nodes { id quantity balanceAfter } } fills(first: 100) { nodes { id } }
  } }`;
  return (await service.ask<{ account: unknown }>(query, { id })).account;
}
