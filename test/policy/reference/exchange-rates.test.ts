/** Rates of exchange in files of reference data (rules: 11): how they are stated, and what is refused. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { readReferenceData } from '../../../src/policy/reference/reference-data.js';
import { DATED, POLICY } from '../../support/calls/own-venue.js';
import { SEED, venueOf } from '../../support/calls/reference.js';

let scratch: string;
let folders = 0;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'plimsoll-reference-'));
});
afterAll(() => rm(scratch, { recursive: true }));

interface Given {
  readonly chains?: readonly string[];
  readonly policies: readonly object[];
  /** Of each table: from when on, on which chain, and the ratios. */
  readonly tables: readonly (readonly [from: string, chain: string | null, ratios: object])[];
}

async function venueWith({ chains = [], policies, tables }: Given): Promise<ReturnType<typeof venueOf>> {
  const folder = join(scratch, String(folders++));
  await mkdir(join(folder, 'venues'), { recursive: true });
  const collateralRatios = tables.map(([effectiveFrom, chain, ratios]) => ({ ...DATED, effectiveFrom, chain, ratios }));
  const file = { code: 'OWN', name: 'Own', chains, policies, instruments: [], collateralRatios };
  await writeFile(join(folder, 'venues', 'OWN.json'), JSON.stringify(file));
  return venueOf(await readReferenceData([SEED, folder]), 'OWN');
}

const [FIRST, SECOND, THIRD] = ['2025-01-01T00:00:00Z', '2025-02-01T00:00:00Z', '2025-03-01T00:00:00Z'] as const;
const rates = (exchangeRates: object, effectiveFrom: string = FIRST): object => ({
  ...POLICY,
  effectiveFrom,
  exchangeRates,
});
const ETH: Given['tables'] = [[FIRST, null, { ETH: '0.9' }]];

it('are one rate or tiers, and stand beside an order', async () => {
  const tiers = [
    { floor: '0', cap: '10000', rate: '1' },
    { floor: '10000', cap: null, rate: '0.9' },
  ];
  const stated = { ...rates({ ETH: tiers, SOL: '0.000000000000000001' }), exchangeOrder: 'HIGHEST_RATIO_FIRST' };
  const [policy] = (await venueWith({ policies: [stated], tables: ETH })).policies;
  expect(JSON.parse(JSON.stringify([policy?.exchangeOrder, policy?.exchangeRates]))).toEqual([
    'HIGHEST_RATIO_FIRST',
    [
      { asset: 'ETH', tiers },
      { asset: 'SOL', tiers: [{ floor: '0', cap: null, rate: '0.000000000000000001' }] },
    ],
  ]);
});

it('are none, and pro rata, where a file names neither', async () => {
  const [policy] = (await venueWith({ policies: [POLICY], tables: ETH })).policies;
  expect([policy?.exchangeOrder, policy?.exchangeRates]).toEqual(['PRO_RATA', []]);
});

it('may lie below a ratio that never holds with them', async () => {
  const policies = [POLICY, rates({ ETH: '0.8' }, SECOND)];
  const tables: Given['tables'] = [...ETH, [SECOND, null, { ETH: '0.8' }]];
  expect((await venueWith({ policies, tables })).policies).toHaveLength(2);
});

it.each<[what: string, given: Given, message: string]>([
  [
    'a ratio above a rate',
    { policies: [rates({ ETH: '0.89' })], tables: ETH },
    'at policies[0]: the exchange rate 0.89 of',
  ],
  [
    'a ratio above a later rate',
    { policies: [POLICY, rates({ ETH: '0.89' }, SECOND)], tables: ETH },
    'at policies[1]: the exchange rate 0.89 of ETH is below its ratio 0.9',
  ],
  [
    'a later ratio above a rate',
    { policies: [rates({ ETH: '0.9' })], tables: [...ETH, [THIRD, null, { ETH: '0.95' }]] },
    'at policies[0]: the exchange rate 0.9 of ETH is below its ratio 0.95',
  ],
  [
    'a ratio on another chain',
    {
      ...{ chains: ['SOLANA', 'ETHEREUM'], policies: [rates({ ETH: '0.8' })] },
      tables: [
        [FIRST, 'SOLANA', { ETH: '0.8' }],
        [FIRST, 'ETHEREUM', { ETH: '0.9' }],
      ],
    },
    'at policies[0]: the exchange rate 0.8 of ETH is below its ratio 0.9',
  ],
  [
    'the unit, which counts in full where it is left out',
    {
      ...{ chains: ['SOLANA', 'ETHEREUM'], policies: [rates({ USDT: '0.999' })] },
      tables: [[FIRST, 'SOLANA', { USDT: '0.999' }]],
    },
    'at policies[0]: the exchange rate 0.999 of USDT is below its ratio 1',
  ],
  [
    'the unit before its first ratio',
    { policies: [rates({ USDT: '0.999' })], tables: [[SECOND, null, { USDT: '0.999' }]] },
    'at policies[0]: the exchange rate 0.999 of USDT is below its ratio 1',
  ],
  [
    'a rate of 0',
    { policies: [rates({ SOL: '0' })], tables: ETH },
    'at policies[0].exchangeRates.SOL: The rate of tier 1 must be above 0 and at most 1, and is 0.',
  ],
  [
    'a rate above 1',
    { policies: [rates({ SOL: '1.1' })], tables: ETH },
    'at policies[0].exchangeRates.SOL: The rate of tier 1 must be above 0 and at most 1, and is 1.1.',
  ],
  [
    'a gap',
    {
      policies: [rates({ SOL: [{ floor: '0', cap: '1', rate: '1' }, { floor: '2', cap: null, rate: '1' }] })], // prettier-ignore
      tables: ETH,
    },
    'at policies[0].exchangeRates.SOL: The floor of tier 2 must be 1, where tier 1 ends, and is 2.',
  ],
  [
    'an unknown asset',
    { policies: [rates({ NOPE: '1' })], tables: ETH },
    'at policies[0].exchangeRates.NOPE: there is no asset "NOPE" in assets.json',
  ],
  [
    'an unknown order',
    { policies: [{ ...POLICY, exchangeOrder: 'LOWEST' }], tables: ETH },
    'at policies[0].exchangeOrder: expected one of PRO_RATA, HIGHEST_RATIO_FIRST, found "LOWEST"',
  ],
])('are refused with %s', async (_what, given, message) => {
  await expect(venueWith(given)).rejects.toThrow(message);
});
