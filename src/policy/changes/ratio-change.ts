/** Changing a collateral ratio: a new version, never an edit (rules: 3; who may do it is the API's to say). */
import type { Refusal } from '../versions/refusal.js';
import type { IdempotentRequest } from '../../platform/idempotency.js';
import { uuidv7 } from '../../platform/ids.js';
import { changeOnce, lockRules, type AdminParts } from './admin-change.js';
import { effectOf, problemOfVersion } from './effective.js';
import { breaches, guardRailRefusal, type Breach } from './guard-rails.js';
import { problemOfReason } from './problems.js';
import { problemsOfDraft, ratioFieldOf, rulesOfDraft, type RatioDraft } from './ratio-draft.js';
import { announceRatioVersion, insertRatioVersion, readRatioVersions } from '../versions/ratio-store.js';
import { latest, ratioKey, type RatioVersion } from '../versions/ratio-version.js';
import { emitRatio } from '../rulebook/rule-events.js';
import type { Rulebook } from '../rulebook/rulebook.js';

export interface RatioChange extends RatioDraft {
  /** Null: at once. */
  readonly effectiveFrom: Date | null;
  readonly reason: string;
  /** The newest version that the admin saw; 0 where there was none. */
  readonly expectedVersion: number;
  /** Passes the guard rails. */
  readonly force: boolean;
  /** Whom it hurts, to be kept with the version; null: it was not computed. */
  readonly impact: string | null;
  /** Accounts that are told when it is scheduled. */
  readonly concerned: readonly string[];
}

export interface ChangedRatio {
  readonly version: RatioVersion | null;
  readonly refusals: readonly Refusal[];
}

/** Adds a version that is in force at once, or is scheduled. */
export async function changeCollateralRatio(
  parts: AdminParts,
  change: RatioChange,
  request: IdempotentRequest,
  now: Date,
): Promise<ChangedRatio> {
  const { db, rulebook, bus } = parts;
  const key = ratioKey(change.venue, change.chain, change.asset);
  const about = { subject: null, subjectKey: key, reason: change.reason };
  let inserted: RatioVersion | undefined;
  const outcome = await changeOnce(parts, request, about, now, async (tx) => {
    const problems = [...problemsOfDraft(change, rulebook), ...problemOfReason(change.reason)];
    if (problems.length > 0) return { refusals: problems };
    await lockRules(tx, key);
    const versions = await readRatioVersions(tx, { key });
    const next = nextVersion(change, versions, rulebook, request.viewer, now);
    if ('refusal' in next) return { refusals: [next.refusal] };
    await insertRatioVersion(tx, next.version);
    if (next.version.effectiveFrom > now) await announceRatioVersion(tx, next.version, change.concerned, now);
    inserted = next.version;
    const passed = change.force ? { force: true, guardRails: next.breaches.map(({ message }) => message) } : {};
    return {
      made: next.version.id,
      subject: `CollateralRatio:${next.version.id}`,
      before: next.followed === null ? null : ratioFacts(next.followed),
      after: { ...ratioFacts(next.version), ...passed },
    };
  });
  if (outcome.made === null) return { version: null, refusals: outcome.refusals };
  // What was committed takes effect without another read, which could fail.
  const version =
    outcome.isNew && inserted !== undefined
      ? inserted
      : ((await readRatioVersions(db, { ids: [outcome.made] }))[0] ?? null);
  // Also when the key was sent before: the answer to the commit may have been lost on its way.
  if (version !== null && rulebook.addRatioVersion(version)) emitRatio(bus, version, now);
  return { version, refusals: [] };
}

interface NextVersion {
  readonly version: RatioVersion;
  readonly followed: RatioVersion | null;
  /** The guard rails that `force` has passed. */
  readonly breaches: readonly Breach[];
}

/** @param versions all there are, oldest first */
function nextVersion(
  change: RatioChange,
  versions: readonly RatioVersion[],
  rulebook: Rulebook,
  admin: string,
  now: Date,
): NextVersion | { readonly refusal: Refusal } {
  const seen = versions.at(-1)?.version ?? 0;
  const conflict = problemOfVersion(change.expectedVersion, seen);
  if (conflict !== null) return { refusal: conflict };
  const followed = latest(versions);
  const draft = rulesOfDraft(change, followed);
  if ('refusal' in draft) return draft;
  const effect = effectOf(change.effectiveFrom, followed, now);
  if ('refusal' in effect) return effect;
  const { venue, chain, reason } = change;
  const noticeMs = Math.max(0, effect.effectiveFrom.getTime() - now.getTime());
  const found = breaches(followed, draft.rules, noticeMs, rulebook.policyVersion(venue, now));
  const refusal = change.force ? null : guardRailRefusal(found, ratioFieldOf(change));
  if (refusal !== null) return { refusal };
  const version: RatioVersion = {
    ...draft.rules,
    ...effect,
    id: uuidv7(),
    ratioKey: ratioKey(venue, chain, change.asset),
    version: seen + 1,
    venue,
    chain,
    appliedAt: effect.effectiveFrom > now ? null : effect.effectiveFrom,
    cancelledAt: null,
    cancelledBy: null,
    cancelReason: null,
    impact: change.impact,
    reason,
    source: null,
    changedBy: admin,
  };
  return { version, followed, breaches: found };
}

/** What the audit says of a version. */
export function ratioFacts({ version, effectiveFrom, tierUnit, tiers, userCap, platformCap }: RatioVersion): object {
  return { version, effectiveFrom, tierUnit, tiers, userCap, platformCap };
}
