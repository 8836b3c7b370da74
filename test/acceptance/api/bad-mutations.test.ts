/** Mutations that ask for what cannot be: each refused by its code and path, what is right beside it taken, no halves. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { fingerprint } from '../../support/calls/fingerprint.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
  type Batch,
  type Problem,
} from '../../support/calls/venue-system.js';

let app: TestApp;
let service: Api;
let admin: Api;
/** At BITGET, one-way: 10,000 USDT, and a long of 1 BTC at its mark of 60,000. */
let bitget: string;
/** At BITGET, hedged: a long of 1 BTC and a short of 2. */
let hedged: string;
let ascendex: string;

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
  admin = await app.as('root', 'ADMIN');
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

/** What the work answers, after making sure that it has changed nothing. */
async function unchanged<T>(work: () => Promise<T>): Promise<T> {
  const before = await fingerprint(app.app.services.db);
  const answer = await work();
  expect(await fingerprint(app.app.services.db)).toEqual(before);
  return answer;
}

function expectRefusal(errors: readonly Problem[], code: string, field: string[]): void {
  expect(errors.map((error) => ({ code: error.code, field: error.field }))).toEqual([{ code, field }]);
  expect(errors[0]?.message).toMatch(/^[A-Z0-9].*\.$/);
  expect(errors[0]?.message.length).toBeLessThan(300);
}

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
    ['an instant more than a minute ahead', () => ({ at: later(61) }), 'INVALID_INPUT', 'at'],
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
    const { recorded, alreadyKnown, errors } = await unchanged(() => recordFills(service, { ...good(), ...wrong() }));
    expect([recorded, alreadyKnown]).toEqual([0, 0]);
    expectRefusal(errors, code, ['input', 'fills', '0', field]);
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
    const { data, errors } = await unchanged(() =>
      service.send('mutation ($input: RecordFillsInput!) { recordFills(input: $input) { recorded } }', {
        input: { fills: [good(), broken] },
      }),
    );
    expect(data).toBeUndefined();
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['BAD_USER_INPUT']);
    expect(errors?.[0]?.message).toContain('input.fills[1].size');
  });

  it('answers an empty batch', async () => {
    expect(await unchanged(() => recordFills(service))).toEqual({ recorded: 0, alreadyKnown: 0, errors: [] });
  });
});

describe('recordTransfers', () => {
  const rows: readonly (readonly [string, () => object, string, string])[] = [
    ['a quantity of 0', () => ({ quantity: '0' }), 'INVALID_INPUT', 'quantity'],
    ['a quantity of -0', () => ({ quantity: '-0.0' }), 'INVALID_INPUT', 'quantity'],
    ['a quantity above 1e15', () => ({ quantity: '1000000000000000.000000000000000001' }), 'INVALID_INPUT', 'quantity'],
    ['a quantity below -1e15', () => ({ quantity: '-1000000000000001' }), 'INVALID_INPUT', 'quantity'],
    ['an instant more than a minute ahead', () => ({ at: later(61) }), 'INVALID_INPUT', 'at'],
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
    const { recorded, alreadyKnown, errors } = await unchanged(() => recordTransfers(service, item));
    expect([recorded, alreadyKnown]).toEqual([0, 0]);
    expectRefusal(errors, code, ['input', 'transfers', '0', field]);
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
      const { recorded, errors } = await unchanged(() => recordTransfers(service, transfer(id, 'USDT', '-1')));
      expect(recorded).toBe(0);
      expectRefusal(errors, 'PRICE_UNAVAILABLE', ['input', 'transfers', '0', 'quantity']);
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

describe('publishPrices', () => {
  const quote = (): Record<string, unknown> => ({ asset: 'BTC', price: '1', source: 'other', at: later(0) });
  const mark = { asset: null, venue: 'BITGET', instrument: 'BTCUSDT' };
  it.each<[string, () => object, string, string]>([
    ['a price of 0', () => ({ price: '0' }), 'INVALID_INPUT', 'price'],
    ['a price of -0', () => ({ price: '-0' }), 'INVALID_INPUT', 'price'],
    ['a negative price', () => ({ price: '-1' }), 'INVALID_INPUT', 'price'],
    ['a price above 1e12', () => ({ price: '1000000000000.000000000000000001' }), 'INVALID_INPUT', 'price'],
    ['an instant more than a minute ahead', () => ({ at: later(61) }), 'INVALID_INPUT', 'at'],
    ['an instant before computers', () => ({ at: '1969-12-31T23:59:59.999Z' }), 'INVALID_INPUT', 'at'],
    ['a mark price of 0', () => ({ ...mark, price: '0' }), 'INVALID_INPUT', 'price'],
    ['no asset of ours', () => ({ asset: 'NOPE' }), 'ASSET_NOT_FOUND', 'asset'],
    ['NUL in the asset', () => ({ asset: 'BTC\0' }), 'ASSET_NOT_FOUND', 'asset'],
    ['USDT', () => ({ asset: 'USDT' }), 'INVALID_INPUT', 'asset'],
    ['an asset and an instrument', () => ({ venue: 'BITGET', instrument: 'BTCUSDT' }), 'INVALID_INPUT', 'asset'],
    ['nothing that is priced', () => ({ asset: null }), 'INVALID_INPUT', 'asset'],
    ['an instrument of no venue', () => ({ asset: null, instrument: 'BTCUSDT' }), 'INVALID_INPUT', 'asset'],
    ['a venue of none', () => ({ ...mark, venue: 'NOPE' }), 'VENUE_NOT_FOUND', 'venue'],
    ['an instrument of another venue', () => ({ ...mark, venue: 'ASCENDEX' }), 'INSTRUMENT_NOT_FOUND', 'instrument'],
    ['no source', () => ({ source: '' }), 'INVALID_INPUT', 'source'],
    ['a source of 101 characters', () => ({ source: 'x'.repeat(101) }), 'INVALID_INPUT', 'source'],
    ['a source with NUL', () => ({ source: 'a\0' }), 'INVALID_INPUT', 'source'],
    ['a source with half of a surrogate pair', () => ({ source: '\ud800' }), 'INVALID_INPUT', 'source'],
  ])('refuses %s, and takes what stands beside it', async (_what, wrong, code, field) => {
    const publish = async (...quotes: object[]): Promise<{ accepted: number; errors: Problem[] }> => {
      const query = `mutation ($input: PublishPricesInput!) {
        publishPrices(input: $input) { accepted errors { code message field required available } } }`;
      type Answer = { publishPrices: { accepted: number; errors: Problem[] } };
      return (await service.ask<Answer>(query, { input: { quotes } })).publishPrices;
    };
    const alone = await unchanged(() => publish({ ...quote(), ...wrong() }));
    expect(alone.accepted).toBe(0);
    expectRefusal(alone.errors, code, ['input', 'quotes', '0', field]);
    const beside = await publish(
      { ...quote(), asset: 'ETH' },
      { ...quote(), ...wrong() },
      { ...quote(), asset: 'SOL' },
    );
    expect(beside.accepted).toBe(2);
    expectRefusal(beside.errors, code, ['input', 'quotes', '1', field]);
  });

  it('takes a price of 1e12, and one of the smallest step, up to a minute ahead', async () => {
    const { accepted, errors } = await publishPrices(
      service,
      { ETH: '1000000000000', SOL: '0.000000000000000001' },
      { at: later(50) },
    );
    expect([accepted, errors]).toEqual([2, []]);
  });
});

describe('openAccount', () => {
  const OPEN = `mutation ($input: OpenAccountInput!) {
    openAccount(input: $input) { account { id } errors { code message field required available } } }`;
  type Answer = { openAccount: { account: { id: string } | null; errors: Problem[] } };
  const open = async (choice: object): Promise<Answer['openAccount']> => {
    const input = {
      name: 'x',
      owner: 'alice',
      venue: 'ASTER',
      chain: 'ETHEREUM',
      idempotencyKey: randomUUID(),
      ...choice,
    };
    return (await admin.ask<Answer>(OPEN, { input })).openAccount;
  };

  it.each<[string, object, string, string]>([
    ['no name', { name: '' }, 'INVALID_INPUT', 'name'],
    ['a name of 201 characters', { name: 'x'.repeat(201) }, 'INVALID_INPUT', 'name'],
    ['a name with NUL', { name: 'a\0b' }, 'INVALID_INPUT', 'name'],
    ['a name with half of a surrogate pair', { name: '\udfff' }, 'INVALID_INPUT', 'name'],
    ['no owner', { owner: '' }, 'INVALID_INPUT', 'owner'],
    ['an owner of 201 characters', { owner: 'x'.repeat(201) }, 'INVALID_INPUT', 'owner'],
    ['an owner with NUL', { owner: '\0' }, 'INVALID_INPUT', 'owner'],
    ['no venue of ours', { venue: 'NOPE' }, 'VENUE_NOT_FOUND', 'venue'],
    ['a venue in lower case', { venue: 'aster' }, 'VENUE_NOT_FOUND', 'venue'],
    ['a venue with NUL', { venue: 'ASTER\0' }, 'VENUE_NOT_FOUND', 'venue'],
    ['no such chain', { chain: 'NOPE' }, 'CHAIN_NOT_FOUND', 'chain'],
    ['a chain with NUL', { chain: 'ETHEREUM\0' }, 'CHAIN_NOT_FOUND', 'chain'],
    ['an empty chain', { chain: '' }, 'CHAIN_NOT_FOUND', 'chain'],
    ['no chain where the venue has some', { chain: null }, 'CHAIN_NOT_FOUND', 'chain'],
    ['a chain where the venue has none', { venue: 'BITGET' }, 'CHAIN_NOT_FOUND', 'chain'],
    ['no key', { idempotencyKey: '' }, 'INVALID_INPUT', 'idempotencyKey'],
    ['a key of 201 characters', { idempotencyKey: 'x'.repeat(201) }, 'INVALID_INPUT', 'idempotencyKey'],
    ['a key of 20,000 characters', { idempotencyKey: randomKey(20_000) }, 'INVALID_INPUT', 'idempotencyKey'],
    ['a key with NUL', { idempotencyKey: 'a\0b' }, 'INVALID_INPUT', 'idempotencyKey'],
    ['a key with half of a surrogate pair', { idempotencyKey: '\ud800' }, 'INVALID_INPUT', 'idempotencyKey'],
  ])('refuses %s', async (_what, choice, code, field) => {
    const { account, errors } = await unchanged(() => open(choice));
    expect(account).toBeNull();
    expectRefusal(errors, code, ['input', field]);
  });

  it('names everything that is wrong', async () => {
    const { errors } = await unchanged(() => open({ name: '', owner: '', venue: 'NOPE' }));
    expect(errors.map(({ code, field }) => [code, field?.at(-1)])).toEqual([
      ['INVALID_INPUT', 'name'],
      ['INVALID_INPUT', 'owner'],
      ['VENUE_NOT_FOUND', 'venue'],
    ]);
  });

  it('takes 200 characters of any script', async () => {
    for (const name of ['x'.repeat(200), '\u{1f600}'.repeat(100), ' ', '<script>', `'; DROP TABLE accounts --`]) {
      const { account, errors } = await open({ name, owner: name });
      expect(errors).toEqual([]);
      const found = await admin.ask('query ($id: ID!) { account(id: $id) { name owner } }', { id: account?.id });
      expect(found).toEqual({ account: { name, owner: name } });
    }
  });
});

/** Letters that no compression makes short, so that an index has to hold them all. */
function randomKey(length: number): string {
  return Array.from({ length: Math.ceil(length / 36) }, () => randomUUID())
    .join('')
    .slice(0, length);
}

describe('changeCollateralRatio', () => {
  const CHANGE = `mutation ($input: ChangeCollateralRatioInput!) {
    changeCollateralRatio(input: $input) { collateralRatio { version } errors { code message field required available } } }`;
  type Answer = { changeCollateralRatio: { collateralRatio: { version: number } | null; errors: Problem[] } };
  const change = async (choice: object): Promise<Answer['changeCollateralRatio']> => {
    const input = {
      venue: 'BITGET',
      asset: 'BTC',
      reason: 'x',
      expectedVersion: 1,
      idempotencyKey: randomUUID(),
      ...choice,
    };
    return (await admin.ask<Answer>(CHANGE, { input })).changeCollateralRatio;
  };
  const tier = (floor: string, cap: string | null, ratio = '0.5'): object => ({ floor, cap, ratio });
  const ladder = (count: number): object[] =>
    Array.from({ length: count }, (_none, index) =>
      tier(String(index), index === count - 1 ? null : String(index + 1)),
    );

  it.each<[string, object, string, string[]]>([
    ['a ratio above 1', { ratio: '1.000000000000000001' }, 'RATIO_OUT_OF_RANGE', ['ratio']],
    ['a ratio below 0', { ratio: '-0.000000000000000001' }, 'RATIO_OUT_OF_RANGE', ['ratio']],
    ['a tier with a ratio above 1', { tiers: [tier('0', null, '1.1')] }, 'RATIO_OUT_OF_RANGE', ['tiers', '0', 'ratio']],
    ['a gap', { tiers: [tier('0', '10'), tier('11', null)] }, 'TIERS_INVALID', ['tiers', '1', 'floor']],
    ['an overlap', { tiers: [tier('0', '10'), tier('9', null)] }, 'TIERS_INVALID', ['tiers', '1', 'floor']],
    ['tiers from 1 on', { tiers: [tier('1', null)] }, 'TIERS_INVALID', ['tiers', '0', 'floor']],
    ['tiers from -1 on', { tiers: [tier('-1', '0'), tier('0', null)] }, 'TIERS_INVALID', ['tiers', '0', 'floor']],
    [
      'a tier after one without end',
      { tiers: [tier('0', null), tier('5', null)] },
      'TIERS_INVALID',
      ['tiers', '0', 'cap'],
    ],
    ['a tier of no width', { tiers: [tier('0', '0')] }, 'TIERS_INVALID', ['tiers', '0', 'cap']],
    ['a tier upside down', { tiers: [tier('0', '-5')] }, 'TIERS_INVALID', ['tiers', '0', 'cap']],
    ['no tiers', { tiers: [] }, 'TIERS_INVALID', ['tiers']],
    ['51 tiers', { tiers: ladder(51) }, 'TIERS_INVALID', ['tiers']],
    ['1,000 tiers', { tiers: ladder(1_000) }, 'TIERS_INVALID', ['tiers']],
    ['a ratio and tiers', { ratio: '0.5', tiers: ladder(1) }, 'INVALID_INPUT', ['tiers']],
    ['a negative cap of users', { userCap: '-1' }, 'INVALID_INPUT', ['userCap']],
    ['a negative cap of the platform', { platformCap: '-0.000000000000000001' }, 'INVALID_INPUT', ['platformCap']],
    ['no reason', { reason: '' }, 'INVALID_INPUT', ['reason']],
    ['a reason of 1,001 characters', { reason: 'x'.repeat(1_001) }, 'INVALID_INPUT', ['reason']],
    ['a reason with NUL', { reason: 'a\0b' }, 'INVALID_INPUT', ['reason']],
    ['no venue of ours', { venue: 'NOPE' }, 'VENUE_NOT_FOUND', ['venue']],
    ['a chain where the venue has none', { chain: 'ETHEREUM' }, 'CHAIN_NOT_FOUND', ['chain']],
    ['no chain where the venue has some', { venue: 'ASTER' }, 'CHAIN_NOT_FOUND', ['chain']],
    ['no such asset', { asset: 'NOPE' }, 'ASSET_NOT_FOUND', ['asset']],
    ['an asset with NUL', { asset: 'BTC\0' }, 'ASSET_NOT_FOUND', ['asset']],
    ['a version that is past', { expectedVersion: 0 }, 'VERSION_CONFLICT', ['expectedVersion']],
    ['a version to come', { expectedVersion: 2 }, 'VERSION_CONFLICT', ['expectedVersion']],
    ['a negative version', { expectedVersion: -1 }, 'VERSION_CONFLICT', ['expectedVersion']],
    ['no key', { idempotencyKey: '' }, 'INVALID_INPUT', ['idempotencyKey']],
    ['a key with NUL', { idempotencyKey: '\0' }, 'INVALID_INPUT', ['idempotencyKey']],
  ])('refuses %s', async (_what, choice, code, field) => {
    const ratio = 'ratio' in choice || 'tiers' in choice ? {} : { ratio: '0.5' };
    const { collateralRatio, errors } = await unchanged(() => change({ ...ratio, ...choice }));
    expect(collateralRatio).toBeNull();
    expectRefusal(errors, code, ['input', ...field]);
  });

  it('refuses to keep the tiers of an asset that has none', async () => {
    const aster = { venue: 'ASTER', chain: 'SOLANA', asset: 'BTC', expectedVersion: 0 };
    const { errors } = await unchanged(() => change(aster));
    expectRefusal(errors, 'INVALID_INPUT', ['input', 'ratio']);
  });

  it('refuses a version that is no Int', async () => {
    const { errors } = await admin.send(CHANGE, { input: { venue: 'BITGET', asset: 'BTC', expectedVersion: 2 ** 31 } });
    expect(new Set(errors?.map(({ extensions }) => extensions.code))).toEqual(new Set(['BAD_USER_INPUT']));
  });

  it('takes ratios of 0 and 1, 50 tiers, a last cap, and caps of 0', async () => {
    let expectedVersion = 1;
    for (const right of [
      { ratio: '0' },
      { ratio: '-0' },
      { ratio: '1.0' },
      { tiers: ladder(50) },
      { tiers: [tier('0', '10', '0'), tier('10.0', '20', '1')] },
      { userCap: '0', platformCap: '-0' },
      { userCap: null, platformCap: null },
    ]) {
      const { collateralRatio, errors } = await change({ ...right, force: true, expectedVersion });
      expect(errors).toEqual([]);
      expect(collateralRatio?.version).toBe((expectedVersion += 1));
    }
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
  return (await admin.ask<{ account: unknown }>(query, { id })).account;
}
