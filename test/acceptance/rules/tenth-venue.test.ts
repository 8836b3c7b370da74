/**
 * A venue is added by data alone, whatever rules it has: two venues that the code nowhere names, on a chain and with
 * assets of their own. Every number was computed by hand, from the rules that are cited.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { configure, readAccount } from '../../support/calls/account-reader.js';
import { balancesOf, call, ledgerOf } from '../../support/calls/trader-calls.js';
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
import { meridianFolder } from '../../support/venues/meridian.js';

let folder: Awaited<ReturnType<typeof meridianFolder>>;
let app: TestApp;
let service: Api;
let alice: Api;
let now = Date.parse('2030-01-01T09:10:00Z');

beforeAll(async () => {
  folder = await meridianFolder();
  app = await startTestApp({ env: { REFERENCE_DATA: folder.path }, clock: () => now });
  service = await app.as('venue', 'SERVICE');
  alice = await app.as('alice', 'TRADER');
});

afterAll(async () => {
  await app.close();
  await folder.remove();
});

const at = (): string => new Date(now).toISOString();

async function publish(prices: Record<string, string>, unit?: string): Promise<void> {
  const { errors } = await publishPrices(service, prices, { at: at(), ...(unit === undefined ? {} : { unit }) });
  expect(errors).toEqual([]);
}

/** What the venue's engine says when it fills an order: the fill, and what rests after it. */
async function take(
  id: string,
  instrument: string,
  side: 'BUY' | 'SELL',
  size: string,
  price: string,
  choice: object = {},
): Promise<void> {
  const { errors } = await recordFills(service, fill(id, instrument, side, size, price, { at: at(), ...choice }));
  expect(errors).toEqual([]);
}

const MARGIN = `margin { status walletValue collateralValue initialCollateralValue unrealizedPnl marginBalance
  initialMargin maintenanceMargin openOrderInitialMargin liabilityMargin availableMargin marginRatio healthFactor }`;

async function marginOf(id: string): Promise<Record<string, string | null>> {
  return (await readAccount<{ margin: Record<string, string | null> }>(service, id, MARGIN)).margin;
}

async function leaves(id: string, asset: string): Promise<string> {
  return (await readAccount<{ maxTransferable: string }>(service, id, `maxTransferable(asset: "${asset}")`))
    .maxTransferable;
}

describe('MERIDIAN, which is valued in USDC and takes PnL for equity', () => {
  const open = (balances: Record<string, string>): Promise<string> =>
    openHolding(service, balances, { venue: 'MERIDIAN', chain: 'MERIDIAN_CHAIN' });
  /** 100 ORE and 2,000 USDC; long 100 from 400, at a mark of 300. */
  async function long(): Promise<string> {
    await publish({ ORE: '400', EURX: '1.1' }, 'USDC');
    const id = await open({ ORE: '100', USDC: '2000' });
    await take(id, 'ORE-PERP', 'BUY', '100', '400');
    await publish({ 'MERIDIAN/ORE-PERP': '300' });
    return id;
  }

  it('is there for clients, with what its file states', async () => {
    const { venues } = await service.ask<{ venues: { code: string }[] }>(
      `{ venues { code name chains { code } unit { symbol } singleAsset { symbol } instruments { symbol
        settlementAsset { symbol } sizeStep } } }`,
    );
    expect(venues.find(({ code }) => code === 'MERIDIAN')).toEqual({
      ...{ code: 'MERIDIAN', name: 'Meridian', chains: [{ code: 'MERIDIAN_CHAIN' }] },
      ...{ unit: { symbol: 'USDC' }, singleAsset: { symbol: 'USDC' } },
      instruments: [
        { symbol: 'ORE-PERP', settlementAsset: { symbol: 'USDC' }, sizeStep: null },
        { symbol: 'TIN-EURX', settlementAsset: { symbol: 'EURX' }, sizeStep: null },
        { symbol: 'TIN-USD', settlementAsset: { symbol: 'USDC' }, sizeStep: '0.25' },
      ],
    });
  });

  it('counts collateral through tiers in value and in coins, with caps, and less of it at first (rules: 3)', async () => {
    await publish({ ORE: '400', EURX: '1.1' }, 'USDC');
    const id = await open({ ORE: '100', USDC: '2000' });
    expect(await marginOf(id)).toMatchObject({
      status: 'NO_EXPOSURE',
      walletValue: '42000',
      // 20,000 x 0.9 + 20,000 x 0.8 + 2,000; at first 40,000 x 0.5 + 2,000.
      ...{ collateralValue: '36000', initialCollateralValue: '22000', availableMargin: '22000' },
    });
    await recordTransfers(service, transfer(id, 'ORE-E', '25'), transfer(id, 'EURX', '1000'));
    // ORE-E is priced as ORE: (10 x 0.7 + 10 x 0.4) x 400 = 4,400, and 5 of it count nothing. EURX: 1,100 x 0.95.
    expect(await marginOf(id)).toMatchObject({ walletValue: '53100', collateralValue: '41445' });

    // 1,000 of 1,001 count for one account: 18,000 + 380,000 x 0.8. 1,100 of the platform's 1,500 are used then.
    const rich = await open({ ORE: '1001' });
    expect(await marginOf(rich)).toMatchObject({ walletValue: '400400', collateralValue: '322000' });
    const over = await openHolding(service, {}, { venue: 'MERIDIAN', chain: 'MERIDIAN_CHAIN' });
    const { errors } = await recordTransfers(service, transfer(over, 'ORE', '401'));
    expect(errors).toMatchObject([{ code: 'PLATFORM_CAP_REACHED' }]);
    // What is in the way of the next test leaves.
    await call(alice, 'withdraw', { accountId: rich, asset: 'ORE', quantity: '1001' });
  });

  it('takes a loss out of the equity of USDC, and asks margin for what is owed (rules: 17, 18)', async () => {
    const id = await long();
    // PnL 100 x 300 - 40,000 = -10,000, so 8,000 USDC are owed. ORE counts 34,000, at first 20,000.
    expect(await marginOf(id)).toMatchObject({
      ...{ status: 'HEALTHY', unrealizedPnl: '-10000' },
      ...{ collateralValue: '26000', marginBalance: '26000', initialCollateralValue: '12000' },
      // Of the debt 5,000 x 0.05 + 3,000 x 0.1; of the position 30,000 x (0.01 + 0.001) = 330.
      ...{ liabilityMargin: '550', maintenanceMargin: '880' },
      // Of the debt 5,000 x 0.1 + 3,000 x 0.2 = 1,100; of the position 30,000 / 20.
      ...{ initialMargin: '2600', availableMargin: '9400' },
      // 880 / 26,000, rounded up.
      marginRatio: '0.033846153846153847',
    });
    // A profit counts as a balance does: 2,000 + 1,000 USDC.
    await publish({ 'MERIDIAN/ORE-PERP': '410' });
    expect(await marginOf(id)).toMatchObject({
      ...{ collateralValue: '37000', marginBalance: '37000', liabilityMargin: '0' },
      // 41,000 x 0.011, 41,000 / 20.
      ...{ maintenanceMargin: '451', initialMargin: '2050', availableMargin: '20950' },
    });
  });

  it('leaves a part of the notional behind, whatever leaves (rules: 8)', async () => {
    const id = await long();
    // What must stay is the largest of 2,600, 0.2 x 30,000 and 3 x 880. Of ORE, 200 (100 - x) - 8,000 = 6,000.
    expect(await leaves(id, 'ORE')).toBe('30');
    // All of the USDC: 20,000 - 10,000 >= 6,000, and of a debt of 10,000 at first 1,500 < 6,000 - 1,500.
    expect(await leaves(id, 'USDC')).toBe('2000');
    const refused = await call(alice, 'withdraw', { accountId: id, asset: 'ORE', quantity: '30.000000000000000001' });
    expect(refused.errors).toMatchObject([{ code: 'INSUFFICIENT_MARGIN' }]);
    const done = await call(alice, 'withdraw', { accountId: id, asset: 'ORE', quantity: '30' });
    expect(done.errors).toEqual([]);
  });

  it('asks for the worse side of orders, initial and maintenance, and for what they lose at once (rules: 20)', async () => {
    const id = await long();
    // Buys 200 x 310 and sells 50 x 290 at 300: |30,000 + 62,000| against |30,000 - 14,500|.
    const report = { accountId: id, instrument: 'ORE-PERP', ...resting(1, ['200', '62000'], ['50', '14500']) };
    expect(await reportOpenOrders(service, report)).toMatchObject({ accepted: 1, errors: [] });
    expect(await marginOf(id)).toMatchObject({
      // 92,000 / 20 - 1,500 = 3,100; open losses 62,000 - 60,000 and 15,000 - 14,500.
      ...{ openOrderInitialMargin: '5600', initialMargin: '8200', availableMargin: '3800' },
      // 92,000 x (0.02 + 0.001) - 500 = 1,432 in place of 330: 880 + 1,102.
      maintenanceMargin: '1982',
      // 1,982 / 26,000, rounded up.
      marginRatio: '0.076230769230769231',
    });
    // 200 (100 - x) - 8,000 = 8,200.
    expect(await leaves(id, 'ORE')).toBe('19');
    // 50 of the sells are filled at 290: 50 stay open, which cost 20,000; 5,500 were lost.
    await take(id, 'ORE-PERP', 'SELL', '50', '290', { openOrders: resting(2, ['200', '62000']) });
    expect(await marginOf(id)).toMatchObject({
      // -3,500 USDC and PnL 15,000 - 20,000: 8,500 owed, 250 + 350.
      ...{ unrealizedPnl: '-5000', marginBalance: '25500', liabilityMargin: '600' },
      // 77,000 x 0.021 - 500 = 1,117.
      maintenanceMargin: '1717',
      // 77,000 / 20 + 2,000 + 500 + 700.
      initialMargin: '7050',
    });
  });

  it('liquidates at a health factor of exactly 1.1, and not above (rules: 5)', async () => {
    await publish({ ORE: '400', EURX: '1.1' }, 'USDC');
    await publish({ 'MERIDIAN/ORE-PERP': '400' });
    // 10 x 400 x 0.011 = 44; 44 x 1.1 = 48.4.
    const [lost, kept, called, warned] = await Promise.all(
      ['48.4', '48.400000000000000001', '62.857142857142857142', '110'].map((USDC) => open({ USDC })),
    );
    for (const id of [lost, kept, called, warned]) await take(id as string, 'ORE-PERP', 'BUY', '10', '400');
    expect(await marginOf(lost as string)).toMatchObject({ status: 'LIQUIDATION', healthFactor: '1.1' });
    expect(await marginOf(kept as string)).toMatchObject({ status: 'MARGIN_CALL', healthFactor: '1.1' });
    // 44 / 0.7 = 62.857142857142857142857…
    expect(await marginOf(called as string)).toMatchObject({ status: 'MARGIN_CALL' });
    expect(await marginOf(warned as string)).toMatchObject({ status: 'WARNING', marginRatio: '0.4' });
  });

  it('has a liquidation price that debts, equity and the early ratio are in (rules: 9)', async () => {
    const id = await long();
    const { positions } = await readAccount<{ positions: object[] }>(
      service,
      id,
      'positions { liquidationPrice { price otherPrice } }',
    );
    // At a mark p: 38,000 - 100 p are owed, so that 34,000 - 38,000 + 100 p stand against
    // 1.1 x (1.1 p + 250 + 0.1 x (33,000 - 100 p)): 109.79 p = 7,905.
    expect(positions).toEqual([{ liquidationPrice: { price: '72.001092995719100101', otherPrice: null } }]);
  });

  it('keeps isolated positions by themselves, also in multi-asset mode (rules: 6)', async () => {
    await publish({ ORE: '400', EURX: '1.1' }, 'USDC');
    const id = await open({ USDC: '1000' });
    await configure(app, id, 'ORE-PERP', 10, 'ISOLATED');
    await take(id, 'ORE-PERP', 'BUY', '10', '400');
    await publish({ 'MERIDIAN/ORE-PERP': '380' });
    const { positions } = await readAccount<{ positions: object[] }>(
      service,
      id,
      'positions { isolatedMargin unrealizedPnl maintenanceMargin marginRatio status liquidationPrice { price } }',
    );
    // 4,000 / 10; 3,800 x 0.011 of 400 - 200; 10 p - 3,600 = 1.1 x 0.11 p, so 3,600 / 9.879.
    expect(positions).toEqual([
      {
        ...{ isolatedMargin: '400', unrealizedPnl: '-200', maintenanceMargin: '41.8', marginRatio: '0.209' },
        ...{ status: 'HEALTHY', liquidationPrice: { price: '364.409353173398117219' } },
      },
    ]);
    expect(await marginOf(id)).toMatchObject({ status: 'NO_EXPOSURE', marginBalance: '600' });
  });

  it('settles in another asset at its index, and in one at par with the quote asset (rules: 16)', async () => {
    await publish({ ORE: '400', EURX: '1.1' }, 'USDC');
    await publish({ 'MERIDIAN/TIN-EURX': '25', 'MERIDIAN/TIN-USD': '22' });
    const id = await open({ EURX: '10000' });
    await take(id, 'TIN-EURX', 'BUY', '100', '20');
    expect(await marginOf(id)).toMatchObject({
      // 10,000 + 500 EURX, at 1.1 x 0.95.
      ...{ unrealizedPnl: '550', collateralValue: '10972.5', marginBalance: '10972.5' },
      // 2,500 x 0.021 x 1.1, 2,500 / 20 x 1.1.
      ...{ maintenanceMargin: '57.75', initialMargin: '137.5', availableMargin: '10835' },
    });
    await take(id, 'TIN-USD', 'BUY', '10', '20');
    await take(id, 'TIN-USD', 'SELL', '10', '22');
    expect(await balancesOf(service, id)).toEqual({ EURX: '10000', USDC: '20' });
  });

  it('opens whole steps of a size at most (rules: 22)', async () => {
    await publish({ 'MERIDIAN/TIN-USD': '22' });
    const id = await open({ USDC: '100' });
    // 100 / (22 / 10) = 45.45...
    const field = 'maxOpenSize(instrument: "TIN-USD", side: BUY, leverage: "10")';
    expect(await readAccount(service, id, field)).toEqual({ maxOpenSize: '45.25' });
  });

  it('asks margin for a debt in coins by tiers of its own (rules: 18)', async () => {
    await publish({ ORE: '400', EURX: '1.1' }, 'USDC');
    const id = await open({ USDC: '10000' });
    await publish({ 'MERIDIAN/ORE-PERP': '400' });
    await take(id, 'ORE-PERP', 'BUY', '1', '400', { fee: '15', feeAsset: 'ORE' });
    await take(id, 'ORE-PERP', 'SELL', '1', '400');
    // 15 ORE are owed: (10 x 0.2 + 5 x 0.4) x 400, (10 x 0.3 + 5 x 0.5) x 400.
    expect(await marginOf(id)).toMatchObject({
      ...{ marginBalance: '4000', liabilityMargin: '1600', maintenanceMargin: '1600', initialMargin: '2200' },
      status: 'WARNING',
    });
  });

  it('charges interest by the hour, on the balance alone (rules: 10)', async () => {
    await publish({ ORE: '400', EURX: '1.1' }, 'USDC');
    await publish({ 'MERIDIAN/ORE-PERP': '400' });
    const id = await open({ ORE: '100' });
    await take(id, 'ORE-PERP', 'BUY', '10', '400', { fee: '2500' });
    await publish({ 'MERIDIAN/ORE-PERP': '500' });
    now = Date.parse('2030-01-01T10:00:00Z');
    for (const end = Date.now() + 20_000; Date.now() < end && (await ledgerOf(service, id)).length < 3;) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    // 0.0001 x (2,500 - 500); the profit of 1,000 covers none of it.
    expect((await ledgerOf(service, id))[0]).toBe('INTEREST USDC -0.2 -2500.2 interest:2030-01-01T10:00:00.000Z');
  });
});

describe('PARALLEL, whose tiers are flat and which exchanges debts', () => {
  const prices = (): Promise<void> => publish({ ORE: '400', USDC: '0.99', 'PARALLEL/OREUSDT': '400' });

  it('asks both sides of a hedge by the tier of each (rules: 4)', async () => {
    await prices();
    const id = await openHolding(service, { USDT: '20000' }, { venue: 'PARALLEL', positionMode: 'HEDGE' });
    await take(id, 'OREUSDT', 'BUY', '20', '400', { positionSide: 'LONG' });
    await take(id, 'OREUSDT', 'SELL', '30', '400', { positionSide: 'SHORT' });
    // 8,000 x 0.01 + 12,000 x 0.03; 8,000 / 20 + 12,000 / 5.
    expect(await marginOf(id)).toMatchObject({
      maintenanceMargin: '440',
      initialMargin: '2800',
      marginBalance: '20000',
    });
  });

  it('exchanges what is owed past the threshold, and asks a tenth of what is owed within it (rules: 11, 18)', async () => {
    await prices();
    const id = await openHolding(service, { ORE: '10' }, { venue: 'PARALLEL' });
    await take(id, 'OREUSDT', 'BUY', '1', '400', { fee: '900' });
    await take(id, 'OREUSDT', 'SELL', '1', '400');
    // 4,000 x 0.5 - 900; 900 x 0.1.
    expect(await marginOf(id)).toMatchObject({
      ...{ marginBalance: '1100', liabilityMargin: '90', maintenanceMargin: '90', initialMargin: '90' },
      status: 'HEALTHY',
    });
    await take(id, 'OREUSDT', 'BUY', '1', '400', { fee: '600' });
    // 1,500 owed, 2,000 of collateral: three quarters of the ORE are sold for 3,000.
    expect(await balancesOf(service, id)).toEqual({ ORE: '2.5', USDT: '1500' });
    // 1,000 x 0.5 + 1,500.
    expect(await marginOf(id)).toMatchObject({ marginBalance: '2000' });
  });

  it('counts USDC in full in single-asset mode, and a part of it beside other assets (rules: 3)', async () => {
    await prices();
    const choice = { venue: 'PARALLEL', collateralMode: 'SINGLE_ASSET' } as const;
    const id = await openHolding(service, { USDC: '1000', USDT: '500' }, choice);
    expect(await marginOf(id)).toMatchObject({ walletValue: '1490', collateralValue: '990' });
    const other = await openHolding(service, { USDC: '1000', USDT: '500' }, { venue: 'PARALLEL' });
    // 990 x 0.9 + 500.
    expect(await marginOf(other)).toMatchObject({ walletValue: '1490', collateralValue: '1391' });
  });
});
