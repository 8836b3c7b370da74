/** All kinds of rules that have versions, and the policy that results for the margin rules. */
import type { Policy } from '../../margin/model.js';
import { collateralRatio, ratiosOfPolicy } from './collateral-ratio.js';
import { instrumentsOfPolicy, maintenanceTiers } from './maintenance-tiers.js';
import { marginPolicy } from './margin-policy.js';
import type { PolicyVersion } from './policy-version.js';
import type { RatioVersion } from './ratio-version.js';
import type { AssetRecord, InstrumentRecord, VenueRecord } from './rule-records.js';
import type { VersionRecord } from './rule-version.js';
import type { VersionedRule } from './versioned-rule.js';

export type AnyRule = VersionedRule<VersionRecord, unknown>;

export const RULES: readonly AnyRule[] = [collateralRatio, marginPolicy, maintenanceTiers];

/**
 * The policy of one venue on one chain.
 *
 * @param holding the versions of a kind that hold there
 * @param historyOf the ratios that held there before, oldest first
 */
export function policyOf(
  policy: PolicyVersion,
  { unit, singleAsset }: Pick<VenueRecord, 'unit' | 'singleAsset'>,
  assets: ReadonlyMap<string, AssetRecord>,
  instruments: readonly InstrumentRecord[],
  holding: <V extends VersionRecord, D>(rule: VersionedRule<V, D>) => readonly V[],
  historyOf: (ratio: RatioVersion) => readonly RatioVersion[],
): Policy {
  return {
    ...policy,
    unit,
    singleAsset,
    assets,
    collateralRatios: ratiosOfPolicy(holding(collateralRatio), historyOf),
    instruments: instrumentsOfPolicy(instruments, holding(maintenanceTiers), policy.maintenanceMethod),
  };
}

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
