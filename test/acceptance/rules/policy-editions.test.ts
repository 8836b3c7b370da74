/** A venue's policy has editions: BITGET's second one holds from 2026-06-25 on (rules: 15, 17, 18). */
import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { readAccount } from '../../support/calls/account-reader.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';

let app: TestApp;
let service: Api;
let now = Date.parse('2026-06-24T23:50:00Z');

beforeAll(async () => {
  app = await startTestApp({ clock: () => now });
  service = await app.as('venue', 'SERVICE');
});

afterAll(() => app.close());

const at = (): string => new Date(now).toISOString();
const publish = (eth: string): Promise<object> =>
  publishPrices(service, { BTC: '60000', 'BITGET/ETHUSDT': eth }, { at: at() });

async function marginOf(id: string): Promise<object> {
  const fields = `policyVersion collateralValue unrealizedPnl marginBalance initialMargin maintenanceMargin liabilityMargin`;
  return (await readAccount<{ margin: object }>(service, id, `margin { ${fields} }`)).margin;
}

it('counts a loss beside the collateral before that day, and as a debt that requires margin from then on', async () => {
  await publish('2000');
  const id = await openAccount(service, { venue: 'BITGET' });
  await recordTransfers(service, { ...transfer(id, 'BTC', '1'), at: at() });
  await recordFills(service, fill(id, 'ETHUSDT', 'BUY', '10', '3000', { at: at() }));
  // 60,000 x 0.975; a loss of 10,000; 20,000 x (0.004 + 0.0006) and 20,000 / 20.
  expect(await marginOf(id)).toEqual({
    ...{ policyVersion: 1, collateralValue: '58500', unrealizedPnl: '-10000', marginBalance: '48500' },
    ...{ initialMargin: '1000', maintenanceMargin: '92', liabilityMargin: '0' },
  });

  now = Date.parse('2026-06-25T00:00:01Z');
  await publish('2000');
  // 5 % of the 10,000 that are owed.
  expect(await marginOf(id)).toEqual({
    ...{ policyVersion: 2, collateralValue: '48500', unrealizedPnl: '-10000', marginBalance: '48500' },
    ...{ initialMargin: '1500', maintenanceMargin: '592', liabilityMargin: '500' },
  });

  // A second tier: 150,000 are owed, of which 50,000 require 7.5 %.
  await recordFills(service, fill(id, 'ETHUSDT', 'BUY', '140', '3000', { at: at() }));
  expect(await marginOf(id)).toMatchObject({ marginBalance: '-91500', liabilityMargin: '8750' });

  // A profit is no debt, and counts beside what is held.
  await publish('3100');
  expect(await marginOf(id)).toMatchObject({ collateralValue: '73500', marginBalance: '73500', liabilityMargin: '0' });
});

it('says of each instant which edition holds', async () => {
  const policyAt = async (instant: string): Promise<unknown> => {
    const { venues } = await service.ask<{ venues: { code: string; policy: object }[] }>(
      `query ($at: DateTime) { venues { code policy(at: $at) { version pnlCounts liabilities { asset { symbol } } } } }`,
      { at: instant },
    );
    return venues.find(({ code }) => code === 'BITGET')?.policy;
  };
  expect(await policyAt('2026-06-24T23:59:59.999Z')).toEqual({ version: 1, pnlCounts: 'IN_FULL', liabilities: [] });
  const second = { version: 2, pnlCounts: 'AS_EQUITY', liabilities: [{ asset: null }] };
  expect(await policyAt('2026-06-25T00:00:00Z')).toEqual(second);
});
