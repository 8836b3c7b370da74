/**
 * The venues' published examples, exact, through the API. Where no seeded venue has the tiers of an example, a venue of
 * the test's own has them, added by reference data alone.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';

const DATED = { effectiveFrom: '2025-01-01T00:00:00Z', source: 'published examples', reason: 'test' };

let folder: string;
let app: TestApp;
let service: Api;

/** A venue whose rules are those of two examples: tiers up to 200,000,000 (V05), and a flat 0.4 % (V17). */
const EXAMPLES = {
  code: 'EXAMPLES',
  name: 'Published examples',
  chains: [],
  policies: [
    {
      ...DATED,
      liquidatesAtEquality: false,
      maintenanceMethod: 'FLAT',
      liquidationFeeRate: '0',
      warningRatio: '0.5',
      marginCallRatio: '0.8',
      isolatedInMultiAsset: true,
      debtMarginRate: '0',
      guardRails: { maxStep: '0.1', minNoticeHours: 24 },
      interest: {},
      autoExchange: {},
    },
  ],
  instruments: [
    {
      symbol: 'BTCUSDT',
      baseAsset: 'BTC',
      quoteAsset: 'USDT',
      maxLeverage: '50',
      maintenance: [{ ...DATED, tiers: [{ floor: '0', cap: null, rate: '0.004', maxLeverage: '50' }] }],
    },
  ],
  collateralRatios: [
    {
      ...DATED,
      chain: null,
      ratios: {
        BTC: {
          tierUnit: 'QUOTE_VALUE',
          userCap: null,
          platformCap: null,
          tiers: [
            { floor: '0', cap: '100000000', ratio: '1' },
            { floor: '100000000', cap: '120000000', ratio: '0.975' },
            { floor: '120000000', cap: '150000000', ratio: '0.95' },
            { floor: '150000000', cap: '180000000', ratio: '0.9' },
            { floor: '180000000', cap: '200000000', ratio: '0.85' },
          ],
        },
      },
    },
  ],
};

interface Margin {
  readonly status: string;
  readonly collateralValue: string;
  readonly marginBalance: string;
  readonly initialMargin: string;
  readonly maintenanceMargin: string;
  readonly marginRatio: string | null;
}

async function marginOf(id: string): Promise<Margin> {
  const { account } = await service.ask<{ account: { margin: Margin } }>(
    `query ($id: ID!) { account(id: $id) { margin {
      status collateralValue marginBalance initialMargin maintenanceMargin marginRatio
    } } }`,
    { id },
  );
  return account.margin;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plimsoll-reference-'));
  await mkdir(join(folder, 'venues'));
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
});

afterAll(async () => {
  await app.close();
  await rm(folder, { recursive: true });
});

describe('collateral', () => {
  it('10 BTC at 60,000 on BITGET count 582,000 (V01)', async () => {
    const id = await openAccount(service, { venue: 'BITGET' });
    await publishPrices(service, { BTC: '60000' });
    await recordTransfers(service, transfer(id, 'BTC', '10'));
    // 100,000 x 0.975 + 400,000 x 0.97 + 100,000 x 0.965
    expect((await marginOf(id)).collateralValue).toBe('582000');
  });

  it.each(['100', '120'])(
    '%s BTC at 60,000 on BITGET count 5,658,000: 100 coins of one account count',
    async (coins) => {
      const id = await openAccount(service, { venue: 'BITGET' });
      await publishPrices(service, { BTC: '60000' });
      await recordTransfers(service, transfer(id, 'BTC', coins));
      // 97,500 + 388,000 + 482,500 + 4,000,000 x 0.96 + 1,000,000 x 0.85
      expect((await marginOf(id)).collateralValue).toBe('5658000');
    },
  );

  it('0.1 BTC at 20,000 and 1,000 USDT on BITGET count 2,950 (V03)', async () => {
    const id = await openAccount(service, { venue: 'BITGET' });
    await publishPrices(service, { BTC: '20000' });
    await recordTransfers(service, transfer(id, 'BTC', '0.1'), transfer(id, 'USDT', '1000'));
    // 2,000 x 0.975 + 1,000
    expect((await marginOf(id)).collateralValue).toBe('2950');
  });

  it('1 BTC at 10,000 with a discount factor of 0.98 counts 9,800 on ASCENDEX (V08)', async () => {
    const id = await openAccount(service, { venue: 'ASCENDEX' });
    await publishPrices(service, { BTC: '10000' });
    await recordTransfers(service, transfer(id, 'BTC', '1'));
    expect((await marginOf(id)).collateralValue).toBe('9800');
  });

  it('a haircut never shrinks a debt: -1 of an asset at 40,000 with ratio 0.95 counts -40,000 (V51)', async () => {
    const id = await openAccount(service, { venue: 'ASTER', chain: 'ETHEREUM' });
    // A debt of 40,000 USDT, realised: 1 BTC bought at 50,000 and sold at 10,000.
    await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '50000'), fill(id, 'BTCUSDT', 'SELL', '1', '10000'));
    expect(await marginOf(id)).toMatchObject({ collateralValue: '-40000', status: 'LIQUIDATION', marginRatio: null });
  });
});

describe('requirements', () => {
  it.each([
    ['50000', '200'],
    ['600000', '2950'],
    ['1000000', '5550'],
    ['3000000', '18550'],
    ['12000000', '108550'],
    ['70000000', '1268550'],
  ])('progressive: a notional of %s needs %s (V13)', async (notional, maintenance) => {
    const id = await openAccount(service, { venue: 'ASTER', chain: 'ETHEREUM' });
    await recordFills(service, fill(id, 'BTCUSDT', 'BUY', String(Number(notional) / 10_000), '10000'));
    await publishPrices(service, { 'ASTER/BTCUSDT': '10000' });
    expect((await marginOf(id)).maintenanceMargin).toBe(maintenance);
  });

  it('flat: BTC-PERP at exactly 50,000 needs 600; 3,000,000 at 20x is opened with 300,000', async () => {
    await publishPrices(service, { 'ASCENDEX/BTC-PERP': '50000' });
    const one = await openAccount(service, { venue: 'ASCENDEX' });
    const sixty = await openAccount(service, { venue: 'ASCENDEX' });
    await recordFills(
      service,
      fill(one, 'BTC-PERP', 'BUY', '1', '50000'),
      fill(sixty, 'BTC-PERP', 'SELL', '60', '50000'),
    );
    // The second tier begins at 50,000: 50,000 x 0.012.
    expect((await marginOf(one)).maintenanceMargin).toBe('600');
    // The fourth tier allows 10x at most.
    expect((await marginOf(sixty)).initialMargin).toBe('300000');
  });

  it('with a liquidation fee: notional 1,041.85172 on BITGET needs 4.792517912 (rules: 15)', async () => {
    const id = await openAccount(service, { venue: 'BITGET' });
    await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '0.1', '10418.5172'));
    await publishPrices(service, { 'BITGET/BTCUSDT': '10418.5172' });
    // 1,041.85172 x (0.004 + 0.0006)
    expect((await marginOf(id)).maintenanceMargin).toBe('4.792517912');
  });

  it.each([
    ['ASCENDEX', null, 'BTC-PERP', '0.006', 'LIQUIDATION'],
    ['ASTER', 'ETHEREUM', 'BTCUSDT', '0.004', 'MARGIN_CALL'],
    ['BITGET', null, 'BTCUSDT', '0.0046', 'MARGIN_CALL'],
  ])(
    'a margin balance of exactly the maintenance margin at %s (V53)',
    async (venue, chain, instrument, rate, status) => {
      const id = await openAccount(service, { venue, chain, collateralMode: 'SINGLE_ASSET' });
      // 1 at 10,000 needs 10,000 x rate, and that much is all there is.
      const needed = { '0.006': '60', '0.004': '40', '0.0046': '46' }[rate] ?? '';
      await recordTransfers(service, transfer(id, 'USDT', needed));
      await recordFills(service, fill(id, instrument, 'BUY', '1', '10000'));
      await publishPrices(service, { [`${venue}/${instrument}`]: '10000' });
      expect(await marginOf(id)).toMatchObject({
        maintenanceMargin: needed,
        marginBalance: needed,
        status,
        marginRatio: '1',
      });
    },
  );
});

describe('a venue that is added by data alone', () => {
  let other: TestApp;

  beforeAll(async () => {
    await writeFile(join(folder, 'venues', 'EXAMPLES.json'), JSON.stringify(EXAMPLES));
    other = await startTestApp({ env: { REFERENCE_DATA: folder } });
    service = await other.as('venue', 'SERVICE');
  });

  afterAll(() => other.close());

  it('6,000 BTC at 20,000 through tiers up to 200,000,000 count 119,500,000 (V05)', async () => {
    const id = await openAccount(service, { venue: 'EXAMPLES' });
    await publishPrices(service, { BTC: '20000' });
    await recordTransfers(service, transfer(id, 'BTC', '6000'));
    // 100,000,000 + 20,000,000 x 0.975: exactly on a tier's edge.
    expect((await marginOf(id)).collateralValue).toBe('119500000');
  });

  it('flat 0.4 % of 50,000 is 200 (V17)', async () => {
    const id = await openAccount(service, { venue: 'EXAMPLES' });
    await publishPrices(service, { 'EXAMPLES/BTCUSDT': '10000' });
    await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '5', '10000'));
    expect((await marginOf(id)).maintenanceMargin).toBe('200');
  });
});
