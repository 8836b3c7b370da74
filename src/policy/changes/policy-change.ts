/** Changing what a venue's policy says: a new version of all of it, which carries along what the change leaves out. */
import { ONE, ZERO, type Decimal } from '../../margin/decimal.js';
import type { AutoExchangeThreshold, InterestRule, MaintenanceMethod } from '../../margin/model.js';
import { refuse } from '../../margin/refusal.js';
import type { Refusal } from '../versions/refusal.js';
import type { IdempotentRequest } from '../../platform/idempotency.js';
import { changeOnce, lockRules, type AdminParts } from './admin-change.js';
import { effectOf, problemOfVersion } from './effective.js';
import { insertPolicyVersion, readPolicyVersions } from '../versions/policy-store.js';
import type { PolicyVersion } from '../versions/policy-version.js';
import { problemOfReason, problemOfVenueCode } from './problems.js';
import { latest } from '../versions/ratio-version.js';
import type { Rulebook } from '../rulebook/rulebook.js';

/** What every change of a policy carries. */
export interface PolicyChange {
  readonly venue: string;
  /** Null: at once. */
  readonly effectiveFrom: Date | null;
  readonly reason: string;
  /** The newest version that the admin saw. */
  readonly expectedVersion: number;
}

/** What is undefined stays. */
export interface MarginPolicyChange extends PolicyChange {
  readonly liquidatesAtEquality?: boolean | undefined;
  readonly maintenanceMethod?: MaintenanceMethod | undefined;
  readonly liquidationFeeRate?: Decimal | undefined;
  readonly warningRatio?: Decimal | undefined;
  readonly marginCallRatio?: Decimal | undefined;
  readonly isolatedInMultiAsset?: boolean | undefined;
  readonly debtMarginRate?: Decimal | undefined;
  /** All of them; empty: nothing is exchanged. */
  readonly autoExchange?: readonly AutoExchangeThreshold[] | undefined;
}

export interface InterestChange extends PolicyChange, InterestRule {}

export interface ChangedPolicy {
  readonly version: PolicyVersion | null;
  readonly refusals: readonly Refusal[];
}

/** As many as there may be tiers: more than any venue has. */
const MAX_THRESHOLDS = 50;

/** The rate and the free threshold of one asset; a rate of 0 ends its interest. */
export function changeInterestRate(
  parts: AdminParts,
  change: InterestChange,
  request: IdempotentRequest,
  now: Date,
): Promise<ChangedPolicy> {
  const { asset, hourlyRate, freeThreshold } = change;
  const problems = [
    problemOfAsset(asset, parts.rulebook, ['asset']),
    problemOfPart(hourlyRate, 'hourlyRate', 'INVALID_INPUT'),
    freeThreshold.lt(ZERO) ? invalid('Expected a threshold of 0 or more.', ['freeThreshold']) : null,
  ];
  return changePolicy(parts, change, `${change.venue}/${asset}`, problems, request, now, (followed) => {
    const others = followed.interest.filter((rule) => rule.asset !== asset);
    const interest = hourlyRate.isZero() ? others : [...others, { asset, hourlyRate, freeThreshold }];
    return { version: { ...followed, interest: inOrder(interest) } };
  });
}

export function changeMarginPolicy(
  parts: AdminParts,
  change: MarginPolicyChange,
  request: IdempotentRequest,
  now: Date,
): Promise<ChangedPolicy> {
  const { liquidationFeeRate, warningRatio, marginCallRatio, debtMarginRate, autoExchange } = change;
  const problems = [
    problemOfPart(warningRatio, 'warningRatio', 'RATIO_OUT_OF_RANGE'),
    problemOfPart(marginCallRatio, 'marginCallRatio', 'RATIO_OUT_OF_RANGE'),
    problemOfPart(liquidationFeeRate, 'liquidationFeeRate', 'INVALID_INPUT'),
    problemOfPart(debtMarginRate, 'debtMarginRate', 'INVALID_INPUT'),
    ...problemsOfThresholds(autoExchange ?? [], parts.rulebook),
  ];
  return changePolicy(parts, change, change.venue, problems, request, now, (followed) => {
    const next: PolicyVersion = {
      ...followed,
      liquidatesAtEquality: change.liquidatesAtEquality ?? followed.liquidatesAtEquality,
      maintenanceMethod: change.maintenanceMethod ?? followed.maintenanceMethod,
      liquidationFeeRate: liquidationFeeRate ?? followed.liquidationFeeRate,
      warningRatio: warningRatio ?? followed.warningRatio,
      marginCallRatio: marginCallRatio ?? followed.marginCallRatio,
      isolatedInMultiAsset: change.isolatedInMultiAsset ?? followed.isolatedInMultiAsset,
      debtMarginRate: debtMarginRate ?? followed.debtMarginRate,
      autoExchange: autoExchange === undefined ? followed.autoExchange : inOrder(autoExchange),
    };
    if (next.warningRatio.lte(next.marginCallRatio)) return { version: next };
    const message = 'Expected a warning ratio of at most the margin call ratio: a warning comes first.';
    return { refusal: { ...refuse('RATIO_OUT_OF_RANGE', message), field: ['warningRatio'] } };
  });
}

async function changePolicy(
  parts: AdminParts,
  change: PolicyChange,
  subjectKey: string,
  problems: readonly (Refusal | null)[],
  request: IdempotentRequest,
  now: Date,
  edit: (followed: PolicyVersion) => { readonly version: PolicyVersion } | { readonly refusal: Refusal },
): Promise<ChangedPolicy> {
  const { db, rulebook, bus } = parts;
  const { venue, reason } = change;
  const about = { subject: rulebook.venues.has(venue) ? `Venue:${venue}` : null, subjectKey, reason };
  let inserted: PolicyVersion | undefined;
  const outcome = await changeOnce(parts, request, about, now, async (tx) => {
    const found = [...problemOfVenueCode(rulebook, venue), ...problems, ...problemOfReason(reason)];
    const refusals = found.filter((problem) => problem !== null);
    if (refusals.length > 0) return { refusals };
    await lockRules(tx, `policy:${venue}`);
    const followed = latest(await readPolicyVersions(tx, venue));
    if (followed === null) throw new Error(`The venue ${venue} has no policy.`);
    const conflict = problemOfVersion(change.expectedVersion, followed.version);
    if (conflict !== null) return { refusals: [conflict] };
    const effect = effectOf(change.effectiveFrom, followed, now);
    if ('refusal' in effect) return { refusals: [effect.refusal] };
    const edited = edit(followed);
    if ('refusal' in edited) return { refusals: [edited.refusal] };
    const next: PolicyVersion = {
      ...edited.version,
      ...effect,
      ...{ version: followed.version + 1, venue, reason, source: null, changedBy: request.viewer },
    };
    await insertPolicyVersion(tx, next);
    inserted = next;
    return { made: String(next.version), before: policyFacts(followed), after: policyFacts(next) };
  });
  if (outcome.made === null) return { version: null, refusals: outcome.refusals };
  // What was committed takes effect without another read, which could fail.
  const version =
    outcome.isNew && inserted !== undefined
      ? inserted
      : ((await readPolicyVersions(db, venue)).find((each) => String(each.version) === outcome.made) ?? null);
  // Also when the key was sent before: the answer to the commit may have been lost on its way.
  if (version !== null && rulebook.addPolicyVersion(version)) bus.emit('policy', { venue });
  return { version, refusals: [] };
}

/** What the audit says of a version. */
function policyFacts(policy: PolicyVersion): object {
  const { version, effectiveFrom, liquidatesAtEquality, maintenanceMethod, liquidationFeeRate } = policy;
  const { warningRatio, marginCallRatio, isolatedInMultiAsset, debtMarginRate, interest, autoExchange } = policy;
  return {
    ...{ version, effectiveFrom, liquidatesAtEquality, maintenanceMethod, liquidationFeeRate },
    ...{ warningRatio, marginCallRatio, isolatedInMultiAsset, debtMarginRate, interest, autoExchange },
  };
}

/** A rate or a ratio is a part of 1. */
function problemOfPart(
  value: Decimal | undefined,
  name: string,
  code: 'RATIO_OUT_OF_RANGE' | 'INVALID_INPUT',
): Refusal | null {
  if (value === undefined || (value.gte(ZERO) && value.lte(ONE))) return null;
  return { ...refuse(code, 'Expected a part of 1, from 0 to 1.'), field: [name] };
}

function problemsOfThresholds(thresholds: readonly AutoExchangeThreshold[], rulebook: Rulebook): (Refusal | null)[] {
  const place = ['autoExchange'];
  if (thresholds.length > MAX_THRESHOLDS) {
    return [invalid(`Expected at most ${MAX_THRESHOLDS} thresholds, got ${thresholds.length}.`, place)];
  }
  return thresholds.flatMap(({ asset, balance }, index) => [
    problemOfAsset(asset, rulebook, [...place, String(index), 'asset']),
    balance.gt(ZERO)
      ? invalid('Expected a balance of 0 or less: a debt is negative.', [...place, String(index), 'balance'])
      : null,
    thresholds.findIndex((other) => other.asset === asset) < index
      ? invalid('Expected one threshold an asset.', [...place, String(index), 'asset'])
      : null,
  ]);
}

function problemOfAsset(asset: string, rulebook: Rulebook, field: readonly string[]): Refusal | null {
  return rulebook.assets.has(asset) ? null : { ...refuse('ASSET_NOT_FOUND', 'There is no such asset.'), field };
}

function invalid(message: string, field: readonly string[]): Refusal {
  return { ...refuse('INVALID_INPUT', message), field };
}

function inOrder<T extends { readonly asset: string }>(rules: readonly T[]): T[] {
  return [...rules].sort((a, b) => (a.asset < b.asset ? -1 : 1));
}
