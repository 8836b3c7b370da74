/** What would be, before it is: by the rules and roundings of the real change (rules: 14), and nothing is stored. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { configure, readAccount, simulate, tryAccount, type Simulated } from '../../support/calls/account-reader.js';
import { decimal } from '../../../src/margin/decimal.js';
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

const buy = (size: string, more: object = {}): object => ({ instrument: 'BTCUSDT', side: 'BUY', size, ...more });

describe('a simulation', () => {
  it('shows before and after, the positions with their liquidation prices, and stores nothing', async () => {
    const id = await openHolding(service, { USDT: '2000' });
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
    const id = await openHolding(service, { USDT: '5000' });
    const { accepted, after, positions } = await simulate(service, id, {
      trades: [buy('1'), buy('1', { price: '19000' })],
      prices: [{ symbol: 'BTCUSDT', price: '15000' }],
    });
    // 2 x 15,000 - 39,000.
    expect(after).toMatchObject({ unrealizedPnl: '-9000', marginBalance: '-4000', status: 'LIQUIDATION' });
    expect(positions).toMatchObject([{ markPrice: '15000', entryPrice: '19500', liquidationPrice: { price: null } }]);
    expect(accepted).toBe(true);
  });

  it('moves only what it names: an index, and with it all that shares it', async () => {
    const id = await openHolding(service, { BTC: '1', 'BTC-S': '1' }, { venue: 'ASCENDEX' });
    const valueAt = async (symbol: string) =>
      (await simulate(service, id, { prices: [{ symbol, price: '1' }] })).after['walletValue'];
    expect([await valueAt('BTC'), await valueAt('BTC-S'), await valueAt('BTC-PERP')]).toEqual(['2', '2', '40000']);
  });

  it('goes in order, mode first: in single-asset mode the leverage of 10 is refused where that of 20 was not', async () => {
    // 0.1 BTC count 1,950 (0.975); in single-asset mode they count nothing, and 1,500 USDT are left.
    const id = await openHolding(service, { USDT: '1500', BTC: '0.1' });
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
    const id = await openHolding(service, { USDT: '5000' }, { venue: 'ASCENDEX' });
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
    const simulated = await simulate(service, await openHolding(service, balances), input);
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
    const id = await openHolding(service, { USDT: '90000' }, { positionMode: 'HEDGE' });
    expect((await simulate(service, id, { trades: [buy('1')] })).refusal?.code).toBe('INVALID_INPUT');
    expect((await simulate(service, id, { trades: [buy('1', { positionSide: 'LONG' })] })).accepted).toBe(true);
  });

  it('is a deposit beyond what all accounts together may hold of an asset', async () => {
    // 5,000 BTC count at most at BITGET, 100 of one account: what counts is min(quantity, 100).
    const id = await openHolding(service, { BTC: '1' });
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
    const id = await openHolding(service, { USDT: '1000000' });
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
    const id = await openHolding(service, { USDT: '2000' });
    const input = { transfers: null, prices: null, leverages: null, collateralMode: null };
    const nulls = await simulate(service, id, { ...input, trades: [buy('1', { fee: null, price: null })] });
    expect(nulls).toEqual(await simulate(service, id, { trades: [buy('1')] }));
    expect((await simulate(service, id, {})).accepted).toBe(true);
  });

  it('asks the database for what all accounts use of a cap only when that matters, once', async () => {
    const id = await openHolding(service, { USDT: '2000' });
    // Of some runs the one with the fewest: what the server looks at by itself may come between.
    const statements = async (input: object): Promise<number> => {
      const counts: number[] = [];
      for (let run = 0; run < 5; run++) {
        app.statements.length = 0;
        await simulate(service, id, input);
        counts.push(app.statements.filter((sql) => sql.includes('ratio.cap')).length);
      }
      return Math.min(...counts);
    };
    const deposits = Array.from({ length: 5 }, () => ({ asset: 'BTC', quantity: '1' }));
    expect(await statements({ trades: [buy('0.1')] })).toBe(0);
    expect(await statements({ transfers: [{ asset: 'USDT', quantity: '-1' }] })).toBe(0);
    expect(await statements({ transfers: deposits })).toBe(1);
  });

  it('answers nobody else’s account', async () => {
    const id = await openHolding(service, { USDT: '1' });
    const bob = await app.as('bob', 'TRADER');
    const { data, errors } = await bob.send<{ account: null }>(
      `query ($id: ID!) { account(id: $id) { simulate(input: {}) { accepted } maxTransferable(asset: "USDT") } }`,
      { id },
    );
    expect([data, errors]).toEqual([{ account: null }, undefined]);
  });
});
