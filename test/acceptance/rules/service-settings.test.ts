/** Leverage, modes and isolated margin of any account, set by the venue's engine (rules: 6 and 7). */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import { readAccount, settingOf } from '../../support/calls/account-reader.js';
import { unchanged } from '../../support/calls/fingerprint.js';
import { globalIdOf, uuidOf } from '../../support/calls/global-ids.js';
import { storeAlerts } from '../../support/calls/stored-alerts.js';
import { balancesOf, call, mutationOf, refusal, refusals, type Mutation } from '../../support/calls/trader-calls.js';
import { fill, openHolding, publishPrices, recordFills } from '../../support/calls/venue-system.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { post } from '../../support/services/raw.js';

let app: TestApp;
let service: Api;
let alice: Api;
let admin: Api;
/** Of alice, at ASCENDEX: 10,000 USDT. */
let id: string;

beforeAll(async () => {
  app = await startTestApp({ env: { LIMIT_ALERTS_PER_HOUR: '3' } });
  service = await app.as('venue', 'SERVICE');
  alice = await app.as('alice', 'TRADER');
  admin = await app.as('root', 'ADMIN', 'TRADER');
});

afterAll(() => app.close());

beforeEach(async () => {
  id = await openHolding(service, { USDT: '10000' }, { venue: 'ASCENDEX', collateralMode: 'SINGLE_ASSET' });
  await publishPrices(service, { BTC: '10000', 'ASCENDEX/BTC-PERP': '10000' });
});

const isolated = { instrument: 'BTC-PERP', marginMode: 'ISOLATED' };

/** Each mutation, with what makes it possible. */
async function inputs(): Promise<[Mutation, object][]> {
  const { positionId } = await openIsolated();
  return [
    ['setLeverage', { accountId: id, instrument: 'BTC-PERP', leverage: '5' }],
    ['setMarginMode', { accountId: id, ...isolated }],
    ['setPositionMode', { accountId: id, positionMode: 'HEDGE' }],
    ['setCollateralMode', { accountId: id, collateralMode: 'MULTI_ASSET' }],
    ['setCollateralAsset', { accountId: id, asset: 'BTC', counts: false }],
    ['adjustPositionMargin', { positionId, quantity: '100', idempotencyKey: randomUUID() }],
  ];
}

async function openIsolated(): Promise<{ accountId: string; positionId: string }> {
  const other = await openHolding(service, { USDT: '10000' }, { venue: 'ASCENDEX', collateralMode: 'SINGLE_ASSET' });
  expect((await call(service, 'setMarginMode', { accountId: other, ...isolated })).errors).toEqual([]);
  await recordFills(service, fill(other, 'BTC-PERP', 'BUY', '1', '10000'));
  const { positions } = await readAccount<{ positions: { id: string }[] }>(alice, other, 'positions { id }');
  return { accountId: other, positionId: positions[0]?.id ?? '' };
}

it('are set by a service, and seen by the trader', async () => {
  for (const [name, input] of (await inputs()).slice(0, 5)) {
    expect([name, (await call(service, name, input)).errors]).toEqual([name, []]);
  }
  expect(await settingOf(alice, id, 'BTC-PERP')).toEqual({ leverage: '5', marginMode: 'ISOLATED' });
  const seen = await readAccount(alice, id, 'positionMode collateralMode version');
  // Opened, funded, and five times set.
  expect(seen).toEqual({ positionMode: 'HEDGE', collateralMode: 'MULTI_ASSET', version: 7 });
});

it('of a position are moved by a service, once by its key', async () => {
  const { accountId, positionId } = await openIsolated();
  const input = { positionId, quantity: '100', idempotencyKey: randomUUID() };
  const moved = await call(service, 'adjustPositionMargin', input);
  expect(moved).toMatchObject({ position: { isolatedMargin: '600', leverage: '20' }, errors: [] });
  expect(await unchanged(app, () => call(service, 'adjustPositionMargin', input))).toEqual(moved);
  // The key of a trader is another one.
  const again = await call(alice, 'adjustPositionMargin', input);
  expect(again).toMatchObject({ position: { isolatedMargin: '700' }, errors: [] });
  expect(await balancesOf(alice, accountId)).toEqual({ USDT: '9300' });
});

it('obey the same rules for a service', async () => {
  const set = await call(service, 'setLeverage', { accountId: id, instrument: 'BTC-PERP', leverage: '101' });
  expect(refusals(set)).toEqual([refusal('LEVERAGE_OUT_OF_RANGE', 'leverage', '101', '100')]);
  const elsewhere = await call(service, 'setLeverage', { accountId: id, instrument: 'BTCUSDT', leverage: '5' });
  expect(refusals(elsewhere)).toEqual([refusal('INSTRUMENT_NOT_FOUND', 'instrument')]);
  await recordFills(service, fill(id, 'BTC-PERP', 'BUY', '1', '10000'));
  const locked = await call(service, 'setPositionMode', { accountId: id, positionMode: 'HEDGE' });
  expect(refusals(locked)).toEqual([refusal('POSITION_MODE_LOCKED', 'positionMode')]);
});

it('of an account that is not there are refused to a service', async () => {
  const nobodys = globalIdOf('Account', randomUUID());
  for (const [name, input] of (await inputs()).slice(0, 5)) {
    const answer = await unchanged(app, () => call(service, name, { ...input, accountId: nobodys }));
    expect(refusals(answer)).toEqual([refusal('ACCOUNT_NOT_FOUND', 'accountId')]);
  }
});

it('are never changed by an admin, who changes own accounts only where a trader too', async () => {
  const only = await app.as('root', 'ADMIN');
  for (const [name, input] of await inputs()) {
    const { text } = await unchanged(app, () => post(only, mutationOf(name), { input }));
    expect([name, text.includes('"code":"FORBIDDEN"')]).toEqual([name, true]);
    const { errors } = await unchanged(app, () => call(admin, name, input));
    const code = name === 'adjustPositionMargin' ? 'POSITION_NOT_FOUND' : 'ACCOUNT_NOT_FOUND';
    expect([name, errors.map((error) => error.code)]).toEqual([name, [code]]);
  }
});

describe('of an account with many alerts', () => {
  it('wait for the trader, and not for the service', async () => {
    await app.app.services.loop.idle();
    const uuid = uuidOf(id);
    await storeAlerts(app.app.services.db, [uuid, uuid, uuid]);
    const input = { accountId: id, instrument: 'BTC-PERP', leverage: '7' };
    expect((await post(alice, mutationOf('setLeverage'), { input })).text).toContain('"code":"RATE_LIMITED"');
    expect(await call(service, 'setLeverage', input)).toMatchObject({ account: {}, errors: [] });
  });
});
