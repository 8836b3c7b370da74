/** Changes a rule of any kind by a new version, never by an edit. The API decides who may do it. */
import type { Policy } from '../../margin/model.js';
import type { Refusal } from '../versions/refusal.js';
import type { Transaction } from '../../platform/database/database.js';
import type { IdempotentRequest } from '../../platform/idempotency.js';
import { uuidv7 } from '../../platform/ids.js';
import { emitRule } from '../rulebook/rule-events.js';
import type { Rulebook } from '../rulebook/rulebook.js';
import { problemOfReason } from '../versions/problems.js';
import { latest, type VersionRecord } from '../versions/rule-version.js';
import { storeCancellation } from '../versions/version-rows.js';
import type { Breach, RuleName, VersionedRule } from '../versions/versioned-rule.js';
import { changeOnce, lockRule, type AdminParts } from './admin-change.js';
import { effectOf, overtakenBy, problemOfVersion } from './effective.js';
import { breachesOf, guardRailRefusal, liquidationBreaches } from './guard-rails.js';

/** The policy of one venue on one chain after the change. */
export interface ChangedPlace {
  readonly venue: string;
  readonly chain: string | null;
  readonly policy: Policy;
}

/** The accounts that a change hurts. */
export interface Foreseen {
  /** JSON that is stored with the version. */
  readonly record: string;
  /** The number of accounts that the change would bring into LIQUIDATION. */
  readonly liquidated: number;
  /** The number of accounts of which nobody knows it, since they are set aside. */
  readonly unknown: number;
  /** Accounts to alert when the change is scheduled. */
  readonly concerned: readonly string[];
}

export interface RuleChange<D> {
  readonly draft: D;
  /** Null: at once. */
  readonly effectiveFrom: Date | null;
  readonly reason: string;
  /** The newest version that the admin saw, cancelled ones included; 0 where there was none. */
  readonly expectedVersion: number;
  /** Overrides the guard rails. */
  readonly force: boolean;
  /** Cancels scheduled versions that would take effect at its instant or later. */
  readonly replaceScheduled: boolean;
  /** Computes the accounts that the changed policies hurt; null: the impact is not needed. */
  readonly foresee: ((places: readonly ChangedPlace[]) => Promise<Foreseen>) | null;
}

export interface ChangedRule<V> {
  readonly version: V | null;
  /** Scheduled versions that this change has cancelled. */
  readonly replaced: readonly V[];
  readonly refusals: readonly Refusal[];
}

/** Adds a version that is in force at once, or is scheduled. */
export async function changeRule<V extends VersionRecord, D>(
  parts: AdminParts,
  rule: VersionedRule<V, D>,
  change: RuleChange<D>,
  request: IdempotentRequest,
  now: Date,
): Promise<ChangedRule<V>> {
  const { rulebook, bus } = parts;
  const { draft, reason } = change;
  const named = rule.check(draft, rulebook);
  const about = { ...rule.about(draft, rulebook), reason };
  let stored: Stored<V> | undefined;
  const outcome = await changeOnce(parts, request, about, now, async (tx) => {
    const problems = ['refusals' in named ? named.refusals : [], problemOfReason(reason)].flat();
    if ('refusals' in named || problems.length > 0) return { refusals: problems };
    await lockRule(tx, rule, named.key);
    const versions = await rule.read(tx, { key: named.key });
    const plan = planned(rule, change, named, versions, rulebook, request.viewer, now);
    if ('refusal' in plan) return { refusals: [plan.refusal] };
    const foreseen = (await change.foresee?.(placesUnder(rule, [plan.version], rulebook, now))) ?? null;
    const found = [
      ...plan.breaches,
      ...(rule.guardsLiquidation && foreseen !== null ? liquidationBreaches(foreseen) : []),
    ];
    const refusal = change.force ? null : guardRailRefusal(found);
    if (refusal !== null) return { refusals: [refusal] };
    const version = { ...plan.version, impact: foreseen?.record ?? null };
    const replaced = await replace(tx, parts, rule, plan.overtaken, request, reason, now);
    await rule.insert(tx, version);
    if (version.effectiveFrom > now) await rule.announce?.(tx, version, foreseen?.concerned ?? [], now);
    stored = { version, replaced };
    const passed = change.force ? { force: true, guardRails: found.map(({ message }) => message) } : {};
    return {
      made: [version, ...replaced].map(({ id }) => id).join(' '),
      subject: rule.subjectOf(version),
      before: plan.followed === null ? null : rule.facts(plan.followed),
      after: { ...rule.facts(version), ...passed },
    };
  });
  if (outcome.made === null) return { version: null, replaced: [], refusals: outcome.refusals };
  // A committed version enters the rulebook without another read, which could fail.
  const { version, replaced } =
    outcome.isNew && stored !== undefined ? stored : await readMade(parts, rule, named, outcome.made);
  // Also for a repeated key: the answer to the first commit may have been lost.
  for (const each of [...replaced, version]) if (each !== null && rulebook.add(each)) emitRule(bus, each, now);
  return { version, replaced, refusals: [] };
}

/** The version that a draft would make, or why it cannot be made. For previews. */
export function draftedVersion<V extends VersionRecord, D>(
  rule: VersionedRule<V, D>,
  draft: D,
  rulebook: Rulebook,
  now: Date,
): { readonly version: V } | { readonly refusals: readonly Refusal[] } {
  const named = rule.check(draft, rulebook);
  if ('refusals' in named) return named;
  const followed = latest(rulebook.versionsOf(rule, named.key));
  const head = headOf(rule, named, { effectiveFrom: now, createdAt: now }, followed, '', null, now);
  const next = rule.next(draft, followed, head, rulebook);
  return 'refusal' in next ? { refusals: [next.refusal] } : { version: next };
}

/** The policies of all places that these versions concern, as they would be if all of them were in force. */
export function placesUnder<V extends VersionRecord, D>(
  rule: VersionedRule<V, D>,
  versions: readonly V[],
  rulebook: Rulebook,
  at: Date,
): ChangedPlace[] {
  const places = new Map<string, ChangedPlace>();
  for (const version of versions) {
    const { venue } = version;
    for (const chain of rulebook.chainsOf(venue, rule.chainOf(version))) {
      places.set(`${venue}/${chain}`, { venue, chain, policy: rulebook.policyWith(venue, chain, at, versions) });
    }
  }
  return [...places.values()];
}

interface Stored<V> {
  readonly version: V | null;
  readonly replaced: readonly V[];
}

interface Plan<V> {
  readonly version: V;
  readonly followed: V | null;
  readonly overtaken: readonly V[];
  /** The breaches except those by liquidations, which take longer to find. */
  readonly breaches: readonly Breach[];
}

/** @param versions all there are, oldest first */
function planned<V extends VersionRecord, D>(
  rule: VersionedRule<V, D>,
  change: RuleChange<D>,
  named: RuleName,
  versions: readonly V[],
  rulebook: Rulebook,
  admin: string,
  now: Date,
): Plan<V> | { readonly refusal: Refusal } {
  const newest = versions.at(-1) ?? null;
  const conflict = problemOfVersion(change.expectedVersion, newest?.version ?? 0);
  if (conflict !== null) return { refusal: conflict };
  const overtaken = change.replaceScheduled ? overtakenBy(change.effectiveFrom, versions, now) : [];
  const followed = latest(versions.filter((version) => !overtaken.includes(version)));
  const effect = effectOf(change.effectiveFrom, followed, now);
  if ('refusal' in effect) return effect;
  const next = rule.next(
    change.draft,
    followed,
    headOf(rule, named, effect, newest, change.reason, admin, now),
    rulebook,
  );
  if ('refusal' in next) return next;
  const noticeMs = Math.max(0, next.effectiveFrom.getTime() - now.getTime());
  const rails = rulebook.policyVersion(next.venue, now);
  const breaches = breachesOf(rule, followed, next, noticeMs, rails, change.draft, rulebook);
  return { version: next, followed, overtaken, breaches };
}

function headOf<V extends VersionRecord, D>(
  { kind }: VersionedRule<V, D>,
  { venue }: RuleName,
  { effectiveFrom, createdAt }: { readonly effectiveFrom: Date; readonly createdAt: Date },
  newest: V | null,
  reason: string,
  changedBy: string | null,
  now: Date,
): VersionRecord {
  return {
    ...{ kind, id: uuidv7(), version: (newest?.version ?? 0) + 1, venue, effectiveFrom },
    appliedAt: effectiveFrom > now ? null : effectiveFrom,
    ...{ cancelledAt: null, cancelledBy: null, cancelReason: null, impact: null },
    ...{ reason, source: null, changedBy, createdAt },
  };
}

/** Cancels the overtaken versions. Each gets an entry in the audit. */
async function replace<V extends VersionRecord, D>(
  tx: Transaction,
  { audit }: AdminParts,
  rule: VersionedRule<V, D>,
  overtaken: readonly V[],
  { viewer, mutation }: IdempotentRequest,
  reason: string,
  now: Date,
): Promise<V[]> {
  const replaced = overtaken.map((version) => ({
    ...{ ...version, cancelledAt: now, cancelledBy: viewer, cancelReason: reason },
  }));
  for (const version of replaced) {
    await storeCancellation(tx, rule.table, version);
    const facts = rule.facts(version);
    const fact = { actor: viewer, action: mutation, subject: rule.subjectOf(version), subjectKey: rule.keyOf(version) };
    await audit.done(tx, { ...fact, reason, at: now }, facts, { ...facts, cancelledAt: now, replaced: true });
  }
  return replaced;
}

/** @param made ids, the version's first. Keys of an older server have the version's number, for policies and tiers. */
async function readMade<V extends VersionRecord, D>(
  { db }: AdminParts,
  rule: VersionedRule<V, D>,
  named: RuleName | { readonly refusals: readonly Refusal[] },
  made: string,
): Promise<Stored<V>> {
  const [first = '', ...others] = made.split(' ');
  if (/^\d+$/.test(first)) {
    const versions = 'key' in named ? await rule.read(db, { key: named.key }) : [];
    return { version: versions.find(({ version }) => String(version) === first) ?? null, replaced: [] };
  }
  const read = await rule.read(db, { ids: [first, ...others] });
  return {
    version: read.find(({ id }) => id === first) ?? null,
    replaced: read.filter(({ id }) => others.includes(id)),
  };
}
