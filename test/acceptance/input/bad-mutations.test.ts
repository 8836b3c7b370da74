/** Prices, accounts and ratios that cannot be: each refused by its code and path, and nothing changes. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { unchanged } from '../../support/calls/fingerprint.js';
import { expectProblem, startWithSenders, type Senders } from '../../support/calls/refused-input.js';
import { publishPrices, type Problem } from '../../support/calls/venue-system.js';
import type { Api } from '../../support/services/api.js';

let { app, service } = {} as Senders;
let admin: Api;

beforeAll(async () => {
  ({ app, service } = await startWithSenders());
  admin = await app.as('root', 'ADMIN');
});

afterAll(() => app.close());

const later = (seconds: number): string => new Date(Date.now() + seconds * 1_000).toISOString();

describe('publishPrices', () => {
  const quote = (): Record<string, unknown> => ({ asset: 'BTC', price: '1', source: 'other', at: later(0) });
  const mark = { asset: null, venue: 'BITGET', instrument: 'BTCUSDT' };
  it.each<[string, () => object, string, string]>([
    ['a price of 0', () => ({ price: '0' }), 'INVALID_INPUT', 'price'],
    ['a price of -0', () => ({ price: '-0' }), 'INVALID_INPUT', 'price'],
    ['a negative price', () => ({ price: '-1' }), 'INVALID_INPUT', 'price'],
    ['a price above 1e12', () => ({ price: '1000000000000.000000000000000001' }), 'INVALID_INPUT', 'price'],
    ['an instant more than a minute ahead', () => ({ at: later(90) }), 'INVALID_INPUT', 'at'],
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
    const alone = await unchanged(app, () => publish({ ...quote(), ...wrong() }));
    expect(alone.accepted).toBe(0);
    expectProblem(alone.errors, code, ['input', 'quotes', '0', field]);
    const beside = await publish(
      { ...quote(), asset: 'ETH' },
      { ...quote(), ...wrong() },
      { ...quote(), asset: 'SOL' },
    );
    expect(beside.accepted).toBe(2);
    expectProblem(beside.errors, code, ['input', 'quotes', '1', field]);
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
    const { account, errors } = await unchanged(app, () => open(choice));
    expect(account).toBeNull();
    expectProblem(errors, code, ['input', field]);
  });

  it('names everything that is wrong', async () => {
    const { errors } = await unchanged(app, () => open({ name: '', owner: '', venue: 'NOPE' }));
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
    [
      'initial tiers with a gap',
      { initialTiers: [tier('0', '10', '0.1'), tier('11', null, '0.1')] },
      'TIERS_INVALID',
      ['initialTiers', '1', 'floor'],
    ],
    [
      'initial tiers above the tiers',
      { ratio: '0.5', initialTiers: [tier('0', null, '0.500000000000000001')] },
      'TIERS_INVALID',
      ['initialTiers'],
    ],
    [
      'initial tiers that go on where the tiers end',
      { tiers: [tier('0', '10')], initialTiers: [tier('0', null, '0.1')] },
      'TIERS_INVALID',
      ['initialTiers'],
    ],
    [
      'initial tiers above tiers that stay',
      { initialTiers: [tier('0', null, '0.97')] },
      'TIERS_INVALID',
      ['initialTiers'],
    ],
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
    const { collateralRatio, errors } = await unchanged(app, () => change({ ...ratio, ...choice }));
    expect(collateralRatio).toBeNull();
    expectProblem(errors, code, ['input', ...field]);
  });

  it('refuses to keep the tiers of an asset that has none', async () => {
    const aster = { venue: 'ASTER', chain: 'SOLANA', asset: 'BTC', expectedVersion: 0 };
    const { errors } = await unchanged(app, () => change(aster));
    expectProblem(errors, 'INVALID_INPUT', ['input', 'ratio']);
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
