/** Prices that are missing, old, or dated ahead, and what they do to margin (rules: 2, 8 and 14). */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { readAccount, simulate, tryAccount } from '../../support/calls/account-reader.js';
import { govern } from '../../support/calls/admin-calls.js';
import { call, refusal, refusals } from '../../support/calls/trader-calls.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';

const GRAIN = '0.000000000000000001';

let app: TestApp;
let service: Api;
let alice: Api;

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
  alice = await app.as('alice', 'TRADER');
  await publishPrices(service, { 'BITGET/ETHUSDT': '2500' });
});

afterAll(() => app.close());

/** 100 ETH at 2,500 with 1,000 USDT, of which a loss of 900 is realised: 100 against more than 1,000. */
async function liquidated(choice = {}): Promise<string> {
  const id = await openAccount(service, choice);
  await recordTransfers(service, transfer(id, 'USDT', '1000'));
  await recordFills(service, fill(id, 'ETHUSDT', 'BUY', '100', '2509'));
  return id;
}

async function marginOf(id: string): Promise<{ status: string; marginRatio: string | null }> {
  const { margin } = await readAccount<{ margin: { status: string; marginRatio: string | null } }>(
    alice,
    id,
    'margin { status marginRatio }',
  );
  return margin;
}

/** So many seconds from now. */
function later(seconds: number): string {
  return new Date(Date.now() + seconds * 1_000).toISOString();
}

async function markOf(instrument: string): Promise<string> {
  const { instruments } = await service.ask<{ instruments: { symbol: string; markPrice: { price: string } | null }[] }>(
    '{ instruments(venue: "BITGET") { symbol markPrice { price } } }',
  );
  return instruments.find(({ symbol }) => symbol === instrument)?.markPrice?.price ?? 'none';
}

describe('a quote', () => {
  const MARK = (price: string): Record<string, string> => ({ 'BITGET/BTCUSDT': price });
  const taken = { accepted: 1, ignored: [], errors: [] };

  it('that is dated ahead outranks nothing that is received after it', async () => {
    const id = await openAccount(service);
    await recordTransfers(service, transfer(id, 'USDT', '10'));
    await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '110'));
    const now = later(0);
    expect(await publishPrices(service, MARK('150'), { at: later(58) })).toEqual(taken);
    expect([await markOf('BTCUSDT'), (await marginOf(id)).status]).toEqual(['150', 'HEALTHY']);
    // Dated before the other was received, by a clock that is right.
    expect(await publishPrices(service, MARK('100'), { at: now })).toEqual(taken);
    expect([await markOf('BTCUSDT'), (await marginOf(id)).status]).toEqual(['100', 'LIQUIDATION']);
  });

  it('that is older than what is known changes nothing, and is named', async () => {
    expect(await publishPrices(service, MARK('100'), { at: later(0) })).toEqual(taken);
    const outdated = await publishPrices(service, { ...MARK('90'), ADA: '1' }, { at: later(-3) });
    expect(outdated).toMatchObject({
      accepted: 1,
      ignored: [{ code: 'QUOTE_OUTDATED', field: ['input', 'quotes', '0', 'at'] }],
      errors: [],
    });
    expect(await markOf('BTCUSDT')).toBe('100');
  });
});

describe('a stale price', () => {
  beforeAll(async () => {
    await publishPrices(service, { LISTA: '0.2' }, { at: later(-62) });
    await publishPrices(service, { 'BITGET/SOLUSDT': '150' }, { at: later(-62) });
  });

  it('of a grain of collateral keeps nothing else in the account', async () => {
    const id = await openAccount(service, { venue: 'ASTER', chain: 'BNB_CHAIN' });
    await publishPrices(service, { 'ASTER/BTCUSDT': '60000' });
    const { errors } = await recordTransfers(service, transfer(id, 'USDT', '1000000'), transfer(id, 'LISTA', GRAIN));
    expect(errors).toEqual([]);
    await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '0.1', '60000'));
    const most = await readAccount(
      alice,
      id,
      'usdt: maxTransferable(asset: "USDT") lista: maxTransferable(asset: "LISTA")',
    );
    expect(most).toEqual({ usdt: '999699.969996999699969996', lista: '0' });
    const withdrawn = await call(alice, 'withdraw', { accountId: id, asset: 'USDT', quantity: '1' });
    expect(withdrawn.errors).toEqual([]);
    const grain = await call(alice, 'withdraw', { accountId: id, asset: 'LISTA', quantity: GRAIN });
    expect(refusals(grain)).toEqual([refusal('PRICE_UNAVAILABLE', 'quantity')]);
  });

  it('by which alone a trade passes is named in the simulation', async () => {
    const id = await openAccount(service);
    await recordTransfers(service, transfer(id, 'USDT', '1000'));
    const trial = (input: object): Promise<{ simulate: object }> =>
      readAccount(alice, id, 'simulate(input: $input) { accepted stale refusal { code } }', { input });
    const buy = (instrument: string): object => ({ trades: [{ instrument, side: 'BUY', size: '0.1' }] });
    expect(await trial(buy('SOLUSDT'))).toEqual({ simulate: { accepted: true, stale: ['SOLUSDT'], refusal: null } });
    expect(await trial(buy('ETHUSDT'))).toEqual({ simulate: { accepted: true, stale: [], refusal: null } });
  });
});

it('cannot say what is transferable of an asset that there is not', async () => {
  const id = await openAccount(service);
  const { errors } = await tryAccount(alice, id, 'maxTransferable(asset: "usdt")');
  expect(errors).toMatchObject([{ message: 'There is no asset "usdt".', extensions: { code: 'BAD_USER_INPUT' } }]);
});

describe('an asset that never had a price', () => {
  it('hides no liquidation where it counts 0: a grain of DUST', async () => {
    const admin = await app.as('riskadmin', 'ADMIN');
    const outcome = await govern(admin, 'changeCollateralRatio', {
      venue: 'BITGET',
      asset: 'TWT',
      ratio: '0',
      expectedVersion: 0,
    });
    expect(outcome.errors).toEqual([]);
    const id = await liquidated();
    const before = await marginOf(id);
    expect(before.status).toBe('LIQUIDATION');
    expect((await recordTransfers(service, transfer(id, 'TWT', GRAIN))).errors).toEqual([]);
    expect(await marginOf(id)).toEqual(before);
  });

  it('cannot be deposited nor credited where it would count', async () => {
    const id = await liquidated();
    const before = await marginOf(id);
    const deposit = await recordTransfers(service, transfer(id, 'BTC', GRAIN));
    expect(deposit.errors).toMatchObject([
      { code: 'PRICE_UNAVAILABLE', field: ['input', 'transfers', '0', 'quantity'] },
    ]);
    const entry = { entryId: randomUUID(), accountId: id, asset: 'BTC', quantity: GRAIN, kind: 'EARN' };
    const entries = { entries: [{ ...entry, at: new Date().toISOString() }] };
    expect((await call(service, 'recordLedgerEntries', entries)).errors).toMatchObject([
      { code: 'PRICE_UNAVAILABLE', field: ['input', 'entries', '0', 'quantity'] },
    ]);
    const trial = await simulate(alice, id, { transfers: [{ asset: 'BTC', quantity: GRAIN }] });
    expect(trial).toMatchObject({ accepted: false, refusal: { code: 'PRICE_UNAVAILABLE' } });
    expect(await marginOf(id)).toEqual(before);
  });

  it('cannot begin to count by a change of mode', async () => {
    const id = await liquidated({ collateralMode: 'SINGLE_ASSET' });
    expect((await recordTransfers(service, transfer(id, 'BTC', GRAIN))).errors).toEqual([]);
    const switched = await call(alice, 'setCollateralMode', { accountId: id, collateralMode: 'MULTI_ASSET' });
    expect(refusals(switched)).toEqual([refusal('PRICE_UNAVAILABLE', 'collateralMode')]);
    const trial = await simulate(alice, id, { collateralMode: 'MULTI_ASSET' });
    expect(trial).toMatchObject({ accepted: false, refusal: { code: 'PRICE_UNAVAILABLE' } });
  });

  it('counts by a new ratio from its first price on', async () => {
    const id = await liquidated();
    expect((await recordTransfers(service, transfer(id, 'Cake', '1000'))).errors).toEqual([]);
    const before = await marginOf(id);
    const admin = await app.as('riskadmin', 'ADMIN');
    const outcome = await govern(admin, 'changeCollateralRatio', {
      venue: 'BITGET',
      asset: 'Cake',
      ratio: '0.5',
      expectedVersion: 0,
    });
    expect(outcome.errors).toEqual([]);
    expect(await marginOf(id)).toEqual(before);
    await publishPrices(service, { Cake: '100' });
    expect((await marginOf(id)).status).toBe('HEALTHY');
  });
});
