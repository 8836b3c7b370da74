/** The margin state under shocks of prices, and its bounds; and accounts at the edge, which answer everything. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { MARGIN, STATE, readAccount, tryAccount } from '../../support/calls/account-reader.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { fingerprint } from '../../support/calls/fingerprint.js';
import {
  fill,
  openAccount,
  openHolding,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';

let app: TestApp;
let service: Api;
/** 1,000 USDT, 1 BTC, 1 BTC-S and 10 ETH; a long of 2 BTC-PERP at 20,000 and a short of 4 ETH-PERP at 1,000. */
let id: string;

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
  id = await openAccount(service, { venue: 'ASCENDEX' });
  await publishPrices(service, {
    ...{ BTC: '20000', ETH: '1000', 'ASCENDEX/BTC-PERP': '20000', 'ASCENDEX/ETH-PERP': '1000' },
  });
  await recordTransfers(
    service,
    ...[transfer(id, 'USDT', '1000'), transfer(id, 'BTC', '1'), transfer(id, 'BTC-S', '1'), transfer(id, 'ETH', '10')],
  );
  await recordFills(service, ...[fill(id, 'BTC-PERP', 'BUY', '2', '20000'), fill(id, 'ETH-PERP', 'SELL', '4', '1000')]);
});

afterAll(() => app.close());

interface Point {
  readonly shock: string;
  readonly margin: { walletValue: string; unrealizedPnl: string; collateralValue: string; status: string };
}

const FIELDS = 'shock margin { walletValue unrealizedPnl collateralValue status }';

async function under(shocks: readonly string[], symbols: readonly string[] | null): Promise<string[]> {
  const variables = { shocks, symbols };
  const { stress } = await readAccount<{ stress: Point[] }>(
    service,
    id,
    `stress(shocks: $shocks, symbols: $symbols) { ${FIELDS} }`,
    variables,
  );
  return stress.map(({ shock, margin }) =>
    [shock, margin.walletValue, margin.collateralValue, margin.unrealizedPnl, margin.status].join(' '),
  );
}

describe('stress', () => {
  it('moves every index but that of USDT and every mark, in the order asked, and stores nothing', async () => {
    const before = await fingerprint(app.app.services.db);
    expect(await under(['0', '-0.5', '-1'], null)).toEqual([
      // 1,000 + 40,000 + 10,000; 1,000 + 0.98 x 40,000 + 0.95 x 10,000.
      '0 51000 49700 0 HEALTHY',
      // Half of 50,000 and of 48,700; -20,000 + 2,000: 25,350 - 18,000 = 7,350 against 20,000 x 0.006 + 2,000 x 0.006.
      '-0.5 26000 25350 -18000 HEALTHY',
      // Everything worthless: nothing is required, and 1,000 - 40,000 + 4,000 is below 0.
      '-1 1000 1000 -36000 LIQUIDATION',
    ]);
    expect(await fingerprint(app.app.services.db)).toEqual(before);
  });

  it('moves the named assets, what is priced as them, and the marks on them', async () => {
    expect(await under(['-0.1'], ['BTC'])).toEqual(['-0.1 47000 45780 -4000 HEALTHY']);
    expect(await under(['-0.1'], ['ETH'])).toEqual(['-0.1 50000 48750 400 HEALTHY']);
    // It is priced as BTC, so a shock to it is one to BTC (rules: 9).
    expect(await under(['-0.1'], ['BTC-S'])).toEqual(['-0.1 47000 45780 -4000 HEALTHY']);
    expect(await under(['-0.1'], ['USDT'])).toEqual(['-0.1 51000 49700 0 HEALTHY']);
  });
});

describe('bounds', () => {
  const codes = async (shocks: readonly string[], symbols: readonly string[] | null = null): Promise<string[]> => {
    const fields = `stress(shocks: $shocks, symbols: $symbols) { ${FIELDS} }`;
    const { data, errors } = await tryAccount<{ account: { stress: Point[] } }>(service, id, fields, {
      shocks,
      symbols,
    });
    if (errors !== undefined) return errors.map(({ extensions }) => extensions.code);
    return [`${data?.account.stress.length} answers`];
  };
  const many = (count: number): string[] => Array.from({ length: count }, (_, index) => `0.${index + 100}`);

  it.each<[string, string[], string[] | null, string]>([
    ['101 shocks', many(101), null, '101 answers'],
    ['102 shocks', many(102), null, 'LIMIT_EXCEEDED'],
    ['no shock', [], null, 'BAD_USER_INPUT'],
    ['a shock of -1', ['-1'], null, '1 answers'],
    ['a shock below -1', ['0.1', '-1.000000000000000001'], null, 'BAD_USER_INPUT'],
    ['a shock of 1,000', ['1000'], null, '1 answers'],
    ['a shock above 1,000', ['1000.1'], null, 'BAD_USER_INPUT'],
    ['an unknown asset', ['0.1'], ['BTC', 'NONE'], 'BAD_USER_INPUT'],
    ['no asset', ['0.1'], [], '1 answers'],
    ['101 assets', ['0.1'], Array.from({ length: 101 }, () => 'BTC'), 'LIMIT_EXCEEDED'],
  ])('%s', async (_what, shocks, symbols, expected) => {
    expect(await codes(shocks, symbols)).toEqual([expected]);
  });
});

describe('accounts at the edge answer everything', () => {
  const EVERYTHING = `status ${STATE} balances { asset { symbol pricedAs { symbol } } value liquidationPrice { price reason } }
    usdt: maxTransferable(asset: "USDT") eth: maxTransferable(asset: "ETH")
    instrumentSettings { leverage maxLeverage marginMode } worthless: stress(shocks: ["-1", "0", "3"]) { margin { ${MARGIN} } }
    positions { isolatedMargin maxRemovableMargin }
    simulate(input: { trades: [{ instrument: "SOLUSDT", side: SELL, size: "1" }], transfers: [{ asset: "BNB", quantity: "1" }] }) {
      accepted refusal { code } after { status } }`;

  interface Everything {
    readonly status: string;
    readonly usdt: string;
    readonly eth: string;
    readonly simulate: { accepted: boolean; refusal: { code: string } | null };
    readonly worthless: readonly { margin: { status: string } }[];
  }

  it('debt and no collateral', async () => {
    const id = await openAccount(service);
    await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '20000'), fill(id, 'BTCUSDT', 'SELL', '1', '15000'));
    const all = await readAccount<Everything>(service, id, EVERYTHING);
    expect(all).toMatchObject({ status: 'LIQUIDATION', usdt: '0', eth: '0' });
    expect(all.worthless.map(({ margin }) => margin.status)).toEqual(['LIQUIDATION', 'LIQUIDATION', 'LIQUIDATION']);
  });

  it('collateral and no position', async () => {
    const all = await readAccount<Everything>(service, await openHolding(service, { USDT: '7', ETH: '2' }), EVERYTHING);
    expect(all).toMatchObject({ status: 'NO_EXPOSURE', usdt: '7', eth: '2' });
  });

  it('empty', async () => {
    const all = await readAccount<Everything>(service, await openAccount(service), EVERYTHING);
    // There is no mark price of SOLUSDT to trade at.
    expect(all).toMatchObject({
      ...{ status: 'NO_EXPOSURE', usdt: '0', eth: '0' },
      simulate: { accepted: false, refusal: { code: 'PRICE_UNAVAILABLE' } },
    });
  });

  it('every price missing', async () => {
    const id = await openHolding(service, { USDT: '10' });
    await recordFills(service, fill(id, 'SOLUSDT', 'BUY', '1', '20'));
    const all = await readAccount<Everything>(service, id, EVERYTHING);
    expect(all).toMatchObject({ status: 'UNPRICED', usdt: '0', eth: '0', simulate: { accepted: false } });
    expect(all.worthless.map(({ margin }) => margin.status)).toEqual(['UNPRICED', 'UNPRICED', 'UNPRICED']);
  });
});
