/** Taking back a version of a collateral ratio that is scheduled. */
import { refuse } from '../../margin/refusal.js';
import type { Refusal } from '../versions/refusal.js';
import type { Transaction } from '../../platform/database.js';
import type { IdempotentRequest } from '../../platform/idempotency.js';
import { isUuid } from '../../platform/ids.js';
import { changeOnce, lockRules, type AdminParts } from './admin-change.js';
import { breaches, guardRailRefusal } from './guard-rails.js';
import { problemOfReason } from './problems.js';
import { ratioFacts, type ChangedRatio } from './ratio-change.js';
import { readRatioVersions } from '../versions/ratio-store.js';
import { latest, ratioStatus, type RatioVersion } from '../versions/ratio-version.js';
import { emitRatio } from '../rulebook/rule-events.js';
import type { Rulebook } from '../rulebook/rulebook.js';

export interface RatioCancellation {
  readonly id: string;
  readonly reason: string;
  /** Passes the guard rails that the version after the cancelled one must keep to when it follows another. */
  readonly force: boolean;
}

/** The version stays in the history, and never takes effect. */
export async function cancelCollateralRatio(
  parts: AdminParts,
  { id, reason, force }: RatioCancellation,
  request: IdempotentRequest,
  now: Date,
): Promise<ChangedRatio> {
  const { db, rulebook, bus, clock } = parts;
  const known = isUuid(id) ? ((await readRatioVersions(db, { ids: [id] }))[0] ?? null) : null;
  const about = {
    subject: known === null ? null : `CollateralRatio:${known.id}`,
    subjectKey: known?.ratioKey ?? '',
    reason,
  };
  let cancelled: RatioVersion | undefined;
  const outcome = await changeOnce(parts, request, about, now, async (tx) => {
    const problems = problemOfReason(reason);
    if (problems.length > 0) return { refusals: problems };
    if (known === null) return { refusals: [notFound()] };
    await lockRules(tx, known.ratioKey);
    const versions = await readRatioVersions(tx, { key: known.ratioKey });
    const version = versions.find((each) => each.id === known.id);
    if (version === undefined) return { refusals: [notFound()] };
    // Whoever had to wait for the lock may have waited until it took effect.
    const at = new Date(Math.max(clock(), now.getTime()));
    const refusal =
      notCancellable(version, versions, at) ?? (force ? null : problemOfGap(version, versions, rulebook, at));
    if (refusal !== null) return { refusals: [refusal] };
    cancelled = { ...version, cancelledAt: at, cancelledBy: request.viewer, cancelReason: reason };
    await storeCancellation(tx, cancelled);
    const after = { ...ratioFacts(cancelled), cancelledAt: at, ...(force ? { force: true } : {}) };
    return { made: version.id, before: ratioFacts(version), after };
  });
  if (outcome.made === null) return { version: null, refusals: outcome.refusals };
  const version =
    outcome.isNew && cancelled !== undefined
      ? cancelled
      : ((await readRatioVersions(db, { ids: [outcome.made] }))[0] ?? null);
  if (version !== null && rulebook.addRatioVersion(version)) emitRatio(bus, version, now);
  return { version, refusals: [] };
}

async function storeCancellation(tx: Transaction, version: RatioVersion): Promise<void> {
  const { id, cancelledAt, cancelledBy, cancelReason } = version;
  await tx.collateralRatio.update({ where: { id }, data: { cancelledAt, cancelledBy, cancelReason } });
}

function notFound(): Refusal {
  const message = 'There is no such version of a collateral ratio.';
  return { ...refuse('RATIO_NOT_FOUND', message), field: ['id'] };
}

function notCancellable(version: RatioVersion, all: readonly RatioVersion[], at: Date): Refusal | null {
  const status = ratioStatus(version, all, at);
  if (status === 'SCHEDULED') return null;
  const what = {
    ACTIVE: 'is in force; change the ratio instead',
    SUPERSEDED: 'was in force, and stays in the history',
    CANCELLED: 'was cancelled already',
  };
  return {
    ...refuse('NOT_CANCELLABLE', `Expected a version that is scheduled; version ${version.version} ${what[status]}.`),
    field: ['id'],
  };
}

/** Without it, the version after it follows the one before: a step or a cut that nobody has let through. */
function problemOfGap(
  version: RatioVersion,
  all: readonly RatioVersion[],
  rulebook: Rulebook,
  at: Date,
): Refusal | null {
  const others = all.filter(({ id, cancelledAt }) => id !== version.id && cancelledAt === null);
  const next = others.find((each) => each.version > version.version);
  if (next === undefined) return null;
  const before = latest(others.filter((each) => each.version < version.version));
  const noticeMs = next.effectiveFrom.getTime() - at.getTime();
  const rails = rulebook.policyVersion(version.venue, at);
  const found = breaches(before, next, noticeMs, rails);
  const alone = breaches(version, next, noticeMs, rails);
  // What the next version breaks anyway was let through when it was scheduled.
  const added = found.filter(
    ({ about, required }) => !alone.some((known) => known.about === about && known.required.gte(required)),
  );
  const refusal = guardRailRefusal(added, 'id');
  if (refusal === null) return null;
  return {
    ...refusal,
    message: `Version ${next.version} would follow at once. ${refusal.message}`,
    field: ['id'],
  };
}
