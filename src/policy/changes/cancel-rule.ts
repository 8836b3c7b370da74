/** Cancels a scheduled version of any kind of rule. */
import { refuse } from '../../margin/refusal.js';
import type { PolicyCode, Refusal } from '../versions/refusal.js';
import type { IdempotentRequest } from '../../platform/idempotency.js';
import { isUuid } from '../../platform/ids.js';
import { emitRule } from '../rulebook/rule-events.js';
import type { Rulebook } from '../rulebook/rulebook.js';
import { problemOfReason } from '../versions/problems.js';
import { latest, statusOf, type VersionRecord } from '../versions/rule-version.js';
import { storeCancellation } from '../versions/version-rows.js';
import type { VersionedRule } from '../versions/versioned-rule.js';
import { changeOnce, lockRule, type AdminParts } from './admin-change.js';
import { breachesOf, guardRailRefusal } from './guard-rails.js';

export interface Cancellation {
  readonly id: string;
  readonly reason: string;
  /** Overrides the guard rails of the next version, which then follows an earlier one. */
  readonly force: boolean;
}

export interface CancelledRule<V> {
  readonly version: V | null;
  readonly refusals: readonly Refusal[];
}

/** A cancelled version stays in the history and never takes effect. @param rule null: the id is of no kind of rule */
export async function cancelRule<V extends VersionRecord, D>(
  parts: AdminParts,
  rule: VersionedRule<V, D> | null,
  { id, reason, force }: Cancellation,
  request: IdempotentRequest,
  now: Date,
): Promise<CancelledRule<V>> {
  const { db, rulebook, bus, clock } = parts;
  const known = rule !== null && isUuid(id) ? ((await rule.read(db, { ids: [id] }))[0] ?? null) : null;
  const about = {
    subject: rule === null || known === null ? null : rule.subjectOf(known),
    subjectKey: rule === null || known === null ? '' : rule.keyOf(known),
    reason,
  };
  let cancelled: V | undefined;
  const outcome = await changeOnce(parts, request, about, now, async (tx) => {
    const problems = problemOfReason(reason);
    if (problems.length > 0) return { refusals: problems };
    if (rule === null || known === null) return { refusals: [notFound(rule)] };
    const key = rule.keyOf(known);
    await lockRule(tx, rule, key);
    const versions = await rule.read(tx, { key });
    const version = versions.find((each) => each.id === known.id);
    if (version === undefined) return { refusals: [notFound(rule)] };
    // The version may have taken effect while this transaction waited for the lock.
    const at = new Date(Math.max(clock(), now.getTime()));
    const refusal =
      notCancellable(version, versions, at) ?? (force ? null : problemOfGap(rule, version, versions, rulebook, at));
    if (refusal !== null) return { refusals: [refusal] };
    cancelled = { ...version, cancelledAt: at, cancelledBy: request.viewer, cancelReason: reason };
    await storeCancellation(tx, rule.table, cancelled);
    const after = { ...rule.facts(cancelled), cancelledAt: at, ...(force ? { force: true } : {}) };
    return { made: version.id, before: rule.facts(version), after };
  });
  if (outcome.made === null) return { version: null, refusals: outcome.refusals };
  const version =
    outcome.isNew && cancelled !== undefined
      ? cancelled
      : ((await rule?.read(db, { ids: [outcome.made] }))?.[0] ?? null);
  if (version !== null && rulebook.add(version)) emitRule(bus, version, now);
  return { version, refusals: [] };
}

function notFound(rule: { readonly notFound: PolicyCode } | null): Refusal {
  const code = rule?.notFound ?? 'RULE_NOT_FOUND';
  const what = code === 'RATIO_NOT_FOUND' ? 'collateral ratio' : 'rule';
  return refuse(code, `There is no such version of a ${what}.`, ['id']);
}

function notCancellable<V extends VersionRecord>(version: V, all: readonly V[], at: Date): Refusal | null {
  const status = statusOf(version, all, at);
  if (status === 'SCHEDULED') return null;
  const what = {
    ACTIVE: 'is in force; change the rule instead',
    SUPERSEDED: 'was in force, and stays in the history',
    CANCELLED: 'was cancelled already',
  };
  return refuse(
    'NOT_CANCELLABLE',
    `Expected a version that is scheduled; version ${version.version} ${what[status]}.`,
    ['id'],
  );
}

/** After the cancellation the next version follows an earlier one: a step or a cut that was never forced. */
function problemOfGap<V extends VersionRecord, D>(
  rule: VersionedRule<V, D>,
  version: V,
  all: readonly V[],
  rulebook: Rulebook,
  at: Date,
): Refusal | null {
  const others = all.filter(({ id, cancelledAt }) => id !== version.id && cancelledAt === null);
  const next = others.find((each) => each.version > version.version);
  if (next === undefined) return null;
  const before = latest(others.filter((each) => each.version < version.version));
  const noticeMs = next.effectiveFrom.getTime() - at.getTime();
  const rails = rulebook.policyVersion(version.venue, at);
  const found = breachesOf(rule, before, next, noticeMs, rails, null, rulebook);
  const alone = breachesOf(rule, version, next, noticeMs, rails, null, rulebook);
  // Breaches that the next version has anyway were allowed when it was scheduled.
  const added = found.filter(
    ({ field, required }) =>
      !alone.some((known) => known.field === field && required !== undefined && known.required?.gte(required) === true),
  );
  const refusal = guardRailRefusal(added);
  if (refusal === null) return null;
  return {
    ...refusal,
    message: `Version ${next.version} would follow at once. ${refusal.message}`,
    field: ['id'],
  };
}
