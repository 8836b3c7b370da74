/** Assets that a trader takes out of the collateral, and puts back in, through the API (rules: 23). */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import { readAccount, simulate } from '../../support/calls/account-reader.js';
import {
  balancesOf,
  call,
  ledgerOf,
  mutationOf,
  refusal,
  refusals,
  versionOf,
} from '../../support/calls/trader-calls.js';
import {
  fill,
  openHolding,
  publishPrices,
  recordFills,
  recordTransfers,
  reportOpenOrders,
  resting,
  transfer,
} from '../../support/calls/venue-system.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';

let app: TestApp;
let service: Api;
let alice: Api;

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
  alice = await app.as('alice', 'TRADER');
});

afterAll(() => app.close());

beforeEach(async () => {
  await publishPrices(service, {
    ...{ BTC: '60000', ETH: '2500', USD1: '1', 'BITGET/ETHUSDT': '2500', 'ASTER/ETHUSD1': '2500' },
  });
});

const set = (accountId: string, asset: string, counts: boolean): ReturnType<typeof call> =>
  call(alice, 'setCollateralAsset', { accountId, asset, counts });

const ASTER = { venue: 'ASTER', chain: 'ETHEREUM' };

async function owe(accountId: string, asset: string, quantity: string): Promise<void> {
  const entry = { entryId: randomUUID(), accountId, asset, quantity: `-${quantity}`, kind: 'FUNDING', at: new Date() };
  expect((await call(service, 'recordLedgerEntries', { entries: [entry] })).errors).toEqual([]);
}

interface Shown {
  readonly margin: { readonly collateral: readonly Record<string, unknown>[] } & Record<string, unknown>;
}
const SHOWN = `walletValue collateralValue marginBalance collateral {
  asset { symbol } collateralValue initialCollateralValue switchedOff tiers { ratio } collateralRatio { version } }`;
const marginOf = async (id: string): Promise<Shown['margin']> =>
  (await readAccount<Shown>(alice, id, `margin { ${SHOWN} }`)).margin;

describe('an asset that is switched off', () => {
  it('counts nothing and says why, until it is switched on again; what is set already passes', async () => {
    // 003: 10 BTC at 60,000 count 582,000.
    const id = await openHolding(service, { BTC: '10', USDT: '5' });
    const before = await marginOf(id);
    expect(before).toMatchObject({ walletValue: '600005', collateralValue: '582005' });

    const off = { account: { version: 3, switchedOffAssets: [{ symbol: 'BTC' }] }, errors: [] };
    expect(await set(id, 'BTC', false)).toEqual(off);
    expect(await set(id, 'BTC', false)).toEqual(off);
    const after = await marginOf(id);
    expect(after).toMatchObject({ walletValue: '600005', collateralValue: '5', marginBalance: '5' });
    expect(after.collateral[0]).toEqual({
      ...{ asset: { symbol: 'BTC' }, collateralValue: '0', initialCollateralValue: '0', switchedOff: true },
      ...{ tiers: [], collateralRatio: null },
    });
    const { balances } = await readAccount<{ balances: object[] }>(alice, id, 'balances { switchedOff value }');
    expect(balances).toEqual([
      { switchedOff: true, value: '600000' },
      { switchedOff: false, value: '5' },
    ]);

    const on = { account: { version: 4, switchedOffAssets: [] }, errors: [] };
    expect(await set(id, 'BTC', true)).toEqual(on);
    expect(await set(id, 'BTC', true)).toEqual(on);
    expect(await marginOf(id)).toEqual(before);
  });

  it('is any that there is, held or not; the list is by symbol, and each of two at once is in it', async () => {
    const id = await openHolding(service, { USDT: '5' });
    await Promise.all(['ETH', 'USDC', 'BTC'].map((asset) => set(id, asset, false)));
    expect(await readAccount(alice, id, 'switchedOffAssets { symbol } version balances { switchedOff }')).toEqual({
      switchedOffAssets: [{ symbol: 'BTC' }, { symbol: 'ETH' }, { symbol: 'USDC' }],
      ...{ version: 5, balances: [{ switchedOff: false }] },
    });
  });

  it('counts in full as far as it is owed', async () => {
    const id = await openHolding(service, { USDT: '5000', ETH: '1' });
    expect((await set(id, 'ETH', false)).errors).toEqual([]);
    await owe(id, 'ETH', '2');
    expect(await marginOf(id)).toMatchObject({ walletValue: '2500', collateralValue: '2500', marginBalance: '2500' });
  });

  it('changes nothing in single-asset mode, and begins to with multi-asset mode', async () => {
    const id = await openHolding(service, { BTC: '1', USDT: '5' }, { collateralMode: 'SINGLE_ASSET' });
    expect((await set(id, 'BTC', false)).errors).toEqual([]);
    expect((await marginOf(id)).collateral[0]).toMatchObject({ collateralValue: '0', switchedOff: false });
    const switched = await call(alice, 'setCollateralMode', { accountId: id, collateralMode: 'MULTI_ASSET' });
    expect(switched.errors).toEqual([]);
    expect(await marginOf(id)).toMatchObject({ collateralValue: '5' });
  });

  it('is sent to who watches the account, with its cause', async () => {
    const id = await openHolding(service, { BTC: '1', USDT: '2000' });
    await recordFills(service, fill(id, 'ETHUSDT', 'BUY', '10', '2500'));
    const socket = alice.socket();
    const query = `subscription ($ids: [ID!]!) { marginRatioChanged(accountIds: $ids) {
      cause margin { marginBalance collateral { switchedOff } } } }`;
    const stream = socket.iterate<{ marginRatioChanged: object }>({ query, variables: { ids: [id] } });
    const next = async (): Promise<unknown> => {
      const { value } = await stream.next();
      return (value as { data?: { marginRatioChanged: object } } | undefined)?.data?.marginRatioChanged;
    };
    expect(await next()).toMatchObject({ cause: 'SNAPSHOT', margin: { marginBalance: '60500' } });
    await set(id, 'BTC', false);
    const collateral = [{ switchedOff: true }, { switchedOff: false }];
    expect(await next()).toEqual({ cause: 'ACCOUNT', margin: { marginBalance: '2000', collateral } });
    await stream.return?.();
    await socket.dispose();
  });

  it('was not so before: marginAt tells the old state, and the new one from then on', async () => {
    const id = await openHolding(service, { BTC: '1', USDT: '2000' });
    const now = async (): Promise<string> => {
      const { margin } = await readAccount<{ margin: { asOf: string } }>(alice, id, 'margin { asOf }');
      // The next change is of a later millisecond.
      await new Promise((resolve) => setTimeout(resolve, 5));
      return margin.asOf;
    };
    const instants = [await now()];
    for (const [asset, counts] of [
      ['BTC', false],
      ['ETH', false],
      ['BTC', true],
    ] as const) {
      // prettier-ignore
      expect((await set(id, asset, counts)).errors).toEqual([]);
      // Another version that switches nothing.
      await recordTransfers(service, transfer(id, 'USDT', '1'));
      instants.push(await now());
    }
    const past = async (at: string): Promise<unknown> => {
      const fields = 'marginValue: collateralValue collateral { asset { symbol } switchedOff }';
      const { marginAt } = await readAccount<{
        marginAt: { margin: { marginValue: string; collateral: { switchedOff: boolean }[] } };
      }>(alice, id, `marginAt(at: "${at}") { margin { ${fields} } }`);
      return [marginAt.margin.marginValue, marginAt.margin.collateral[0]?.switchedOff];
    };
    // 1 BTC at 60,000 counts 58,500.
    expect(await Promise.all(instants.map(past))).toEqual([
      ['60500', false],
      ['2001', true],
      ['2002', true],
      ['60503', false],
    ]);
  });
});

describe('switching off is refused', () => {
  it('for an asset that is not there, on and off', async () => {
    const id = await openHolding(service, { USDT: '5' });
    for (const counts of [true, false]) {
      expect(refusals(await set(id, 'NONSENSE', counts))).toEqual([refusal('ASSET_NOT_FOUND', 'asset')]);
    }
    const { errors } = await alice.send(mutationOf('setCollateralAsset'), { input: { accountId: id, asset: 'BTC' } });
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT' });
    expect(await versionOf(alice, id)).toBe(2);
  });

  it('for the asset of single-asset mode, whatever the mode', async () => {
    const id = await openHolding(service, { USDT: '5', BTC: '1' });
    expect(refusals(await set(id, 'USDT', false))).toEqual([refusal('SETTLEMENT_NOT_ACCEPTED', 'asset')]);
    expect((await set(id, 'USDT', true)).errors).toEqual([]);
  });

  it('for an asset in which a position or an order is settled; once it is off, fills in it are warned of', async () => {
    const id = await openHolding(service, { USDT: '5000', USD1: '5000' }, ASTER);
    await recordFills(service, fill(id, 'ETHUSD1', 'BUY', '1', '2500'));
    expect(refusals(await set(id, 'USD1', false))).toEqual([refusal('SETTLEMENT_NOT_ACCEPTED', 'asset')]);
    await recordFills(service, fill(id, 'ETHUSD1', 'SELL', '1', '2500'));
    const orders = { accountId: id, instrument: 'ETHUSD1' };
    await reportOpenOrders(service, { ...orders, ...resting(1, ['1', '2400']) });
    const [refused] = (await set(id, 'USD1', false)).errors;
    expect(refused).toMatchObject({ code: 'SETTLEMENT_NOT_ACCEPTED' });
    expect(refused?.message).toMatch('Open orders in ETHUSD1');
    await reportOpenOrders(service, { ...orders, ...resting(2) });
    expect((await set(id, 'USD1', false)).errors).toEqual([]);

    const trades = [{ instrument: 'ETHUSD1', side: 'BUY', size: '1' }];
    expect(await simulate(alice, id, { trades })).toMatchObject({
      ...{ accepted: false, refusal: { code: 'SETTLEMENT_NOT_ACCEPTED' } },
    });
    const { recordFills: taken } = await service.ask<{ recordFills: object }>(
      'mutation ($input: RecordFillsInput!) { recordFills(input: $input) { recorded warnings { code } } }',
      { input: { fills: [fill(id, 'ETHUSD1', 'BUY', '1', '2500')] } },
    );
    expect(taken).toEqual({ recorded: 1, warnings: [{ code: 'SETTLEMENT_NOT_ACCEPTED' }] });
  });

  it('where the rest would not cover the initial margin, with both numbers; a simulation says the same', async () => {
    const id = await openHolding(service, { BTC: '1', USDT: '100' });
    await recordFills(service, fill(id, 'ETHUSDT', 'BUY', '10', '2500'));
    // 25,000 at 20x, against 100 USDT.
    expect(refusals(await set(id, 'BTC', false))).toEqual([refusal('INSUFFICIENT_MARGIN', 'asset', '1250', '100')]);
    const switches = { collateralAssets: [{ asset: 'BTC', counts: false }] };
    expect(await simulate(alice, id, switches)).toMatchObject({
      ...{ accepted: false, after: { marginBalance: '100' }, before: { marginBalance: '58600' } },
      refusal: {
        code: 'INSUFFICIENT_MARGIN',
        field: ['input', 'collateralAssets', '0'],
        required: '1250',
        available: '100',
      },
    });
    await recordTransfers(service, transfer(id, 'USDT', '1150'));
    const trial = await simulate(alice, id, switches);
    expect(trial).toMatchObject({ accepted: true, refusal: null });
    expect((await set(id, 'BTC', false)).errors).toEqual([]);
    expect(await marginOf(id)).toMatchObject({ marginBalance: trial.after['marginBalance'] });
    expect(await simulate(alice, id, { collateralAssets: [{ asset: 'NONSENSE', counts: true }] })).toMatchObject({
      refusal: { code: 'ASSET_NOT_FOUND' },
    });
  });
});

it('a balance that never had a price is not switched on; while it is off, more of it may come', async () => {
  const id = await openHolding(service, { USDT: '5' }, ASTER);
  expect((await set(id, 'USDC', false)).errors).toEqual([]);
  expect((await recordTransfers(service, transfer(id, 'USDC', '3'))).errors).toEqual([]);
  // On, it could not have come.
  const [refused] = (await recordTransfers(service, transfer(await openHolding(service, {}, ASTER), 'USDC', '3')))
    .errors;
  expect(refused).toMatchObject({ code: 'PRICE_UNAVAILABLE' });
  expect(refusals(await set(id, 'USDC', true))).toEqual([refusal('PRICE_UNAVAILABLE', 'asset')]);
  await publishPrices(service, { USDC: '1' });
  expect((await set(id, 'USDC', true)).errors).toEqual([]);
});

describe('what is switched off leaves', () => {
  it('entirely, beside an open position that needs all of the rest', async () => {
    const id = await openHolding(service, { BTC: '1', USDT: '1250' });
    await recordFills(service, fill(id, 'ETHUSDT', 'BUY', '10', '2500'));
    expect((await set(id, 'BTC', false)).errors).toEqual([]);
    await publishPrices(service, { 'BITGET/ETHUSDT': '2450' });
    // The initial margin is no longer covered: 1,250 - 500 against 1,225.
    const most = () =>
      readAccount(alice, id, 'btc: maxTransferable(asset: "BTC") usdt: maxTransferable(asset: "USDT")');
    expect(await most()).toEqual({ btc: '1', usdt: '0' });
    const withdrawn = await call(alice, 'withdraw', { accountId: id, asset: 'BTC', quantity: '1' });
    expect(withdrawn).toMatchObject({ errors: [], entry: { quantity: '-1', balanceAfter: '0' } });
  });

  it('not while anything is owed, nor in LIQUIDATION', async () => {
    const id = await openHolding(service, { BTC: '1', USDT: '5000' });
    expect((await set(id, 'BTC', false)).errors).toEqual([]);
    await owe(id, 'ETH', '0.000000000000000001');
    const withdraw = () => call(alice, 'withdraw', { accountId: id, asset: 'BTC', quantity: '0.5' });
    const refused = [refusal('INSUFFICIENT_MARGIN', 'quantity', '0.5', '0')];
    expect(refusals(await withdraw())).toEqual(refused);
    await recordTransfers(service, transfer(id, 'ETH', '0.000000000000000001'));
    expect((await withdraw()).errors).toEqual([]);

    await recordFills(service, fill(id, 'ETHUSDT', 'BUY', '10', '2500'));
    await publishPrices(service, { 'BITGET/ETHUSDT': '2000' });
    expect(refusals(await withdraw())).toEqual(refused);
  });
});

it('is never sold for a debt; switched on, it is', async () => {
  const id = await openHolding(service, { BTC: '1', ETH: '1', USDT: '100' }, ASTER);
  expect((await set(id, 'BTC', false)).errors).toEqual([]);
  // 15,000 past the threshold of 10,000: ETH is sold, BTC is not.
  await owe(id, 'USDT', '15100');
  const left = await balancesOf(alice, id);
  expect(left).toMatchObject({ BTC: '1', USDT: '-12500' });
  expect((await set(id, 'BTC', true)).errors).toEqual([]);
  expect(Number((await balancesOf(alice, id))['USDT'])).toBeGreaterThan(0);
  expect((await ledgerOf(alice, id, 2)).join()).toMatch(/AUTO_EXCHANGE BTC .* collateralAsset:BTC/);
});

it('is set by a service for any account', async () => {
  const id = await openHolding(service, { USDT: '5' });
  const input = { accountId: id, asset: 'BTC', counts: false };
  expect(await call(service, 'setCollateralAsset', input)).toMatchObject({ errors: [], account: { version: 3 } });
});
