/** Venues valued in another asset than USDT, and contracts settled in another one than the unit (rules: 16). */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { readAccount } from '../../support/calls/account-reader.js';
import { balancesOf, call, ledgerOf } from '../../support/calls/trader-calls.js';
import { fill, openHolding, publishPrices, recordFills } from '../../support/calls/venue-system.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';

let app: TestApp;
let service: Api;
let now = Date.parse('2030-01-01T09:40:00Z');

beforeAll(async () => {
  app = await startTestApp({ clock: () => now });
  service = await app.as('venue', 'SERVICE');
});
afterAll(() => app.close());

const publish = async (prices: Record<string, string>, unit?: string): Promise<void> => {
  const at = new Date(now).toISOString();
  const { errors } = await publishPrices(service, prices, { at, ...(unit === undefined ? {} : { unit }) });
  expect(errors).toEqual([]);
};

interface Margin {
  readonly margin: Record<string, string>;
}

describe('ASTER, whose contracts in USD1 are settled in it', () => {
  const open = (): Promise<string> => openHolding(service, { USDT: '20000' }, { venue: 'ASTER', chain: 'ETHEREUM' });
  const trade = (id: string, side: 'BUY' | 'SELL', price: string): Promise<object> =>
    recordFills(service, fill(id, 'ETHUSD1', side, '10', price, { at: new Date(now).toISOString() }));

  it('counts PnL and requirement at the index of USD1, and calls positions unpriced without it', async () => {
    const id = await open();
    await publish({ 'ASTER/ETHUSD1': '3100' });
    await trade(id, 'BUY', '3000');
    const read = (): Promise<Margin> =>
      readAccount(service, id, 'margin { status unpriced marginBalance unrealizedPnl initialMargin }');
    expect((await read()).margin).toMatchObject({ status: 'UNPRICED', unpriced: ['USD1'] });

    await publish({ USD1: '0.998' });
    // 20,000 USDT at 0.9999; 1,000 USD1; 31,000 at 20x.
    expect((await read()).margin).toMatchObject({
      ...{ status: 'HEALTHY', unrealizedPnl: '998', marginBalance: '20996', initialMargin: '1546.9' },
    });
    const { positions } = await readAccount<{ positions: object[] }>(
      service,
      id,
      'positions { unrealizedPnl settlementPrice instrument { settlementAsset { symbol } quoteAsset { symbol } } }',
    );
    const [quoteAsset, settlementAsset] = [{ symbol: 'USD1' }, { symbol: 'USD1' }];
    expect(positions).toEqual([
      { unrealizedPnl: '1000', settlementPrice: '0.998', instrument: { quoteAsset, settlementAsset } },
    ]);
  });

  it('makes a debt of a loss, charges interest on it at the hour, and exchanges what is past the threshold', async () => {
    const id = await open();
    await publish({ USD1: '1', 'ASTER/ETHUSD1': '3000' });
    await trade(id, 'BUY', '3000');
    await publish({ 'ASTER/ETHUSD1': '2500' });
    await trade(id, 'SELL', '2500');
    expect(await balancesOf(service, id)).toEqual({ USD1: '-5000', USDT: '20000' });

    now = Date.parse('2030-01-01T10:00:00Z');
    for (const end = Date.now() + 20_000; Date.now() < end && (await ledgerOf(service, id)).length < 3;) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    // 0.00000457 x (5,000 - 1,000)
    expect((await ledgerOf(service, id))[0]).toBe(
      'INTEREST USD1 -0.01828 -5000.01828 interest:2030-01-01T10:00:00.000Z',
    );

    await publish({ USD1: '1', 'ASTER/ETHUSD1': '2500' });
    await trade(id, 'BUY', '2500');
    await publish({ 'ASTER/ETHUSD1': '1990' });
    await trade(id, 'SELL', '1990');
    // 10,100.01828 owed; USDT counts 0.9999, and is sold for it.
    const balances = await balancesOf(service, id);
    expect(Number(balances['USD1'])).toBeCloseTo(1.0101, 3);
    expect(Number(balances['USDT'])).toBeCloseTo(20_000 - 10_101.0284, 3);
  });

  it('opens nothing where USD1 does not count, and says so', async () => {
    const id = await openHolding(service, { USDT: '20000' }, { venue: 'ASTER', chain: 'ARBITRUM' });
    await publish({ USD1: '1', 'ASTER/ETHUSD1': '3000' });
    const input = { trades: [{ instrument: 'ETHUSD1', side: 'BUY', size: '1' }] };
    const { simulate } = await readAccount<{ simulate: { accepted: boolean; refusal: { code: string } } }>(
      service,
      id,
      'simulate(input: $input) { accepted refusal { code } }',
      { input },
    );
    expect(simulate).toEqual({ accepted: false, refusal: { code: 'SETTLEMENT_NOT_ACCEPTED' } });
    // A fill is a fact. The mode in which its settlement asset does not count is refused.
    const fills = [fill(id, 'ETHUSD1', 'BUY', '10', '3000', { at: new Date(now).toISOString() })];
    const { recordFills: taken } = await service.ask<{ recordFills: object }>(
      'mutation ($input: RecordFillsInput!) { recordFills(input: $input) { recorded warnings { code field } } }',
      { input: { fills } },
    );
    const field = ['input', 'fills', '0', 'instrument'];
    expect(taken).toEqual({ recorded: 1, warnings: [{ code: 'SETTLEMENT_NOT_ACCEPTED', field }] });
    const refused = await call(service, 'setCollateralMode', { accountId: id, collateralMode: 'SINGLE_ASSET' });
    expect(refused.errors).toMatchObject([{ code: 'SETTLEMENT_NOT_ACCEPTED' }]);
  });
});

describe('HYPERLIQUID, which is valued in USDC', () => {
  it('takes an index in its unit, or the product with USDT, and leaves 10 % of the notional', async () => {
    const id = await openHolding(service, { USDC: '10000' }, { venue: 'HYPERLIQUID' });
    await publish({ 'HYPERLIQUID/BTC-USDC': '60000', BTC: '60000' });
    await publish({ USDT: '0.999' }, 'USDC');
    const index = (unit: string): Promise<object> =>
      service.ask(`{ assets(symbols: ["BTC"]) { indexPrice(unit: "${unit}") { price } } }`);
    expect(await index('USDC')).toEqual({ assets: [{ indexPrice: { price: '59940' } }] });
    await publish({ BTC: '59950' }, 'USDC');
    expect(await index('USDC')).toEqual({ assets: [{ indexPrice: { price: '59950' } }] });
    expect(await index('USDT')).toEqual({ assets: [{ indexPrice: { price: '60000' } }] });

    await recordFills(service, fill(id, 'BTC-USDC', 'BUY', '1', '60000', { at: new Date(now).toISOString() }));
    const { margin } = await readAccount<Margin>(
      service,
      id,
      'margin { marginBalance initialMargin maintenanceMargin }',
    );
    // 60,000 at 20x, 1.25 %; 10 % of the notional stays.
    expect(margin).toEqual({ marginBalance: '10000', initialMargin: '3000', maintenanceMargin: '750' });
    const leaves = 'maxTransferable(asset: "USDC")';
    expect(await readAccount(service, id, leaves)).toEqual({ maxTransferable: '4000' });
  });

  it('refuses quotes that cannot be', async () => {
    const refused = async (quote: object): Promise<object[]> => {
      const at = new Date(now).toISOString();
      const quotes = [{ price: '1', source: 'test', at, ...quote }];
      const { publishPrices: payload } = await service.ask<{ publishPrices: { errors: object[] } }>(
        'mutation ($input: PublishPricesInput!) { publishPrices(input: $input) { errors { code field } } }',
        { input: { quotes } },
      );
      return payload.errors;
    };
    expect(await refused({ asset: 'USDC', unit: 'USDC' })).toMatchObject([{ code: 'INVALID_INPUT' }]);
    expect(await refused({ asset: 'BTC', unit: 'ETH' })).toMatchObject([{ code: 'INVALID_INPUT' }]);
    const mark = { venue: 'HYPERLIQUID', instrument: 'BTC-USDC', unit: 'USDC' };
    expect(await refused(mark)).toMatchObject([{ code: 'INVALID_INPUT' }]);
  });
});
