/**
 * The parts that differ between kinds of rules. The rest is shared. policy/changes has preview, impact, guard rails,
 * `force`, schedule, cancellation, audit and history. policy/rulebook has the versions in force at any instant.
 */
import { decimal, toPlain, type Decimal } from '../../margin/decimal.js';
import type { PolicyCode, Refusal } from './refusal.js';
import type { Database, Transaction } from '../../platform/database/database.js';
import type { GuardRails, MaintenanceVersion, PolicyVersion } from './policy-version.js';
import type { RatioVersion } from './ratio-version.js';
import type { AssetRecord, InstrumentRecord, VenueRecord } from './rule-records.js';
import type { VersionRecord } from './rule-version.js';

/** @typeParam D the draft of an admin; a field that is undefined stays as in the version that it follows */
export interface VersionedRule<V extends VersionRecord, D> {
  /** The kind of its versions, and the type of their global ids. */
  readonly kind: string;
  /** The table of its versions. */
  readonly table: string;
  /** Prefix of the lock's key, so that rules of two kinds with one key do not wait for each other. */
  readonly lockPrefix: string;
  /** The refusal to cancel a version that does not exist. */
  readonly notFound: PolicyCode;
  /** Whether a change that brings an account into LIQUIDATION needs `force`. */
  readonly guardsLiquidation: boolean;
  /** Whether the first version also holds before its instant: there is no time without such a rule. */
  readonly holdsBeforeFirst: boolean;

  /** Names the rule whose versions follow each other, also for the audit: "ASTER/BNB_CHAIN/LISTA". */
  keyOf(version: V): string;
  /** The chain whose accounts it concerns, null where the venue has none; undefined: those of all chains. */
  chainOf(version: V): string | null | undefined;
  /** False: this process does not know the version's venue, asset or instrument yet. */
  isKnown(version: V, known: KnownRules): boolean;

  /** By rule, oldest version first: all, those of one rule, or those with these ids. */
  read(db: Database | Transaction, where?: VersionFilter): Promise<V[]>;
  insert(tx: Transaction, version: V): Promise<void>;
  /** Records for the leader the accounts to alert of a scheduled version. */
  announce?(tx: Transaction, version: V, accountIds: readonly string[], now: Date): Promise<void>;

  /** Which rule the draft is about, for the audit; also of a draft that is refused. */
  about(draft: D, known: KnownRules): { readonly subject: string | null; readonly subjectKey: string };
  /** The rule that the draft is about, or all its problems that do not depend on the version that it follows. */
  check(draft: D, known: KnownRules): RuleName | { readonly refusals: readonly Refusal[] };
  /** The version that the draft makes. @param followed null: it is the first of its rule */
  next(draft: D, followed: V | null, head: VersionRecord, known: KnownRules): V | { readonly refusal: Refusal };

  /** The subject of the audit entry: type and local id. */
  subjectOf(version: V): string;
  /** The fields of a version that the audit records. */
  facts(version: V): object;

  /** Whether the next version is stricter (requires more, or counts less) and so needs notice. */
  isStricter(followed: V | null, next: V, known: KnownRules): boolean;
  /** Breaches of the kind's own guard rails, beside notice and liquidations. @param draft null: the version exists */
  breaches(followed: V | null, next: V, rails: GuardRails, draft: D | null, known: KnownRules): Breach[];
}

export interface RuleName {
  readonly venue: string;
  readonly key: string;
}

export interface VersionFilter {
  readonly key?: string;
  readonly ids?: readonly string[];
}

/** The venues, assets and instruments that a draft may refer to. */
export interface KnownRules {
  readonly venues: ReadonlyMap<string, VenueRecord>;
  readonly assets: ReadonlyMap<string, AssetRecord>;
  /** By venue, then by symbol. */
  readonly instruments: ReadonlyMap<string, ReadonlyMap<string, InstrumentRecord>>;
  instrument(venue: string, symbol: string): InstrumentRecord | null;
  policyVersion(venue: string, at: Date): PolicyVersion;
  /** All versions, oldest first; so those of tiers and of ratios. */
  policyVersions(venue: string): readonly PolicyVersion[];
  maintenanceVersions(venue: string, symbol: string): readonly MaintenanceVersion[];
  ratioVersions(venue: string, chain: string | null, asset: string): readonly RatioVersion[];
}

/** One guard rail that a change breaks. */
export interface Breach {
  /** A clause that is joined with those of other breaches. */
  readonly message: string;
  /** The field of the draft at fault; null: no one field is. */
  readonly field: string | null;
  /** The required and the available quantity, if there is one. */
  readonly required?: Decimal;
  readonly available?: Decimal;
}

const HALF: Decimal = decimal('0.5');
const DOUBLE: Decimal = decimal(2);

/**
 * A maintenance or interest rate may move to between half and double its value without `force`.
 *
 * @param name of the rate, in a clause
 * @param field in which it was changed
 */
export function outOfHalfOrDouble(name: string, field: string | null, before: Decimal, after: Decimal): Breach[] {
  const [lowest, highest] = [before.times(HALF), before.times(DOUBLE)];
  if (after.gte(lowest) && after.lte(highest)) return [];
  const bound = after.lt(lowest) ? lowest : highest;
  const message = `${name} goes from ${toPlain(before)} to ${toPlain(after)}, beyond ${after.lt(lowest) ? 'half' : 'double'}`;
  return [{ message, field, required: after, available: bound }];
}
