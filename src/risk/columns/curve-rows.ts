/** The curves of the rules as rows of numbers, and where the rows are in one long array. */
import { debtRate, maintenanceCurve, type MaintenanceSegment, type Segment } from '../../margin/curve.js';
import type { Policy } from '../../margin/model.js';

/** Numbers of one segment of a collateral curve: its cap, slope and intercept. */
export const COLLATERAL_STRIDE = 3;
/** Numbers of one segment of a maintenance curve: its sure end, its sure beginning, its slope and intercept. */
export const MAINTENANCE_STRIDE = 4;

/** Eight unit roundoffs. A boundary is within three of its float: moved by this it is on the sure side. */
export const NEAR = 2 ** -50;

/**
 * Sixteen unit roundoffs. A notional in floats that lies farther than this from a tier's floor (relative) is on the same
 * side as the exact one, be it of a position or of what orders could lead to. For the proofs see `valuation.ts` and
 * `order-valuation.ts`.
 */
const NEAR_TIER = 2 ** -49;

/** Covers the rounding of the scale itself. */
export const GENEROUS = 1 + 2 ** -20;

/** Where the tiers of each row are in one long array. Tiers that no longer fit move to its end. */
export class Room {
  private readonly rooms: { readonly first: number; readonly length: number }[] = [];
  private end = 0;

  /** Copies the division of another one. */
  follow(other: Room): void {
    this.rooms.push(...other.rooms);
    this.end = other.end;
  }

  place(row: number, length: number): number {
    const room = this.rooms[row];
    if (room !== undefined && room.length >= length) return room.first;
    const first = this.end;
    this.end += length;
    this.rooms[row] = { first, length };
    return first;
  }
}

/** The curve is exact: each number is the float next to the segment's. */
export function collateralNumbers(segments: readonly Segment[]): number[] {
  return segments.flatMap(({ cap, slope, intercept }) => [
    cap === null ? Infinity : cap.toNumber(),
    slope.toNumber(),
    intercept.toNumber(),
  ]);
}

export function maintenanceNumbers(segments: readonly MaintenanceSegment[]): number[] {
  return segments.flatMap(({ floor, cap, slope, intercept }, index) => {
    const isLast = index === segments.length - 1;
    return [
      isLast || cap === null ? Infinity : cap.toNumber() * (1 - NEAR_TIER),
      index === 0 ? -Infinity : floor.toNumber() * (1 + NEAR_TIER),
      slope.toNumber(),
      intercept.toNumber(),
    ];
  });
}

/** The largest of (slope + |intercept| / floor) and of the rate of debts. */
export function scaleOf(policy: Policy): number {
  let scale = debtRate(policy).toNumber();
  for (const { tiers } of policy.instruments.values()) {
    for (const { floor, slope, intercept } of maintenanceCurve(tiers, policy)) {
      const constant = intercept.isZero() ? 0 : intercept.abs().toNumber() / floor.toNumber();
      scale = Math.max(scale, slope.toNumber() + constant);
    }
  }
  return scale;
}
