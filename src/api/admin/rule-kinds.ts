/** The kinds of rules in the API. Resolvers, the preview of a change and its input follow from this list. */
import type { ClassType } from 'type-graphql';

import { collateralRatio } from '../../policy/versions/collateral-ratio.js';
import { maintenanceTiers } from '../../policy/versions/maintenance-tiers.js';
import { interestRate, marginPolicy } from '../../policy/versions/margin-policy.js';
import type { AnyRule } from '../../policy/versions/rules.js';
import { CollateralRatioResolver } from '../venue/collateral-ratio.js';
import { MaintenanceTiersResolver } from '../venue/maintenance-tiers.js';
import { MarginPolicyResolver } from '../venue/margin-policy.js';
import { CollateralRatioChanges } from './collateral-ratio-changes.js';
import { CollateralRatioDraft, draftOf } from './collateral-ratio-draft.js';
import { MaintenanceChanges, MaintenanceTiersDraft, tiersDraftOf } from './maintenance-changes.js';
import { InterestRateDraft, MarginPolicyDraft, PolicyChanges, policyDraftOf } from './policy-changes.js';

interface RuleKind {
  readonly rule: AnyRule;
  /** Resolvers of its version type and its mutations. */
  readonly resolvers: readonly ClassType[];
  /** Its field of `RuleChangeDraft`. */
  readonly field: string;
  readonly description: string;
  readonly input: ClassType;
  /** Converts the input of a draft for the rule. */
  draftOf(input: object): unknown;
}

export const RULE_KINDS: readonly RuleKind[] = [
  {
    rule: collateralRatio,
    resolvers: [CollateralRatioResolver, CollateralRatioChanges],
    field: 'collateralRatio',
    description: 'What one asset shall count.',
    input: CollateralRatioDraft,
    draftOf,
  },
  {
    rule: marginPolicy,
    resolvers: [MarginPolicyResolver, PolicyChanges],
    field: 'marginPolicy',
    description: "What a venue's margin policy shall say.",
    input: MarginPolicyDraft,
    draftOf: policyDraftOf,
  },
  {
    rule: interestRate,
    // Those of the policy: interest is a part of it.
    resolvers: [],
    field: 'interestRate',
    description: 'What a debt in one asset shall cost.',
    input: InterestRateDraft,
    draftOf: (input) => input,
  },
  {
    rule: maintenanceTiers,
    resolvers: [MaintenanceTiersResolver, MaintenanceChanges],
    field: 'maintenanceTiers',
    description: 'Maintenance tiers that an instrument shall have.',
    input: MaintenanceTiersDraft,
    draftOf: tiersDraftOf,
  },
];
