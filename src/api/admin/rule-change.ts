/** The common part of all changes of rules in the API: fields of inputs and payloads, and the call of changeRule. */
import { Field, ID, Int, ObjectType, type ClassType } from 'type-graphql';

import { changeRule, type ChangedPlace, type ChangedRule, type Foreseen } from '../../policy/changes/change-rule.js';
import type { VersionRecord } from '../../policy/versions/rule-version.js';
import type { AnyRule } from '../../policy/versions/rules.js';
import type { VersionedRule } from '../../policy/versions/versioned-rule.js';
import { catchUp, impactOf } from '../../risk/impact/impact.js';
import { writeImpact } from '../../risk/impact/impact-record.js';
import type { Context } from '../execution/context.js';
import { requestOf } from '../execution/idempotent-request.js';
import { UserError, userErrors } from '../types/refusals.js';
import { DateTimeScalar } from '../types/scalars.js';
import { RuleVersion } from '../venue/rule-version.js';
import { CollateralRatioImpact, storedImpact, type ImpactAnswer } from './collateral-ratio-impact.js';

/** A kind of rule in the API: what its file says of it in `KINDS`. */
export interface RuleKind {
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

/** The fields of every change, beside its draft. */
export interface DatedChange {
  readonly effectiveFrom?: Date | null;
  readonly reason: string;
  readonly expectedVersion: number;
  readonly force?: boolean | null;
  readonly replaceScheduled?: boolean | null;
  readonly idempotencyKey: string;
}

export const KEY_DESCRIPTION = 'Sent again with the same input within 24 hours it answers the same payload.';
export const REASON_DESCRIPTION = 'Why, in 1 to 1,000 characters; everybody can read it.';

const FORCE =
  "Passes the policy's guard rails (largest step, a rate beyond half or double, notice of what is stricter, accounts that it " +
  'would lift to LIQUIDATION, or of which nobody can tell); recorded in the audit. Null: false.';

/** Gives an input the fields of `DatedChange`. */
export function addDatedFields(
  input: ClassType,
  words: { readonly expectedVersion: string; readonly force?: string },
  force: { readonly defaultValue?: boolean } = {},
): void {
  const add = (name: keyof DatedChange, ...[type, options]: Parameters<typeof Field>): void => {
    Field(type as () => object, options as object)(input.prototype, name);
  };
  add('effectiveFrom', () => DateTimeScalar, {
    nullable: true,
    description:
      'When it takes effect: not in the past, at most 400 days ahead, and after every version that is scheduled already, ' +
      'unless `replaceScheduled`. Left out or null: at once.',
  });
  add('reason', () => String, { description: REASON_DESCRIPTION });
  add('expectedVersion', () => Int, { description: words.expectedVersion });
  add('force', () => Boolean, { nullable: true, ...force, description: words.force ?? FORCE });
  add('replaceScheduled', () => Boolean, {
    nullable: true,
    description:
      'Passes in front of what is scheduled: the versions that would take effect at the same instant or later are ' +
      'cancelled, each recorded in the audit, and answered in `replaced`. Null: false.',
  });
  add('idempotencyKey', () => ID, { description: KEY_DESCRIPTION });
}

/** The fields of the payload of every change. */
@ObjectType()
export abstract class ChangePayload {
  @Field(() => CollateralRatioImpact, {
    nullable: true,
    description: 'Whom it hurts, as it was computed just before; null when it was refused.',
  })
  impact!: ImpactAnswer | null;

  @Field(() => [RuleVersion], {
    description: 'The scheduled versions that it has passed in front of, cancelled; empty without `replaceScheduled`.',
  })
  replaced!: readonly unknown[];

  @Field(() => [UserError], { description: 'Why it was refused; empty when it was made.' })
  errors!: readonly UserError[];
}

export interface MadeChange<V> extends ChangePayload {
  readonly version: V | null;
}

/** @param asked all of the input but the key */
export async function makeChange<V extends VersionRecord, D>(
  mutation: string,
  rule: VersionedRule<V, D>,
  draft: D,
  { idempotencyKey, ...asked }: DatedChange,
  context: Context,
): Promise<MadeChange<V>> {
  await catchUp(context.loop);
  const { version, replaced, refusals }: ChangedRule<V> = await changeRule(
    context,
    rule,
    {
      draft,
      effectiveFrom: asked.effectiveFrom ?? null,
      reason: asked.reason,
      expectedVersion: asked.expectedVersion,
      force: asked.force ?? false,
      replaceScheduled: asked.replaceScheduled ?? false,
      foresee: (places) => foresee(places, context),
    },
    requestOf(mutation, idempotencyKey, asked, context),
    context.now,
  );
  return {
    version,
    replaced,
    impact: version === null ? null : storedImpact(version, context),
    errors: userErrors(refusals),
  };
}

async function foresee(places: readonly ChangedPlace[], { loop }: Context): Promise<Foreseen> {
  const impact = await impactOf(loop, places);
  const { accountsAtRisk: liquidated, setAside, concerned } = impact;
  return { record: writeImpact(impact), liquidated, unknown: setAside ?? 0, concerned };
}
