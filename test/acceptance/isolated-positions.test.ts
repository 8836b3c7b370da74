/** What an isolated position says of itself, asked for and pushed (rules: 6). */
import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { LIQUIDATION, configure, readAccount } from '../support/account-reader.js';
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

const POSITION = `instrument { symbol } isolatedMargin maxRemovableMargin marginRatio status ${LIQUIDATION}`;

it('has margin of its own, of which it can do without a part; a cross position has none', async () => {
  const id = await openAccount(service, { venue: 'ASCENDEX' });
  await configure(app, id, 'BTC-PERP', 10, 'ISOLATED');
  await publishPrices(service, { 'ASCENDEX/BTC-PERP': '11000', 'ASCENDEX/ETH-PERP': '1000' });
  await recordTransfers(service, transfer(id, 'USDT', '5000'));
  await recordFills(
    service,
    ...[fill(id, 'BTC-PERP', 'BUY', '1', '10000'), fill(id, 'BTC-PERP', 'BUY', '1', '11000')],
    fill(id, 'ETH-PERP', 'BUY', '1', '1000'),
  );
  expect(await readAccount(service, id, `positions { ${POSITION} }`)).toEqual({
    positions: [
      {
        instrument: { symbol: 'BTC-PERP' },
        // 10,000 / 10 + 11,000 / 10.
        isolatedMargin: '2100',
        // min(2,100 - 22,000 x 0.006, 2,100 + 1,000 - 22,000 / 10).
        maxRemovableMargin: '900',
        // 132 / 3,100, rounded up.
        marginRatio: '0.042580645161290323',
        status: 'HEALTHY',
        // 2,100 + 2 p - 21,000 = 0.006 x 2 p: 18,900 / 1.988.
        liquidationPrice: { price: '9507.042253521126760564', otherPrice: null, reason: null },
      },
      {
        instrument: { symbol: 'ETH-PERP' },
        isolatedMargin: null,
        maxRemovableMargin: null,
        // 6 / 2,900, rounded up.
        marginRatio: '0.002068965517241380',
        status: 'HEALTHY',
        // 2,900 USDT behind 1,000: not even at nothing.
        liquidationPrice: { price: null, otherPrice: null, reason: 'NOT_REACHABLE' },
      },
    ].map((position) => ({ ...position, marginRatio: position.marginRatio.replace(/0$/, '') })),
  });
  // Nothing may be taken out at a price that nobody vouches for.
  const at = new Date(Date.now() - 120_000).toISOString();
  const stale = await openAccount(service, { venue: 'BITGET', collateralMode: 'SINGLE_ASSET' });
  await configure(app, stale, 'SOLUSDT', 10, 'ISOLATED');
  await publishPrices(service, { 'BITGET/SOLUSDT': '20' }, { at });
  await recordTransfers(service, transfer(stale, 'USDT', '100'));
  await recordFills(service, fill(stale, 'SOLUSDT', 'BUY', '1', '10'));
  expect(await readAccount(service, stale, 'positions { maxRemovableMargin }')).toEqual({
    positions: [{ maxRemovableMargin: '0' }],
  });
});

it('is pushed with the account when its own status changes or its own ratio moves', async () => {
  const id = await openAccount(service, { venue: 'ASTER', chain: 'ETHEREUM', collateralMode: 'SINGLE_ASSET' });
  await configure(app, id, 'BTCUSDT', 10, 'ISOLATED');
  await publishPrices(service, { 'ASTER/BTCUSDT': '10000' });
  await recordTransfers(service, transfer(id, 'USDT', '5000'));
  await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '10000'));
  const socket = service.socket();
  const stream = socket.iterate<{ marginRatioChanged: Record<string, unknown> }>({
    query: `subscription ($ids: [ID!]!) {
      marginRatioChanged(accountIds: $ids, minChange: "0.01") {
        sequence cause margin { status marginRatio } isolatedPositions { id ${POSITION} }
      }
    }`,
    variables: { ids: [id] },
  });
  const next = async (): Promise<unknown> => {
    const result = await stream.next();
    return result.done === true ? null : result.value.data?.['marginRatioChanged'];
  };
  const isolated = (marginRatio: string, status: string): object => ({
    ...{ margin: { status: 'NO_EXPOSURE', marginRatio: null } },
    isolatedPositions: [{ isolatedMargin: '1000', marginRatio, status }],
  });
  // 10,000 x 0.004 = 40 over 1,000.
  expect(await next()).toMatchObject({ sequence: 1, ...isolated('0.04', 'HEALTHY') });
  // 9,990 x 0.004 = 39.96 over 990: less than 0.01 away. 9,500 x 0.004 = 38 over 500: more.
  await publishPrices(service, { 'ASTER/BTCUSDT': '9990' });
  await publishPrices(service, { 'ASTER/BTCUSDT': '9500' });
  expect(await next()).toMatchObject({ sequence: 2, cause: 'PRICE', ...isolated('0.076', 'HEALTHY') });
  // 9,000 x 0.004 = 36 over nothing.
  await publishPrices(service, { 'ASTER/BTCUSDT': '9000' });
  expect(await next()).toMatchObject({
    sequence: 3,
    isolatedPositions: [{ marginRatio: null, status: 'LIQUIDATION' }],
  });
  await recordFills(service, fill(id, 'BTCUSDT', 'SELL', '1', '9000'));
  expect(await next()).toMatchObject({ sequence: 4, cause: 'ACCOUNT', isolatedPositions: [] });
  await stream.return?.();
  await socket.dispose();
});
