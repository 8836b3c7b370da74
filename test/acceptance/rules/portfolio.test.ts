/** What a viewer has in all own accounts, in each unit of their venues and in USDT. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';

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

const TOTALS = 'unit { symbol } walletValue unrealizedPnl marginBalance';
const PORTFOLIO = `{ viewer { portfolio { accounts worstStatus byUnit { ${TOTALS} } total { ${TOTALS} } } } }`;

let app: TestApp;
let service: Api;

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
});

afterAll(() => app.close());

async function portfolioOf(owner: string): Promise<Record<string, unknown>> {
  const api = await app.as(owner, 'TRADER');
  const { viewer } = await api.ask<{ viewer: { portfolio: Record<string, unknown> } }>(PORTFOLIO);
  return viewer.portfolio;
}

it('is nothing without an account', async () => {
  expect(await portfolioOf('nobody')).toEqual({
    ...{ accounts: 0, worstStatus: null, byUnit: [] },
    total: { unit: { symbol: 'USDT' }, walletValue: '0', unrealizedPnl: '0', marginBalance: '0' },
  });
});

it('sums by unit, and in USDT at the price of each unit', async () => {
  await openAccount(service, { owner: 'bob' });
  const single = { owner: 'alice', collateralMode: 'SINGLE_ASSET' } as const;
  const aster = await openAccount(service, { ...single, venue: 'ASTER', chain: 'ETHEREUM' });
  const second = await openAccount(service, { ...single, venue: 'ASTER', chain: 'ETHEREUM' });
  const dydx = await openAccount(service, { ...single, venue: 'DYDX' });
  await recordTransfers(service, transfer(aster, 'USDT', '1000'), transfer(second, 'USDT', '500'));
  await recordTransfers(service, transfer(dydx, 'USDC', '200'));
  const inUsdt = { unit: { symbol: 'USDT' }, walletValue: '1500', unrealizedPnl: '0', marginBalance: '1500' };
  const inUsdc = { unit: { symbol: 'USDC' }, walletValue: '200', unrealizedPnl: '0', marginBalance: '200' };
  expect(await portfolioOf('alice')).toEqual({
    ...{ accounts: 3, worstStatus: 'NO_EXPOSURE', byUnit: [inUsdc, inUsdt] },
    // USDC never had a price.
    total: null,
  });

  await publishPrices(service, { USDC: '0.9', 'ASTER/BTCUSDT': '20000' });
  await recordFills(service, fill(aster, 'BTCUSDT', 'BUY', '0.1', '20500'));
  expect(await portfolioOf('alice')).toEqual({
    ...{ accounts: 3, worstStatus: 'HEALTHY' },
    byUnit: [inUsdc, { ...inUsdt, unrealizedPnl: '-50', marginBalance: '1450' }],
    total: { unit: { symbol: 'USDT' }, walletValue: '1680', unrealizedPnl: '-50', marginBalance: '1630' },
  });
});

it('has the worst status of isolated positions, too', async () => {
  const id = await openAccount(service, {
    ...{ owner: 'erin', venue: 'ASTER', chain: 'ETHEREUM', collateralMode: 'SINGLE_ASSET' },
  });
  await recordTransfers(service, transfer(id, 'USDT', '1000'));
  await publishPrices(service, { 'ASTER/BTCUSDT': '20000' });
  const set = 'mutation ($input: SetMarginModeInput!) { setMarginMode(input: $input) { errors { code } } }';
  await service.ask(set, { input: { accountId: id, instrument: 'BTCUSDT', marginMode: 'ISOLATED' } });
  await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '0.1', '20000'));
  expect(await portfolioOf('erin')).toMatchObject({ accounts: 1, worstStatus: 'HEALTHY' });
  await publishPrices(service, { 'ASTER/BTCUSDT': '18000' });
  expect(await portfolioOf('erin')).toMatchObject({ worstStatus: 'LIQUIDATION', byUnit: [{ walletValue: '900' }] });
});
