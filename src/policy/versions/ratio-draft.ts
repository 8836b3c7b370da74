/** A draft of a collateral ratio, and the ratio that results when it follows the newest version. */
import { flatRatio } from '../../margin/curve.js';
import { ONE, ZERO, type Decimal } from '../../margin/decimal.js';
import type { CollateralTier, TierUnit } from '../../margin/model.js';
import { refuse } from '../../margin/refusal.js';
import type { Refusal } from './refusal.js';
import type { RatioRules } from './ratio-guard-rails.js';
import { invalid, problemOfAsset, problemOfVenue } from './problems.js';
import { collateralTierProblems, problemOfInitialTiers } from './tiers.js';
import type { KnownRules } from './versioned-rule.js';

/** A field that is undefined stays as in the newest version; null removes a cap. */
export interface RatioDraft {
  readonly venue: string;
  readonly chain: string | null;
  readonly asset: string;
  readonly ratio?: Decimal | undefined;
  readonly tiers?: readonly CollateralTier[] | undefined;
  /** Null takes them away: what counts at first is then as the tiers say. */
  readonly initialTiers?: readonly CollateralTier[] | null | undefined;
  readonly tierUnit?: TierUnit | undefined;
  readonly userCap?: Decimal | null | undefined;
  readonly platformCap?: Decimal | null | undefined;
}

const NO_PROBLEM: readonly CollateralTier[] = flatRatio(ONE);

/** Problems of the draft that do not depend on the version that it follows. */
export function problemsOfDraft(draft: RatioDraft, known: KnownRules): Refusal[] {
  const problems: (Refusal | null)[] = [
    problemOfVenue(known, draft.venue, draft.chain),
    problemOfAsset(known, draft.asset, ['asset']),
    problemOfCap(draft.userCap, 'userCap'),
    problemOfCap(draft.platformCap, 'platformCap'),
  ];
  if (draft.ratio !== undefined && draft.tiers !== undefined) {
    problems.push(invalid('Expected either `ratio` or `tiers`, got both.', ['tiers']));
  } else if (draft.ratio !== undefined && (draft.ratio.lt(ZERO) || draft.ratio.gt(ONE))) {
    problems.push(refuse('RATIO_OUT_OF_RANGE', 'Expected a ratio from 0 to 1.', ['ratio']));
  }
  for (const name of ['tiers', 'initialTiers'] as const) {
    for (const problem of collateralTierProblems(draft[name] ?? NO_PROBLEM)) {
      const place = [problem.tier, problem.field].filter((part) => part !== null).map(String);
      problems.push(refuse(problem.code, problem.message, [name, ...place]));
    }
  }
  return problems.filter((problem) => problem !== null);
}

function problemOfCap(cap: Decimal | null | undefined, name: string): Refusal | null {
  if (cap === undefined || cap === null || cap.gte(ZERO)) return null;
  return invalid('Expected a cap of 0 coins or more.', [name]);
}

/** The ratio after the draft. @param newest the version that it follows; null: the asset does not count there yet */
export function rulesOfDraft(
  draft: RatioDraft,
  newest: RatioRules | null,
): { readonly rules: RatioRules } | { readonly refusal: Refusal } {
  const tiers = draft.ratio === undefined ? draft.tiers : flatRatio(draft.ratio);
  const kept = tiers ?? newest?.tiers;
  if (kept === undefined) {
    const message = 'Expected `ratio` or `tiers`: the asset has no ratio there whose tiers could be kept.';
    return { refusal: invalid(message, ['ratio']) };
  }
  const keepsInitial = draft.initialTiers === undefined;
  const initialTiers = keepsInitial ? (newest?.initialTiers ?? null) : draft.initialTiers;
  const tierUnit = draft.tierUnit ?? newest?.tierUnit ?? 'QUOTE_VALUE';
  if (keepsInitial && newest !== null && tierUnit !== newest.tierUnit && (initialTiers?.length ?? 0) > 1) {
    const message = 'Expected `initialTiers`, or null: the caps of those that would be kept are in another unit.';
    return { refusal: invalid(message, ['initialTiers']) };
  }
  const problem = problemOfInitialTiers({ tiers: kept, initialTiers });
  if (problem !== null) {
    const message = keepsInitial ? `${problem.message} They would be kept: send others, or null.` : problem.message;
    return { refusal: refuse(problem.code, message, ['initialTiers']) };
  }
  return {
    rules: {
      asset: draft.asset,
      tierUnit,
      tiers: kept,
      initialTiers,
      userCap: draft.userCap === undefined ? (newest?.userCap ?? null) : draft.userCap,
      platformCap: draft.platformCap === undefined ? (newest?.platformCap ?? null) : draft.platformCap,
    },
  };
}

/** The field of the draft by which its ratios differ from what it follows. */
export function ratioFieldOf({ ratio, tiers }: RatioDraft): string {
  if (ratio !== undefined) return 'ratio';
  return tiers === undefined ? 'tierUnit' : 'tiers';
}
