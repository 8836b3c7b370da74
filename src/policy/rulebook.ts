/**
 * The venues' rules in memory: every version of every collateral ratio, maintenance schedule and policy. Versions are
 * never edited, so that what was in force at any instant can be answered from here.
 */
import { decimal, type Decimal } from '../margin/decimal.js';
import type {
  AssetRules,
  AutoExchangeThreshold,
  CollateralSchedule,
  InstrumentRules,
  InterestRule,
  MaintenanceTier,
  Policy,
} from '../margin/model.js';
import type { Database } from '../platform/database.js';
import { inForce, ratioKey, type RatioVersion } from './ratio-version.js';
import { readRatioVersions } from './ratio-store.js';

export interface VenueRecord {
  readonly code: string;
  readonly name: string;
  /** Empty: the venue has no chains. */
  readonly chains: readonly string[];
}

export interface ChainRecord {
  readonly code: string;
  readonly name: string;
}

export interface AssetRecord extends AssetRules {
  readonly symbol: string;
  readonly name: string;
}

export interface InstrumentRecord {
  readonly venue: string;
  readonly symbol: string;
  readonly baseAsset: string;
  readonly quoteAsset: string;
  readonly maxLeverage: Decimal;
}

/** One version of a venue's policy, without what hangs on chains and instruments. */
export interface PolicyVersion extends Omit<
  Policy,
  'assets' | 'collateralRatios' | 'instruments' | 'interest' | 'autoExchange'
> {
  readonly venue: string;
  readonly effectiveFrom: Date;
  readonly interest: readonly InterestRule[];
  readonly autoExchange: readonly AutoExchangeThreshold[];
  readonly guardMaxStep: Decimal;
  readonly guardMinNoticeHours: number;
}

interface MaintenanceVersion {
  readonly effectiveFrom: Date;
  readonly version: number;
  readonly tiers: readonly MaintenanceTier[];
}

interface CachedPolicy {
  readonly policy: Policy;
  readonly from: number;
  /** The next instant at which a version takes effect. */
  readonly until: number;
}

export class Rulebook {
  private readonly cache = new Map<string, CachedPolicy>();

  private constructor(
    readonly venues: ReadonlyMap<string, VenueRecord>,
    readonly chains: ReadonlyMap<string, ChainRecord>,
    readonly assets: ReadonlyMap<string, AssetRecord>,
    /** By venue, then symbol. */
    readonly instruments: ReadonlyMap<string, ReadonlyMap<string, InstrumentRecord>>,
    private readonly policies: ReadonlyMap<string, readonly PolicyVersion[]>,
    private readonly maintenance: ReadonlyMap<string, readonly MaintenanceVersion[]>,
    /** By ratio key, oldest version first. */
    private readonly ratios: Map<string, RatioVersion[]>,
  ) {}

  static async load(db: Database): Promise<Rulebook> {
    const [venues, chains, assets, instruments, policies, schedules, ratios] = await Promise.all([
      db.venue.findMany({ include: { chains: true }, orderBy: { code: 'asc' } }),
      db.chain.findMany(),
      db.asset.findMany(),
      db.instrument.findMany(),
      db.marginPolicy.findMany({ include: { interest: true, autoExchange: true }, orderBy: { version: 'asc' } }),
      db.maintenanceSchedule.findMany({
        include: { tiers: { orderBy: { tier: 'asc' } } },
        orderBy: { version: 'asc' },
      }),
      readRatioVersions(db),
    ]);
    return new Rulebook(
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
      grouped(
        policies.map((row) => ({
          ...row,
          venue: row.venueCode,
          liquidationFeeRate: decimal(row.liquidationFeeRate.toFixed()),
          warningRatio: decimal(row.warningRatio.toFixed()),
          marginCallRatio: decimal(row.marginCallRatio.toFixed()),
          debtMarginRate: decimal(row.debtMarginRate.toFixed()),
          guardMaxStep: decimal(row.guardMaxStep.toFixed()),
          interest: row.interest.map((rule) => ({
            asset: rule.assetSymbol,
            hourlyRate: decimal(rule.hourlyRate.toFixed()),
            freeThreshold: decimal(rule.freeThreshold.toFixed()),
          })),
          autoExchange: row.autoExchange.map((rule) => ({
            asset: rule.assetSymbol,
            balance: decimal(rule.balance.toFixed()),
          })),
        })),
        (row) => row.venue,
      ),
      grouped(
        schedules.map((row) => ({
          key: instrumentKey(row.venueCode, row.instrument),
          version: row.version,
          effectiveFrom: row.effectiveFrom,
          tiers: row.tiers.map((tier) => ({
            tier: tier.tier,
            floor: decimal(tier.floor.toFixed()),
            cap: tier.cap === null ? null : decimal(tier.cap.toFixed()),
            maintenanceRate: decimal(tier.maintenanceRate.toFixed()),
            maintenanceAmount: decimal(tier.maintenanceAmount.toFixed()),
            maxLeverage: decimal(tier.maxLeverage.toFixed()),
          })),
        })),
        (row) => row.key,
      ),
      grouped(ratios, (row) => row.ratioKey),
    );
  }

  instrument(venue: string, symbol: string): InstrumentRecord | null {
    return this.instruments.get(venue)?.get(symbol) ?? null;
  }

  /** The version of the venue's policy that is in force; the first one, before its instant. */
  policyVersion(venue: string, at: Date): PolicyVersion {
    const versions = this.policies.get(venue) ?? [];
    const found = inForce(versions, at) ?? versions[0];
    if (found === undefined) throw new Error(`The venue ${venue} has no policy.`);
    return found;
  }

  /** From when on debts can cost interest at the venue; null: never so far. */
  interestSince(venue: string): Date | null {
    const instants = (this.policies.get(venue) ?? [])
      .filter(({ interest }) => interest.length > 0)
      .map(({ effectiveFrom }) => effectiveFrom.getTime());
    return instants.length === 0 ? null : new Date(Math.min(...instants));
  }

  maintenanceTiers(venue: string, symbol: string, at: Date): readonly MaintenanceTier[] {
    const versions = this.maintenance.get(instrumentKey(venue, symbol)) ?? [];
    return (inForce(versions, at) ?? versions[0])?.tiers ?? [];
  }

  /** All versions of one ratio, oldest first; empty where the venue does not accept the asset there. */
  ratioVersions(venue: string, chain: string | null, asset: string): readonly RatioVersion[] {
    return this.ratios.get(ratioKey(venue, chain, asset)) ?? [];
  }

  ratioVersion(id: string): RatioVersion | null {
    for (const versions of this.ratios.values()) {
      const found = versions.find((version) => version.id === id);
      if (found !== undefined) return found;
    }
    return null;
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

  /** Takes a new version in, after it was stored; false: it was there. */
  addRatioVersion(version: RatioVersion): boolean {
    const versions = this.ratios.get(version.ratioKey) ?? [];
    if (versions.some((known) => known.id === version.id)) return false;
    this.ratios.set(
      version.ratioKey,
      [...versions, version].sort((a, b) => a.version - b.version),
    );
    this.cache.clear();
    return true;
  }

  /** What the margin rules need to know of the venue, on one chain, at one instant. */
  policy(venue: string, chain: string | null, at: Date): Policy {
    const key = `${venue}/${chain ?? ''}`;
    const cached = this.cache.get(key);
    const instant = at.getTime();
    if (cached !== undefined && cached.from <= instant && instant < cached.until) return cached.policy;
    const made = this.makePolicy(venue, chain, at);
    this.cache.set(key, made);
    return made.policy;
  }

  private makePolicy(venue: string, chain: string | null, at: Date): CachedPolicy {
    const ratios = this.ratiosInForce(at, { venue }).filter((version) => version.chain === chain);
    const instruments = [...(this.instruments.get(venue)?.values() ?? [])];
    const policy: Policy = {
      ...this.policyVersion(venue, at),
      assets: this.assets,
      collateralRatios: new Map(ratios.map((version): [string, CollateralSchedule] => [version.asset, version])),
      instruments: new Map(
        instruments.map((record): [string, InstrumentRules] => [
          record.symbol,
          { ...record, tiers: this.maintenanceTiers(venue, record.symbol, at) },
        ]),
      ),
    };
    const instants = this.instantsOf(venue);
    const now = at.getTime();
    return {
      policy,
      from: Math.max(-Infinity, ...instants.filter((instant) => instant <= now)),
      until: Math.min(Infinity, ...instants.filter((instant) => instant > now)),
    };
  }

  /** Every instant at which a rule of the venue changes. */
  private instantsOf(venue: string): number[] {
    const dated: { effectiveFrom: Date }[] = [...(this.policies.get(venue) ?? [])];
    for (const symbol of this.instruments.get(venue)?.keys() ?? []) {
      dated.push(...(this.maintenance.get(instrumentKey(venue, symbol)) ?? []));
    }
    for (const versions of this.ratios.values()) if (versions[0]?.venue === venue) dated.push(...versions);
    return dated.map((version) => version.effectiveFrom.getTime());
  }
}

function instrumentKey(venue: string, symbol: string): string {
  return `${venue}/${symbol}`;
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
