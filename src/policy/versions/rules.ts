/** All kinds of rules that have versions. */
import { collateralRatio } from './collateral-ratio.js';
import { maintenanceTiers } from './maintenance-tiers.js';
import { marginPolicy } from './margin-policy.js';
import type { VersionRecord } from './rule-version.js';
import type { VersionedRule } from './versioned-rule.js';

export type AnyRule = VersionedRule<VersionRecord, unknown>;

export const RULES: readonly AnyRule[] = [collateralRatio, marginPolicy, maintenanceTiers];

/** By the instant at which they take effect, then by rule. */
export function compareInTime(a: VersionRecord, b: VersionRecord): number {
  const keyOf = (version: VersionRecord): string => `${version.kind}/${ruleOf(version.kind)?.keyOf(version)}`;
  return (
    a.effectiveFrom.getTime() - b.effectiveFrom.getTime() || (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0)
  );
}

/** Null: there is no such kind. */
export function ruleOf(kind: string): AnyRule | null {
  return RULES.find((rule) => rule.kind === kind) ?? null;
}
