/** At which price a position, an account, an isolated position would be liquidated (rules: 9). */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { LIQUIDATION, configure, readAccount, simulate } from '../../support/calls/account-reader.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { referenceFolder } from '../../support/calls/own-venue.js';
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
let folder: { path: string; remove(): Promise<void> };

beforeAll(async () => {
  folder = await referenceFolder(
    {
      // The tiers that the example names: 0.1 less 135,365 = 2,707,300 x 0.05, and 0.025 less 16,300 = 1,630,000 x 0.01.
      code: 'TWO',
      instruments: {
        ETHUSDT: {
          baseAsset: 'ETH',
          tiers: [
            ['0', '0.05'],
            ['2707300', '0.1'],
          ],
        },
        BTCUSDT: {
          baseAsset: 'BTC',
          tiers: [
            ['0', '0.015'],
            ['1630000', '0.025'],
          ],
        },
      },
    },
    {
      code: 'FEES',
      policy: { liquidationFeeRate: '0.0006' },
      instruments: { X: { baseAsset: 'BTC', tiers: [['0', '0.01']] } },
    },
  );
  app = await startTestApp({ env: { REFERENCE_DATA: folder.path } });
  service = await app.as('venue', 'SERVICE');
});

afterAll(async () => {
  await app.close();
  await folder.remove();
});

interface Prices {
  readonly price: string | null;
  readonly otherPrice: string | null;
  readonly reason: string | null;
}

async function ofPositions(id: string, argument = ''): Promise<Record<string, Prices>> {
  const fields = `positions { instrument { symbol } side liquidationPrice${argument} { price otherPrice reason } }`;
  const { positions } = await readAccount<{
    positions: { instrument: { symbol: string }; side: string; liquidationPrice: Prices }[];
  }>(service, id, fields);
  return Object.fromEntries(
    positions.map(({ instrument, side, liquidationPrice }) => [`${instrument.symbol} ${side}`, liquidationPrice]),
  );
}

async function ofBalances(id: string): Promise<Record<string, Prices>> {
  const { balances } = await readAccount<{ balances: { asset: { symbol: string }; liquidationPrice: Prices }[] }>(
    service,
    id,
    `balances { asset { symbol } ${LIQUIDATION} }`,
  );
  return Object.fromEntries(balances.map(({ asset, liquidationPrice }) => [asset.symbol, liquidationPrice]));
}

const at = (price: string): Prices => ({ price, otherPrice: null, reason: null });
const none = (reason: string): Prices => ({ price: null, otherPrice: null, reason });

describe('two cross positions share 1,535,443.01 USDT (V19)', () => {
  let id: string;
  let prices: Record<string, Prices>;

  beforeAll(async () => {
    id = await openAccount(service, { venue: 'TWO' });
    await publishPrices(service, { 'TWO/ETHUSDT': '1335.18', 'TWO/BTCUSDT': '31967.27' });
    await recordTransfers(service, transfer(id, 'USDT', '1535443.01'));
    await recordFills(
      service,
      fill(id, 'ETHUSDT', 'BUY', '3683.979', '1456.84'),
      fill(id, 'BTCUSDT', 'BUY', '109.488', '32481.98'),
    );
    prices = await ofPositions(id);
  });

  it('are liquidated at 1153.26 and 26316.89, as published', () => {
    const cents = (price: string | null | undefined): string => Number(price).toFixed(2);
    expect(cents(prices['ETHUSDT LONG']?.price)).toBe('1153.26');
    expect(cents(prices['BTCUSDT LONG']?.price)).toBe('26316.89');
  });

  it('to the last digit, rounded towards the mark', () => {
    // ETH: (wallet + BTC's PnL - BTC's maintenance + 135,365 - 3,683.979 x 1,456.84) / (3,683.979 x (0.1 - 1)), where
    // BTC's PnL is 109.488 x (31,967.27 - 32,481.98) and its maintenance 109.488 x 31,967.27 x 0.025 - 16,300; BTC alike.
    expect(prices['ETHUSDT LONG']).toEqual(at('1153.25646423910427044'));
    expect(prices['BTCUSDT LONG']).toEqual(at('26316.893264518860748585'));
  });

  it.each([
    ['ETHUSDT', '1153.25646423910427044', '1153.256464239104270439'],
    ['BTCUSDT', '26316.893264518860748585', '26316.893264518860748584'],
  ])(
    'are what the margin rules say: %s at %s is not liquidated, and one digit below it is',
    async (symbol, ...both) => {
      const statusAt = async (price: string) =>
        (await simulate(service, id, { prices: [{ symbol, price }] })).after['status'];
      expect(await statusAt(both[0])).toBe('MARGIN_CALL');
      expect(await statusAt(both[1])).toBe('LIQUIDATION');
    },
  );
});

describe('an isolated position where the maintenance rate carries a fee (V24)', () => {
  // One coin: LONG (entry - margin) / (1 - 0.0106), SHORT (entry + margin) / (1 + 0.0106); margin = entry / leverage.
  it.each([
    ['SHORT', 5, '10', 11.87413417771621],
    ['SHORT', 3, '10', 13.193482419684678],
    ['SHORT', 5, '8', 9.499307342172967],
    ['LONG', 5, '10', 8.085708510208207],
    ['LONG', 3, '10', 6.738090425173506],
  ] as const)('%s at %s x, opened at %s', async (side, leverage, entry, published) => {
    const id = await openAccount(service, { venue: 'FEES' });
    await configure(app, id, 'X', leverage, 'ISOLATED');
    await publishPrices(service, { 'FEES/X': entry });
    await recordTransfers(service, transfer(id, 'USDT', '1000'));
    await recordFills(service, fill(id, 'X', side === 'LONG' ? 'BUY' : 'SELL', '1', entry));
    const prices = (await ofPositions(id))[`X ${side}`];
    expect(Number(prices?.price)).toBeCloseTo(published, 12);
    // By its own margin: what else the account holds, and whether the index moves along, makes no difference.
    await recordTransfers(service, transfer(id, 'USDT', '5000'), transfer(id, 'BTC', '3'));
    expect((await ofPositions(id, '(indexFollows: true)'))[`X ${side}`]).toEqual(prices);
  });
});

describe('where maintenance jumps from tier to tier (FLAT)', () => {
  it('has a price on either side of the mark, the nearer one first (rules: 9)', async () => {
    const id = await openAccount(service, { venue: 'ASCENDEX' });
    await publishPrices(service, { 'ASCENDEX/BTC-PERP': '49900' });
    await recordTransfers(service, transfer(id, 'USDT', '450'));
    await recordFills(service, fill(id, 'BTC-PERP', 'BUY', '1', '49900'));
    // Above: at 50,000 maintenance is 600, and 450 + 100 = 550. Below: 450 + p - 49,900 = 0.006 p: 49,450 / 0.994.
    expect(await ofPositions(id)).toEqual({
      'BTC-PERP LONG': { price: '50000', otherPrice: '49748.490945674044265594', reason: null },
    });
  });
});

describe('both sides of a hedge in cross margin', () => {
  it('share one price', async () => {
    const id = await openAccount(service, { venue: 'ASCENDEX', positionMode: 'HEDGE' });
    await publishPrices(service, { 'ASCENDEX/ETH-PERP': '1000' });
    await recordTransfers(service, transfer(id, 'USDT', '1000'));
    await recordFills(
      service,
      fill(id, 'ETH-PERP', 'BUY', '3', '1000', { positionSide: 'LONG' }),
      fill(id, 'ETH-PERP', 'SELL', '1', '1000', { positionSide: 'SHORT' }),
    );
    // 1,000 + 2 (p - 1,000) = 0.006 x (3 + 1) x p: 1,000 / 1.976.
    const shared = at('506.072874493927125507');
    expect(await ofPositions(id)).toEqual({ 'ETH-PERP LONG': shared, 'ETH-PERP SHORT': shared });
  });
});

describe('an account that holds what it trades', () => {
  it.each(['BTC', 'BTC-S'])('1 %s at 10,000 (0.98) behind a long of 1 at 10,000', async (asset) => {
    const id = await openAccount(service, { venue: 'ASCENDEX' });
    await publishPrices(service, { BTC: '10000', 'ASCENDEX/BTC-PERP': '10000' });
    await recordTransfers(service, transfer(id, asset, '1'));
    await recordFills(service, fill(id, 'BTC-PERP', 'BUY', '1', '10000'));
    // The index stands: 9,800 + p - 10,000 = 0.006 p: 200 / 0.994.
    expect((await ofPositions(id))['BTC-PERP LONG']).toEqual(at('201.207243460764587526'));
    // It follows: 0.98 p + p - 10,000 = 0.006 p: 10,000 / 1.974.
    expect((await ofPositions(id, '(indexFollows: true)'))['BTC-PERP LONG']).toEqual(at('5065.85612968591691996'));
  });

  it('has an index price at which a held asset no longer covers the account', async () => {
    const id = await openAccount(service, { venue: 'ASCENDEX' });
    await publishPrices(service, { BTC: '10000', 'ASCENDEX/ETH-PERP': '1000' });
    const held = [transfer(id, 'BTC', '0.5'), transfer(id, 'BTC-S', '0.5'), transfer(id, 'USDT', '0.01')];
    await recordTransfers(service, ...held);
    await recordFills(service, fill(id, 'ETH-PERP', 'BUY', '1', '1000'));
    // Maintenance is 1,000 x 0.006 = 6; 0.01 + 0.98 x (0.5 + 0.5) x p = 6: 5.99 / 0.98. What is in Earn moves along.
    const shared = at('6.112244897959183674');
    expect(await ofBalances(id)).toEqual({ BTC: shared, 'BTC-S': shared, USDT: none('NOT_REACHABLE') });
  });

  it('takes tiers and caps into account: 10 BTC on BITGET', async () => {
    const id = await openAccount(service, { venue: 'BITGET' });
    await publishPrices(service, { BTC: '60000', 'BITGET/ETHUSDT': '10000' });
    await recordTransfers(service, transfer(id, 'BTC', '10'));
    await recordFills(service, fill(id, 'ETHUSDT', 'BUY', '1000', '10000'));
    // 10,000,000 x (0.01 + 0.0006) - 11,450 = 94,550 of maintenance, all in the first tier: 94,550 / (10 x 0.975).
    expect((await ofBalances(id))['BTC']).toEqual(at('9697.435897435897435898'));
  });
});

describe('there is none', () => {
  it('without exposure, for a debt without a price, below nothing, and where it has happened already', async () => {
    const id = await openAccount(service, { venue: 'ASCENDEX' });
    // Of what counts nothing there, so that it may be deposited without a price.
    await recordTransfers(service, transfer(id, 'USDT', '100000'), transfer(id, 'LISTA', '2'));
    expect(await ofBalances(id)).toEqual({ LISTA: none('NO_EXPOSURE'), USDT: none('NO_EXPOSURE') });
    await publishPrices(service, { 'ASCENDEX/ETH-PERP': '1000' });
    await recordFills(service, fill(id, 'ETH-PERP', 'BUY', '1', '1000'));
    expect(await ofPositions(id)).toEqual({ 'ETH-PERP LONG': none('NOT_REACHABLE') });
    expect(await ofBalances(id)).toEqual({ LISTA: none('UNPRICED'), USDT: none('NOT_REACHABLE') });

    const lost = await openAccount(service, { venue: 'ASCENDEX' });
    await recordFills(service, fill(lost, 'ETH-PERP', 'BUY', '1', '1000', { fee: '1' }));
    expect(await ofPositions(lost)).toEqual({ 'ETH-PERP LONG': none('ALREADY_LIQUIDATABLE') });
    expect(await ofBalances(lost)).toEqual({ USDT: none('ALREADY_LIQUIDATABLE') });
  });

  it('for a position whose mark was never published', async () => {
    const id = await openAccount(service, { venue: 'BITGET' });
    await recordTransfers(service, transfer(id, 'USDT', '100'));
    await recordFills(service, fill(id, 'SOLUSDT', 'SELL', '1', '20'));
    expect(await ofPositions(id)).toEqual({ 'SOLUSDT SHORT': none('UNPRICED') });
    expect(await ofBalances(id)).toEqual({ USDT: none('UNPRICED') });
  });
});
