/** Leverage and margin mode per instrument, with or without a position. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { configure, readAccount, tryAccount } from '../support/account-reader.js';
import type { Api } from '../support/api.js';
import { startTestApp, type TestApp } from '../support/app.js';
import { fill, openAccount, publishPrices, recordFills } from '../support/venue-system.js';

let app: TestApp;
let service: Api;

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
});

afterAll(() => app.close());

interface Setting {
  readonly instrument: { symbol: string };
  readonly leverage: string;
  readonly maxLeverage: string;
  readonly marginMode: string;
}

async function settings(id: string, symbols?: readonly string[]): Promise<string[]> {
  const argument = symbols === undefined ? '' : `(instruments: ${JSON.stringify(symbols)})`;
  const { instrumentSettings } = await readAccount<{ instrumentSettings: Setting[] }>(
    service,
    id,
    `instrumentSettings${argument} { instrument { symbol } leverage maxLeverage marginMode }`,
  );
  return instrumentSettings.map(({ instrument, leverage, maxLeverage, marginMode }) =>
    [instrument.symbol, leverage, maxLeverage, marginMode].join(' '),
  );
}

describe('instrumentSettings', () => {
  it('starts at 20x in cross margin, for all of the venue, by symbol', async () => {
    const id = await openAccount(service, { venue: 'BITGET' });
    expect(await settings(id)).toEqual(['BTCUSDT 20 125 CROSS', 'ETHUSDT 20 125 CROSS', 'SOLUSDT 20 100 CROSS']);
  });

  it('answers those that are named, once each, and leaves out unknown ones', async () => {
    const id = await openAccount(service, { venue: 'BITGET' });
    const asked = ['SOLUSDT', 'NONE', 'BTC-PERP', 'BTCUSDT', 'SOLUSDT', '__proto__'];
    expect(await settings(id, asked)).toEqual(['BTCUSDT 20 125 CROSS', 'SOLUSDT 20 100 CROSS']);
    expect(await settings(id, [])).toEqual([]);
  });

  it('takes 100 symbols and refuses 101', async () => {
    const id = await openAccount(service);
    const symbols = (count: number) => JSON.stringify(Array.from({ length: count }, () => 'BTCUSDT'));
    expect(await settings(id, JSON.parse(symbols(100)) as string[])).toHaveLength(1);
    const { errors } = await tryAccount(service, id, `instrumentSettings(instruments: ${symbols(101)}) { leverage }`);
    expect(errors).toMatchObject([{ extensions: { code: 'LIMIT_EXCEEDED' } }]);
  });

  it('says what the trader has set, and what the present notional allows', async () => {
    const id = await openAccount(service, { venue: 'ASCENDEX', positionMode: 'HEDGE' });
    await configure(app, id, 'BTC-PERP', 5, 'ISOLATED');
    await publishPrices(service, { 'ASCENDEX/BTC-PERP': '50000' });
    expect(await settings(id)).toEqual(['BTC-PERP 5 100 ISOLATED', 'ETH-PERP 20 100 CROSS']);
    await recordFills(
      service,
      fill(id, 'BTC-PERP', 'BUY', '3', '50000', { positionSide: 'LONG' }),
      fill(id, 'BTC-PERP', 'SELL', '60', '50000', { positionSide: 'SHORT' }),
    );
    // The larger side: 3,000,000 lies in the tier from 2,000,000 on.
    expect(await settings(id, ['BTC-PERP'])).toEqual(['BTC-PERP 5 10 ISOLATED']);
  });
});
