/** What an equity counts, less what it requires where it is owed, as pieces over its value (rules: 8, 9 and 17). */
import { COUNTS_NOTHING, collateralCurve, liabilityCurve, pieceAt, unitValue, valueAt } from '../curve.js';
import { ZERO, type Decimal } from '../decimal.js';
import type { CollateralTable, Policy } from '../model.js';

/** A straight piece of a function of any value, also below 0. */
export interface RealPiece {
  /** Null: without beginning. */
  readonly from: Decimal | null;
  readonly slope: Decimal;
  readonly intercept: Decimal;
}

/** What is weighed: what an equity counts by the table, against what it requires where it is owed. */
export interface Weighing {
  /** By which a positive equity counts; null: nothing. */
  readonly table: CollateralTable | null;
  readonly counted: Decimal;
  /** The margin that a debt requires. */
  readonly margin: 'initial' | 'maintenance';
  readonly required: Decimal;
}

/**
 * counted x counted value - required x margin, as a function of the value of the equity. Continuous; pieces rise, or are
 * flat from 0 on.
 *
 * @param price the index of the asset, which does not move
 */
export function equityPieces(
  asset: string,
  price: Decimal,
  { table, counted, margin, required }: Weighing,
  policy: Policy,
): RealPiece[] {
  const curve = liabilityCurve(asset, policy);
  const owedUnit = curve === null ? price : unitValue(price, curve);
  const owed = (curve?.[margin] ?? COUNTS_NOTHING.segments).map(({ floor, slope, intercept }) => ({
    to: floor.times(owedUnit).negated(),
    slope: counted.plus(slope.times(required)),
    intercept: intercept.times(owedUnit).times(required).negated(),
  }));
  // From the deepest debt upwards: a piece begins where the deeper one ends.
  const below = owed.reverse().map(({ slope, intercept }, index, all): RealPiece => {
    return { from: index === 0 ? null : (all[index - 1]?.to ?? null), slope, intercept };
  });
  return [...below, ...countedPieces(price, table).map((piece) => weighted(piece, counted))];
}

function weighted({ from, slope, intercept }: RealPiece, weight: Decimal): RealPiece {
  return { from, slope: slope.times(weight), intercept: intercept.times(weight) };
}

/** What a value of 0 or more counts; above `userCap` nothing more does. */
function countedPieces(price: Decimal, table: CollateralTable | null): RealPiece[] {
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
