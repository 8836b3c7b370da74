/**
 * "AscendEX supports using assets engaged in the Earn products as collateral, allowing users to transfer assets
 * (cryptocurrency-S) from their Earn account to their Futures account": an asset of its own, at the price of another.
 */
import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { readAccount, simulate } from '../../support/calls/account-reader.js';
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

let app: TestApp;
let service: Api;

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
  await publishPrices(service, { BTC: '10000', 'ASCENDEX/ETH-PERP': '1000' });
});

afterAll(() => app.close());

it('takes the price of BTC, and no quotes of its own', async () => {
  const { assets } = await service.ask<{ assets: object[] }>(
    '{ assets(symbols: ["BTC-S"]) { symbol pricedAs { symbol } indexPrice { price sources { source } } } }',
  );
  expect(assets).toEqual([
    { symbol: 'BTC-S', pricedAs: { symbol: 'BTC' }, indexPrice: { price: '10000', sources: [{ source: 'test' }] } },
  ]);
  const { accepted, errors } = await publishPrices(service, { 'BTC-S': '1' });
  expect([accepted, errors[0]?.code]).toEqual([0, 'INVALID_INPUT']);
});

it('is liquidated at one price, whether it is asked for, simulated or shocked', async () => {
  await publishPrices(service, { BTC: '60000', 'ASCENDEX/ETH-PERP': '3000' });
  const id = await openAccount(service, { venue: 'ASCENDEX' });
  await recordTransfers(service, transfer(id, 'BTC', '1'), transfer(id, 'BTC-S', '1'));
  await recordFills(service, fill(id, 'ETH-PERP', 'BUY', '400', '3000'));
  const { balances } = await readAccount<{ balances: { liquidationPrice: { price: string } }[] }>(
    service,
    id,
    'balances { liquidationPrice { price } }',
  );
  const [bitcoin, earning] = balances.map(({ liquidationPrice }) => liquidationPrice.price);
  expect(earning).toMatch(/^36734\.69/);
  expect(bitcoin).toBe(earning);
  const statuses = async (symbol: string, price: string, shock: string): Promise<string[]> => {
    const input = { prices: [{ symbol, price }] };
    const simulated = await simulate(service, id, input);
    const { stress } = await readAccount<{ stress: { margin: { status: string } }[] }>(
      service,
      id,
      'stress(shocks: $shocks, symbols: $symbols) { margin { status } }',
      { shocks: [shock], symbols: [symbol] },
    );
    return [String(simulated.after['status']), stress[0]?.margin.status ?? 'none'];
  };
  // 36,734.69 / 60,000 and 36,734.70 / 60,000, less 1.
  for (const symbol of ['BTC', 'BTC-S']) {
    expect(await statuses(symbol, '36734.69', '-0.387755166666666667')).toEqual(['LIQUIDATION', 'LIQUIDATION']);
    expect(await statuses(symbol, '36734.7', '-0.387755')).toEqual(['MARGIN_CALL', 'MARGIN_CALL']);
  }
  await publishPrices(service, { BTC: '10000', 'ASCENDEX/ETH-PERP': '1000' });
});

it('counts at the ratio of its own, of which admins may make another without touching that of BTC', async () => {
  const id = await openAccount(service, { venue: 'ASCENDEX' });
  await recordTransfers(service, transfer(id, 'BTC', '1'), transfer(id, 'BTC-S', '1'));
  const counted = () =>
    readAccount(service, id, 'margin { collateral { asset { symbol } collateralValue collateralRatio { version } } }');
  const collateral = (symbol: string, collateralValue: string, version: number): object => ({
    ...{ asset: { symbol }, collateralValue, collateralRatio: { version } },
  });
  // 10,000 x 0.98 each.
  expect(await counted()).toEqual({
    margin: { collateral: [collateral('BTC', '9800', 1), collateral('BTC-S', '9800', 1)] },
  });
  const admin = await app.as('root', 'ADMIN');
  const input = {
    ...{ venue: 'ASCENDEX', asset: 'BTC-S', ratio: '0.9', force: true, reason: 'test', expectedVersion: 1 },
    idempotencyKey: 'earn',
  };
  await admin.ask(
    'mutation ($input: ChangeCollateralRatioInput!) { changeCollateralRatio(input: $input) { errors { code } } }',
    { input },
  );
  expect(await counted()).toEqual({
    margin: { collateral: [collateral('BTC', '9800', 1), collateral('BTC-S', '9000', 2)] },
  });
});

it('moves what watches the account when the price of BTC moves', async () => {
  const id = await openAccount(service, { venue: 'ASCENDEX' });
  await recordTransfers(service, transfer(id, 'BTC-S', '0.01'));
  await recordFills(service, fill(id, 'ETH-PERP', 'BUY', '0.01', '1000'));
  const socket = service.socket();
  const stream = socket.iterate<{ marginRatioChanged: { margin: { walletValue: string } } }>({
    query:
      'subscription ($ids: [ID!]!) { marginRatioChanged(accountIds: $ids, minChange: "0") { margin { walletValue } } }',
    variables: { ids: [id] },
  });
  const next = async (): Promise<unknown> => {
    const result = await stream.next();
    return result.done === true ? null : result.value.data?.marginRatioChanged.margin.walletValue;
  };
  expect(await next()).toBe('100');
  await publishPrices(service, { BTC: '12000' });
  expect(await next()).toBe('120');
  await stream.return?.();
  await socket.dispose();
});
