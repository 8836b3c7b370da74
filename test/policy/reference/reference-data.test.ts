/** Reference data of folders beside those that ship: what they may add and replace, and what is refused. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { decimal } from '../../../src/margin/decimal.js';
import { Fraction } from '../../../src/margin/fraction.js';
import { readReferenceData } from '../../../src/policy/reference/reference-data.js';
import { SEED, venueOf, versions } from '../../support/calls/reference.js';

let scratch: string;
let folders = 0;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'plimsoll-reference-'));
});
afterAll(() => rm(scratch, { recursive: true }));

/** A folder of reference data with these files. */
async function folderOf(files: Record<string, unknown>): Promise<string> {
  const folder = join(scratch, String(folders++));
  await mkdir(join(folder, 'venues'), { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return folder;
}

const TIER = { floor: '0', cap: null, rate: '0.01', maxLeverage: '50' };
const DATED = { effectiveFrom: '2025-01-01T00:00:00Z', reason: 'a test', source: 'a test' };
const POLICY = {
  ...DATED,
  ...{ liquidatesAtEquality: false, maintenanceMethod: 'PROGRESSIVE', liquidationFeeRate: '0' },
  ...{ warningRatio: '0.5', marginCallRatio: '0.8', isolatedInMultiAsset: false, debtMarginRate: '0.02' },
  ...{ guardRails: { maxStep: '0.1', minNoticeHours: 24 }, interest: {}, autoExchange: {} },
};
const MAINTENANCE = { ...DATED, tiers: [TIER] };
const INSTRUMENT = { symbol: 'X', baseAsset: 'BTC', quoteAsset: 'USDT', maxLeverage: '50', maintenance: [MAINTENANCE] };
const TABLE = { ...DATED, chain: null, ratios: { BTC: '0.9' } };
const VENUE = {
  ...{ code: 'OWN', name: 'Own', chains: [] as string[], policies: [POLICY] },
  ...{ instruments: [INSTRUMENT], collateralRatios: [TABLE] },
};
const LATER = { effectiveFrom: '2025-02-01T00:00:00Z' };

describe('a further folder', () => {
  it('adds venues and assets, which may take the price of another one', async () => {
    const folder = await folderOf({
      'assets.json': [{ symbol: 'ETH-S', name: 'Ether in Earn', pricedAs: 'ETH' }],
      'venues/OWN.json': { ...VENUE, collateralRatios: [{ ...TABLE, ratios: { 'ETH-S': '0.9' } }] },
    });
    const data = await readReferenceData([SEED, folder]);
    expect(data.venues.map(({ code }) => code)).toEqual([
      ...['ASCENDEX', 'ASTER', 'BINANCE_MULTI_ASSETS', 'BINANCE_PM', 'BITGET', 'BYBIT_UTA', 'DYDX', 'HYPERLIQUID'],
      ...['OKX_MULTI', 'OWN'],
    ]);
    expect(data.assets.at(-1)).toMatchObject({
      symbol: 'ETH-S',
      pricedAs: 'ETH',
      transferable: true,
      convertible: true,
    });
    expect(venueOf(data, 'OWN').ratios[0]).toMatchObject({ key: 'OWN//ETH-S', version: 1, chain: null });
    expect(venueOf(data, 'OWN').policies[0]?.debtMarginRate.toFixed()).toBe('0.02');
    expect(venueOf(data, 'OWN').policies[0]?.liquidationRatio).toEqual(new Fraction(decimal(1), decimal(1)));
  });

  it('has a unit, an asset that counts alone, and settles in what it states to be at par', async () => {
    const file = { ...VENUE, unit: 'USDC', singleAsset: 'USD1', atPar: [['USDT', 'USDC']] };
    const settled = { ...file, instruments: [{ ...INSTRUMENT, settlementAsset: 'USDC' }] };
    const own = venueOf(await readReferenceData([SEED, await folderOf({ 'venues/OWN.json': settled })]), 'OWN');
    expect(own).toMatchObject({ unit: 'USDC', singleAsset: 'USD1' });
    expect(own.instruments[0]).toMatchObject({ quoteAsset: 'USDT', settlementAsset: 'USDC' });
  });

  it('states a liquidation ratio as a fraction', async () => {
    const early = { ...POLICY, debtMarginRate: '0', liquidationRatio: { numerator: '1', denominator: '1.05' } };
    const folder = await folderOf({ 'venues/OWN.json': { ...VENUE, policies: [early] } });
    const own = venueOf(await readReferenceData([SEED, folder]), 'OWN');
    expect(JSON.stringify(own.policies[0]?.liquidationRatio)).toBe('{"numerator":"1","denominator":"1.05"}');
  });

  it('states what counts at first', async () => {
    const tiers = [{ floor: '0', cap: null, ratio: '0.9' }];
    const initialTiers = [
      { floor: '0', cap: '10', ratio: '0.8' },
      { floor: '10', cap: null, ratio: '0' },
    ];
    const weighted = { tierUnit: 'QUANTITY', userCap: null, platformCap: null, tiers, initialTiers };
    const tables = [{ ...TABLE, ratios: { BTC: weighted, ETH: '0.9' } }];
    const folder = await folderOf({ 'venues/OWN.json': { ...VENUE, collateralRatios: tables } });
    const { ratios: read } = venueOf(await readReferenceData([SEED, folder]), 'OWN');
    expect(JSON.parse(JSON.stringify(read.map((ratio) => ratio.initialTiers)))).toEqual([initialTiers, null]);
  });

  it('replaces a venue as a whole', async () => {
    const folder = await folderOf({ 'venues/BITGET.json': { ...VENUE, code: 'BITGET' } });
    const bitget = venueOf(await readReferenceData([SEED, folder]), 'BITGET');
    expect([bitget.name, bitget.instruments.length, bitget.ratios.length]).toEqual(['Own', 1, 1]);
  });

  it('counts versions in the order of the file', async () => {
    const more = { ...TABLE, ...LATER, ratios: { BTC: '0.8', ETH: '0.7' } };
    const tiers = { ...MAINTENANCE, ...LATER };
    const folder = await folderOf({
      'venues/OWN.json': {
        ...VENUE,
        policies: [POLICY, { ...POLICY, ...LATER, maintenanceMethod: 'FLAT' }],
        instruments: [{ ...INSTRUMENT, maintenance: [MAINTENANCE, tiers] }],
        collateralRatios: [TABLE, more],
      },
    });
    const own = venueOf(await readReferenceData([SEED, folder]), 'OWN');
    expect(own.policies.map(({ version }) => version)).toEqual([1, 2]);
    expect(own.instruments[0]?.schedules.map(({ version }) => version)).toEqual([1, 2]);
    expect(versions(own, 'OWN//BTC')).toEqual(['1 2025-01-01 0.9', '2 2025-02-01 0.8']);
    expect(versions(own, 'OWN//ETH')).toEqual(['1 2025-02-01 0.7']);
  });

  it('must hold something', async () => {
    await expect(readReferenceData([SEED, join(scratch, 'nowhere')])).rejects.toThrow(/nowhere: expected chains\.json/);
  });

  const instrument = (change: object): object => ({ ...VENUE, instruments: [{ ...INSTRUMENT, ...change }] });
  const tiers = (...rows: object[]): object => instrument({ maintenance: [{ ...DATED, tiers: rows }] });
  const policy = (change: object): object => ({ ...VENUE, policies: [{ ...POLICY, ...change }] });
  const ratios = (value: unknown): object => ({ ...VENUE, collateralRatios: [{ ...TABLE, ratios: { BTC: value } }] });
  const collateral = { tierUnit: 'QUANTITY', userCap: null, platformCap: null };
  const low = { ...TIER, cap: '100' };
  const high = { ...TIER, floor: '100', rate: '0.02' };

  const falling = [{ ...TIER, cap: '100000', rate: '0.02' }, { ...TIER, floor: '100000' }]; // prettier-ignore
  const flat = { ...POLICY, maintenanceMethod: 'FLAT' };
  const weighs = { ...flat, openOrders: { initial: 'NONE', maintenance: 'WORST_SIDE', openLoss: 'NONE' } };
  const dated = [{ ...DATED, tiers: falling }, { ...MAINTENANCE, effectiveFrom: '2025-03-01T00:00:00Z' }]; // prettier-ignore

  it('may let maintenance rates fall while orders do not count for them', async () => {
    const after = { ...weighs, effectiveFrom: '2025-03-01T00:00:00Z' };
    const file = { ...instrument({ maintenance: dated }), policies: [flat, after] };
    const own = venueOf(await readReferenceData([SEED, await folderOf({ 'venues/OWN.json': file })]), 'OWN');
    expect(own.instruments[0]?.schedules.map(({ tiers: read }) => read.length)).toEqual([2, 1]);
  });

  it.each<[what: string, file: unknown, message: string]>([
    [
      'orders that would lower a maintenance margin',
      { ...tiers(...falling), policies: [weighs] },
      'OWN.json, at instruments[0].maintenance[0]: The maintenance rate of tier 2 must be at least 0.02',
    ],
    [
      'orders that would lower a maintenance margin later',
      { ...instrument({ maintenance: dated }), policies: [flat, { ...weighs, ...LATER }] },
      'at instruments[0].maintenance[0]: The maintenance rate of tier 2 must be at least 0.02',
    ],
    ['a broken file', '{', 'OWN.json: is not JSON'],
    ['a list for an object', [], 'OWN.json: expected an object, found []'],
    ['a field too many', { ...VENUE, fee: '1' }, 'OWN.json, at fee: there is no such field'],
    ['a field too few', { ...VENUE, name: undefined }, 'OWN.json: expected a field "name"'],
    ['the code of another file', { ...VENUE, code: 'OTHER' }, 'at code: expected one of OWN, found "OTHER"'],
    ['an unknown chain', { ...VENUE, chains: ['MOON'] }, 'at chains[0]: expected a chain of chains.json, found "MOON"'],
    ['a chain twice', { ...VENUE, chains: ['SOLANA', 'SOLANA'] }, 'at chains: "SOLANA" stands here twice'],
    ['no policy', { ...VENUE, policies: [] }, 'at policies: expected at least one policy'],
    ['a number for a decimal', policy({ warningRatio: 0.5 }), 'at policies[0].warningRatio: expected a decimal'],
    ['an exponent', policy({ warningRatio: '5e-1' }), 'at policies[0].warningRatio: expected a decimal'],
    [
      'a rate above 1',
      policy({ liquidationFeeRate: '1.1' }),
      'at policies[0].liquidationFeeRate: expected a decimal from 0 to 1',
    ],
    [
      'a warning after the margin call',
      policy({ warningRatio: '0.9' }),
      'at policies[0].warningRatio: Expected a warning ratio of at most',
    ],
    [
      'a ratio for a fraction',
      policy({ liquidationRatio: '0.95' }),
      'at policies[0].liquidationRatio: expected an object',
    ],
    [
      'a fraction without a part',
      policy({ liquidationRatio: { numerator: '1' } }),
      'at policies[0].liquidationRatio: expected a field "denominator"',
    ],
    [
      'liquidation above 1',
      policy({ liquidationRatio: { numerator: '2', denominator: '1' } }),
      'at policies[0].liquidationRatio: Expected a fraction above 0 and at most 1',
    ],
    [
      'a margin call after liquidation',
      policy({ debtMarginRate: '0', liquidationRatio: { numerator: '3', denominator: '4' } }),
      'at policies[0].marginCallRatio: Expected a margin call ratio below the liquidation ratio',
    ],
    [
      'initial tiers above the tiers',
      ratios({
        ...{ ...collateral, tiers: [{ floor: '0', cap: null, ratio: '0.5' }] },
        initialTiers: [{ floor: '0', cap: null, ratio: '0.6' }],
      }),
      'initialTiers: From 0 on the initial tiers count 0.6, and may count 0.5 as the tiers do.',
    ],
    ['an unknown method', policy({ maintenanceMethod: 'flat' }), 'at policies[0].maintenanceMethod: expected one of'],
    [
      'a day that does not exist',
      policy({ effectiveFrom: '2025-02-30T00:00:00Z' }),
      'at policies[0].effectiveFrom: expected an instant',
    ],
    [
      'an instant without a zone',
      policy({ effectiveFrom: '2025-02-01T00:00:00' }),
      'at policies[0].effectiveFrom: expected an instant',
    ],
    [
      'interest on nothing known',
      policy({ interest: { XYZ: { hourlyRate: '0', freeThreshold: '0' } } }),
      'at policies[0].interest.XYZ: there is no asset "XYZ"',
    ],
    [
      'a threshold above 0',
      policy({ autoExchange: { USDT: '5' } }),
      'at policies[0].autoExchange.USDT: expected a decimal to 0',
    ],
    ['policies out of order', { ...VENUE, policies: [POLICY, POLICY] }, 'at policies[1]: takes effect at 2025-01-01'],
    [
      'a settlement that is not at par with the quotes',
      instrument({ settlementAsset: 'USDC' }),
      'at instruments[0].settlementAsset: settled in USDC and quoted in USDT, which the venue does not state `atPar`',
    ],
    [
      'an inverse contract',
      instrument({ quoteAsset: 'BTC' }),
      'at instruments[0].quoteAsset: settled in BTC, which its base BTC moves: inverse contracts are not supported',
    ],
    [
      'a contract that is settled in what is priced as its base',
      { ...instrument({ settlementAsset: 'BTC-S' }), atPar: [['USDT', 'BTC-S']] },
      'at instruments[0].settlementAsset: settled in BTC-S, which its base BTC moves',
    ],
    ['a size step of 0', instrument({ sizeStep: '0' }), 'at instruments[0].sizeStep: expected a decimal above 0'],
    ['an instrument named as an asset', instrument({ symbol: 'BTC' }), 'at instruments[0].symbol: BTC is an asset'],
    ['a unit with the price of another asset', { ...VENUE, unit: 'BTC-S' }, 'at unit: BTC-S is priced as BTC'],
    ['an unknown unit', { ...VENUE, unit: 'XYZ' }, 'at unit: expected an asset of assets.json'],
    ['three assets at par', { ...VENUE, atPar: [['USDT', 'USDC', 'USD1']] }, 'at atPar[0]: expected two assets'],
    [
      'an unknown base',
      instrument({ baseAsset: 'XYZ' }),
      'at instruments[0].baseAsset: expected an asset of assets.json',
    ],
    ['a symbol twice', { ...VENUE, instruments: [INSTRUMENT, INSTRUMENT] }, 'at instruments: "X" stands here twice'],
    [
      'no tiers at all',
      instrument({ maintenance: [] }),
      'at instruments[0].maintenance: expected at least one version',
    ],
    [
      'a gap',
      tiers(low, { ...high, floor: '101' }),
      'at instruments[0].maintenance[0].tiers: The floor of tier 2 must be 100',
    ],
    // 100 x (0.02 - 0.01) = 1.
    [
      'a wrong amount',
      tiers(low, { ...high, amount: '2' }),
      'tiers[1].amount: expected 1, which floors and rates give',
    ],
    ['a rate of 0', tiers({ ...TIER, rate: '0' }), 'tiers: The maintenance rate of tier 1 must be above 0'],
    ['too much leverage', tiers({ ...TIER, maxLeverage: '51' }), 'tiers[0].maxLeverage: expected at most 50'],
    [
      'a ratio above 1',
      ratios('1.1'),
      'at collateralRatios[0].ratios.BTC: expected a decimal from 0 to 1, found "1.1"',
    ],
    ['a ratio as a number', ratios(0.9), 'at collateralRatios[0].ratios.BTC: expected a decimal in plain notation'],
    [
      'an overlap',
      ratios({
        ...collateral,
        tiers: [
          { floor: '0', cap: '2', ratio: '1' },
          { floor: '1', cap: null, ratio: '1' },
        ],
      }),
      'ratios.BTC.tiers: The floor of tier 2 must be 2',
    ],
    [
      'a negative cap',
      ratios({ ...collateral, userCap: '-1', tiers: [{ floor: '0', cap: null, ratio: '1' }] }),
      'ratios.BTC.userCap: expected a decimal from 0',
    ],
    [
      'a chain that the venue has not',
      { ...VENUE, collateralRatios: [{ ...TABLE, chain: 'SOLANA' }] },
      'at collateralRatios[0].chain: expected null',
    ],
    [
      'no chain where there are some',
      { ...VENUE, chains: ['SOLANA'] },
      'at collateralRatios[0].chain: expected a text, found null',
    ],
    [
      'ratios out of order',
      { ...VENUE, collateralRatios: [TABLE, TABLE] },
      'at collateralRatios[1].ratios.BTC: takes effect at',
    ],
  ])('is refused with %s', async (_, file, message) => {
    const folder = await folderOf({ 'venues/OWN.json': file });
    await expect(readReferenceData([SEED, folder])).rejects.toThrow(message);
  });

  it.each([
    ['a parent that does not exist', { symbol: 'A', name: 'A', pricedAs: 'XYZ' }, 'there is no asset "XYZ"'],
    ['itself as parent', { symbol: 'A', name: 'A', pricedAs: 'A' }, '"A" has no price of its own'],
    ['another price for USDT', { symbol: 'USDT', name: 'T', pricedAs: 'USDC' }, 'USDT is 1 and takes no other price'],
    ['a slash in its symbol', { symbol: 'A/B', name: 'A' }, 'at [0].symbol: a symbol holds no slash'],
    ['an empty symbol', { symbol: ' ', name: 'A' }, 'at [0].symbol: expected a text'],
  ])('is refused with an asset that has %s', async (_, asset, message) => {
    const folder = await folderOf({ 'assets.json': [asset] });
    await expect(readReferenceData([SEED, folder])).rejects.toThrow(message);
  });
});
