/** What can leave (rules: 8): exactly that much is let go, and one unit of the 18th digit more is not. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { readAccount } from '../support/account-reader.js';
import type { Api } from '../support/api.js';
import { startTestApp, type TestApp } from '../support/app.js';
import { fill, openAccount, publishPrices, recordFills, recordTransfers, transfer } from '../support/venue-system.js';

let app: TestApp;
let service: Api;

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
});

afterAll(() => app.close());

async function most(id: string, asset: string): Promise<string> {
  const { maxTransferable } = await readAccount<{ maxTransferable: string }>(
    service,
    id,
    `maxTransferable(asset: ${JSON.stringify(asset)})`,
  );
  return maxTransferable;
}

describe('through the API', () => {
  it('1,000 USDT, a profit of 500 and an initial margin of 600 let 400 go', async () => {
    const id = await openAccount(service, { venue: 'BITGET' });
    await publishPrices(service, { 'BITGET/BTCUSDT': '12000' });
    await recordTransfers(service, transfer(id, 'USDT', '1000'));
    await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '11500'));
    // 12,000 / 20 = 600 needed; unrealised profit cannot leave: 1,000 + min(0, 500) - 600.
    expect(await most(id, 'USDT')).toBe('400');
  });

  it('10 BTC at 60,000 with an initial margin of 500,000 let 1.416234887737478411 BTC go, and not a digit more', async () => {
    const id = await openAccount(service, { venue: 'BITGET' });
    await publishPrices(service, { BTC: '60000', 'BITGET/ETHUSDT': '10000' });
    await recordTransfers(service, transfer(id, 'BTC', '10'));
    await recordFills(service, fill(id, 'ETHUSDT', 'BUY', '1000', '10000'));
    // 10,000,000 / 20 = 500,000 = 97,500 + 388,000 + 14,500 of the third tier: 14,500 / 0.965 = 15,025.906735751…
    // (500,000 + 15,025.906735751…) / 60,000 = 8.583765112262521588… stay.
    expect(await most(id, 'BTC')).toBe('1.416234887737478411');
    const refused = await recordTransfers(service, transfer(id, 'BTC', '-1.416234887737478412'));
    expect(refused.errors).toMatchObject([
      { code: 'INSUFFICIENT_MARGIN', required: '1.416234887737478412', available: '1.416234887737478411' },
    ]);
    expect(await recordTransfers(service, transfer(id, 'BTC', '-1.416234887737478411'))).toMatchObject({ recorded: 1 });
    expect(await most(id, 'BTC')).toBe('0');
  });

  it('is 0 for what is not there, not an asset, owed, not transferable, or does not cover the initial margin', async () => {
    const id = await openAccount(service, { venue: 'BITGET' });
    await publishPrices(service, { BonusUSD: '1', 'BITGET/ETHUSDT': '1500' });
    await recordTransfers(service, transfer(id, 'USDT', '10'), transfer(id, 'BonusUSD', '5'));
    expect([await most(id, 'USDT'), await most(id, 'BonusUSD')]).toEqual(['10', '0']);
    await recordFills(service, fill(id, 'ETHUSDT', 'BUY', '1', '1500', { fee: '11' }));
    for (const asset of ['USDT', 'BonusUSD', 'BTC', 'NONE', '__proto__', '']) expect(await most(id, asset)).toBe('0');
  });

  it('is 0 while a price that it takes is stale or missing', async () => {
    const id = await openAccount(service, { venue: 'ASCENDEX' });
    await recordTransfers(service, transfer(id, 'USDT', '1000'));
    await recordFills(service, fill(id, 'ETH-PERP', 'BUY', '1', '1500'));
    expect(await most(id, 'USDT')).toBe('0');
    const at = new Date(Date.now() - 120_000).toISOString();
    await publishPrices(service, { 'ASCENDEX/ETH-PERP': '1500' }, { at });
    expect(await most(id, 'USDT')).toBe('0');
    await publishPrices(service, { 'ASCENDEX/ETH-PERP': '1500' });
    // 1,000 - 1,500 / 20.
    expect(await most(id, 'USDT')).toBe('925');
  });

  // "Other assets can be transferred to other accounts." (Bitget, on single-asset mode)
  it('in single-asset mode is all of another asset while no USDT is owed', async () => {
    const id = await openAccount(service, { venue: 'BITGET', collateralMode: 'SINGLE_ASSET' });
    await publishPrices(service, { BTC: '60000', 'BITGET/ETHUSDT': '1500' });
    await recordTransfers(service, transfer(id, 'USDT', '100'), transfer(id, 'BTC', '2'));
    await recordFills(service, fill(id, 'ETHUSDT', 'BUY', '1', '1500'));
    expect([await most(id, 'USDT'), await most(id, 'BTC')]).toEqual(['25', '2']);
    await recordFills(service, fill(id, 'ETHUSDT', 'BUY', '0.001', '1500', { fee: '101' }));
    expect([await most(id, 'USDT'), await most(id, 'BTC')]).toEqual(['0', '0']);
  });
});
