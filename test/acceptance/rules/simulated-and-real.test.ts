/** What is simulated and then done comes to the same numbers (rules: 14), of random changes at every venue. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { STATE, configure, readAccount, simulate } from '../../support/calls/account-reader.js';
import {
  fill,
  openHolding,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
  type Problem,
} from '../../support/calls/venue-system.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';

let app: TestApp;
let service: Api;

beforeAll(async () => {
  // A clock that stands still, with no full hour in sight: no price ages, and no interest falls due.
  const standing = Math.ceil(Date.now() / 3_600_000) * 3_600_000 + 1_800_000;
  app = await startTestApp({ env: { PRICE_MAX_AGE: '86400' }, clock: () => standing });
  service = await app.as('venue', 'SERVICE');
  await publishPrices(service, {
    ...{ BTC: '20000', ETH: '1500', USDC: '0.99', USD1: '1', 'BITGET/BTCUSDT': '20000', 'BITGET/ETHUSDT': '1500' },
    ...{ 'ASTER/BTCUSDT': '20000', 'ASTER/ETHUSDT': '1500', 'ASCENDEX/BTC-PERP': '20000', 'ASCENDEX/ETH-PERP': '1500' },
  });
});

afterAll(() => app.close());

describe('a simulated change and the same change made for real', () => {
  const amount = (scale: number, highest: number) =>
    fc.integer({ min: 1, max: highest }).map((n) => {
      const digits = String(n).padStart(scale + 1, '0');
      return `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
    });
  const mode = fc.constantFrom('SINGLE_ASSET' as const, 'MULTI_ASSET' as const);
  const changes = (venue: Venue) =>
    fc.record({
      begun: mode,
      isolated: fc.boolean(),
      collateralMode: fc.option(mode, { nil: null }),
      leverages: fc.array(
        fc.record({
          instrument: fc.constantFrom(...venue.instruments),
          leverage: fc.integer({ min: 0, max: 60 }).map(String),
        }),
        { maxLength: 1 },
      ),
      transfers: fc.array(
        fc
          .record({ asset: fc.constantFrom(...venue.assets), quantity: amount(6, 3_000_000), out: fc.boolean() })
          .map(({ asset, quantity, out }) => ({ asset, quantity: out ? `-${quantity}` : quantity })),
        { maxLength: 2 },
      ),
      trades: fc.array(
        fc.record({
          instrument: fc.constantFrom(...venue.instruments),
          side: fc.constantFrom('BUY' as const, 'SELL' as const),
          size: amount(7, 20_000_000),
          price: fc.option(amount(3, 40_000_000), { nil: null }),
          fee: amount(6, 20_000_000),
          // Mostly that of settlement: 20 coins of another one are much.
          feeAsset: fc.constantFrom(null, null, null, ...venue.assets),
        }),
        { maxLength: 5 },
      ),
    });

  interface Venue {
    readonly venue: string;
    readonly chain: string | null;
    /** On BTC at 20,000 and on ETH at 1,500. */
    readonly instruments: readonly [string, string];
    readonly assets: readonly [string, string, string];
    readonly isolatedInMultiAsset: boolean;
  }

  const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 8);

  it.each<Venue>([
    {
      ...{ venue: 'BITGET', chain: null, isolatedInMultiAsset: false },
      ...{ instruments: ['BTCUSDT', 'ETHUSDT'], assets: ['USDT', 'BTC', 'ETH'] },
    },
    {
      ...{ venue: 'ASTER', chain: 'ETHEREUM', isolatedInMultiAsset: false },
      ...{ instruments: ['BTCUSDT', 'ETHUSDT'], assets: ['USDT', 'USDC', 'ETH'] },
    },
    {
      ...{ venue: 'ASCENDEX', chain: null, isolatedInMultiAsset: true },
      ...{ instruments: ['BTC-PERP', 'ETH-PERP'], assets: ['USDT', 'BTC-S', 'ETH'] },
    },
  ])('give the same numbers, to the last digit: $venue', async (of) => {
    const trader = await app.as('alice', 'TRADER');
    const { venue, chain, instruments, assets, isolatedInMultiAsset } = of;
    let [compared, refused] = [0, 0];
    await fc.assert(
      fc.asyncProperty(changes(of), async ({ begun, isolated, collateralMode, leverages, transfers, trades }) => {
        const id = await openHolding(
          service,
          { USDT: '3000', [assets[1]]: '0.5', ETH: '4' },
          { venue, chain, collateralMode: begun },
        );
        if (isolated && (begun === 'SINGLE_ASSET' || isolatedInMultiAsset)) {
          await configure(app, id, instruments[0], 7, 'ISOLATED');
        }
        await recordFills(service, fill(id, instruments[0], 'BUY', '0.5', '19876.54321'));
        const input = { collateralMode, leverages, transfers, trades };
        const simulated = await simulate(service, id, input);

        // The same one after the other, up to the first that is refused: what follows builds on it.
        const errors = [
          ...(collateralMode === null ? [] : await set(trader, 'setCollateralMode', { accountId: id, collateralMode })),
        ];
        for (const leverage of leverages) {
          if (errors.length === 0) errors.push(...(await set(trader, 'setLeverage', { accountId: id, ...leverage })));
        }
        if (errors.length === 0 && transfers.length > 0) {
          const moved = transfers.map(({ asset, quantity }) => transfer(id, asset, quantity));
          errors.push(...(await recordTransfers(service, ...moved)).errors);
        }
        const [error] = errors;
        if (error !== undefined) {
          const { code, required, available } = error;
          expect(simulated.refusal).toMatchObject({ code, required, available });
          refused += 1;
          return;
        }
        const fills = trades.map(({ instrument, side, size, price, ...fee }) =>
          fill(id, instrument, side, size, price ?? (instrument === instruments[0] ? '20000' : '1500'), fee),
        );
        if (fills.length > 0) expect(await recordFills(service, ...fills)).toMatchObject({ recorded: fills.length });
        const real = await readAccount<{ margin: object; positions: object[] }>(service, id, STATE);
        expect({ margin: simulated.after, positions: simulated.positions }).toEqual(real);
        compared += 1;
      }),
      { numRuns: RUNS },
    );
    expect(compared + refused).toBeGreaterThanOrEqual(RUNS);
    expect(compared).toBeGreaterThan(RUNS / 10);
  });
});

async function set(trader: Api, name: 'setCollateralMode' | 'setLeverage', input: object): Promise<Problem[]> {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input!`;
  const payload = await trader.ask<Record<string, { errors: Problem[] }>>(
    `mutation ($input: ${type}) { ${name}(input: $input) { errors { code message field required available } } }`,
    { input },
  );
  return payload[name]?.errors ?? [];
}
