/** Venues, chains, assets and instruments in the database, which a server that starts with new reference data changes. */
import { decimal } from '../../margin/decimal.js';
import type { Database, Transaction } from '../../platform/database/database.js';
import type { AssetRecord, ChainRecord, InstrumentRecord, VenueRecord } from '../versions/rule-records.js';
import type { VersionRecord } from '../versions/rule-version.js';

/** Replaced as a whole. */
export interface ReferenceRecords {
  readonly venues: ReadonlyMap<string, VenueRecord>;
  readonly chains: ReadonlyMap<string, ChainRecord>;
  readonly assets: ReadonlyMap<string, AssetRecord>;
  /** By venue, then symbol. */
  readonly instruments: ReadonlyMap<string, ReadonlyMap<string, InstrumentRecord>>;
}

/** What other processes have stored. */
export interface RuleNews {
  readonly versions: readonly VersionRecord[];
  /** Venues, chains, assets or instruments were added or changed. */
  readonly hasReference: boolean;
}

/** Another text where a row was added or changed. Read it before the rows: what changes meanwhile is then read again. */
export async function readReferenceMark(db: Database | Transaction): Promise<string> {
  const [row] = await db.$queryRaw<{ mark: string }[]>`
    SELECT concat_ws(' ',
      (SELECT sum(hashtextextended(venue::text, 0)) FROM venues AS venue),
      (SELECT sum(hashtextextended(chain::text, 0)) FROM chains AS chain),
      (SELECT sum(hashtextextended(link::text, 0)) FROM venue_chains AS link),
      (SELECT sum(hashtextextended(asset::text, 0)) FROM assets AS asset),
      (SELECT sum(hashtextextended(instrument::text, 0)) FROM instruments AS instrument)) AS mark`;
  return row?.mark ?? '';
}

export async function readReference(db: Database): Promise<ReferenceRecords> {
  const [venues, chains, assets, instruments] = await Promise.all([
    db.venue.findMany({ include: { chains: true }, orderBy: { code: 'asc' } }),
    db.chain.findMany(),
    db.asset.findMany(),
    db.instrument.findMany(),
  ]);
  return {
    venues: byKey(
      venues.map((row) => ({ ...row, chains: row.chains.map((link) => link.chainCode).sort() })),
      (row) => row.code,
    ),
    chains: byKey(chains, (row) => row.code),
    assets: byKey(assets, (row) => row.symbol),
    instruments: new Map(
      [...grouped(instruments, (row) => row.venueCode)].map(([venue, rows]) => [
        venue,
        byKey(
          rows.map((row) => ({
            ...{ ...row, venue, maxLeverage: decimal(row.maxLeverage.toFixed()) },
            sizeStep: row.sizeStep === null ? null : decimal(row.sizeStep.toFixed()),
          })),
          (row) => row.symbol,
        ),
      ]),
    ),
  };
}

function byKey<T>(rows: readonly T[], key: (row: T) => string): Map<string, T> {
  return new Map(rows.map((row) => [key(row), row]));
}

function grouped<T>(rows: readonly T[], key: (row: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const group = groups.get(key(row));
    if (group === undefined) groups.set(key(row), [row]);
    else group.push(row);
  }
  return groups;
}
