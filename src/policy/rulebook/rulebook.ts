/**
 * The venues' rules in memory: every version of every collateral ratio, maintenance schedule and policy. Versions are
 * never edited, so that what was in force at any instant, or will be, can be answered from here: a version that is
 * scheduled takes effect by its instant alone.
 */
import { maintenanceAmounts } from '../../margin/curve.js';
import { decimal } from '../../margin/decimal.js';
import type { CollateralTable, InstrumentRules, MaintenanceTier, Policy } from '../../margin/model.js';
import type { Database } from '../../platform/database.js';
import { PolicyCache } from './policy-cache.js';
import { readMaintenanceVersions, readPolicyVersions } from '../versions/policy-store.js';
import { instrumentKey, type MaintenanceVersion, type PolicyVersion } from '../versions/policy-version.js';
import { inForce, ratioKey, type RatioVersion } from '../versions/ratio-version.js';
import { readRatioVersions } from '../versions/ratio-store.js';
import { changedRatioIds, countRules } from './rule-counts.js';
import type { AssetRecord, ChainRecord, InstrumentRecord, VenueRecord } from './rule-records.js';

export type { AssetRecord, ChainRecord, InstrumentRecord, VenueRecord } from './rule-records.js';

/** A version that stands, and when it takes effect. */
export interface DatedRule {
  /** Of this version and no other. */
  readonly key: string;
  readonly venue: string;
  readonly effectiveFrom: Date;
  /** Null: it is of a policy or of maintenance tiers. */
  readonly ratio: RatioVersion | null;
}

/** What is new to this process. */
export interface NewRules {
  /** Added or cancelled. */
  readonly ratios: readonly RatioVersion[];
  /** Whose policy or maintenance tiers have new versions. */
  readonly venues: readonly string[];
}

export class Rulebook {
  private readonly cache = new PolicyCache();
  private readonly policies = new Map<string, PolicyVersion[]>();
  /** By venue and symbol. */
  private readonly maintenance = new Map<string, MaintenanceVersion[]>();
  /** By ratio key, oldest version first. */
  private readonly ratios = new Map<string, RatioVersion[]>();
  private readonly ratiosById = new Map<string, RatioVersion>();
  /** Versions of policies and schedules, also of venues and instruments that are unknown here. */
  private readonly knownVersions = { policies: new Set<string>(), schedules: new Set<string>() };

  private constructor(
    readonly venues: ReadonlyMap<string, VenueRecord>,
    readonly chains: ReadonlyMap<string, ChainRecord>,
    readonly assets: ReadonlyMap<string, AssetRecord>,
    /** By venue, then symbol. */
    readonly instruments: ReadonlyMap<string, ReadonlyMap<string, InstrumentRecord>>,
  ) {}

  static async load(db: Database): Promise<Rulebook> {
    const [venues, chains, assets, instruments, policies, schedules, ratios] = await Promise.all([
      db.venue.findMany({ include: { chains: true }, orderBy: { code: 'asc' } }),
      db.chain.findMany(),
      db.asset.findMany(),
      db.instrument.findMany(),
      readPolicyVersions(db),
      readMaintenanceVersions(db),
      readRatioVersions(db),
    ]);
    const rulebook = new Rulebook(
      byKey(
        venues.map((row) => ({ ...row, chains: row.chains.map((link) => link.chainCode).sort() })),
        (row) => row.code,
      ),
      byKey(chains, (row) => row.code),
      byKey(assets, (row) => row.symbol),
      new Map(
        [...grouped(instruments, (row) => row.venueCode)].map(([venue, rows]) => [
          venue,
          byKey(
            rows.map((row) => ({ ...row, venue, maxLeverage: decimal(row.maxLeverage.toFixed()) })),
            (row) => row.symbol,
          ),
        ]),
      ),
    );
    for (const version of policies) rulebook.addPolicyVersion(version);
    for (const version of schedules) rulebook.addMaintenanceVersion(version);
    for (const version of ratios) rulebook.addRatioVersion(version);
    return rulebook;
  }

  instrument(venue: string, symbol: string): InstrumentRecord | null {
    return this.instruments.get(venue)?.get(symbol) ?? null;
  }

  /** The version of the venue's policy that is in force; the first one, before its instant. */
  policyVersion(venue: string, at: Date): PolicyVersion {
    const versions = this.policyVersions(venue);
    const found = inForce(versions, at) ?? versions[0];
    if (found === undefined) throw new Error(`The venue ${venue} has no policy.`);
    return found;
  }

  /** All versions of the venue's policy, oldest first. */
  policyVersions(venue: string): readonly PolicyVersion[] {
    return this.policies.get(venue) ?? [];
  }

  /** From when on debts can cost interest at the venue; null: never so far. */
  interestSince(venue: string): Date | null {
    const instants = this.policyVersions(venue)
      .filter(({ interest }) => interest.length > 0)
      .map(({ effectiveFrom }) => effectiveFrom.getTime());
    return instants.length === 0 ? null : new Date(Math.min(...instants));
  }

  /** All versions of the instrument's maintenance tiers, oldest first. */
  maintenanceVersions(venue: string, symbol: string): readonly MaintenanceVersion[] {
    return this.maintenance.get(instrumentKey(venue, symbol)) ?? [];
  }

  /** The tiers in force, with the amounts of the method in force: a policy may change it under the same tiers. */
  maintenanceTiers(venue: string, symbol: string, at: Date): readonly MaintenanceTier[] {
    const versions = this.maintenanceVersions(venue, symbol);
    const tiers = (inForce(versions, at) ?? versions[0])?.tiers ?? [];
    const amounts = maintenanceAmounts(this.policyVersion(venue, at).maintenanceMethod, tiers);
    return tiers.map((tier, index) => ({ ...tier, maintenanceAmount: amounts[index] ?? tier.maintenanceAmount }));
  }

  /** All versions of one ratio, oldest first; empty where the venue does not accept the asset there. */
  ratioVersions(venue: string, chain: string | null, asset: string): readonly RatioVersion[] {
    return this.ratios.get(ratioKey(venue, chain, asset)) ?? [];
  }

  ratioVersion(id: string): RatioVersion | null {
    const found = this.ratiosById.get(id);
    return found !== undefined && this.ratios.has(found.ratioKey) ? found : null;
  }

  /** The ratios in force, by venue, chain and asset. */
  ratiosInForce(
    at: Date,
    where: { venue?: string | undefined; chain?: string | undefined; asset?: string | undefined },
  ): RatioVersion[] {
    const found: RatioVersion[] = [];
    for (const versions of this.ratios.values()) {
      const [first] = versions;
      if (first === undefined) continue;
      if (where.venue !== undefined && first.venue !== where.venue) continue;
      if (where.chain !== undefined && first.chain !== where.chain) continue;
      if (where.asset !== undefined && first.asset !== where.asset) continue;
      const version = inForce(versions, at);
      if (version !== null) found.push(version);
    }
    return found.sort((a, b) => (a.ratioKey < b.ratioKey ? -1 : 1));
  }

  /** The versions of ratios that are to take effect, in the order in which they will. */
  scheduledRatios(at: Date, venue?: string): RatioVersion[] {
    return [...this.ratios.values()]
      .flat()
      .filter((version) => version.cancelledAt === null && version.effectiveFrom > at)
      .filter((version) => venue === undefined || version.venue === venue)
      .sort((a, b) => a.effectiveFrom.getTime() - b.effectiveFrom.getTime() || (a.ratioKey < b.ratioKey ? -1 : 1));
  }

  /** Takes a version in as it was stored: a new one, or one that was cancelled or applied. False: it is no news. */
  addRatioVersion(version: RatioVersion): boolean {
    const known = this.ratiosById.get(version.id);
    this.ratiosById.set(version.id, version);
    // Another process may have brought assets in that this one does not know before it is started again.
    if (!this.venues.has(version.venue) || !this.assets.has(version.asset)) return false;
    const others = this.ratioVersions(version.venue, version.chain, version.asset).filter(
      ({ id }) => id !== version.id,
    );
    this.ratios.set(
      version.ratioKey,
      [...others, version].sort((a, b) => a.version - b.version),
    );
    const isNews = known === undefined || (known.cancelledAt === null && version.cancelledAt !== null);
    if (isNews) this.cache.change(version, (chain) => this.instantsOf(version.venue, chain), version.chain);
    return isNews;
  }

  /** The same for a version of a policy. */
  addPolicyVersion(version: PolicyVersion): boolean {
    if (!addKnown(this.knownVersions.policies, `${version.venue}/${version.version}`)) return false;
    if (!this.venues.has(version.venue)) return false;
    add(this.policies, version.venue, version);
    this.cache.change(version, (chain) => this.instantsOf(version.venue, chain));
    return true;
  }

  /** The same for a version of maintenance tiers. */
  addMaintenanceVersion(version: MaintenanceVersion): boolean {
    const key = instrumentKey(version.venue, version.instrument);
    if (!addKnown(this.knownVersions.schedules, `${key}/${version.version}`)) return false;
    if (this.instrument(version.venue, version.instrument) === null) return false;
    add(this.maintenance, key, version);
    this.cache.change(version, (chain) => this.instantsOf(version.venue, chain));
    return true;
  }

  /** Brings in what other processes have stored since; one statement where nothing is new. */
  async refresh(db: Database): Promise<NewRules> {
    const stored = await countRules(db);
    const ratios: RatioVersion[] = [];
    const venues = new Set<string>();
    const known = [...this.ratiosById.values()];
    if (
      stored.ratios !== known.length ||
      stored.cancelled !== known.filter(({ cancelledAt }) => cancelledAt !== null).length ||
      stored.applied !== known.filter(({ appliedAt }) => appliedAt !== null).length
    ) {
      const ids = await changedRatioIds(db, this.ratiosById);
      for (const version of await readRatioVersions(db, { ids })) {
        if (this.addRatioVersion(version)) ratios.push(version);
      }
    }
    if (stored.policies !== this.knownVersions.policies.size) {
      for (const version of await readPolicyVersions(db)) {
        if (this.addPolicyVersion(version)) venues.add(version.venue);
      }
    }
    if (stored.schedules !== this.knownVersions.schedules.size) {
      for (const version of await readMaintenanceVersions(db)) {
        if (this.addMaintenanceVersion(version)) venues.add(version.venue);
      }
    }
    return { ratios, venues: [...venues] };
  }

  /** Every version that stands, with its instant. */
  *datedRules(): Generator<DatedRule> {
    for (const versions of this.ratios.values()) {
      for (const ratio of versions) {
        const { id, venue, effectiveFrom, cancelledAt } = ratio;
        if (cancelledAt === null) yield { key: id, venue, effectiveFrom, ratio };
      }
    }
    for (const versions of [...this.policies.values(), ...this.maintenance.values()]) {
      for (const version of versions) {
        const { venue, effectiveFrom } = version;
        const of = 'instrument' in version ? version.instrument : '';
        yield { key: `${venue}/${of}/${version.version}`, venue, effectiveFrom, ratio: null };
      }
    }
  }

  /** The earliest instant after this one at which a rule of any venue changes; null: none is scheduled. */
  nextChange(after: Date): Date | null {
    let next: Date | null = null;
    for (const { effectiveFrom } of this.datedRules()) {
      if (effectiveFrom > after && (next === null || effectiveFrom < next)) next = effectiveFrom;
    }
    return next;
  }

  /**
   * What the margin rules need to know of the venue, on one chain, at one instant. As long as the same rules hold it is the
   * same object, also when others are scheduled meanwhile.
   */
  policy(venue: string, chain: string | null, at: Date): Policy {
    return this.cache.get(
      venue,
      chain,
      at,
      () => this.makePolicy(venue, chain, at),
      () => this.instantsOf(venue, chain),
    );
  }

  private makePolicy(venue: string, chain: string | null, at: Date): Policy {
    const ratios = this.ratiosInForce(at, { venue }).filter((version) => version.chain === chain);
    const instruments = [...(this.instruments.get(venue)?.values() ?? [])];
    return {
      ...this.policyVersion(venue, at),
      assets: this.assets,
      collateralRatios: new Map(ratios.map((version): [string, CollateralTable] => [version.asset, version])),
      instruments: new Map(
        instruments.map((record): [string, InstrumentRules] => [
          record.symbol,
          { ...record, tiers: this.maintenanceTiers(venue, record.symbol, at) },
        ]),
      ),
    };
  }

  /** Every instant at which a rule of the venue on that chain changes. */
  private instantsOf(venue: string, chain: string | null): number[] {
    return [...this.datedRules()]
      .filter((rule) => rule.venue === venue && (rule.ratio === null || rule.ratio.chain === chain))
      .map(({ effectiveFrom }) => effectiveFrom.getTime());
  }
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

/** False: it was known. */
function addKnown(known: Set<string>, key: string): boolean {
  if (known.has(key)) return false;
  known.add(key);
  return true;
}

function add<T extends { readonly version: number }>(all: Map<string, T[]>, key: string, version: T): void {
  all.set(
    key,
    [...(all.get(key) ?? []), version].sort((a, b) => a.version - b.version),
  );
}
