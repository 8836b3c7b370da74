/** `Position.adlQuantile` over HTTP: null until the first half minute, and then the same at every server (rules: 24). */
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { readAccount } from '../../support/calls/account-reader.js';
import { openIsolated } from '../../support/calls/isolated-account.js';
import {
  fill,
  openHolding,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';
import type { Api } from '../../support/services/api.js';
import { startTestApps, type TestApp } from '../../support/services/app.js';
import { createTestDatabase, type TestDatabase } from '../../support/services/database.js';
import { until } from '../../support/until.js';

/** Within this time a server has what another one has acknowledged. */
const FOLLOWED_MS = 2_000;

let database: TestDatabase;
let apps: [TestApp, ...TestApp[]];
let service: Api;
let others: Api[];
let now = Date.parse('2030-01-01T09:40:05Z');

beforeAll(async () => {
  database = await createTestDatabase();
  apps = await startTestApps({ database, clock: () => now });
  [service, ...others] = (await Promise.all(apps.map((app) => app.as('venue', 'SERVICE')))) as [Api, ...Api[]];
});
afterAll(async () => {
  for (const app of apps) await app.close();
  await database.drop();
});

interface Read {
  readonly positions: readonly { readonly id: string; readonly side: string; readonly adlQuantile: number | null }[];
}

async function quantilesOf(ids: readonly string[], api = service): Promise<(number | null)[]> {
  const read = await Promise.all(ids.map((id) => readAccount<Read>(api, id, 'positions { id side adlQuantile }')));
  return read.flatMap(({ positions }) => positions.map(({ adlQuantile }) => adlQuantile));
}

/** Long 0.1 BTC for this price, with 10,000 USDT. */
async function long(entry: string): Promise<string> {
  const id = await openHolding(service, { USDT: '10000' });
  const { errors } = await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '0.1', entry));
  expect(errors).toEqual([]);
  return id;
}

/** The next half minute, once the positions of this account are ranked at every server. */
async function rank(id: string): Promise<void> {
  await sleep(FOLLOWED_MS);
  now = (Math.floor(now / 30_000) + 1) * 30_000;
  for (const api of [service, ...others]) await until(async () => (await quantilesOf([id], api))[0] !== null);
}

it('is null at first, then the fifth of each position, at every server the same', async () => {
  await publishPrices(service, { 'BITGET/BTCUSDT': '20000' }, { at: new Date(now).toISOString() });
  const entries = ['21000', '20500', '20000', '20001', '22000', '19900', '19800', '19700', '19600', '19500'];
  const ids: string[] = [];
  for (const entry of entries) ids.push(await long(entry));
  expect(await quantilesOf(ids)).toEqual(ids.map(() => null));

  await rank(ids[0] ?? '');
  for (const api of [service, ...others]) expect(await quantilesOf(ids, api)).toEqual([0, 0, 0, 0, 0, 2, 3, 3, 4, 4]);

  // It stands until the next half minute, whatever the account does; a new position waits for it.
  const [first = '', last = ''] = [ids[0], ids.at(-1)];
  await recordTransfers(service, transfer(last, 'USDT', '1000000'));
  await recordFills(service, fill(first, 'BTCUSDT', 'SELL', '0.2', '20000'));
  const fresh = await long('18000');
  expect(await quantilesOf([last, first, fresh])).toEqual([4, null, null]);

  await rank(fresh);
  // The last one's profit is now little beside what it holds, and of the short side there is one alone.
  for (const api of [service, ...others]) {
    expect(await quantilesOf([...ids, fresh], api)).toEqual([0, 0, 0, 0, 0, 2, 3, 3, 4, 2, 4]);
  }
});

it('ranks isolated positions by their own margin, and simulated ones not at all', async () => {
  await publishPrices(service, { 'ASCENDEX/BTC-PERP': '20000' }, { at: new Date(now).toISOString() });
  const [near, far] = [await openIsolated(service), await openIsolated(service, { USDT: '50000' })];
  await recordFills(
    service,
    fill(near, 'BTC-PERP', 'BUY', '0.1', '19900'),
    fill(far, 'BTC-PERP', 'BUY', '0.1', '19000'),
  );
  // Much more margin, so that its margin ratio is smaller by more than its profit is larger.
  const [{ id } = { id: '' }] = (await readAccount<Read>(service, far, 'positions { id side adlQuantile }')).positions;
  const mutation = `mutation ($input: AdjustPositionMarginInput!) {
    adjustPositionMargin(input: $input) { errors { code message } } }`;
  const input = { idempotencyKey: 'more', positionId: id, quantity: '4000' };
  expect(await service.ask(mutation, { input })).toMatchObject({ adjustPositionMargin: { errors: [] } });

  await rank(near);
  for (const api of [service, ...others]) expect(await quantilesOf([near, far], api)).toEqual([2, 0]);
  const simulated = `query { __type(name: "SimulatedPosition") { fields { name } } }`;
  const { __type: type } = await service.ask<{ __type: { fields: { name: string }[] } }>(simulated);
  expect(type.fields.map(({ name }) => name)).not.toContain('adlQuantile');
});
