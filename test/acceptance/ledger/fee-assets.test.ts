/** Fees in any asset of the venue: paid by its balance, and part of the fill's content (rules: 25). */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { readAccount } from '../../support/calls/account-reader.js';
import { unchanged } from '../../support/calls/fingerprint.js';
import { balancesOf, call, ledgerOf, wrongBalances } from '../../support/calls/trader-calls.js';
import { fill, openHolding, publishPrices, recordFills, type FillChoice } from '../../support/calls/venue-system.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';

let app: TestApp;
let service: Api;
let alice: Api;

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
  alice = await app.as('alice', 'TRADER');
  await publishPrices(service, { BTC: '60000', 'ASCENDEX/BTC-PERP': '60000', 'ASTER/BTCUSDT': '60000' });
});

afterAll(() => app.close());

const ASTER = { venue: 'ASTER', chain: 'BNB_CHAIN' } as const;
const bought = (id: string, choice: FillChoice): object => fill(id, 'BTCUSDT', 'BUY', '0.1', '60000', choice);

interface Paid {
  readonly fee: string;
  readonly feeAsset: { readonly symbol: string };
}
async function feesOf(id: string): Promise<string[]> {
  const { fills } = await readAccount<{ fills: { nodes: Paid[] } }>(
    alice,
    id,
    'fills { nodes { fee feeAsset { symbol } } }',
  );
  return fills.nodes.map(({ fee, feeAsset }) => `${fee} ${feeAsset.symbol}`);
}

it('is USDT unless the fill says otherwise', async () => {
  const id = await openHolding(service, { USDT: '100', BTC: '1' }, ASTER);
  const taken = await recordFills(
    service,
    bought(id, { fee: '1' }),
    bought(id, { fee: '2', feeAsset: null }),
    bought(id, { fee: '3', feeAsset: 'USDT' }),
    bought(id, { fee: '0.25', feeAsset: 'BTC' }),
    bought(id, { fee: '-0.5', feeAsset: 'BTC' }),
    bought(id, { feeAsset: 'BTC' }),
  );
  expect(taken).toEqual({ recorded: 6, alreadyKnown: 0, errors: [] });
  expect(await balancesOf(alice, id)).toEqual({ USDT: '94', BTC: '1.25' });
  expect(await feesOf(id)).toEqual(['0 BTC', '-0.5 BTC', '0.25 BTC', '3 USDT', '2 USDT', '1 USDT']);
  const entries = await ledgerOf(alice, id, 2);
  expect(entries.map((entry) => entry.split(' ').slice(0, 4).join(' '))).toEqual([
    'FEE BTC 0.5 1.25',
    'FEE BTC -0.25 0.75',
  ]);
  expect(await wrongBalances(app.app.services.db)).toBe(0);
});

it('becomes a debt in that asset where there is too little of it', async () => {
  const id = await openHolding(service, { USDT: '10000' }, ASTER);
  await recordFills(service, bought(id, { fee: '0.01', feeAsset: 'BTC' }));
  expect(await balancesOf(alice, id)).toEqual({ USDT: '10000', BTC: '-0.01' });
});

it('is part of the content under the id; the default, named or not, is the same', async () => {
  const id = await openHolding(service, { USDT: '100', BTC: '1' }, ASTER);
  const choice = { fillId: randomUUID(), at: new Date().toISOString(), fee: '0.5' };
  await recordFills(service, bought(id, choice));
  for (const feeAsset of ['USDT', null]) {
    const again = await unchanged(app, () => recordFills(service, bought(id, { ...choice, feeAsset })));
    expect(again).toMatchObject({ recorded: 0, alreadyKnown: 1, errors: [] });
  }
  const reused = await unchanged(app, () => recordFills(service, bought(id, { ...choice, feeAsset: 'BTC' })));
  expect(reused.errors).toMatchObject([{ code: 'IDEMPOTENCY_KEY_REUSED', field: ['input', 'fills', '0', 'fillId'] }]);
});

it('is paid by the balance where an isolated position is closed, so that its margin settles PnL alone', async () => {
  const id = await openHolding(service, { USDT: '10000', BTC: '1' }, { venue: 'ASCENDEX' });
  const setting = { accountId: id, instrument: 'BTC-PERP' };
  await call(alice, 'setMarginMode', { ...setting, marginMode: 'ISOLATED' });
  await call(alice, 'setLeverage', { ...setting, leverage: '10' });
  const fee = { fee: '0.1', feeAsset: 'BTC' };
  await recordFills(
    service,
    fill(id, 'BTC-PERP', 'BUY', '1', '60000', fee),
    fill(id, 'BTC-PERP', 'SELL', '0.5', '58000', fee),
  );
  // 6,000 was set aside. Half of it is released, and settles a loss of 1,000.
  const { positions } = await readAccount<{ positions: object[] }>(alice, id, 'positions { isolatedMargin }');
  expect(positions).toEqual([{ isolatedMargin: '3000' }]);
  expect(await balancesOf(alice, id)).toEqual({ USDT: '6000', BTC: '0.8' });
});

describe('is refused', () => {
  it.each([
    ['in an asset that there is not', { fee: '1', feeAsset: 'NOPE' }, 'ASSET_NOT_FOUND', 'feeAsset'],
    ['in one in lower case', { fee: '1', feeAsset: 'usdt' }, 'ASSET_NOT_FOUND', 'feeAsset'],
    ['in one with NUL', { fee: '1', feeAsset: 'USDT\0' }, 'ASSET_NOT_FOUND', 'feeAsset'],
    ['in none', { fee: '0', feeAsset: '' }, 'ASSET_NOT_FOUND', 'feeAsset'],
    ['above 1e15 of it', { fee: '1000000000000001', feeAsset: 'BTC' }, 'INVALID_INPUT', 'fee'],
    ['as a rebate that would count and never had a price', { fee: '-1', feeAsset: 'BNB' }, 'PRICE_UNAVAILABLE', 'fee'],
  ])('%s', async (_what, choice, code, field) => {
    const id = await openHolding(service, { USDT: '100' }, ASTER);
    const { errors, recorded } = await unchanged(app, () => recordFills(service, bought(id, choice)));
    expect(recorded).toBe(0);
    expect(errors).toMatchObject([{ code, field: ['input', 'fills', '0', field] }]);
  });

  it('and may be a rebate where the mode counts nothing of it', async () => {
    const id = await openHolding(service, { USDT: '100' }, { ...ASTER, collateralMode: 'SINGLE_ASSET' });
    expect(await recordFills(service, bought(id, { fee: '-1', feeAsset: 'BNB' }))).toMatchObject({ recorded: 1 });
    expect(await balancesOf(alice, id)).toEqual({ USDT: '100', BNB: '1' });
  });
});
