/**
 * What a kind of rule is made of. Everything else is the same for all kinds: preview and impact, guard rails and
 * `force`, schedule, cancellation, audit and history (policy/changes), and what is in force when (policy/rulebook).
 */
import type { Decimal } from '../../margin/decimal.js';
import type { PolicyCode, Refusal } from './refusal.js';
import type { Database, Transaction } from '../../platform/database.js';
import type { GuardRails, PolicyVersion } from './policy-version.js';
import type { AssetRecord, InstrumentRecord, VenueRecord } from './rule-records.js';
import type { VersionRecord } from './rule-version.js';

/** @typeParam D what an admin asks for: what is undefined in it stays as it is in the version that it follows */
export interface VersionedRule<V extends VersionRecord, D> {
  /** The kind of its versions, and the type of their global ids. */
  readonly kind: string;
  /** Where the heads of its versions are stored. */
  readonly table: string;
  /** Stands before the key where a change locks it, so that rules of one key and two kinds do not wait for each other. */
  readonly lockPrefix: string;
  /** Why a version cannot be cancelled that there is not. */
  readonly notFound: PolicyCode;
  /** Whether a change needs `force` that lifts an account to LIQUIDATION. */
  readonly guardsLiquidation: boolean;
  /** Whether the first version also holds before its instant: there is no time without such a rule. */
  readonly holdsBeforeFirst: boolean;

  /** Names the rule whose versions follow each other, also for the audit: "ASTER/BNB_CHAIN/LISTA". */
  keyOf(version: V): string;
  /** The chain whose accounts it concerns, null where the venue has none; undefined: those of all chains. */
  chainOf(version: V): string | null | undefined;
  /** False: it is about what this process does not know before it is started again. */
  isKnown(version: V, known: KnownRules): boolean;

  /** By rule, oldest version first: all, those of one rule, or those with these ids. */
  read(db: Database | Transaction, where?: VersionFilter): Promise<V[]>;
  insert(tx: Transaction, version: V): Promise<void>;
  /** Leaves for the leader which accounts are to be told of a version that is scheduled. */
  announce?(tx: Transaction, version: V, accountIds: readonly string[], now: Date): Promise<void>;

  /** Which rule the draft is about, for the audit; also of a draft that is refused. */
  about(draft: D, known: KnownRules): { readonly subject: string | null; readonly subjectKey: string };
  /** The rule that the draft is about, or all that is wrong with it whatever it follows. */
  check(draft: D, known: KnownRules): RuleName | { readonly refusals: readonly Refusal[] };
  /** What the draft comes to. @param followed null: it is the first of its rule */
  next(draft: D, followed: V | null, head: VersionRecord, known: KnownRules): V | { readonly refusal: Refusal };

  /** What the audit says that was changed: type and local id. */
  subjectOf(version: V): string;
  /** What the audit says of a version. */
  facts(version: V): object;

  /** Whether the next version asks for more, or counts less, than the one that it follows: it needs notice. */
  isStricter(followed: V | null, next: V): boolean;
  /** The guard rails of its own that it breaks, beside notice and liquidations. @param draft null: nobody drafts it now */
  breaches(followed: V | null, next: V, rails: GuardRails, draft: D | null): Breach[];
}

export interface RuleName {
  readonly venue: string;
  readonly key: string;
}

export interface VersionFilter {
  readonly key?: string;
  readonly ids?: readonly string[];
}

/** What a draft may refer to. */
export interface KnownRules {
  readonly venues: ReadonlyMap<string, VenueRecord>;
  readonly assets: ReadonlyMap<string, AssetRecord>;
  instrument(venue: string, symbol: string): InstrumentRecord | null;
  policyVersion(venue: string, at: Date): PolicyVersion;
}

/** One guard rail that a change breaks. */
export interface Breach {
  /** A clause, to be joined to others. */
  readonly message: string;
  /** The field of the draft at fault; null: no one field is. */
  readonly field: string | null;
  /** What it would take, and what there is, where that is a quantity. */
  readonly required?: Decimal;
  readonly available?: Decimal;
}
