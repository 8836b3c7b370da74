/** What an equity counts, less what it requires where it is owed, as pieces over its value (rules: 9 and 17). */
import { COUNTS_NOTHING, collateralCurve, liabilityCurve, pieceAt, unitValue, valueAt } from '../curve.js';
import { ZERO, type Decimal } from '../decimal.js';
import type { CollateralMode, Policy } from '../model.js';
import { collateralTableOf } from '../state/collateral.js';

/** A straight piece of a function of any value, also below 0. */
export interface RealPiece {
  /** Null: without beginning. */
  readonly from: Decimal | null;
  readonly slope: Decimal;
  readonly intercept: Decimal;
}

/**
 * Liquidation ratio x counted value - maintenance margin, times the ratio's denominator, as a function of the value of the
 * equity. Continuous; pieces rise.
 *
 * @param price the index of the asset, which does not move
 */
export function equityPieces(asset: string, price: Decimal, mode: CollateralMode, policy: Policy): RealPiece[] {
  const { numerator, denominator } = policy.liquidationRatio;
  const curve = liabilityCurve(asset, policy);
  const owedUnit = curve === null ? price : unitValue(price, curve);
  const owed = (curve?.maintenance ?? COUNTS_NOTHING.segments).map(({ floor, slope, intercept }) => ({
    to: floor.times(owedUnit).negated(),
    slope: numerator.plus(slope.times(denominator)),
    intercept: intercept.times(owedUnit).times(denominator).negated(),
  }));
  // From the deepest debt upwards: a piece begins where the deeper one ends.
  const below = owed.reverse().map(({ slope, intercept }, index, all): RealPiece => {
    return { from: index === 0 ? null : (all[index - 1]?.to ?? null), slope, intercept };
  });
  return [...below, ...countedPieces(asset, price, mode, policy).map((piece) => weighted(piece, numerator))];
}

function weighted({ from, slope, intercept }: RealPiece, weight: Decimal): RealPiece {
  return { from, slope: slope.times(weight), intercept: intercept.times(weight) };
}

/** What a value of 0 or more counts; above `userCap` nothing more does. */
function countedPieces(asset: string, price: Decimal, mode: CollateralMode, policy: Policy): RealPiece[] {
  const table = collateralTableOf(asset, mode, policy);
  if (table === null) return [{ from: ZERO, slope: ZERO, intercept: ZERO }];
  const unit = unitValue(price, table);
  const { segments } = collateralCurve(table);
  const pieces = segments.map(({ floor, slope, intercept }) => ({
    from: floor.times(unit),
    slope,
    intercept: intercept.times(unit),
  }));
  if (table.userCap === null) return pieces;
  const most = table.userCap.times(price);
  const amount = table.tierUnit === 'QUANTITY' ? table.userCap : most;
  const counted = valueAt(pieceAt(segments, amount), amount).times(unit);
  return [...pieces.filter(({ from }) => from.lt(most)), { from: most, slope: ZERO, intercept: counted }];
}
