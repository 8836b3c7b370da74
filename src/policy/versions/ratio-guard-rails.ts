/**
 * The guard rails of a change of a collateral ratio, which only `force` overrides. Ratios are compared as functions of
 * the amount: what the next coin (or unit of value) of that balance counts. Above the last cap it counts 0.
 */
import { AT_PAR, collateralCurve, pieceAt, type Segment } from '../../margin/curve.js';
import { ONE, ZERO, decimal, max, min, toPlain, type Decimal } from '../../margin/decimal.js';
import type { CollateralTable, CollateralTier } from '../../margin/model.js';
import type { GuardRails } from './policy-version.js';
import type { Breach } from './versioned-rule.js';

/** The tiers and the cap of one asset, in any version. */
export interface RatioRules extends Omit<CollateralTable, 'id'> {
  readonly asset: string;
  readonly initialTiers: readonly CollateralTier[] | null;
  readonly platformCap: Decimal | null;
}

/** The least ratio of a venue's unit, in which most of its debts and PnL are: it must count almost in full. */
const LEAST_OF_UNIT: Decimal = decimal('0.99');

/** The rules of the unit if a table omits it. */
function unitAtPar(unit: string): RatioRules {
  return { ...AT_PAR, asset: unit, initialTiers: null, platformCap: null };
}

/**
 * The rails that the change breaks. The first ratio of an asset is no step: nothing counted before.
 *
 * @param followed what counts until then; null: nothing does
 * @param field in which field the ratios were changed; null: in none
 * @param unit of the venue
 */
export function ratioBreaches(
  followed: RatioRules | null,
  next: RatioRules,
  { guardMaxStep }: GuardRails,
  field: string | null,
  unit: string,
): Breach[] {
  const before = knownBefore(followed, next, unit);
  const found: Breach[] = [];
  const meetings = before === null ? [] : ratiosThatMeet(before, next);
  const step = meetings.reduce((largest, [old, now]) => max(largest, now.minus(old).abs()), ZERO);
  if (step.gt(guardMaxStep)) {
    const message = `the largest step of a ratio is ${toPlain(step)}, and may be ${toPlain(guardMaxStep)}`;
    found.push({ message, field, required: step, available: guardMaxStep });
  }
  // Tiers that stay the same were allowed when they were made.
  if (before !== null && sameTiers(before, next)) return found;
  return [...found, ...rising(next.tiers, field), ...tooLittleOfUnit(next, field, unit)];
}

/** Whether some coins count less than before; the first ratio of an asset is no cut. */
export function isCut(followed: RatioRules | null, next: RatioRules, unit: string): boolean {
  const before = knownBefore(followed, next, unit);
  return (
    before !== null &&
    (ratiosThatMeet(before, next).some(([old, now]) => now.lt(old)) ||
      ratiosThatMeet(initialOf(before), initialOf(next)).some(([old, now]) => now.lt(old)) ||
      isLower(before.userCap, next.userCap) ||
      isLower(before.platformCap, next.platformCap))
  );
}

/** What counts when something is to be opened or taken out, as tiers. */
function initialOf(rules: RatioRules): RatioRules {
  return { ...rules, tiers: rules.initialTiers ?? rules.tiers };
}

function knownBefore(followed: RatioRules | null, next: RatioRules, unit: string): RatioRules | null {
  return followed ?? (next.asset === unit ? unitAtPar(unit) : null);
}

/** A ratio of a lower tier below that of the next one: the first coins would count less than the later ones. */
function rising(tiers: readonly CollateralTier[], field: string | null): Breach[] {
  const index = tiers.findIndex((tier, number) => number > 0 && tier.ratio.gt(tiers[number - 1]?.ratio ?? ONE));
  const [lower, higher] = [tiers[index - 1], tiers[index]];
  if (lower === undefined || higher === undefined) return [];
  const message = `tier ${index} counts ${toPlain(lower.ratio)}, less than the ${toPlain(higher.ratio)} of tier ${index + 1}`;
  return [{ message, field, required: higher.ratio, available: lower.ratio }];
}

function tooLittleOfUnit({ asset, ...table }: RatioRules, field: string | null, unit: string): Breach[] {
  if (asset !== unit) return [];
  const least = collateralCurve(table).segments.reduce((lowest, { slope }) => min(lowest, slope), ONE);
  if (least.gte(LEAST_OF_UNIT)) return [];
  const message = `${unit} counts ${toPlain(least)} somewhere, and should count ${toPlain(LEAST_OF_UNIT)}`;
  return [{ message, field, required: LEAST_OF_UNIT, available: least }];
}

/**
 * Each ratio before with each ratio after that can hold at the same amount. Where one counts its tiers in value and the
 * other in coins, that depends on the price, so that every tier can meet every other.
 */
function ratiosThatMeet(before: RatioRules, next: RatioRules): (readonly [Decimal, Decimal])[] {
  const [old, now] = segmentsOf(before, next);
  if (before.tierUnit !== next.tierUnit) return old.flatMap((a) => now.map((b) => [a.slope, b.slope] as const));
  return [...old, ...now].map(({ floor }) => [pieceAt(old, floor).slope, pieceAt(now, floor).slope] as const);
}

function segmentsOf(before: RatioRules, next: RatioRules): readonly [readonly Segment[], readonly Segment[]] {
  return [collateralCurve(before).segments, collateralCurve(next).segments];
}

function isLower(before: Decimal | null, next: Decimal | null): boolean {
  return next !== null && (before === null || next.lt(before));
}

function sameTiers(before: RatioRules, next: RatioRules): boolean {
  const [old, now] = segmentsOf(before, next);
  return (
    before.tierUnit === next.tierUnit &&
    old.length === now.length &&
    old.every(({ floor, slope }, index) => floor.eq(now[index]?.floor ?? -1) && slope.eq(now[index]?.slope ?? -1))
  );
}
