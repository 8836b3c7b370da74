/** What a draft of a collateral ratio asks for, and what it comes to when it follows the newest version. */
import { flatRatio } from '../../margin/curve.js';
import { ONE, ZERO, type Decimal } from '../../margin/decimal.js';
import type { CollateralTier, TierUnit } from '../../margin/model.js';
import { refuse } from '../../margin/refusal.js';
import type { Refusal } from '../versions/refusal.js';
import type { RatioRules } from './guard-rails.js';
import { problemOfVenue } from './problems.js';
import type { Rulebook } from '../rulebook/rulebook.js';
import { collateralTierProblems } from '../versions/tiers.js';

/** What is undefined stays as it is in the newest version; null takes a cap away. */
export interface RatioDraft {
  readonly venue: string;
  readonly chain: string | null;
  readonly asset: string;
  readonly ratio?: Decimal | undefined;
  readonly tiers?: readonly CollateralTier[] | undefined;
  readonly tierUnit?: TierUnit | undefined;
  readonly userCap?: Decimal | null | undefined;
  readonly platformCap?: Decimal | null | undefined;
}

/** What is wrong with the draft whatever it follows. */
export function problemsOfDraft(draft: RatioDraft, rulebook: Rulebook): Refusal[] {
  const problems: (Refusal | null)[] = [
    problemOfVenue(rulebook, draft.venue, draft.chain),
    rulebook.assets.has(draft.asset)
      ? null
      : { ...refuse('ASSET_NOT_FOUND', 'There is no such asset.'), field: ['asset'] },
    problemOfCap(draft.userCap, 'userCap'),
    problemOfCap(draft.platformCap, 'platformCap'),
  ];
  if (draft.ratio !== undefined && draft.tiers !== undefined) {
    const message = 'Expected either `ratio` or `tiers`, got both.';
    problems.push({ ...refuse('INVALID_INPUT', message), field: ['tiers'] });
  } else if (draft.ratio !== undefined && (draft.ratio.lt(ZERO) || draft.ratio.gt(ONE))) {
    problems.push({ ...refuse('RATIO_OUT_OF_RANGE', 'Expected a ratio from 0 to 1.'), field: ['ratio'] });
  }
  for (const problem of draft.tiers === undefined ? [] : collateralTierProblems(draft.tiers)) {
    const place = [problem.tier, problem.field].filter((part) => part !== null).map(String);
    problems.push({ ...refuse(problem.code, problem.message), field: ['tiers', ...place] });
  }
  return problems.filter((problem) => problem !== null);
}

function problemOfCap(cap: Decimal | null | undefined, name: string): Refusal | null {
  if (cap === undefined || cap === null || cap.gte(ZERO)) return null;
  return { ...refuse('INVALID_INPUT', 'Expected a cap of 0 coins or more.'), field: [name] };
}

/** What would count. @param newest what it follows; null: nothing counts there yet */
export function rulesOfDraft(
  draft: RatioDraft,
  newest: RatioRules | null,
): { readonly rules: RatioRules } | { readonly refusal: Refusal } {
  const tiers = draft.ratio === undefined ? draft.tiers : flatRatio(draft.ratio);
  const kept = tiers ?? newest?.tiers;
  if (kept === undefined) {
    const message = 'Expected `ratio` or `tiers`: the asset has no ratio there whose tiers could be kept.';
    return { refusal: { ...refuse('INVALID_INPUT', message), field: ['ratio'] } };
  }
  return {
    rules: {
      asset: draft.asset,
      tierUnit: draft.tierUnit ?? newest?.tierUnit ?? 'QUOTE_VALUE',
      tiers: kept,
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
