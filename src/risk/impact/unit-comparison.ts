/** Compares one margin unit before and after, by the intervals of its floats or by its exact amounts. */
import { ZERO, decimal } from '../../margin/decimal.js';
import type { UnitState } from '../alerts/margin-units.js';

type Amounts = Pick<UnitState, 'marginBalance' | 'maintenanceMargin'>;
type Worth = Pick<UnitState, 'rate'>;

/** An account is concerned if a ratio rises by more than this factor. */
const RISE = decimal('1.05');
const RISE_FLOAT = RISE.toNumber();
/** Covers the rounding of the divisions, the products and the float of 1.05 that compare ratios. */
const SLACK = 2 ** -48;

/** The answer that `hasRisen` would give for these intervals; null: the floats leave a doubt. */
export function surelyRises(before: Float64Array, after: Float64Array, at: number): boolean | null {
  const [lowest, highest] = [before[at] as number, before[at + 1] as number];
  const [lowestAfter, highestAfter] = [after[at] as number, after[at + 1] as number];
  if (highest < 0) return false;
  if (!(lowest > 0)) return null;
  if (highestAfter < 0) return true;
  if (!(lowestAfter > 0)) return null;
  const [least, most] = [before[at + 2] as number, before[at + 3] as number];
  const [leastAfter, mostAfter] = [after[at + 2] as number, after[at + 3] as number];
  if (most === 0 && mostAfter === 0) return false;
  if ((leastAfter / highestAfter) * (1 - SLACK) > (most / lowest) * RISE_FLOAT) return true;
  if ((mostAfter / lowestAfter) * (1 + SLACK) < (least / highest) * RISE_FLOAT) return false;
  return null;
}

/** By cross-multiplication. Without a positive balance a ratio is infinite, and nothing rises above it. */
export function hasRisen(before: Amounts, after: Amounts): boolean {
  const isInfinite = ({ marginBalance, maintenanceMargin }: Amounts): boolean =>
    marginBalance.isNegative() || (marginBalance.isZero() && !maintenanceMargin.isZero());
  if (isInfinite(before)) return false;
  if (isInfinite(after)) return true;
  const left = after.maintenanceMargin.times(before.marginBalance);
  return left.gt(before.maintenanceMargin.times(after.marginBalance).times(RISE));
}

/** Which of two states has the higher ratio; among infinite ones, the lower balance in the venue's unit. */
export function compareRatios(a: Amounts & Worth, b: Amounts & Worth): number {
  const [infiniteA, infiniteB] = [a, b].map(({ marginBalance }) => !marginBalance.gt(ZERO));
  if (infiniteA === true || infiniteB === true) {
    if (infiniteA !== infiniteB) return infiniteA === true ? 1 : -1;
    return b.marginBalance.times(b.rate).cmp(a.marginBalance.times(a.rate));
  }
  return a.maintenanceMargin.times(b.marginBalance).cmp(b.maintenanceMargin.times(a.marginBalance));
}
