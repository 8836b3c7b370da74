/**
 * Brings reference data into the database. Names and flags are brought up to date. Versions are never edited: a version
 * is added to a stored rule only if it is later than the newest one, in number and in time.
 */
import { toPlain, type Decimal } from '../../margin/decimal.js';
import { readDatabaseClock } from '../../platform/clock.js';
import { transact, type Database, type Transaction } from '../../platform/database/database.js';
import { uuidv7 } from '../../platform/ids.js';
import { readReferenceMark } from '../rulebook/reference-rows.js';
import { parameterRow } from '../versions/policy-parameters.js';
import { tablesRow } from '../versions/policy-tables.js';
import { initialTiersRow } from '../versions/ratio-store.js';
import { ReferenceDataError } from './reference-json.js';
import type { AssetData, InstrumentData, ReferenceData, VenueData } from './reference-model.js';

type InstrumentAssets = Pick<InstrumentData, 'baseAsset' | 'quoteAsset' | 'settlementAsset'>;

/** Lock for storing reference data: two processes that start at once must not both find a version missing. */
const LOCK = 7_465_001;

/**
 * Runs in one transaction. Versions that other processes have stored meanwhile are kept. Returns whether anything is
 * new, so that running servers are to read it.
 */
export async function storeReferenceData(db: Database, data: ReferenceData): Promise<boolean> {
  return transact(db, async (tx) => {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(${LOCK}::bigint)`;
    const before = await readReferenceMark(tx);
    await tx.$executeRaw`
      INSERT INTO chains (code, name)
      SELECT * FROM unnest(${column(data.chains, 'code')}::text[], ${column(data.chains, 'name')}::text[])
      ON CONFLICT (code) DO UPDATE SET name = excluded.name`;
    await storeAssets(tx, data.assets);
    await tx.$executeRaw`
      INSERT INTO venues (code, name, unit, single_asset)
      SELECT * FROM unnest(
        ${column(data.venues, 'code')}::text[], ${column(data.venues, 'name')}::text[],
        ${column(data.venues, 'unit')}::text[], ${column(data.venues, 'singleAsset')}::text[])
      ON CONFLICT (code) DO UPDATE SET name = excluded.name`;
    await refuseOtherUnits(tx, data);
    await tx.venueChain.createMany({
      data: data.venues.flatMap(({ code, chains }) => chains.map((chainCode) => ({ venueCode: code, chainCode }))),
      skipDuplicates: true,
    });
    const createdAt = new Date(await readDatabaseClock(tx));
    const policies = await storePolicies(tx, data.venues, createdAt);
    const tables = await storeInstruments(tx, data.venues, createdAt);
    const ratios = await storeRatios(tx, data.venues, createdAt);
    return policies + tables + ratios > 0 || (await readReferenceMark(tx)) !== before;
  });
}

/** What a venue's numbers are in cannot change under them. */
async function refuseOtherUnits(tx: Transaction, { assets, venues }: ReferenceData): Promise<void> {
  const stored = new Map((await tx.venue.findMany()).map((row) => [row.code, row]));
  const units = new Map([...stored.values()].map(({ code, unit }) => [unit, code]));
  for (const { symbol, pricedAs } of assets) {
    if (pricedAs === null || !units.has(symbol)) continue;
    const message = `expected null, since ${symbol} is the unit of ${units.get(symbol)}, found ${pricedAs}`;
    throw new ReferenceDataError('assets.json', `${symbol}.pricedAs`, message);
  }
  for (const { code, unit, singleAsset } of venues) {
    const row = stored.get(code);
    if (row === undefined || (row.unit === unit && row.singleAsset === singleAsset)) continue;
    const known = `unit ${row.unit} and single asset ${row.singleAsset}`;
    const message = `expected ${known}, which the database has, found ${unit} and ${singleAsset}: they cannot change`;
    throw new ReferenceDataError(`venues/${code}.json`, 'unit', message);
  }
}

async function storeAssets(tx: Transaction, assets: readonly AssetData[]): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO assets (symbol, name, priced_as, transferable, convertible)
    SELECT * FROM unnest(
      ${column(assets, 'symbol')}::text[], ${column(assets, 'name')}::text[], ${column(assets, 'pricedAs')}::text[],
      ${column(assets, 'transferable')}::boolean[], ${column(assets, 'convertible')}::boolean[])
    ON CONFLICT (symbol) DO UPDATE SET name = excluded.name, priced_as = excluded.priced_as,
      transferable = excluded.transferable, convertible = excluded.convertible`;
}

/** Returns how many versions are new. */
async function storePolicies(tx: Transaction, venues: readonly VenueData[], createdAt: Date): Promise<number> {
  const stored = await tx.marginPolicy.findMany({ select: { venueCode: true, version: true, effectiveFrom: true } });
  const isNew = laterThan(stored, (row) => row.venueCode);
  const added = venues.flatMap(({ code, policies }) =>
    policies.filter((policy) => isNew(code, policy)).map((policy) => ({ venueCode: code, ...policy })),
  );
  await tx.marginPolicy.createMany({
    data: added.map(({ interest: _, autoExchange: __, liabilities, exchangeRates, ...policy }) => ({
      ...policy,
      ...parameterRow(policy),
      liabilities: tablesRow(liabilities),
      exchangeRates: tablesRow(exchangeRates),
      id: uuidv7(),
      createdAt,
      guardMaxStep: toPlain(policy.guardMaxStep),
    })),
  });
  await tx.interestRule.createMany({
    data: added.flatMap(({ venueCode, version, interest }) =>
      interest.map(({ asset, hourlyRate, freeThreshold }) => ({
        ...{ venueCode, version, assetSymbol: asset },
        ...{ hourlyRate: toPlain(hourlyRate), freeThreshold: toPlain(freeThreshold) },
      })),
    ),
  });
  await tx.autoExchangeThreshold.createMany({
    data: added.flatMap(({ venueCode, version, autoExchange }) =>
      autoExchange.map(({ asset, balance }) => ({ venueCode, version, assetSymbol: asset, balance: toPlain(balance) })),
    ),
  });
  return added.length;
}

/** What an instrument's numbers are in cannot change under its positions. */
async function refuseOtherAssets(
  tx: Transaction,
  instruments: readonly (InstrumentAssets & { readonly venueCode: string; readonly symbol: string })[],
): Promise<void> {
  const shown = ({ baseAsset, quoteAsset, settlementAsset }: InstrumentAssets): string =>
    `${baseAsset} in ${quoteAsset}, settled in ${settlementAsset}`;
  const stored = new Map((await tx.instrument.findMany()).map((row) => [`${row.venueCode}/${row.symbol}`, row]));
  for (const instrument of instruments) {
    const row = stored.get(`${instrument.venueCode}/${instrument.symbol}`);
    if (row === undefined || shown(row) === shown(instrument)) continue;
    const message = `expected ${shown(row)}, as the database has ${instrument.symbol}, found ${shown(instrument)}: that cannot change`;
    throw new ReferenceDataError(`venues/${row.venueCode}.json`, 'instruments', message);
  }
}

/** Returns how many versions are new. */
async function storeInstruments(tx: Transaction, venues: readonly VenueData[], createdAt: Date): Promise<number> {
  const instruments = venues.flatMap(({ code, instruments }) =>
    instruments.map((instrument) => ({
      ...{ venueCode: code, ...instrument, maxLeverage: toPlain(instrument.maxLeverage) },
      sizeStep: instrument.sizeStep === null ? null : toPlain(instrument.sizeStep),
    })),
  );
  await refuseOtherAssets(tx, instruments);
  // Its maximum leverage and the step of sizes can change.
  await tx.$executeRaw`
    INSERT INTO instruments (venue_code, symbol, base_asset, quote_asset, settlement_asset, max_leverage, size_step)
    SELECT venue_code, symbol, base_asset, quote_asset, settlement_asset, max_leverage::numeric, size_step::numeric
    FROM unnest(
      ${column(instruments, 'venueCode')}::text[], ${column(instruments, 'symbol')}::text[],
      ${column(instruments, 'baseAsset')}::text[], ${column(instruments, 'quoteAsset')}::text[],
      ${column(instruments, 'settlementAsset')}::text[], ${column(instruments, 'maxLeverage')}::text[],
      ${column(instruments, 'sizeStep')}::text[])
      AS row (venue_code, symbol, base_asset, quote_asset, settlement_asset, max_leverage, size_step)
    ON CONFLICT (venue_code, symbol) DO UPDATE SET max_leverage = excluded.max_leverage, size_step = excluded.size_step`;
  const stored = await tx.maintenanceSchedule.findMany({
    select: { venueCode: true, instrument: true, version: true, effectiveFrom: true },
  });
  const isNew = laterThan(stored, (row) => `${row.venueCode}/${row.instrument}`);
  const added = instruments.flatMap(({ venueCode, symbol, schedules }) =>
    schedules
      .filter((schedule) => isNew(`${venueCode}/${symbol}`, schedule))
      .map((schedule) => ({ venueCode, instrument: symbol, ...schedule })),
  );
  await tx.maintenanceSchedule.createMany({
    data: added.map(({ tiers: _, ...schedule }) => ({ ...schedule, id: uuidv7(), createdAt })),
  });
  await tx.maintenanceTier.createMany({
    data: added.flatMap(({ venueCode, instrument, version, tiers }) =>
      tiers.map((tier) => ({
        ...{ venueCode, instrument, version, tier: tier.tier },
        ...{ floor: toPlain(tier.floor), cap: optional(tier.cap), maxLeverage: toPlain(tier.maxLeverage) },
        ...{ maintenanceRate: toPlain(tier.maintenanceRate), maintenanceAmount: toPlain(tier.maintenanceAmount) },
      })),
    ),
  });
  return added.length;
}

/** Returns how many versions are new. */
async function storeRatios(tx: Transaction, venues: readonly VenueData[], createdAt: Date): Promise<number> {
  const stored = await tx.collateralRatio.findMany({ select: { ratioKey: true, version: true, effectiveFrom: true } });
  const isNew = laterThan(stored, (row) => row.ratioKey);
  const added = venues.flatMap(({ code, ratios }) =>
    ratios
      .filter((ratio) => isNew(ratio.key, ratio))
      .map((ratio) => ({ id: uuidv7(), createdAt, venueCode: code, ...ratio })),
  );
  await tx.collateralRatio.createMany({
    data: added.map(({ key, chain, asset, tiers: _, ...ratio }) => ({
      ...ratio,
      ...{ ratioKey: key, chainCode: chain, assetSymbol: asset },
      ...{ userCap: optional(ratio.userCap), platformCap: optional(ratio.platformCap) },
      initialTiers: initialTiersRow(ratio.initialTiers),
    })),
  });
  await tx.collateralTier.createMany({
    data: added.flatMap(({ id, tiers }) =>
      tiers.map(({ floor, cap, ratio }) => ({
        ...{ ratioId: id, floor: toPlain(floor), cap: optional(cap), ratio: toPlain(ratio) },
      })),
    ),
  });
  return added.length;
}

interface Dated {
  readonly version: number;
  readonly effectiveFrom: Date;
}

/** Whether a version comes after everything that is stored under its key. */
function laterThan<T extends Dated>(
  stored: readonly T[],
  key: (row: T) => string,
): (key: string, next: Dated) => boolean {
  const newest = new Map<string, Dated>();
  for (const row of stored) {
    const before = newest.get(key(row)) ?? row;
    newest.set(key(row), {
      version: Math.max(before.version, row.version),
      effectiveFrom: before.effectiveFrom > row.effectiveFrom ? before.effectiveFrom : row.effectiveFrom,
    });
  }
  return (name, next) => {
    const last = newest.get(name);
    return last === undefined || (next.version > last.version && next.effectiveFrom > last.effectiveFrom);
  };
}

function column<T, K extends keyof T>(rows: readonly T[], name: K): T[K][] {
  return rows.map((row) => row[name]);
}

function optional(value: Decimal | null): string | null {
  return value === null ? null : toPlain(value);
}
