/**
 * The door of the platform-wide caps (rules: 8). 003: "The individual upper limit for BTC in multi-asset mode is 100 BTC,
 * and the platform-wide upper limit is 5000 BTC." Here 4 and 10, so that few accounts fill it up.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { Api } from '../../support/services/api.js';
import { startTestApps, type TestApp } from '../../support/services/app.js';
import { createTestDatabase, type TestDatabase } from '../../support/services/database.js';
import { DATED, POLICY } from '../../support/calls/own-venue.js';
import { readAccount } from '../../support/calls/account-reader.js';
import { balancesOf, call, refusal, refusals } from '../../support/calls/trader-calls.js';
import {
  openAccount,
  publishPrices,
  recordAccountTransfer,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';
import { until } from '../../support/until.js';

/** A venue for each case: what one fills up is not in the way of the next. */
const VENUES = ['CAP1', 'CAP2', 'CAP3', 'CAP4', 'CAP5', 'CAP6', 'CAP7', 'CAP8'];

let folder: string;
let database: TestDatabase;
/** Two processes on PostgreSQL; a PGlite folder has one. */
let apps: [TestApp, ...TestApp[]];
let services: Api[];
let service: Api;
let alice: Api;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plimsoll-reference-'));
  await mkdir(join(folder, 'venues'));
  const tiers = [{ floor: '0', cap: null, ratio: '0.95' }];
  for (const code of VENUES) {
    const ratios = { BTC: { tierUnit: 'QUOTE_VALUE', userCap: '4', platformCap: '10', tiers } };
    const venue = {
      ...{ code, name: code, chains: [], policies: [POLICY], instruments: [] },
      collateralRatios: [{ ...DATED, chain: null, ratios }],
    };
    await writeFile(join(folder, 'venues', `${code}.json`), JSON.stringify(venue));
  }
  database = await createTestDatabase();
  apps = await startTestApps({ database, env: { REFERENCE_DATA: folder } });
  services = await Promise.all(apps.map((app) => app.as('venue', 'SERVICE')));
  service = services[0] as Api;
  await publishPrices(service, { BTC: '60000' });
  alice = await apps[0].as('alice', 'TRADER');
});

afterAll(async () => {
  for (const app of apps) await app.close();
  await database.drop();
  await rm(folder, { recursive: true });
});

const open = (venue: string, collateralMode: 'MULTI_ASSET' | 'SINGLE_ASSET' = 'MULTI_ASSET'): Promise<string> =>
  openAccount(service, { venue, collateralMode });

async function used(venue: string): Promise<string | undefined> {
  const { collateralRatios } = await service.ask<{ collateralRatios: { platformUsed: string }[] }>(
    `{ collateralRatios(venue: "${venue}", asset: "BTC") { platformUsed } }`,
  );
  return collateralRatios[0]?.platformUsed;
}

async function move(fromAccountId: string, toAccountId: string, quantity: string): Promise<object[]> {
  const input = { transferId: `${fromAccountId}-${quantity}`, fromAccountId, toAccountId, asset: 'BTC', quantity };
  return [...(await recordAccountTransfer(service, { ...input, at: new Date().toISOString() })).errors];
}

const REACHED = { code: 'PLATFORM_CAP_REACHED', field: ['input', 'transfers', '0', 'quantity'] };

it('refuses a deposit that would lift the sum above the cap, and takes one that fills it up', async () => {
  const [first, second, third] = [await open('CAP1'), await open('CAP1'), await open('CAP1')];
  // 100 coins of the first count as 4, the 3.5 of the second in full: 2.5 are left.
  await recordTransfers(service, transfer(first, 'BTC', '100'), transfer(second, 'BTC', '3.5'));
  expect(await used('CAP1')).toBe('7.5');
  const late = transfer(third, 'BTC', '2.500000000000000001', 'cap-late');
  const refused = await recordTransfers(service, late);
  expect(refused).toMatchObject({
    recorded: 0,
    errors: [{ ...REACHED, required: '2.500000000000000001', available: '2.5' }],
  });
  // It is not remembered: the id may come again, with what fits.
  expect(await recordTransfers(service, transfer(third, 'BTC', '2.5', 'cap-late'))).toMatchObject({ recorded: 1 });
  expect(await used('CAP1')).toBe('10');
  // More of the first takes up nothing, and money of another kind has no cap.
  expect(await recordTransfers(service, transfer(first, 'BTC', '1'), transfer(third, 'USDT', '1'))).toMatchObject({
    recorded: 2,
    errors: [],
  });
});

it('counts within a batch, what goes out as well as what comes in', async () => {
  const ids = [await open('CAP2'), await open('CAP2'), await open('CAP2'), await open('CAP2')];
  const [a = '', b = '', c = '', d = ''] = ids;
  const answer = await recordTransfers(
    service,
    ...[transfer(a, 'BTC', '4'), transfer(b, 'BTC', '4'), transfer(c, 'BTC', '3'), transfer(a, 'BTC', '-2')],
    ...[transfer(c, 'BTC', '3'), transfer(d, 'BTC', '1.5')],
  );
  // 4 + 4, then 3 is too much; 2 out, then 3 in makes 9, and 1.5 is too much again.
  expect(answer.recorded).toBe(4);
  expect(answer.errors.map(({ field, required, available }) => [field?.[2], required, available])).toEqual([
    ['2', '3', '2'],
    ['5', '1.5', '1'],
  ]);
  expect(await used('CAP2')).toBe('9');
});

it('lets coins move between accounts that use it, and refuses more of those that do not', async () => {
  const [a, b, c] = [await open('CAP6'), await open('CAP6'), await open('CAP6')];
  const single = await open('CAP6', 'SINGLE_ASSET');
  await recordTransfers(service, transfer(a, 'BTC', '4'), transfer(b, 'BTC', '6'), transfer(single, 'BTC', '5'));
  await recordTransfers(service, transfer(c, 'BTC', '2'));
  expect(await used('CAP6')).toBe('10');
  // The room that a coin leaves is there for it where it comes.
  expect(await move(a, c, '2')).toEqual([]);
  expect(await used('CAP6')).toBe('10');
  const reached = { code: 'PLATFORM_CAP_REACHED', field: ['input', 'toAccountId'] };
  expect(await move(single, a, '1')).toMatchObject([{ ...reached, required: '1', available: '0' }]);
  // Of the 6 coins of b only 4 are in use: 2 leave no room.
  expect(await move(b, a, '2')).toMatchObject([{ ...reached, required: '2', available: '0' }]);
  expect(await move(b, a, '3')).toMatchObject([{ ...reached, required: '2', available: '1' }]);
  expect(await move(b, single, '4')).toEqual([]);
  expect(await used('CAP6')).toBe('8');
});

it('lets coins move while more is in use than the cap, and refuses to lift the sum', async () => {
  const [a, b, c, d] = [await open('CAP7'), await open('CAP7'), await open('CAP7'), await open('CAP7')];
  const single = await open('CAP7', 'SINGLE_ASSET');
  await recordTransfers(service, transfer(a, 'BTC', '4'), transfer(b, 'BTC', '4'), transfer(single, 'BTC', '5'));
  // What a venue credits is a fact, and asks for no room.
  const entry = {
    entryId: 'over',
    accountId: c,
    asset: 'BTC',
    quantity: '4',
    kind: 'EARN',
    at: new Date().toISOString(),
  };
  const mutation = `mutation ($input: RecordLedgerEntriesInput!) { recordLedgerEntries(input: $input) { recorded } }`;
  await service.ask(mutation, { input: { entries: [entry] } });
  expect(await used('CAP7')).toBe('12');
  expect(await move(c, d, '2')).toEqual([]);
  expect(await used('CAP7')).toBe('12');
  const reached = { code: 'PLATFORM_CAP_REACHED', field: ['input', 'toAccountId'] };
  expect(await move(single, d, '1')).toMatchObject([{ ...reached, required: '1', available: '0' }]);
});

it('of single-asset accounts counts nothing until they change their mode', async () => {
  const multi = await open('CAP3');
  const single = await open('CAP3', 'SINGLE_ASSET');
  const other = await open('CAP3');
  await recordTransfers(
    service,
    transfer(multi, 'BTC', '4'),
    transfer(single, 'BTC', '3'),
    transfer(other, 'BTC', '4'),
  );
  expect(await used('CAP3')).toBe('8');
  const input = { accountId: single, collateralMode: 'MULTI_ASSET' };
  expect(refusals(await call(alice, 'setCollateralMode', input))).toEqual([
    refusal('PLATFORM_CAP_REACHED', 'collateralMode', '3', '2'),
  ]);
  await call(alice, 'withdraw', { accountId: multi, asset: 'BTC', quantity: '1' });
  expect((await call(alice, 'setCollateralMode', input)).errors).toEqual([]);
  expect(await used('CAP3')).toBe('10');
});

describe('races', () => {
  it('of many deposits for the last coins, as many get in as there is room for', async () => {
    const full = [await open('CAP4'), await open('CAP4')];
    await recordTransfers(service, ...full.map((id) => transfer(id, 'BTC', '4')));
    const ids = await Promise.all(Array.from({ length: 8 }, () => open('CAP4')));
    // 2 are left for 8 that want 0.9 each, and every account also gets USDT in the same batch.
    const answers = await Promise.all(
      ids.map((id, index) =>
        recordTransfers(
          services[index % services.length] as Api,
          transfer(id, 'BTC', '0.9'),
          transfer(id, 'USDT', '1'),
        ),
      ),
    );
    expect(answers.filter(({ recorded }) => recorded === 2)).toHaveLength(2);
    const lost = answers.flatMap(({ errors }) => errors);
    expect(lost.map(({ code, available }) => [code, available])).toEqual(
      Array.from({ length: 6 }, () => ['PLATFORM_CAP_REACHED', '0.2']),
    );
    expect(await used('CAP4')).toBe('9.8');
  });

  it('of deposits and changes of mode that name several accounts in any order, none waits for ever', async () => {
    const multi = await Promise.all(Array.from({ length: 4 }, () => open('CAP5')));
    const single = await Promise.all(Array.from({ length: 4 }, () => open('CAP5', 'SINGLE_ASSET')));
    await recordTransfers(service, ...single.map((id) => transfer(id, 'BTC', '2')));
    const deposits = Array.from({ length: 6 }, (_, index) => {
      const order = index % 2 === 0 ? multi : [...multi].reverse();
      return recordTransfers(
        services[index % services.length] as Api,
        ...order.map((id) => transfer(id, 'BTC', '0.5')),
        ...order.map((id) => transfer(id, 'USDT', '1')),
      );
    });
    const switches = single.map((accountId) =>
      call(alice, 'setCollateralMode', { accountId, collateralMode: 'MULTI_ASSET' }),
    );
    const [recorded, switched] = await Promise.all([Promise.all(deposits), Promise.all(switches)]);
    // Whoever came first: what was taken is what is used, and the cap holds.
    const coins = recorded.reduce((sum, batch) => sum + (batch.recorded - 4) * 0.5, 0);
    const modes = switched.filter(({ errors }) => errors.length === 0).length * 2;
    expect(await used('CAP5')).toBe(String(coins + modes));
    expect(coins + modes).toBeGreaterThan(9);
    expect(coins + modes).toBeLessThanOrEqual(10);
    // Without Redis a server learns from the database, within a second, what another one has stored.
    await until(async () => (await balancesOf(service, multi[0] ?? ''))['USDT'] === '6');
  });
});

it('is not used by what is switched off, and refuses to switch on what does not fit', async () => {
  const [off, other] = [await open('CAP8'), await open('CAP8')];
  const set = (counts: boolean): ReturnType<typeof call> =>
    call(alice, 'setCollateralAsset', { accountId: off, asset: 'BTC', counts });
  expect((await set(false)).errors).toEqual([]);
  // 4 coins of an account count.
  await recordTransfers(service, transfer(off, 'BTC', '5'));
  expect(await used('CAP8')).toBe('0');
  for (const [id, quantity] of [
    [other, '4'],
    [await open('CAP8'), '3'],
  ] as const) {
    // prettier-ignore
    expect((await recordTransfers(service, transfer(id, 'BTC', quantity))).errors).toEqual([]);
  }
  expect(refusals(await set(true))).toEqual([refusal('PLATFORM_CAP_REACHED', 'asset', '4', '3')]);
  const simulated = await readAccount(
    alice,
    off,
    'simulate(input: $input) { accepted refusal { code required available } }',
    { input: { collateralAssets: [{ asset: 'BTC', counts: true }] } },
  );
  const reached = { code: 'PLATFORM_CAP_REACHED', required: '4', available: '3' };
  expect(simulated).toEqual({ simulate: { accepted: false, refusal: reached } });
  expect((await call(alice, 'withdraw', { accountId: other, asset: 'BTC', quantity: '1' })).errors).toEqual([]);
  expect((await set(true)).errors).toEqual([]);
  expect(await used('CAP8')).toBe('10');
});
