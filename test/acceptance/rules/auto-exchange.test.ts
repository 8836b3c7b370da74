/** Debts past their thresholds are covered by other assets, in the transaction of what led there (rules: 11). */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { readAccount } from '../../support/calls/account-reader.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { DATED, POLICY } from '../../support/calls/own-venue.js';
import { balancesOf, ledgerOf, versionOf, wrongBalances } from '../../support/calls/trader-calls.js';
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
let folder: string;
let ahead = 0;

/** BTC at 0.975, ETH at 0.9, bonus money that cannot be sold; 9,999 USDT may be owed. */
const VENUE = {
  code: 'EXCHANGE',
  name: 'Auto-exchange',
  chains: [],
  policies: [{ ...POLICY, autoExchange: { USDT: '-9999' } }],
  instruments: [
    {
      ...{ symbol: 'BTCUSDT', baseAsset: 'BTC', quoteAsset: 'USDT', maxLeverage: '100' },
      maintenance: [{ ...DATED, tiers: [{ floor: '0', cap: null, rate: '0.004', maxLeverage: '100' }] }],
    },
  ],
  collateralRatios: [{ ...DATED, chain: null, ratios: { BTC: '0.975', ETH: '0.9', BonusUSD: '1' } }],
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plimsoll-reference-'));
  await mkdir(join(folder, 'venues'));
  await writeFile(join(folder, 'venues', 'EXCHANGE.json'), JSON.stringify(VENUE));
  app = await startTestApp({ env: { REFERENCE_DATA: folder }, clock: () => Date.now() + ahead });
  service = await app.as('venue', 'SERVICE');
});

afterAll(async () => {
  await app.close();
  await rm(folder, { recursive: true });
});

const prices = (): Promise<object> =>
  publishPrices(service, { BTC: '10000', ETH: '1000', BonusUSD: '1', 'EXCHANGE/BTCUSDT': '10000' });

async function accountWith(...held: [asset: string, quantity: string][]): Promise<string> {
  const id = await openAccount(service, { venue: 'EXCHANGE' });
  await prices();
  await recordTransfers(service, ...held.map(([asset, quantity]) => transfer(id, asset, quantity)));
  return id;
}

it('sells BTC for 10,256.41 to cover a debt of 10,000 at a ratio of 0.975 (V43)', async () => {
  // 000: "If the balance of a specific asset falls below a set threshold, other assets in your USDT Futures wallet will be
  // automatically converted to cover the deficit"; "doesn't charge any commission".
  const id = await accountWith(['BTC', '5']);
  const before = await readAccount(service, id, 'margin { walletValue }');
  expect(before).toEqual({ margin: { walletValue: '50000' } });
  const version = await versionOf(service, id);
  await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '10000', { fillId: 'v43', fee: '10000' }));
  // 5 BTC count 48,750; 5 x 10,000 / 48,750 = 1.025641…, rounded up, is sold at 10,000 each and credited in full.
  expect((await ledgerOf(service, id)).slice(0, 3)).toEqual([
    'AUTO_EXCHANGE USDT 10256.41025641025642 256.41025641025642 v43',
    'AUTO_EXCHANGE BTC -1.025641025641025642 3.974358974358974358 v43',
    'FEE USDT -10000 -10000 v43',
  ]);
  // One change of the account; worth what it was, less the fee.
  expect(await versionOf(service, id)).toBe(version + 1);
  expect(await readAccount(service, id, 'margin { walletValue }')).toEqual({ margin: { walletValue: '40000' } });
});

it('leaves a debt at the threshold as it is', async () => {
  const id = await accountWith(['BTC', '5']);
  await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '10000', { fee: '9999' }));
  expect(await balancesOf(service, id)).toEqual({ BTC: '5', USDT: '-9999' });
});

it('comes after every single fill of a batch, not once at its end', async () => {
  const id = await accountWith(['BTC', '5']);
  await recordFills(
    service,
    // -10,000, covered; then a rebate of the same, which comes too late to spare the exchange.
    fill(id, 'BTCUSDT', 'BUY', '1', '10000', { fillId: 'each-1', fee: '10000' }),
    fill(id, 'BTCUSDT', 'SELL', '1', '10000', { fillId: 'each-2', fee: '-10000' }),
  );
  expect(
    (await ledgerOf(service, id)).map((entry) => entry.split(' ')).map(([kind, , , , from]) => [kind, from]),
  ).toEqual([
    ['FEE', 'each-2'],
    ['AUTO_EXCHANGE', 'each-1'],
    ['AUTO_EXCHANGE', 'each-1'],
    ['FEE', 'each-1'],
    ['DEPOSIT', expect.any(String)],
  ]);
  expect(await balancesOf(service, id)).toEqual({ BTC: '3.974358974358974358', USDT: '10256.41025641025642' });
});

it('sells the same part of everything, no bonus money, and never more than there is', async () => {
  const id = await accountWith(['BTC', '0.4'], ['ETH', '2'], ['BonusUSD', '50']);
  await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '10000', { fee: '20000' }));
  // They count 3,900 and 1,800, less than is owed: all of both goes, for 4,000 and 2,000; 14,000 stay owed.
  expect(await balancesOf(service, id)).toEqual({ BonusUSD: '50', USDT: '-14000' });
  expect(await wrongBalances(app.app.services.db)).toBe(0);
});

it('sells nothing by a stale price', async () => {
  const id = await accountWith(['BTC', '5'], ['ETH', '20']);
  ahead = 61_000;
  try {
    const at = new Date(Date.now() + ahead).toISOString();
    await publishPrices(service, { ETH: '1000' }, { at });
    await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '10000', { fee: '18000' }));
  } finally {
    ahead = 0;
  }
  // The BTC price is too old: 20 ETH, which count 18,000, go for 20,000.
  expect(await balancesOf(service, id)).toEqual({ BTC: '5', USDT: '2000' });
});
