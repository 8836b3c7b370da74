/** What would be, before it is: by the rules and roundings of the real change (rules: 14), and nothing is stored. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import {
  MARGIN,
  STATE,
  configure,
  readAccount,
  simulate,
  tryAccount,
  type Simulated,
} from '../../support/calls/account-reader.js';
import { decimal } from '../../../src/margin/decimal.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { fingerprint } from '../../support/calls/fingerprint.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
  type AccountChoice,
  type Problem,
} from '../../support/calls/venue-system.js';

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

/** At BITGET, in multi-asset mode, with these balances. */
async function holding(balances: Record<string, string>, choice: AccountChoice = {}): Promise<string> {
  const id = await openAccount(service, choice);
  const transfers = Object.entries(balances).map(([asset, quantity]) => transfer(id, asset, quantity));
  const { errors } = await recordTransfers(service, ...transfers);
  expect(errors).toEqual([]);
  return id;
}

const buy = (size: string, more: object = {}): object => ({ instrument: 'BTCUSDT', side: 'BUY', size, ...more });

describe('a simulation', () => {
  it('shows before and after, the positions with their liquidation prices, and stores nothing', async () => {
    const id = await holding({ USDT: '2000' });
    const before = await fingerprint(app.app.services.db);
    const simulated = await simulate(service, id, { trades: [buy('1', { fee: '5' })] });
    expect(await fingerprint(app.app.services.db)).toEqual(before);
    expect(simulated).toMatchObject({
      accepted: true,
      refusal: null,
      before: { status: 'NO_EXPOSURE', marginBalance: '2000' },
      // 20,000 at 20x: 1,000; 20,000 x (0.004 + 0.0006) = 92; 92 / 1,995 rounded up.
      after: {
        ...{ status: 'HEALTHY', marginBalance: '1995', initialMargin: '1000', maintenanceMargin: '92' },
        ...{ availableMargin: '995', marginRatio: '0.046115288220551379' },
      },
      positions: [
        {
          ...{ instrument: { symbol: 'BTCUSDT' }, side: 'LONG', size: '1', entryPrice: '20000', leverage: '20' },
          ...{ marginMode: 'CROSS', isolatedMargin: null, unrealizedPnl: '0', status: 'HEALTHY' },
          // 1,995 + p - 20,000 = 0.0046 p: 18,005 / 0.9954.
          liquidationPrice: { price: '18088.205746433594534861', otherPrice: null, reason: null },
        },
      ],
    });
    expect(await readAccount(service, id, 'version positions { id }')).toEqual({ version: 2, positions: [] });
  });

  it('trades at the present mark unless priced, and values at the simulated prices; what they ruin is no refusal', async () => {
    const id = await holding({ USDT: '5000' });
    const { accepted, after, positions } = await simulate(service, id, {
      trades: [buy('1'), buy('1', { price: '19000' })],
      prices: [{ symbol: 'BTCUSDT', price: '15000' }],
    });
    // 2 x 15,000 - 39,000.
    expect(after).toMatchObject({ unrealizedPnl: '-9000', marginBalance: '-4000', status: 'LIQUIDATION' });
    expect(positions).toMatchObject([{ markPrice: '15000', entryPrice: '19500', liquidationPrice: { price: null } }]);
    expect(accepted).toBe(true);
  });

  it('moves only what it names: an index, and with it what is priced as the asset', async () => {
    const id = await holding({ BTC: '1', 'BTC-S': '1' }, { venue: 'ASCENDEX' });
    const valueAt = async (symbol: string) =>
      (await simulate(service, id, { prices: [{ symbol, price: '1' }] })).after['walletValue'];
    expect([await valueAt('BTC'), await valueAt('BTC-S'), await valueAt('BTC-PERP')]).toEqual(['2', '20001', '40000']);
  });

  it('goes in order, mode first: in single-asset mode the leverage of 10 is refused where that of 20 was not', async () => {
    // 0.1 BTC count 1,950 (0.975); in single-asset mode they count nothing, and 1,500 USDT are left.
    const id = await holding({ USDT: '1500', BTC: '0.1' });
    await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '20000'));
    const leverages = [{ instrument: 'BTCUSDT', leverage: '10' }];
    expect((await simulate(service, id, { leverages })).accepted).toBe(true);
    const { accepted, refusal, after } = await simulate(service, id, { leverages, collateralMode: 'SINGLE_ASSET' });
    // 20,000 / 10 over 1,500.
    expect(after).toMatchObject({ collateralValue: '1500', initialMargin: '2000', availableMargin: '0' });
    expect({ accepted, refusal }).toMatchObject({
      accepted: false,
      refusal: {
        ...{ code: 'INSUFFICIENT_MARGIN', field: ['input', 'leverages', '0'] },
        ...{ required: '2000', available: '1500' },
      },
    });
  });

  it('sets margin aside for what the settings say is isolated, with its own liquidation price', async () => {
    const id = await holding({ USDT: '5000' }, { venue: 'ASCENDEX' });
    await configure(app, id, 'BTC-PERP', 10, 'ISOLATED');
    const { after, positions } = await simulate(service, id, {
      trades: [{ instrument: 'BTC-PERP', side: 'BUY', size: '1' }],
    });
    expect(after).toMatchObject({ marginBalance: '3000', status: 'NO_EXPOSURE' });
    // 2,000 + p - 20,000 = 0.006 p: 18,000 / 0.994.
    expect(positions).toMatchObject([
      { marginMode: 'ISOLATED', isolatedMargin: '2000', liquidationPrice: { price: '18108.651911468812877264' } },
    ]);
  });
});

describe('what the venue would not accept', () => {
  async function refusalOf(input: object, balances: Record<string, string> = { USDT: '900' }): Promise<Simulated> {
    const simulated = await simulate(service, await holding(balances), input);
    expect(simulated.accepted).toBe(false);
    return simulated;
  }

  it('is shown all the same where margin or balance lacks', async () => {
    const { refusal, after } = await refusalOf({ trades: [buy('1')] });
    expect(refusal).toMatchObject({ code: 'INSUFFICIENT_MARGIN', required: '1000', available: '900' });
    expect(refusal?.field).toEqual(['input', 'trades', '0']);
    expect(after).toMatchObject({ initialMargin: '1000', marginBalance: '900' });
    const out = await refusalOf({ transfers: [{ asset: 'USDT', quantity: '-901' }] });
    expect(out.refusal).toMatchObject({ code: 'INSUFFICIENT_BALANCE', required: '901', available: '900' });
    expect(out.after).toMatchObject({ marginBalance: '-1', status: 'LIQUIDATION' });
  });

  it.each<[string, object, string, string[]]>([
    ['an unknown instrument', { trades: [buy('1', { instrument: 'NONE' })] }, 'INSTRUMENT_NOT_FOUND', ['trades', '0']],
    [
      'an instrument of another venue',
      { trades: [buy('1', { instrument: 'BTC-PERP' })] },
      'INSTRUMENT_NOT_FOUND',
      ['trades', '0'],
    ],
    ['an unknown asset', { transfers: [{ asset: 'NONE', quantity: '1' }] }, 'ASSET_NOT_FOUND', ['transfers', '0']],
    ['a price of nothing known', { prices: [{ symbol: '__proto__', price: '1' }] }, 'ASSET_NOT_FOUND', ['prices', '0']],
    ['a price of USDT', { prices: [{ symbol: 'USDT', price: '1' }] }, 'INVALID_INPUT', ['prices', '0']],
    ['a negative price', { prices: [{ symbol: 'BTC', price: '-1' }] }, 'INVALID_INPUT', ['prices', '0', 'price']],
    ['a price of 0', { prices: [{ symbol: 'BTC', price: '0' }] }, 'INVALID_INPUT', ['prices', '0', 'price']],
    [
      'a price above 1e12',
      { trades: [buy('1', { price: '1000000000001' })] },
      'INVALID_INPUT',
      ['trades', '0', 'price'],
    ],
    ['a size of 0', { trades: [buy('0.1'), buy('0')] }, 'INVALID_INPUT', ['trades', '1', 'size']],
    ['a size above 1e15', { trades: [buy('1000000000000001')] }, 'INVALID_INPUT', ['trades', '0', 'size']],
    ['a fee above 1e15', { trades: [buy('1', { fee: '-1000000000000001' })] }, 'INVALID_INPUT', ['trades', '0', 'fee']],
    [
      'a transfer of 0',
      { transfers: [{ asset: 'BTC', quantity: '0' }] },
      'INVALID_INPUT',
      ['transfers', '0', 'quantity'],
    ],
    [
      'a very long symbol',
      { prices: [{ symbol: 'x'.repeat(5000), price: '1' }] },
      'INVALID_INPUT',
      ['prices', '0', 'symbol'],
    ],
    ...['0', '-1', '20.5', '201'].map((leverage): [string, object, string, string[]] => [
      `a leverage of ${leverage}`,
      { leverages: [{ instrument: 'BTCUSDT', leverage }] },
      'LEVERAGE_OUT_OF_RANGE',
      ['leverages', '0'],
    ]),
  ])('is named, and changes nothing: %s', async (_what, input, code, field) => {
    const { refusal, before, after } = await refusalOf(input, { USDT: '90000' });
    expect(refusal).toMatchObject({ code, field: ['input', ...field] });
    expect(refusal?.message.length).toBeLessThan(200);
    expect(after).toEqual(before);
  });

  it('in hedge mode is a trade that does not name its side', async () => {
    const id = await holding({ USDT: '90000' }, { positionMode: 'HEDGE' });
    expect((await simulate(service, id, { trades: [buy('1')] })).refusal?.code).toBe('INVALID_INPUT');
    expect((await simulate(service, id, { trades: [buy('1', { positionSide: 'LONG' })] })).accepted).toBe(true);
  });

  it('is a deposit beyond what all accounts together may hold of an asset', async () => {
    // 5,000 BTC count at most at BITGET, 100 of one account: what counts is min(quantity, 100).
    const id = await holding({ BTC: '1' });
    const others = await Promise.all(Array.from({ length: 49 }, () => openAccount(service)));
    await recordTransfers(service, ...others.map((other) => transfer(other, 'BTC', '100')));
    const deposit = (quantity: string) => simulate(service, id, { transfers: [{ asset: 'BTC', quantity }] });
    const { margin } = await readAccount<{
      margin: { collateral: { collateralRatio: { platformUsed: string } }[] };
    }>(service, id, 'margin { collateral { collateralRatio { platformUsed } } }');
    const left = decimal(5000).minus(margin.collateral[0]?.collateralRatio.platformUsed ?? '');
    // 4,900 of the others and 1 of this one: what it may still use is below its own cap.
    expect(left.lt(99)).toBe(true);
    expect((await deposit(left.toFixed())).accepted).toBe(true);
    const more = left.plus('0.000000000000000001').toFixed();
    expect((await deposit(more)).refusal).toMatchObject({
      ...{ code: 'PLATFORM_CAP_REACHED', field: ['input', 'transfers', '0'] },
      ...{ required: more, available: left.toFixed() },
    });
    await recordTransfers(service, ...others.map((other) => transfer(other, 'BTC', '-100')));
  });
});

describe('bounds', () => {
  const many = (count: number) => Array.from({ length: count }, () => buy('0.001'));

  it('takes 100 items in each list and refuses 101', async () => {
    const id = await holding({ USDT: '1000000' });
    const prices = (count: number) => Array.from({ length: count }, () => ({ symbol: 'BTC', price: '1' }));
    expect((await simulate(service, id, { trades: many(100), prices: prices(100) })).accepted).toBe(true);
    const lists = {
      trades: many(101),
      prices: prices(101),
      transfers: Array.from({ length: 101 }, () => ({ asset: 'BTC', quantity: '1' })),
      leverages: Array.from({ length: 101 }, () => ({ instrument: 'BTCUSDT', leverage: '1' })),
    };
    for (const [name, list] of Object.entries(lists)) {
      const { errors } = await tryAccount(service, id, 'simulate(input: $input) { accepted }', {
        input: { [name]: list },
      });
      expect(errors).toMatchObject([{ extensions: { code: 'LIMIT_EXCEEDED' } }]);
    }
  });

  it('takes nulls for lists, fees and prices as what is left out', async () => {
    const id = await holding({ USDT: '2000' });
    const input = { transfers: null, prices: null, leverages: null, collateralMode: null };
    const nulls = await simulate(service, id, { ...input, trades: [buy('1', { fee: null, price: null })] });
    expect(nulls).toEqual(await simulate(service, id, { trades: [buy('1')] }));
    expect((await simulate(service, id, {})).accepted).toBe(true);
  });

  it('asks the database for what all accounts use of a cap only when that matters, once', async () => {
    const id = await holding({ USDT: '2000' });
    // Of some runs the one with the fewest: what the server looks at by itself may come between.
    const statements = async (input: object): Promise<number> => {
      const counts: number[] = [];
      for (let run = 0; run < 5; run++) {
        app.statements.length = 0;
        await simulate(service, id, input);
        counts.push(app.statements.length);
      }
      return Math.min(...counts);
    };
    const deposits = Array.from({ length: 5 }, () => ({ asset: 'BTC', quantity: '1' }));
    expect(await statements({ trades: [buy('0.1')] })).toBe(1);
    expect(await statements({ transfers: [{ asset: 'USDT', quantity: '-1' }] })).toBe(1);
    expect(await statements({ transfers: deposits })).toBe(2);
  });

  it('answers nobody else’s account', async () => {
    const id = await holding({ USDT: '1' });
    const bob = await app.as('bob', 'TRADER');
    const { data, errors } = await bob.send<{ account: null }>(
      `query ($id: ID!) { account(id: $id) { simulate(input: {}) { accepted } maxTransferable(asset: "USDT") } }`,
      { id },
    );
    expect([data, errors]).toEqual([{ account: null }, undefined]);
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
    const all = await readAccount<Everything>(service, await holding({ USDT: '7', ETH: '2' }), EVERYTHING);
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
    const id = await holding({ USDT: '10', SOL: '5' });
    await recordFills(service, fill(id, 'SOLUSDT', 'BUY', '1', '20'));
    const all = await readAccount<Everything>(service, id, EVERYTHING);
    expect(all).toMatchObject({ status: 'UNPRICED', usdt: '0', eth: '0', simulate: { accepted: false } });
    expect(all.worthless.map(({ margin }) => margin.status)).toEqual(['UNPRICED', 'UNPRICED', 'UNPRICED']);
  });
});

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
        const id = await holding(
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
        const fills = trades.map(({ instrument, side, size, price, fee }) =>
          fill(id, instrument, side, size, price ?? (instrument === instruments[0] ? '20000' : '1500'), { fee }),
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
