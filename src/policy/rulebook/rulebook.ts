/**
 * The venues' rules in memory: every version of every collateral ratio, table of maintenance tiers and policy. Versions
 * are never edited, so the rulebook knows the rules in force at any instant, past or future. A scheduled version takes
 * effect by its instant alone.
 */
import type { MaintenanceTier, Policy } from '../../margin/model.js';
import type { Database } from '../../platform/database/database.js';
import { maintenanceTiers, tiersUnder } from '../versions/maintenance-tiers.js';
import { marginPolicy } from '../versions/margin-policy.js';
import { instrumentKey, MAINTENANCE_TIERS, MARGIN_POLICY } from '../versions/policy-version.js';
import type { MaintenanceVersion, PolicyVersion } from '../versions/policy-version.js';
import { COLLATERAL_RATIO, ratioKey, type RatioVersion } from '../versions/ratio-version.js';
import type { InstrumentRecord } from '../versions/rule-records.js';
import { inEffect, inForce, type VersionRecord } from '../versions/rule-version.js';
import { RULES, compareInTime, policyOf, ruleOf } from '../versions/rules.js';
import { countVersions } from '../versions/version-rows.js';
import type { VersionedRule } from '../versions/versioned-rule.js';
import { PolicyCache } from './policy-cache.js';
import { readReference, readReferenceMark, type ReferenceRecords, type RuleNews } from './reference-rows.js';
import { VersionShelf, areBehind } from './version-shelf.js';

export type { AssetRecord, ChainRecord, InstrumentRecord, VenueRecord } from '../versions/rule-records.js';

const TABLES = RULES.map(({ table }) => table);

export class Rulebook {
  private readonly cache = new PolicyCache();
  /** By kind. */
  private readonly shelves = new Map(RULES.map((rule) => [rule.kind, new VersionShelf(rule)]));

  private constructor(
    private reference: ReferenceRecords,
    /** Of these records; see `readReferenceMark`. */
    private mark: string,
  ) {}

  static async load(db: Database): Promise<Rulebook> {
    const mark = await readReferenceMark(db);
    const rulebook = new Rulebook(await readReference(db), mark);
    for (const rule of RULES) for (const version of await rule.read(db)) rulebook.add(version);
    return rulebook;
  }

  get venues(): ReferenceRecords['venues'] {
    return this.reference.venues;
  }

  get chains(): ReferenceRecords['chains'] {
    return this.reference.chains;
  }

  get assets(): ReferenceRecords['assets'] {
    return this.reference.assets;
  }

  /** By venue, then symbol. */
  get instruments(): ReferenceRecords['instruments'] {
    return this.reference.instruments;
  }

  instrument(venue: string, symbol: string): InstrumentRecord | null {
    return this.instruments.get(venue)?.get(symbol) ?? null;
  }

  /** The version of the venue's policy that is in force; the first one, before its instant. */
  policyVersion(venue: string, at: Date): PolicyVersion {
    const found = versionAt(marginPolicy, this.policyVersions(venue), at);
    if (found === null) throw new Error(`The venue ${venue} has no policy.`);
    return found;
  }

  /** All versions of the venue's policy, oldest first. */
  policyVersions(venue: string): readonly PolicyVersion[] {
    return this.shelf<PolicyVersion>(MARGIN_POLICY).of(venue);
  }

  /** From when on debts can cost interest at the venue; null: never so far. */
  interestSince(venue: string): Date | null {
    const instants = this.policyVersions(venue)
      .filter(({ interest, cancelledAt }) => interest.length > 0 && cancelledAt === null)
      .map(({ effectiveFrom }) => effectiveFrom.getTime());
    return instants.length === 0 ? null : new Date(Math.min(...instants));
  }

  /** All versions of the instrument's maintenance tiers, oldest first. */
  maintenanceVersions(venue: string, symbol: string): readonly MaintenanceVersion[] {
    return this.shelf<MaintenanceVersion>(MAINTENANCE_TIERS).of(instrumentKey(venue, symbol));
  }

  /** The tiers in force, with the amounts of the method in force: a policy may change it under the same tiers. */
  maintenanceTiers(venue: string, symbol: string, at: Date): readonly MaintenanceTier[] {
    const version = versionAt(maintenanceTiers, this.maintenanceVersions(venue, symbol), at);
    return tiersUnder(this.policyVersion(venue, at).maintenanceMethod, version);
  }

  /** All versions of one ratio, oldest first; empty where the venue does not accept the asset there. */
  ratioVersions(venue: string, chain: string | null, asset: string): readonly RatioVersion[] {
    return this.shelf<RatioVersion>(COLLATERAL_RATIO).of(ratioKey(venue, chain, asset));
  }

  ratioVersion(id: string): RatioVersion | null {
    return this.shelf<RatioVersion>(COLLATERAL_RATIO).find(id);
  }

  /** A version of a rule of this kind; null: there is none. */
  version(kind: string, id: string): VersionRecord | null {
    return this.shelves.get(kind)?.find(id) ?? null;
  }

  /** All versions of one rule, oldest first. */
  versionsOf<V extends VersionRecord, D>({ kind }: VersionedRule<V, D>, key: string): readonly V[] {
    return this.shelf<V>(kind).of(key);
  }

  /** The versions of the same rule, this one among them, oldest first. */
  siblingsOf(version: VersionRecord): readonly VersionRecord[] {
    const rule = ruleOf(version.kind);
    return rule === null ? [] : this.versionsOf(rule, rule.keyOf(version));
  }

  /** The ratios in force, by venue, chain and asset. */
  ratiosInForce(
    at: Date,
    where: { venue?: string | undefined; chain?: string | undefined; asset?: string | undefined },
  ): RatioVersion[] {
    const found: RatioVersion[] = [];
    for (const versions of this.shelf<RatioVersion>(COLLATERAL_RATIO).rules) {
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

  /** The scheduled versions, in the order in which they will take effect. */
  scheduled(at: Date, venue?: string): VersionRecord[] {
    return [...this.standing()]
      .filter((version) => version.effectiveFrom > at && (venue === undefined || version.venue === venue))
      .sort(compareInTime);
  }

  /** Adds a version as stored: new, cancelled or applied. False: it changes no rule that this process knows. */
  add(version: VersionRecord): boolean {
    const rule = ruleOf(version.kind);
    const taken = this.shelves.get(version.kind)?.take(version, this);
    if (rule === null || taken !== 'NEWS') return false;
    this.cache.change(version, (chain) => this.instantsOf(version.venue, chain), rule.chainOf(version));
    return true;
  }

  /** Reads what other processes have stored since, by two statements if there is none. Returns what is new. */
  async refresh(db: Database): Promise<RuleNews> {
    const mark = await readReferenceMark(db);
    const reference = mark === this.mark ? null : await readReference(db);
    const counts = await countVersions(db, TABLES);
    const changed: VersionRecord[] = [];
    for (const { kind, table } of RULES) {
      const count = counts.find((each) => each.table === table);
      if (count === undefined) throw new Error(`Expected a count of ${table}, got none.`);
      changed.push(...((await this.shelves.get(kind)?.changed(db, count)) ?? []));
    }
    // At once: nobody sees an instrument without its tiers, or a venue without its policy.
    const known = reference === null ? [] : this.setReference(reference, mark);
    const news = changed.filter((version) => this.add(version));
    return { versions: [...known, ...news], hasReference: reference !== null };
  }

  /** Whether it has what the database has not: the database went back. */
  async isAhead(db: Database): Promise<boolean> {
    const known = [...this.shelves.values()].map((shelf) => shelf.counts());
    return areBehind(await countVersions(db, TABLES), known);
  }

  /** Reads everything anew. Returns the newest version of each rule that is not as it was. */
  async reload(db: Database): Promise<RuleNews> {
    const mark = await readReferenceMark(db);
    const reference = await readReference(db);
    const read = await Promise.all(RULES.map(async (rule) => ({ kind: rule.kind, versions: await rule.read(db) })));
    this.setReference(reference, mark);
    const versions = read.flatMap(({ kind, versions: all }) => this.shelf(kind).replace(all, this));
    return { versions, hasReference: true };
  }

  /** Returns versions of which this process did not know the venue, asset or instrument before. */
  private setReference(reference: ReferenceRecords, mark: string): VersionRecord[] {
    this.reference = reference;
    this.mark = mark;
    this.cache.clear();
    const unknown = [...this.shelves.values()].flatMap((shelf) => shelf.unknown);
    return unknown.filter((version) => this.add(version));
  }

  /** Every version that was not cancelled. */
  *standing(): Generator<VersionRecord> {
    for (const shelf of this.shelves.values()) {
      for (const versions of shelf.rules) {
        for (const version of versions) if (version.cancelledAt === null) yield version;
      }
    }
  }

  /** The earliest instant after this one at which a rule of any venue changes; null: none is scheduled. */
  nextChange(after: Date): Date | null {
    let next: Date | null = null;
    for (const { effectiveFrom } of this.standing()) {
      if (effectiveFrom > after && (next === null || effectiveFrom < next)) next = effectiveFrom;
    }
    return next;
  }

  /**
   * The policy of the venue on one chain at one instant. While the same rules hold it is the same object, also when
   * versions are scheduled meanwhile.
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

  /** The same policy, if these versions were in force in place of those of the same rules. */
  policyWith(venue: string, chain: string | null, at: Date, versions: readonly VersionRecord[]): Policy {
    return this.makePolicy(venue, chain, at, versions);
  }

  /** The chains of a venue, or this one of them; null where it has none. */
  chainsOf(venue: string, only: string | null | undefined): readonly (string | null)[] {
    if (only !== undefined) return [only];
    const chains = this.venues.get(venue)?.chains ?? [];
    return chains.length === 0 ? [null] : chains;
  }

  private makePolicy(venue: string, chain: string | null, at: Date, instead: readonly VersionRecord[] = []): Policy {
    const holding = <V extends VersionRecord, D>(rule: VersionedRule<V, D>): V[] =>
      this.holding(rule, venue, chain, at, instead);
    const policy = holding(marginPolicy).at(-1) ?? this.policyVersion(venue, at);
    const instruments = [...(this.instruments.get(venue)?.values() ?? [])];
    const record = this.venues.get(venue);
    if (record === undefined) throw new Error(`There is no venue ${venue}.`);
    return policyOf(policy, record, this.assets, instruments, holding, ({ asset }) =>
      inEffect(this.ratioVersions(venue, chain, asset), at),
    );
  }

  /** The versions of this kind in force at the place, followed by those that shall replace one of them. */
  private holding<V extends VersionRecord, D>(
    rule: VersionedRule<V, D>,
    venue: string,
    chain: string | null,
    at: Date,
    instead: readonly VersionRecord[],
  ): V[] {
    const isHere = (version: VersionRecord): boolean => version.venue === venue && this.concerns(version, chain);
    const found: V[] = [];
    for (const versions of this.shelf<V>(rule.kind).rules) {
      const [first] = versions;
      const version = first !== undefined && isHere(first) ? versionAt(rule, versions, at) : null;
      if (version !== null) found.push(version);
    }
    const others = instead.filter((version): version is V => version.kind === rule.kind && isHere(version));
    return [...found, ...others];
  }

  /** Every instant at which a rule of the venue on that chain changes. */
  private instantsOf(venue: string, chain: string | null): number[] {
    return [...this.standing()]
      .filter((version) => version.venue === venue && this.concerns(version, chain))
      .map(({ effectiveFrom }) => effectiveFrom.getTime());
  }

  private concerns(version: VersionRecord, chain: string | null): boolean {
    const only = ruleOf(version.kind)?.chainOf(version);
    return only === undefined || only === chain;
  }

  /** The caller knows what versions of this kind are. */
  private shelf<V extends VersionRecord>(kind: string): VersionShelf<V> {
    const found = this.shelves.get(kind);
    if (found === undefined) throw new Error(`There is no kind of rule "${kind}".`);
    return found as unknown as VersionShelf<V>;
  }
}

function versionAt<V extends VersionRecord, D>(
  { holdsBeforeFirst }: VersionedRule<V, D>,
  versions: readonly V[],
  at: Date,
): V | null {
  return inForce(versions, at) ?? (holdsBeforeFirst ? (versions[0] ?? null) : null);
}
