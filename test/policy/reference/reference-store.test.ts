import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { decimal } from '../../../src/margin/decimal.js';
import type { Database } from '../../../src/platform/database/database.js';
import { PACKAGE_ROOT } from '../../../src/platform/package-root.js';
import { readReferenceData } from '../../../src/policy/reference/reference-data.js';
import type { RatioData, ReferenceData } from '../../../src/policy/reference/reference-model.js';
import { storeReferenceData } from '../../../src/policy/reference/reference-store.js';
import { openTestDatabase, withoutGuards } from '../../support/services/database.js';

let test: Awaited<ReturnType<typeof openTestDatabase>>;
let db: Database;
let data: ReferenceData;
beforeAll(async () => {
  test = await openTestDatabase();
  db = test.db;
  // Migrated, and empty.
  await withoutGuards(db, (tx) => tx.$executeRaw`TRUNCATE chains, assets, venues CASCADE`);
  data = await readReferenceData([join(PACKAGE_ROOT, 'prisma', 'reference')]);
});
afterAll(() => test.close());

async function lista(): Promise<string[]> {
  const rows = await db.collateralRatio.findMany({
    where: { ratioKey: 'ASTER/BNB_CHAIN/LISTA' },
    include: { tiers: true },
    orderBy: { version: 'asc' },
  });
  return rows.map((row) => {
    const day = row.effectiveFrom.toISOString().slice(0, 10);
    return `${row.version} ${day} ${row.tiers.map((tier) => tier.ratio.toFixed()).join()}`;
  });
}

/** The same data with another LISTA. */
function withLista(change: (versions: RatioData[]) => RatioData[]): ReferenceData {
  const venues = data.venues.map((venue) => {
    const isLista = ({ key }: RatioData): boolean => key === 'ASTER/BNB_CHAIN/LISTA';
    const others = venue.ratios.filter((ratio) => !isLista(ratio));
    return { ...venue, ratios: [...others, ...change(venue.ratios.filter(isLista))] };
  });
  return { ...data, venues };
}

function counts(): Promise<number[]> {
  return Promise.all([
    ...[db.chain.count(), db.asset.count(), db.venue.count(), db.venueChain.count()],
    ...[db.marginPolicy.count(), db.interestRule.count(), db.autoExchangeThreshold.count()],
    ...[db.instrument.count(), db.maintenanceSchedule.count(), db.maintenanceTier.count()],
    ...[db.collateralRatio.count(), db.collateralTier.count()],
  ]);
}

describe('storing reference data', () => {
  it('takes everything once, also when two processes start at the same moment', async () => {
    await Promise.all([storeReferenceData(db, data), storeReferenceData(db, data)]);
    const { venues } = data;
    const count = <T>(of: (venue: (typeof venues)[number]) => readonly T[]): number => venues.flatMap(of).length;
    const schedules = venues.flatMap(({ instruments }) => instruments.flatMap((each) => each.schedules));
    const seeded = [
      ...[4, 37, 9, 4], // chains, assets, venues, chains of venues
      count(({ policies }) => policies),
      ...[2, 4 + 2], // interest and thresholds: USDT and USD1, in one and in both of ASTER's; USDT and USDC at another
      ...[count(({ instruments }) => instruments), schedules.length, schedules.flatMap(({ tiers }) => tiers).length],
      ...[count(({ ratios }) => ratios), count(({ ratios }) => ratios.flatMap(({ tiers }) => tiers))],
    ];
    expect(await counts()).toEqual(seeded);
    await storeReferenceData(db, data);
    expect(await counts()).toEqual(seeded);
    expect(await lista()).toEqual(['1 2025-01-01 0.9', '2 2025-04-01 0.1']);
  });

  it('keeps every digit and every instant', async () => {
    const interest = await db.interestRule.findFirstOrThrow({
      where: { assetSymbol: 'USD1' },
      include: { policy: true },
    });
    expect([interest.hourlyRate.toFixed(), interest.freeThreshold.toFixed()]).toEqual(['0.00000457', '1000']);
    expect(interest.policy.effectiveFrom.toISOString()).toBe('2026-04-09T10:00:00.000Z');
    const tier = await db.maintenanceTier.findFirstOrThrow({
      where: { venueCode: 'ASTER', instrument: 'BTCUSDT', tier: 12 },
    });
    expect(tier.maintenanceAmount.toFixed()).toBe('421481450');
    const btc = await db.collateralRatio.findFirstOrThrow({ where: { ratioKey: 'BITGET//BTC' } });
    expect([btc.userCap?.toFixed(), btc.platformCap?.toFixed(), btc.chainCode]).toEqual(['100', '5000', null]);
  });

  it('brings names and flags up to date', async () => {
    const assets = data.assets.map((asset) => {
      return asset.symbol === 'BonusUSD' ? { ...asset, name: 'Bonus', transferable: true } : asset;
    });
    await storeReferenceData(db, { ...data, assets });
    const bonus = await db.asset.findUniqueOrThrow({ where: { symbol: 'BonusUSD' } });
    expect(bonus).toMatchObject({ name: 'Bonus', transferable: true, convertible: false });
  });

  it('never edits a version, and adds those that come after', async () => {
    const tiers = [{ floor: decimal(0), cap: null, ratio: decimal('0.5') }];
    await storeReferenceData(
      db,
      withLista(([first, second]) => {
        if (first === undefined || second === undefined) return [];
        const third = { ...second, tiers, version: 3, effectiveFrom: new Date('2025-05-01T00:00:00Z') };
        return [{ ...first, tiers }, { ...second, tiers }, third];
      }),
    );
    expect(await lista()).toEqual(['1 2025-01-01 0.9', '2 2025-04-01 0.1', '3 2025-05-01 0.5']);
  });

  it("leaves alone what the database has beyond the file's versions", async () => {
    await storeReferenceData(
      db,
      withLista(([first, second]) => {
        if (first === undefined || second === undefined) return [];
        // The database's third version takes effect in May: a fourth one in April would not follow it.
        return [first, second, { ...second, version: 4, effectiveFrom: new Date('2025-04-15T00:00:00Z') }];
      }),
    );
    expect(await lista()).toEqual(['1 2025-01-01 0.9', '2 2025-04-01 0.1', '3 2025-05-01 0.5']);
  });

  it('refuses other assets of an instrument, and another price for the unit of a venue', async () => {
    const before = await counts();
    const venues = data.venues.map((venue) => ({
      ...venue,
      instruments: venue.instruments.map((each) =>
        each.symbol === 'BTCUSD1' ? { ...each, settlementAsset: 'USDT' } : each,
      ),
    }));
    await expect(storeReferenceData(db, { ...data, venues })).rejects.toThrow(
      'expected BTC in USD1, settled in USD1, as the database has BTCUSD1, found BTC in USD1, settled in USDT',
    );
    const assets = data.assets.map((asset) => (asset.symbol === 'USDC' ? { ...asset, pricedAs: 'USDT' } : asset));
    await expect(storeReferenceData(db, { ...data, assets, venues: [] })).rejects.toThrow(
      /USDC\.pricedAs: expected null, since USDC is the unit of (DYDX|HYPERLIQUID), found USDT/,
    );
    expect(await counts()).toEqual(before);
  });

  it('stores all or nothing', async () => {
    const before = await counts();
    const venues = data.venues.map((venue) => ({ ...venue, code: `${venue.code}2`, chains: ['MOON'] }));
    await expect(storeReferenceData(db, { ...data, venues })).rejects.toThrow();
    expect(await counts()).toEqual(before);
  });
});
