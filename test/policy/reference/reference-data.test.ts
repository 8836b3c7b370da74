import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { toPlain } from '../../../src/margin/decimal.js';
import { PACKAGE_ROOT } from '../../../src/platform/package-root.js';
import { readReferenceData } from '../../../src/policy/reference/reference-data.js';
import type { RatioData, ReferenceData, VenueData } from '../../../src/policy/reference/reference-model.js';

const SEED = join(PACKAGE_ROOT, 'prisma', 'reference');

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

function venueOf(data: ReferenceData, code: string): VenueData {
  const found = data.venues.find((venue) => venue.code === code);
  if (found === undefined) throw new Error(`There is no venue ${code}.`);
  return found;
}

function versions(venue: VenueData, key: string): string[] {
  return venue.ratios
    .filter((ratio) => ratio.key === key)
    .map((ratio) => `${ratio.version} ${ratio.effectiveFrom.toISOString().slice(0, 10)} ${flatRatio(ratio)}`);
}

function flatRatio({ tiers: [first, ...more] }: RatioData): string {
  return first === undefined || more.length > 0 ? 'tiers' : toPlain(first.ratio);
}

describe('the seeded reference data', () => {
  let data: ReferenceData;
  beforeAll(async () => {
    data = await readReferenceData([SEED]);
  });

  it('holds three venues, of which one has chains', () => {
    expect(data.venues.map(({ code, chains }) => [code, chains])).toEqual([
      ['ASCENDEX', []],
      ['ASTER', ['BNB_CHAIN', 'ETHEREUM', 'ARBITRUM', 'SOLANA']],
      ['BITGET', []],
    ]);
  });

  it("holds both editions of Aster's table as versions of the same ratios", () => {
    const aster = venueOf(data, 'ASTER');
    // First edition: 9 assets on BNB Chain, 3 on Ethereum. Second: 16, 7, 4 on Arbitrum and 5 on Solana.
    expect(aster.ratios).toHaveLength(9 + 3 + 16 + 7 + 4 + 5);
    expect(versions(aster, 'ASTER/BNB_CHAIN/LISTA')).toEqual(['1 2025-01-01 0.9', '2 2025-04-01 0.1']);
    expect(versions(aster, 'ASTER/ETHEREUM/USDT')).toEqual(['1 2025-01-01 0.9999', '2 2025-04-01 0.9999']);
    expect(versions(aster, 'ASTER/ETHEREUM/USDC')).toEqual(['1 2025-04-01 0.9999']);
    expect(versions(aster, 'ASTER/SOLANA/JLP')).toEqual(['1 2025-04-01 0.9']);
    expect(aster.ratios.filter(({ source }) => !source.includes('is nominal'))).toEqual([]);
  });

  it("holds Bitget's tiers and caps of BTC, and USDT at par", () => {
    const bitget = venueOf(data, 'BITGET');
    const [btc, usdt] = bitget.ratios;
    expect(
      btc?.tiers.map((tier) => [tier.floor, tier.cap, tier.ratio].map((value) => value && toPlain(value))),
    ).toEqual([
      ['0', '100000', '0.975'],
      ['100000', '500000', '0.97'],
      ['500000', '1000000', '0.965'],
      ['1000000', '5000000', '0.96'],
      ['5000000', null, '0.85'],
    ]);
    expect([btc?.userCap?.toFixed(), btc?.platformCap?.toFixed(), btc?.tierUnit]).toEqual([
      '100',
      '5000',
      'QUOTE_VALUE',
    ]);
    expect([usdt?.asset, usdt && flatRatio(usdt)]).toEqual(['USDT', '1']);
  });

  it("holds AscendEX's discount factors", () => {
    const ascendex = venueOf(data, 'ASCENDEX');
    expect(ascendex.ratios).toHaveLength(19 + 1);
    expect(versions(ascendex, 'ASCENDEX//BTC')).toEqual(['1 2025-01-01 0.98']);
    expect(versions(ascendex, 'ASCENDEX//USDTR')).toEqual(['1 2025-01-01 0.2']);
  });

  it('holds the policies of rules 15', () => {
    const rows = data.venues.flatMap(({ code, policies }) =>
      policies.map((policy) => [
        ...[code, policy.version, policy.effectiveFrom.toISOString(), policy.maintenanceMethod],
        ...[policy.liquidatesAtEquality, policy.isolatedInMultiAsset, toPlain(policy.liquidationFeeRate)],
        policy.interest.map((rule) => `${rule.asset} ${toPlain(rule.freeThreshold)} ${toPlain(rule.hourlyRate)}`),
        policy.autoExchange.map((rule) => `${rule.asset} ${toPlain(rule.balance)}`),
      ]),
    );
    const exchanged = ['USDT -10000', 'USD1 -10000'];
    const interest = ['USDT 1000 0.00000457', 'USD1 1000 0.00000457'];
    expect(rows).toEqual([
      ['ASCENDEX', 1, '2025-01-01T00:00:00.000Z', 'FLAT', true, true, '0', [], []],
      ['ASTER', 1, '2025-01-01T00:00:00.000Z', 'PROGRESSIVE', false, false, '0', [], exchanged],
      ['ASTER', 2, '2026-04-09T10:00:00.000Z', 'PROGRESSIVE', false, false, '0', interest, exchanged],
      ['BITGET', 1, '2025-01-01T00:00:00.000Z', 'PROGRESSIVE', false, false, '0.0006', [], []],
    ]);
    for (const policy of data.venues.flatMap(({ policies }) => policies)) {
      expect([policy.warningRatio, policy.marginCallRatio, policy.guardMaxStep].map(toPlain)).toEqual([
        '0.5',
        '0.8',
        '0.1',
      ]);
      expect(policy.guardMinNoticeHours).toBe(24);
    }
  });

  it('holds the instruments with their tiers, and says where a table stands in', () => {
    const instruments = data.venues.flatMap(({ code, instruments }) =>
      instruments.map(({ symbol, baseAsset, schedules }) => [code, symbol, baseAsset, schedules[0]?.tiers.length]),
    );
    expect(instruments).toEqual([
      ['ASCENDEX', 'BTC-PERP', 'BTC', 6],
      ['ASCENDEX', 'ETH-PERP', 'ETH', 6],
      ['ASTER', 'BTCUSDT', 'BTC', 12],
      ['ASTER', 'ETHUSDT', 'ETH', 12],
      ['ASTER', 'SOLUSDT', 'SOL', 10],
      ['BITGET', 'BTCUSDT', 'BTC', 12],
      ['BITGET', 'ETHUSDT', 'ETH', 12],
      ['BITGET', 'SOLUSDT', 'SOL', 10],
    ]);
    for (const code of ['ASTER', 'BITGET']) {
      for (const { schedules } of venueOf(data, code).instruments)
        expect(schedules[0]?.source).toMatch(/^Binance.*stand/);
    }
    const btc = venueOf(data, 'BITGET').instruments[0]?.schedules[0]?.tiers;
    expect(btc?.slice(0, 3).map((tier) => tier.maintenanceAmount.toFixed())).toEqual(['0', '50', '950']);
    const perp = venueOf(data, 'ASCENDEX').instruments[0]?.schedules[0]?.tiers;
    expect(perp?.map((tier) => tier.maintenanceAmount.toFixed())).toEqual(['0', '0', '0', '0', '0', '0']);
    expect(perp?.at(-1)?.cap).toBeNull();
  });

  it('counts what is in Earn at its own ratio, at the price of what it is', () => {
    expect(data.assets.find(({ symbol }) => symbol === 'BTC-S')).toMatchObject({ pricedAs: 'BTC', transferable: true });
    const ratio = venueOf(data, 'ASCENDEX').ratios.find(({ asset }) => asset === 'BTC-S');
    expect(ratio?.tiers.map((tier) => toPlain(tier.ratio))).toEqual(['0.98']);
    expect(ratio?.source).toMatch(/names no discount factor.*stands in/);
  });

  it('lets bonus money count, but neither leave nor be exchanged', () => {
    const bonus = data.assets.filter(({ transferable, convertible }) => !transferable || !convertible);
    expect(bonus).toMatchObject([{ symbol: 'BonusUSD', transferable: false, convertible: false }]);
  });
});

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
    expect(data.venues.map(({ code }) => code)).toEqual(['ASCENDEX', 'ASTER', 'BITGET', 'OWN']);
    expect(data.assets.at(-1)).toMatchObject({
      symbol: 'ETH-S',
      pricedAs: 'ETH',
      transferable: true,
      convertible: true,
    });
    expect(venueOf(data, 'OWN').ratios[0]).toMatchObject({ key: 'OWN//ETH-S', version: 1, chain: null });
    expect(venueOf(data, 'OWN').policies[0]?.debtMarginRate.toFixed()).toBe('0.02');
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

  it.each<[what: string, file: unknown, message: string]>([
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
      'at policies[0].warningRatio: expected at most',
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
      'another settlement',
      instrument({ quoteAsset: 'USDC' }),
      'at instruments[0].quoteAsset: expected one of USDT, found "USDC"',
    ],
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
    ['an empty symbol', { symbol: ' ', name: 'A' }, 'at [0].symbol: expected a text'],
  ])('is refused with an asset that has %s', async (_, asset, message) => {
    const folder = await folderOf({ 'assets.json': [asset] });
    await expect(readReferenceData([SEED, folder])).rejects.toThrow(message);
  });
});
