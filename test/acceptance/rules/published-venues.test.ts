/**
 * Worked examples that venues publish, or hold their own software against, exact, through the API. Each names its
 * source. Where no seeded venue has the tiers of an example, a venue of the test's own has them.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { readAccount } from '../../support/calls/account-reader.js';
import { ledgerOf } from '../../support/calls/trader-calls.js';
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
import { exampleFolder } from '../../support/venues/examples.js';

let folder: Awaited<ReturnType<typeof exampleFolder>>;
let app: TestApp;
let service: Api;

beforeAll(async () => {
  folder = await exampleFolder();
  app = await startTestApp({ env: { REFERENCE_DATA: folder.path } });
  service = await app.as('venue', 'SERVICE');
});

afterAll(async () => {
  await app.close();
  await folder.remove();
});

const MARGIN = `margin { status walletValue collateralValue unrealizedPnl marginBalance initialMargin maintenanceMargin
  openOrderInitialMargin availableMargin healthFactor collateral { asset { symbol } collateralValue } }`;

interface Margin extends Record<string, unknown> {
  readonly collateral: readonly { readonly asset: { readonly symbol: string }; readonly collateralValue: string }[];
}

async function marginOf(id: string): Promise<Margin> {
  return (await readAccount<{ margin: Margin }>(service, id, MARGIN)).margin;
}

async function holding(venue: string, balances: Record<string, string>): Promise<string> {
  return openHolding(service, balances, { venue });
}

/** A position at its own price: no PnL. */
async function opened(venue: string, instrument: string, size: string, price: string, USD: object): Promise<string> {
  await publishPrices(service, { [`${venue}/${instrument}`]: price });
  const id = await holding(venue, USD as Record<string, string>);
  await recordFills(service, fill(id, instrument, 'BUY', size, price));
  return id;
}

describe('Binance', () => {
  // https://www.binance.com/en-NG/futures/trading-rules/perpetual/multi-asset-info
  it('counts BNB worth 1,000 as 950 in multi-assets mode', async () => {
    await publishPrices(service, { BNB: '500' });
    const id = await holding('BINANCE_MULTI_ASSETS', { BNB: '2' });
    expect(await marginOf(id)).toMatchObject({ walletValue: '1000', collateralValue: '950' });
  });

  // The same page, and its edition in Italian for the second: 20,513 and 5,128.20 of BTC, which counts 97.5 %.
  it.each([
    ['20000', '-0.341880341880341881', '20512.82051282051286'],
    ['5000', '-0.085470085470085471', '5128.20512820512826'],
  ])('exchanges BTC for a debt of %s', async (owed, sold, credited) => {
    await publishPrices(service, { BTC: '60000' });
    const id = await holding('BINANCE_EXAMPLES', { BTC: '1' });
    await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '10000', { fillId: `fee-${owed}`, fee: owed }));
    const [usdt, btc] = (await ledgerOf(service, id)).map((entry) => entry.split(' ').slice(0, 3).join(' '));
    expect([usdt, btc]).toEqual([`AUTO_EXCHANGE USDT ${credited}`, `AUTO_EXCHANGE BTC ${sold}`]);
  });

  // https://www.binance.com/en/support/faq/87fa7ee33b574f7084d42bd2ce2e463b: 1 BTC at 9,253.30 and 20x with a mark of
  // 9,259.84 costs 462.66 (462.665) to buy, and 6.54 more to sell.
  it.each([
    ['buy', resting(1, ['1', '9253.30']), '462.665'],
    ['sell', resting(1, ['0', '0'], ['1', '9253.30']), '469.205'],
  ])('asks of an order to %s its initial margin and its open loss', async (_side, orders, cost) => {
    await publishPrices(service, { 'BINANCE_MULTI_ASSETS/BTCUSDT': '9259.84' });
    const id = await holding('BINANCE_MULTI_ASSETS', { USDT: '1000' });
    await reportOpenOrders(service, { accountId: id, instrument: 'BTCUSDT', ...orders });
    expect(await marginOf(id)).toMatchObject({ openOrderInitialMargin: cost, initialMargin: cost });
  });

  // https://www.binance.com/en-NG/support/faq/b3c689c1f50a44cabb3a84e663b81d93: 250,000 x (1 % - 0.5 %) + 50 = 1,300 is
  // deducted from 1 % at a notional of 500,000. The venue's file states that amount, so that loading it checks it.
  it('deducts 1,300 at a notional of 500,000', async () => {
    const id = await opened('BINANCE_EXAMPLES', 'BTCUSDT', '50', '10000', { USDT: '10000' });
    expect(await marginOf(id)).toMatchObject({ maintenanceMargin: '3700' });
  });

  // https://binance.com/en-IN/support/faq/binance-portfolio-margin-pro-maintenance-margin-ratio-calculation-5e33af8e6ac04d57a1d0a3398e0a0752:
  // free above a uniMMR of 150 %, a reminder above 120 %, no new orders above 105 %, then liquidation. 1 / 1.5 and 1 / 1.2 have
  // 18 digits here, so that free is what lies above 60 by a little.
  it.each([
    ['60.000000000000001', 'HEALTHY'],
    ['60', 'WARNING'],
    ['48.000000000000001', 'WARNING'],
    ['48', 'MARGIN_CALL'],
    ['42.000000000000000001', 'MARGIN_CALL'],
    ['42', 'LIQUIDATION'],
  ])('portfolio margin: %s against a maintenance margin of 40 is %s', async (USDT, status) => {
    const id = await opened('BINANCE_PM', 'BTCUSDT', '1', '10000', { USDT });
    expect(await marginOf(id)).toMatchObject({ maintenanceMargin: '40', status });
  });
});

describe('Bybit', () => {
  // https://testnet.bytick.com/en/help-center/article/Assets-Collateral-Value-Ratio-List-UTA (2025-09-18): the table of BTC;
  // nothing counts above 50.
  it.each([
    // 9.8 + 9.5 + 9 + 8.5 + 8 coins.
    ['60', '448000'],
    // 9.8 + 0.95 x 5 coins.
    ['15', '145500'],
  ])('counts %s BTC at 10,000 by tiers in coins', async (BTC, counted) => {
    await publishPrices(service, { BTC: '10000' });
    expect(await marginOf(await holding('BYBIT_UTA', { BTC }))).toMatchObject({ collateralValue: counted });
  });

  // https://www.bytick.com/fil-PH/help-center/search-result?page=34&pageSize=10&query=Bybit, "Maintenance Margin (USDT
  // Contract)": 0.5 % of BTCUSDT up to 2,000,000, and 0.56 % of what is above it, up to 2,600,000.
  it.each([
    // 10,000, and the fee to close of 0.055 %: 1,100.
    ['200', '11100'],
    // 10,000 + 3,360, and 1,430.
    ['260', '14790'],
  ])('requires the rate of each tier of its own part: %s BTC at 10,000', async (size, maintenance) => {
    const id = await opened('BYBIT_UTA', 'BTCUSDT', size, '10000', { USDT: '1000000' });
    expect(await marginOf(id)).toMatchObject({ maintenanceMargin: maintenance });
  });

  // https://www.bybit.global/ar-SA/help-center/search-result?page=45&pageSize=10&query=Bybit, "Maintenance Margin (Inverse
  // Contract)": 1 % to 5 % of each 10 more; a value of 25 at 10x takes 2.5 to open. 10 x 1 % + 10 x 2 % + 5 x 3 %.
  it('requires 2.5 to open a position of 25, and 0.45 to keep it', async () => {
    const id = await opened('BYBIT_EXAMPLES', 'ETHUSDT', '25', '1', { USDT: '100' });
    expect(await marginOf(id)).toMatchObject({ initialMargin: '2.5', maintenanceMargin: '0.45' });
  });
});

describe('OKX', () => {
  // https://www.okx.com/help/iv-multi-currency-margin-mode-cross-margin-trading, as restated with its tiers at
  // https://www.open-lib.com/4291.html
  it('counts 100 BTC at 60,000 as 5,785,500', async () => {
    await publishPrices(service, { BTC: '60000' });
    // 19.6 + 4.875 + 4.85 + 19.3 + 19.2 + 19.1 + 9.5 coins.
    expect(await marginOf(await holding('OKX_MULTI', { BTC: '100' }))).toMatchObject({ collateralValue: '5785500' });
  });

  // The same: 2 BTC at 100,000 and 110,000 USDT, and a position in USDT with a profit of 10,000. Its SOL counts nothing here.
  it('adds a profit of 10,000 to the equity of USDT: 120,000', async () => {
    await publishPrices(service, { BTC: '100000', 'OKX_MULTI/BTC-USDT-SWAP': '120000' });
    const id = await holding('OKX_MULTI', { BTC: '2', USDT: '110000' });
    await recordFills(service, fill(id, 'BTC-USDT-SWAP', 'BUY', '0.5', '100000'));
    const { collateral, marginBalance } = await marginOf(id);
    expect(collateral.map(({ asset, collateralValue }) => [asset.symbol, collateralValue])).toEqual([
      ['BTC', '196000'],
      ['USDT', '120000'],
    ]);
    expect(marginBalance).toBe('316000');
  });

  // Tiers of 5,000,000 each: 1, 0.975, 0.95 (https://prjmp.com/3320.html) and 1, 0.9, 0.8 (https://ukcamo.com/6126.html),
  // both after OKX's announcements.
  it.each([
    ['OKX_EXAMPLES', '10825000'],
    ['OKX_EARLIER', '10300000'],
  ])('counts 11,000,000 USDT by tiers: %s', async (venue, counted) => {
    const id = await holding(venue, { USDT: '11000000' });
    expect(await marginOf(id)).toMatchObject({ walletValue: '11000000', collateralValue: counted });
  });
});

describe('Bitget', () => {
  // https://bitget.club/asia/support/articles/12560603815934, "Glossary of USDT-M Positions in Multi-Asset Mode".
  it.each<[what: string, holds: Record<string, string>, counted: string]>([
    ['a coin of 1,000 at 95 %', { ETH: '1' }, '950'],
    ['0.1 BTC at 10,000 and 90 %, and 1,000 USDT', { BTC: '0.1', USDT: '1000' }, '1900'],
  ])('counts %s', async (_what, holds, counted) => {
    await publishPrices(service, { BTC: '10000', ETH: '1000' });
    expect(await marginOf(await holding('BITGET_EXAMPLES', holds))).toMatchObject({ collateralValue: counted });
  });
});

describe('Hyperliquid', () => {
  // https://hyperliquid.gitbook.io/hyperliquid-docs/trading/margin-tiers: BTC 40x up to 150,000,000, then 20x. Half of 1 / 40
  // and of 1 / 20; 1,875,000 is deducted from there on.
  it.each([
    ['1500', '1875000', '7500000'],
    ['2000', '3125000', '10000000'],
  ])('requires for %s BTC at 100,000 what its tiers say', async (size, maintenance, initial) => {
    const id = await opened('HYPERLIQUID', 'BTC-USDC', size, '100000', { USDC: '20000000' });
    expect(await marginOf(id)).toMatchObject({ maintenanceMargin: maintenance, initialMargin: initial });
  });

  // The same page, its pilot on the test network: 10x up to 20,000, 5x up to 100,000, then 3x; by its formula 1,000 and
  // 7,666.67 are deducted. A third has 18 digits here.
  it.each([
    ['50000', '4000'],
    ['150000', '17333.33333333333335'],
  ])('deducts what its formula does: %s', async (size, maintenance) => {
    const id = await opened('HYPER_EXAMPLES', 'ETH-USDC', size, '1', { USDC: '100000' });
    expect(await marginOf(id)).toMatchObject({ maintenanceMargin: maintenance });
  });
});

describe('dYdX', () => {
  // https://github.com/dydxprotocol/v4-chain/blob/main/protocol/x/clob/keeper/liquidations_test.go, TestIsLiquidatable:
  // 0.1 BTC at 50,000 with 20 % to open and 10 % to keep; a quote balance of -4,000 is 1,000 of collateral.
  it.each([
    ['1000', 'WARNING', '0'],
    ['500', 'MARGIN_CALL', '0'],
    ['499', 'LIQUIDATION', '0'],
  ])('long 5,000 with a net collateral of %s', async (USDC, status, availableMargin) => {
    const id = await opened('DYDX_EXAMPLES', 'BTC-USD', '0.1', '50000', { USDC });
    const expected = { marginBalance: USDC, initialMargin: '1000', maintenanceMargin: '500' };
    expect(await marginOf(id)).toMatchObject({ ...expected, status, availableMargin });
  });

  // https://github.com/dydxprotocol/v4-chain/blob/main/protocol/x/subaccounts/lib/updates_test.go, TestGetRiskForSubaccount:
  // 10 % to open and half of it to keep. 100 at 100 and 100 of the quote asset; then -25 at 200 too, and 110 of it.
  it('adds up net collateral and requirements of a long and a short position', async () => {
    await publishPrices(service, { 'DYDX_EXAMPLES/ETH-USD': '100', 'DYDX_EXAMPLES/SOL-USD': '200' });
    const id = await holding('DYDX_EXAMPLES', { USDC: '10100' });
    await recordFills(service, fill(id, 'ETH-USD', 'BUY', '100', '100'));
    const first = { marginBalance: '10100', initialMargin: '1000', maintenanceMargin: '500' };
    expect(await marginOf(id)).toMatchObject(first);
    // The quote asset that the short position brought is in its cost: 110 + 10,000 - 5,000.
    const other = await holding('DYDX_EXAMPLES', { USDC: '5110' });
    await recordFills(
      service,
      fill(other, 'ETH-USD', 'BUY', '100', '100'),
      fill(other, 'SOL-USD', 'SELL', '25', '200'),
    );
    const both = { marginBalance: '5110', initialMargin: '1500', maintenanceMargin: '750' };
    expect(await marginOf(other)).toMatchObject(both);
  });

  it('takes nothing but USDC for collateral', async () => {
    await publishPrices(service, { BTC: '50000' });
    const id = await holding('DYDX', { USDC: '10' });
    await recordTransfers(service, transfer(id, 'BTC', '1'));
    expect(await marginOf(id)).toMatchObject({ collateralValue: '10' });
  });
});
