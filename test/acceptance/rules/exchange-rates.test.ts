/** Exchanges at rates below 1 and in an order, set by an admin, and what stands against such rates (rules: 11). */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { auditLog, codesOf, govern, newestVersion, type AdminOutcome } from '../../support/calls/admin-calls.js';
import { readAccount, simulate } from '../../support/calls/account-reader.js';
import { unchanged } from '../../support/calls/fingerprint.js';
import { DATED, POLICY } from '../../support/calls/own-venue.js';
import { balancesOf, ledgerOf, wrongBalances } from '../../support/calls/trader-calls.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  reverseFill,
  transfer,
} from '../../support/calls/venue-system.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';

const HOUR = 3_600_000;
const later = (hours: number): string => new Date(Date.now() + hours * HOUR).toISOString();

/** The unit is left out of the table of SOLANA, where it counts in full. */
const VENUE = {
  code: 'RATES',
  name: 'Rates of exchange',
  chains: ['BNB_CHAIN', 'SOLANA'],
  policies: [{ ...POLICY, autoExchange: { USDT: '-9999' } }],
  instruments: [
    {
      ...{ symbol: 'BTCUSDT', baseAsset: 'BTC', quoteAsset: 'USDT', maxLeverage: '100' },
      maintenance: [{ ...DATED, tiers: [{ floor: '0', cap: null, rate: '0.004', maxLeverage: '100' }] }],
    },
  ],
  collateralRatios: [
    { ...DATED, chain: 'BNB_CHAIN', ratios: { USDT: '0.999', BTC: '0.95', ETH: '0.9', SOL: '0.9' } },
    { ...DATED, chain: 'SOLANA', ratios: { BTC: '0.96', ETH: '0.8' } },
  ],
};

let app: TestApp;
let admin: Api;
let service: Api;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plimsoll-reference-'));
  await mkdir(join(folder, 'venues'));
  await writeFile(join(folder, 'venues', 'RATES.json'), JSON.stringify(VENUE));
  app = await startTestApp({ env: { REFERENCE_DATA: folder } });
  admin = await app.as('root', 'ADMIN');
  service = await app.as('venue', 'SERVICE');
  await publishPrices(service, { BTC: '10000', ETH: '1000', SOL: '100', 'RATES/BTCUSDT': '10000' });
});
afterAll(async () => {
  await app.close();
  await rm(folder, { recursive: true });
});

interface Rates {
  readonly version: number;
  readonly exchangeOrder: string;
  readonly exchangeRates: readonly { readonly asset: { readonly symbol: string }; readonly tiers: readonly object[] }[];
}

async function policyInForce(): Promise<Rates> {
  const { venues } = await admin.ask<{ venues: { code: string; policy: Rates }[] }>(
    '{ venues { code policy { version exchangeOrder exchangeRates { asset { symbol } tiers { floor cap rate } } } } }',
  );
  const found = venues.find(({ code }) => code === 'RATES');
  if (found === undefined) throw new Error('The venue is missing.');
  return found.policy;
}

let policies = 1;
/** All versions are made here, scheduled ones included. */
async function changePolicy(input: object): Promise<AdminOutcome> {
  const made = await govern(admin, 'changeMarginPolicy', { venue: 'RATES', expectedVersion: policies, ...input });
  if (made.errors.length === 0) policies += 1;
  return made;
}

async function changeRatio(input: { readonly asset: string } & Record<string, unknown>): Promise<AdminOutcome> {
  const place = { venue: 'RATES', chain: 'BNB_CHAIN', asset: input.asset };
  const expectedVersion = await newestVersion(admin, place);
  return govern(admin, 'changeCollateralRatio', { ...place, expectedVersion, force: true, ...input });
}

/** One tier without end, or rows of floor and rate. */
function rateOf(asset: string, ...rows: readonly (string | readonly [floor: string, rate: string])[]): object {
  const pairs = rows.map((row): readonly [string, string] => (typeof row === 'string' ? ['0', row] : row));
  const tiers = pairs.map(([floor, rate], index) => ({ floor, cap: pairs[index + 1]?.[0] ?? null, rate }));
  return { asset, tiers };
}

async function accountWith(...held: [asset: string, quantity: string][]): Promise<string> {
  const id = await openAccount(service, { venue: 'RATES', chain: 'BNB_CHAIN' });
  await recordTransfers(service, ...held.map(([asset, quantity]) => transfer(id, asset, quantity)));
  return id;
}

const owe = (id: string, fee: string, fillId: string): Promise<object> =>
  recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '10000', { fillId, fee }));

function problems({ errors }: AdminOutcome): [string, string | undefined][] {
  return errors.map(({ code, field }) => [code, field?.slice(1).join('.')]);
}

describe('rates of exchange', () => {
  it('are none and pro rata before an admin sets any', async () => {
    expect(await policyInForce()).toEqual({ version: 1, exchangeOrder: 'PRO_RATA', exchangeRates: [] });
    const id = await accountWith(['BTC', '20']);
    await owe(id, '19000', 'whole');
    expect((await ledgerOf(service, id)).slice(0, 3)).toEqual([
      'AUTO_EXCHANGE USDT 20000 1000 whole',
      'AUTO_EXCHANGE BTC -2 18 whole',
      'FEE USDT -19000 -19000 whole',
    ]);
  });

  it('cost a part of what is sold, by tiers of the value, as entries that add up', async () => {
    const exchangeRates = [rateOf('ETH', '0.9'), rateOf('BTC', ['0', '0.98'], ['10000', '0.97'])];
    // It costs more than before, and so takes notice.
    expect(codesOf(await unchanged(app, () => changePolicy({ exchangeRates })))).toEqual(['GUARD_RAIL']);
    const { policy, errors } = await changePolicy({ exchangeRates, force: true });
    expect([policy?.version, errors]).toEqual([2, []]);
    expect(await policyInForce()).toEqual({
      ...{ version: 2, exchangeOrder: 'PRO_RATA' },
      exchangeRates: [
        {
          asset: { symbol: 'BTC' },
          tiers: [
            { floor: '0', cap: '10000', rate: '0.98' },
            { floor: '10000', cap: null, rate: '0.97' },
          ],
        },
        { asset: { symbol: 'ETH' }, tiers: [{ floor: '0', cap: null, rate: '0.9' }] },
      ],
    });
    // As it is stored.
    await app.app.services.rulebook.reload(app.app.services.db);
    expect(await policyInForce()).toMatchObject({ version: 2, exchangeRates: [{ tiers: [{}, {}] }, { tiers: [{}] }] });
    const [entry] = (await auditLog(admin, { first: 1 })).nodes;
    expect(JSON.parse(entry?.after ?? '{}')).toMatchObject({
      exchangeRates: [
        { asset: 'BTC', tiers: [{ floor: '0', cap: '10000', rate: '0.98' }, {}] },
        { asset: 'ETH', tiers: [{ floor: '0', cap: null, rate: '0.9' }] },
      ],
    });

    const id = await accountWith(['BTC', '20'], ['SOL', '100'], ['ETH', '10']);
    const walletValue = (): Promise<unknown> => readAccount(service, id, 'margin { walletValue marginBalance }');
    expect(await walletValue()).toEqual({ margin: { walletValue: '220000', marginBalance: '208000' } });
    // A tenth of what counts 208,000: 2 BTC, 1 ETH, 10 SOL. Credited are 9,800 + 9,700, 900, and 1,000.
    await owe(id, '20800', 'tiers');
    expect((await ledgerOf(service, id)).slice(0, 7)).toEqual([
      'AUTO_EXCHANGE USDT 21400 600 tiers',
      'AUTO_EXCHANGE SOL -10 90 tiers',
      'EXCHANGE_COST ETH -0.1 9 tiers',
      'AUTO_EXCHANGE ETH -0.9 9.1 tiers',
      'EXCHANGE_COST BTC -0.05 18 tiers',
      'AUTO_EXCHANGE BTC -1.95 18.05 tiers',
      'FEE USDT -20800 -20800 tiers',
    ]);
    // 220,000 - 20,800 less the cost of 500 + 100; the margin balance was 187,200.
    expect(await walletValue()).toEqual({ margin: { walletValue: '198600', marginBalance: '187799.4' } });
    expect(await wrongBalances(app.app.services.db)).toBe(0);
  });

  it('stay where a change leaves them out, and the order says which assets are sold', async () => {
    expect(codesOf(await changePolicy({ exchangeOrder: 'HIGHEST_RATIO_FIRST' }))).toEqual([]);
    expect(await policyInForce()).toMatchObject({
      ...{ exchangeOrder: 'HIGHEST_RATIO_FIRST' },
      exchangeRates: [{ asset: { symbol: 'BTC' } }, { asset: { symbol: 'ETH' } }],
    });
    const id = await accountWith(['SOL', '100'], ['ETH', '10'], ['BTC', '1']);
    await owe(id, '18980', 'first');
    // BTC for 9,800; 9,180 left: ETH in full for 9,000, which comes before SOL by name; 180 / 9,000 of the SOL.
    expect((await ledgerOf(service, id)).slice(0, 6)).toEqual([
      'AUTO_EXCHANGE USDT 19000 20 first',
      'AUTO_EXCHANGE SOL -2 98 first',
      'EXCHANGE_COST ETH -1 0 first',
      'AUTO_EXCHANGE ETH -9 1 first',
      'EXCHANGE_COST BTC -0.02 0 first',
      'AUTO_EXCHANGE BTC -0.98 0.02 first',
    ]);
    // The fill that led to it can no more be taken back, and the alert names every entry.
    expect((await reverseFill(service, { venue: 'RATES', fillId: 'first' })).errors).toMatchObject([
      { code: 'REVERSAL_IMPOSSIBLE' },
    ]);
    await app.app.services.loop.idle();
    const { riskAlerts } = await admin.ask<{
      riskAlerts: { nodes: { account: { id: string }; ledgerEntries: { kind: string }[] }[] };
    }>('{ riskAlerts(kinds: [AUTO_EXCHANGED]) { nodes { account { id } ledgerEntries { kind } } } }');
    const alert = riskAlerts.nodes.find(({ account }) => account.id === id);
    expect(alert?.ledgerEntries.map(({ kind }) => kind)).toEqual([
      ...['AUTO_EXCHANGE', 'EXCHANGE_COST', 'AUTO_EXCHANGE', 'EXCHANGE_COST', 'AUTO_EXCHANGE', 'AUTO_EXCHANGE'],
    ]);
  });

  it('are simulated as they are booked', async () => {
    const id = await accountWith(['SOL', '100'], ['ETH', '10'], ['BTC', '1']);
    const trade = { instrument: 'BTCUSDT', side: 'BUY', size: '1', price: '10000', fee: '18980' };
    const { after } = await simulate(service, id, { trades: [trade] });
    const { walletValue, marginBalance } = after;
    await owe(id, '18980', 'simulated');
    expect({ margin: { walletValue, marginBalance } }).toEqual(
      await readAccount(service, id, 'margin { walletValue marginBalance }'),
    );
    expect(await balancesOf(service, id)).toEqual({ SOL: '98', USDT: '20' });
  });
});

describe('a rate below a ratio of its asset', () => {
  it('is refused on every chain, where the unit is left out, and below one that is scheduled', async () => {
    const refused = async (...exchangeRates: object[]): Promise<AdminOutcome> =>
      unchanged(app, () => changePolicy({ exchangeRates, force: true }));
    // BTC counts 0.96 on SOLANA.
    const low = await refused(rateOf('ETH', '0.9'), rateOf('BTC', ['0', '1'], ['5000', '0.959']));
    expect(problems(low)).toEqual([['POLICY_INVALID', 'exchangeRates.1.tiers.1.rate']]);
    expect(low.errors[0]?.message).toBe(
      'The exchange rate of tier 2 of BTC must be at least 0.96, a ratio of RATES/SOLANA, and is 0.959: an exchange would ' +
        'lower margin balances.',
    );
    expect(problems(await refused(rateOf('USDT', '0.999')))).toEqual([
      ['POLICY_INVALID', 'exchangeRates.0.tiers.0.rate'],
    ]);
    expect(codesOf(await changeRatio({ asset: 'SOL', ratio: '0.95', effectiveFrom: later(48) }))).toEqual([]);
    expect(problems(await refused(rateOf('SOL', '0.94')))).toEqual([
      ['POLICY_INVALID', 'exchangeRates.0.tiers.0.rate'],
    ]);
    expect(codesOf(await changePolicy({ exchangeRates: [rateOf('SOL', '0.95')], force: true }))).toEqual([]);
  });

  it('is refused where a ratio would rise above it, now or later', async () => {
    const ratio = (input: Record<string, unknown>): Promise<AdminOutcome> =>
      unchanged(app, () => changeRatio({ asset: 'ETH', ...input }));
    const rates = (rate: string): object => ({ exchangeRates: [rateOf('ETH', rate)], force: true });
    expect(codesOf(await changePolicy(rates('0.93')))).toEqual([]);
    const high = await ratio({ ratio: '0.931' });
    expect(problems(high)).toEqual([['RATIO_OUT_OF_RANGE', 'ratio']]);
    expect(high.errors[0]?.message).toBe(
      'The ratio of tier 1 must be at most 0.93, the exchange rate of ETH by the policy, and is 0.931: an exchange would ' +
        'lower margin balances.',
    );
    const tiers = [
      { floor: '0', cap: '10', ratio: '0.93' },
      { floor: '10', cap: null, ratio: '0.94' },
    ];
    expect(problems(await ratio({ tiers }))).toEqual([['RATIO_OUT_OF_RANGE', 'tiers.1.ratio']]);
    // A lower rate that is scheduled counts as well; caps may change, and so may a ratio that lies below.
    expect(codesOf(await changePolicy({ ...rates('0.92'), effectiveFrom: later(48) }))).toEqual([]);
    expect(problems(await ratio({ ratio: '0.925' }))).toEqual([['RATIO_OUT_OF_RANGE', 'ratio']]);
    expect(codesOf(await changeRatio({ asset: 'ETH', userCap: '1000' }))).toEqual([]);
    expect(codesOf(await changeRatio({ asset: 'ETH', ratio: '0.92' }))).toEqual([]);
  });
});

describe('bad input', () => {
  const tier = (floor: string, cap: string | null, rate: string): object => ({ floor, cap, rate });
  const btc = (...tiers: object[]): object[] => [{ asset: 'BTC', tiers }];
  it.each<[what: string, rates: object[], code: string, field: string]>([
    ['a rate of 0', btc(tier('0', null, '0')), 'RATIO_OUT_OF_RANGE', 'exchangeRates.0.tiers.0.rate'],
    ['a negative rate', btc(tier('0', null, '-0.5')), 'RATIO_OUT_OF_RANGE', 'exchangeRates.0.tiers.0.rate'],
    [
      'a rate above 1',
      btc(tier('0', null, '1.000000000000000001')),
      'RATIO_OUT_OF_RANGE',
      'exchangeRates.0.tiers.0.rate',
    ],
    ['no tier', btc(), 'TIERS_INVALID', 'exchangeRates.0.tiers'],
    ['a first floor above 0', btc(tier('1', null, '1')), 'TIERS_INVALID', 'exchangeRates.0.tiers.0.floor'],
    ['a gap', btc(tier('0', '5', '1'), tier('6', null, '0.99')), 'TIERS_INVALID', 'exchangeRates.0.tiers.1.floor'],
    ['a cap at its floor', btc(tier('0', '0', '1')), 'TIERS_INVALID', 'exchangeRates.0.tiers.0.cap'],
    [
      'a tier after the last',
      btc(tier('0', null, '1'), tier('6', null, '1')),
      'TIERS_INVALID',
      'exchangeRates.0.tiers.0.cap',
    ],
    ['an unknown asset', [rateOf('NOPE', '1')], 'ASSET_NOT_FOUND', 'exchangeRates.0.asset'],
    ['an asset twice', [rateOf('BTC', '1'), rateOf('BTC', '0.99')], 'INVALID_INPUT', 'exchangeRates.1.asset'],
    ['51 assets', Array.from({ length: 51 }, () => rateOf('BTC', '1')), 'INVALID_INPUT', 'exchangeRates'],
  ])('is refused with %s', async (_what, exchangeRates, code, field) => {
    const refused = await unchanged(app, () => changePolicy({ exchangeRates, force: true }));
    expect(problems(refused)).toEqual([[code, field]]);
  });
});
